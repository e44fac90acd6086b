import SurprisalKernels

extension Tensor {
    /// The rows of the first axis with these indices, in their order: a batch.
    ///
    /// - Shapes: `rows × …` → `indices × …`.
    /// - Derivative: each row gets the sum of what its copies got.
    /// Stops the program at an index that is no row.
    @inlinable
    public func rows(_ indices: some Collection<Int>) -> Tensor { rows(chosen: Array(indices)[...]) }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    @usableFromInline func rows(chosen: ArraySlice<Int>) -> Tensor {
        guard let rowCount = shape.first else { fatalError("rows: a scalar has none") }
        for index in chosen where index < 0 || index >= rowCount {
            fatalError("rows: index \(index) of shape \(shape); expected 0 to \(rowCount - 1)")
        }
        return copies(ofRows: chosen, shape: [chosen.count] + shape.dropFirst(), from: "Rows")
    }

    /// Copies of rows that are there, one after the other under some shape, of which one row may be a constant.
    ///
    /// - Complexity: O(copies), and O(count + copies) on the way back.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    func copies(ofRows chosen: ArraySlice<Int>, shape: Shape, from name: String, constant: Int? = nil) -> Tensor {
        let whole = self.shape
        let width = whole.dropFirst().reduce(1, *)
        return Tensor(
            shape: shape, buffer: buffer.copy(ofRows: chosen, width: width), from: name,
            edges: edge { dy in
                Tensor(shape: whole, buffer: sums(ofCopies: dy.span, chosen, whole[0], width, constant))
            })
    }
}

/// Of each row the sum over its copies, 0 where there are none: in their order, with the rounding errors kept.
private func sums<Scalar: Surprisal.Scalar>(
    ofCopies copies: Span<Scalar>, _ chosen: ArraySlice<Int>, _ rowCount: Int, _ width: Int, _ constant: Int?
) -> Buffer<Scalar> {
    // A counting sort brings the copies of a row together, so that one row of sums at a time need be kept.
    var starts = [Int](repeating: 0, count: rowCount + 1)
    for row in chosen { starts[row + 1] += 1 }
    for row in 0..<rowCount { starts[row + 1] += starts[row] }
    var sorted = [Int](repeating: 0, count: chosen.count), next = starts
    for (copy, row) in chosen.enumerated() {
        sorted[next[row]] = copy
        next[row] += 1
    }
    var gradient = Buffer<Scalar>(repeating: 0, count: rowCount * width)
    var out = gradient.mutableSpan
    for row in 0..<rowCount where row != constant && starts[row] < starts[row + 1] {
        var sums = [CompensatedSum](repeating: CompensatedSum(), count: width)
        for copy in sorted[starts[row]..<starts[row + 1]] {
            for i in 0..<width { sums[i].add(Double(copies[copy * width + i])) }
        }
        for i in 0..<width { out[row * width + i] = Scalar(sums[i].value) }
    }
    return gradient
}
