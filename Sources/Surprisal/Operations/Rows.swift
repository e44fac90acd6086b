import SurprisalKernels

extension Tensor {
    /// The rows of the first axis with these indices, in their order: a batch.
    ///
    /// - Shapes: `rows × …` → `indices × …`.
    /// - Derivative: each row gets the sum of what its copies got.
    /// Stops the program at an index that is no row.
    public func rows(_ indices: some Collection<Int>) -> Tensor { rows(chosen: Array(indices)) }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    private func rows(chosen: [Int]) -> Tensor {
        guard let rowCount = shape.first else { fatalError("rows: a scalar has none") }
        let shape = shape
        let width = shape.dropFirst().reduce(1, *)
        for index in chosen where index < 0 || index >= rowCount {
            fatalError("rows: index \(index) of shape \(shape); expected 0 to \(rowCount - 1)")
        }
        var buffer = Buffer<Scalar>(uninitialized: chosen.count * width)
        var out = buffer.mutableSpan
        let x = span
        for (to, from) in chosen.enumerated() {
            for i in 0..<width { out[to * width + i] = x[from * width + i] }
        }
        return Tensor(
            shape: [chosen.count] + shape.dropFirst(), buffer: buffer, from: "Rows",
            edges: edge { dy in
                var gradient = Buffer<Scalar>(repeating: 0, count: rowCount * width)
                var sum = gradient.mutableSpan
                let upstream = dy.span
                for (from, to) in chosen.enumerated() {
                    for i in 0..<width { sum[to * width + i] += upstream[from * width + i] }
                }
                return Tensor(shape: shape, buffer: gradient)
            })
    }
}
