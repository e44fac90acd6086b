import SurprisalKernels

extension Categorical {
    /// A class of each row, drawn with its probability, in the batch's shape.
    public func sample(using generator: inout some RandomNumberGenerator) -> Indices {
        Indices(shape: batchShape, values: samples(1, using: &generator))
    }

    /// `count` independent classes of each row: in shape `[count]` and then the batch's, as PyTorch's `sample((count,))`.
    ///
    /// By inversion: one number of the generator a sample, its upper 53 bits u of a fraction, and the first class at
    /// which the sum of the probabilities exceeds `u·2⁻⁵³` of the whole sum. Rows take their numbers one after the other,
    /// all samples of a row together, so that the same seed gives the same samples. A class of probability 0 is never
    /// drawn; a class's frequency is within 2⁻⁵³ of its probability, as far as that is rounded right.
    ///
    /// Stops the program when `count` is negative.
    /// - Complexity: O(parameters + samples·log(classes)).
    public func sample(count: Int, using generator: inout some RandomNumberGenerator) -> Indices {
        if count < 0 { fatalError("Categorical.sample: count \(count); expected at least 0") }
        return Indices(shape: [count] + batchShape, values: samples(count, using: &generator))
    }

    private func samples(_ count: Int, using generator: inout some RandomNumberGenerator) -> [Int] {
        let rows = batchShape.elementCount
        let probabilities = plainProbabilities
        var samples = [Int](repeating: 0, count: count * rows)
        var sums: [Double] = []
        for row in 0..<rows {
            cumulate(probabilities, row, into: &sums)
            let whole = sums[classCount - 1]
            for sample in 0..<count {
                let target = Double(generator.next() >> 11) * 0x1p-53 * whole
                // The first sum above the target. The last sum is: its factor is less than 1 by 2⁻⁵³ at least.
                var low = 0, high = classCount - 1
                while low < high {
                    let middle = (low + high) / 2
                    if sums[middle] > target { high = middle } else { low = middle + 1 }
                }
                samples[sample * rows + row] = low
            }
        }
        return samples
    }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    private func cumulate(_ probabilities: Tensor<Scalar>, _ row: Int, into sums: inout [Double]) {
        sums.removeAll(keepingCapacity: true)
        let p = probabilities.span
        var sum = 0.0
        for c in row * classCount..<(row + 1) * classCount {
            sum += Double(p[c])
            sums.append(sum)
        }
    }
}
