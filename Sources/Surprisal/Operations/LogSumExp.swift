import SurprisalKernels

extension Tensor {
    /// log Σ exp(x) along an axis, which disappears.
    ///
    /// - Formula: `m + log1p(R)` as in `logSoftmax(along:)`. Derivative: `dx = dy·softmax(x)`.
    /// - Shapes: any → the same without the axis (1 unless given, 0 of a vector).
    /// - Complexity: O(count), one read.
    /// - Special values: −∞ where all are (and of no classes at all), +∞ where one is, NaN where one is.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func logSumExp(along axis: Int? = nil) -> Tensor {
        let view = shape.classAxis(axis, in: "logSumExp")
        let removed = axis ?? shape.defaultClassAxis
        var y = Buffer<Scalar>(repeating: -.infinity, count: view.positions)
        if view.classes > 0 {
            var span = y.mutableSpan
            Scalar.normalise(self.span, into: &span, axis: view, as: .logSumExp)
        }
        let (shape, x) = (shape, buffer)
        return Tensor(
            shape: shape.removing(axis: removed), buffer: y, from: "LogSumExp",
            edges: edge { dy in
                var gradient = Buffer<Scalar>(uninitialized: x.count)
                var span = gradient.mutableSpan
                Scalar.normalise(x.span, into: &span, axis: view, as: .softmax)
                scaleRows(&span, by: dy.span, axis: view)
                return Tensor(shape: shape, buffer: gradient)
            })
    }
}

/// Multiplies every row of classes by its position's factor. Nothing flows where either is 0, as in an ignored
/// row, whatever the other is.
@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
func scaleRows<Scalar: Surprisal.Scalar>(_ x: inout MutableSpan<Scalar>, by factors: Span<Scalar>, axis: ClassAxis) {
    if axis.inner == 1 {
        for n in 0..<axis.outer {
            let factor = factors[n]
            for i in n * axis.classes..<(n + 1) * axis.classes {
                let value = x[i]
                x[i] = factor == 0 || value == 0 ? 0 : value * factor
            }
        }
        return
    }
    for o in 0..<axis.outer {
        for c in 0..<axis.classes {
            let row = (o * axis.classes + c) * axis.inner
            for i in 0..<axis.inner {
                let factor = factors[o * axis.inner + i]
                x[row + i] = factor == 0 || x[row + i] == 0 ? 0 : x[row + i] * factor
            }
        }
    }
}
