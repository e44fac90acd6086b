import SurprisalKernels

extension Tensor {
    /// Independent normal numbers under the condition that they are from `low` to `high`: `nn.init.trunc_normal_`.
    ///
    /// By rejection, as PyTorch: of normal numbers where more than 3 in 10 are within the bounds, otherwise of uniform
    /// ones, each with the ratio of its density to the largest one within the bounds; those that are rejected are drawn
    /// again, with all others, until none is. In the second way PyTorch's logarithm may decide otherwise where the
    /// two sides are within an ULP.
    ///
    /// Stops the program when the bounds do not ascend or are not finite, when the mean is not finite, or the deviation not
    /// a finite number above 0.
    /// - Complexity: O(count · log(count)) on average.
    public static func truncatedNormal(
        _ shape: Shape, mean: Double = 0, standardDeviation: Double = 1, from low: Double = -2, to high: Double = 2,
        using generator: inout some RandomNumberGenerator
    ) -> Tensor {
        ElementDistribution.normal(mean: mean, standardDeviation: standardDeviation).require(in: "truncatedNormal")
        ElementDistribution.uniform(from: low, to: high).require(in: "truncatedNormal")
        guard standardDeviation > 0, low < high else {
            fatalError(
                "truncatedNormal: standard deviation \(standardDeviation), from \(low) to \(high); expected one above 0, and bounds that ascend")
        }
        // P(X ≤ x)
        func below(_ x: Double) -> Double {
            SpecialFunctions.erfc(-(x - mean) / standardDeviation / 2.0.squareRoot()) / 2
        }
        if below(high) - below(low) > 0.3 {
            let (low, high) = (Scalar(low), Scalar(high))
            return redrawn {
                let tensor = normal(shape, mean: mean, standardDeviation: standardDeviation, using: &generator)
                return (tensor, tensor.scalars.map { !($0 < low || $0 > high) })
            }
        }
        let mode = Swift.max(low, Swift.min(mean, high)), distance = (mode - mean) / standardDeviation
        let peak = Scalar(-0.5 * distance * distance)
        return redrawn {
            let candidates = uniform(shape, from: low, to: high, using: &generator)
            let chances = uniform(shape, using: &generator)
            let isKept = zip(candidates.scalars, chances.scalars).map { candidate, chance in
                let z = (candidate - Scalar(mean)) / Scalar(standardDeviation)
                return !(Scalar(SpecialFunctions.log(Double(chance))) > z * z * -0.5 - peak)
            }
            return (candidates, isKept)
        }
    }

    /// Elements of the first of several tensors in which they are to be kept.
    private static func redrawn(_ draw: () -> (Tensor, isKept: [Bool])) -> Tensor {
        var (result, isDone) = draw()
        while isDone.contains(false) {
            let (fresh, isKept) = draw()
            var elements = result.buffer.mutableSpan
            for i in isDone.indices where !isDone[i] {
                elements[i] = fresh.span[i]
                isDone[i] = isKept[i]
            }
        }
        return result
    }
}
