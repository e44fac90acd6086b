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
                Scalar.scaleRows(&span, by: dy.span, axis: view)
                return Tensor(shape: shape, buffer: gradient)
            })
    }
}
