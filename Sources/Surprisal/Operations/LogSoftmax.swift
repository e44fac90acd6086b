import SurprisalKernels

extension Tensor {
    /// The log-probabilities along an axis of logits.
    ///
    /// - Parameter axis: from the front, or from the end when negative; 1 unless given, 0 of a vector.
    /// - Shapes: any → the same.
    /// - Formula: `y = (x − m) − log1p(R)`, `m = max x`, `R = Σ_{j ≠ argmax} exp(x_j − m)`.
    ///   Derivative: `dx = dy − exp(y)·Σ dy`.
    /// - Accuracy: `Accuracy.lossULP`; −∞ stays −∞; a +∞, a NaN or nothing but −∞ makes its row NaN.
    /// - Complexity: O(count), one allocation: none when nobody else holds the logits.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public consuming func logSoftmax(along axis: Int? = nil) -> Tensor {
        normalised(.logSoftmax, axis, "LogSoftmax")
    }

    /// The probabilities along an axis of logits: positive, with sum 1.
    ///
    /// - Formula: `y = exp(x − m) / (1 + R)`. Derivative: `dx = y·(dy − Σ dy·y)`.
    /// - Complexity: as `logSoftmax(along:)`.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public consuming func softmax(along axis: Int? = nil) -> Tensor {
        normalised(.softmax, axis, "Softmax")
    }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    private consuming func normalised(_ output: Normalisation, _ axis: Int?, _ name: String) -> Tensor {
        let view = shape.classAxis(axis, in: name)
        let (shape, edgeNode) = (shape, node)
        var y = buffer
        _ = consume self
        if y.isUnique() {
            var span = y.mutableSpan
            Scalar.normaliseInPlace(&span, axis: view, as: output)
        } else {
            var out = Buffer<Scalar>(uninitialized: y.count)
            var span = out.mutableSpan
            Scalar.normalise(y.span, into: &span, axis: view, as: output)
            y = out
        }
        let result = y
        var edges = Edges<Scalar>()
        if let edgeNode {
            edges.append(
                .init(node: edgeNode) { dy in
                    var gradient = Buffer<Scalar>(uninitialized: result.count)
                    var span = gradient.mutableSpan
                    Scalar.vectorJacobianProduct(result.span, upstream: dy.span, into: &span, axis: view, of: output)
                    return Tensor(shape: shape, buffer: gradient)
                })
        }
        return Tensor(shape: shape, buffer: result, from: name, edges: edges)
    }
}
