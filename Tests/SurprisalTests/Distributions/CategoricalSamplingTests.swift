import Surprisal
import Testing

@Suite struct CategoricalSamplingTests {
    /// χ² of the frequencies. With k − 1 degrees of freedom its mean is k − 1 and its variance 2(k − 1); six standard
    /// deviations more happen by chance less than once in 10⁵ runs, and the seeds are fixed.
    @Test(arguments: [2, 3, 10, 100], [1, 2] as [UInt64]) func frequenciesAreTheProbabilities(classes: Int, seed: UInt64) throws {
        let logits: Tensor<Float> = CrossEntropyRelationTests.logits([2, classes], seed: seed, spread: 1.5)
        let distribution = try Categorical(logits: logits), count = 200_000
        var generator = SplitMix64(seed: seed)
        let samples = distribution.sample(count: count, using: &generator)
        #expect(samples.shape == [count, 2])
        let p = distribution.probabilities
        for row in 0..<2 {
            var observed = [Int](repeating: 0, count: classes)
            for n in 0..<count { observed[samples.values[2 * n + row]] += 1 }
            let chi = (0..<classes).reduce(0.0) { sum, c in
                let expected = Double(p[row, c]) * Double(count), difference = Double(observed[c]) - expected
                return sum + difference * difference / expected
            }
            let freedom = Double(classes - 1)
            #expect(chi <= freedom + 6 * (2 * freedom).squareRoot(), "row \(row): χ² is \(chi) of \(classes) classes")
        }
    }

    @Test func theSameSeedGivesTheSameSamples() throws {
        let distribution = try Categorical(probabilities: Tensor<Double>([[1, 2, 3], [3, 2, 1]]))
        func draw(_ seed: UInt64) -> Indices {
            var generator = SplitMix64(seed: seed)
            return distribution.sample(count: 20, using: &generator)
        }
        #expect(draw(7) == draw(7))
        #expect(draw(7) != draw(8))
        var generator = SplitMix64(seed: 7)
        #expect(distribution.sample(using: &generator).shape == [2])
        #expect(distribution.sample(count: 0, using: &generator).values.isEmpty)
        // The scale of the logits is not that of the samples.
        var (one, other) = (SplitMix64(seed: 1), SplitMix64(seed: 1))
        let x: Tensor<Double> = CrossEntropyRelationTests.logits([4, 9])
        #expect(
            try Categorical(logits: x).sample(count: 50, using: &one)
                == Categorical(logits: x - 5).sample(count: 50, using: &other))
    }

    /// Generators at their ends: the smallest and the largest fraction.
    private struct Constant: RandomNumberGenerator {
        let value: UInt64
        mutating func next() -> UInt64 { value }
    }

    @Test func impossibleClassesAreNeverDrawn() throws {
        func check<T: Surprisal.Scalar>(_ type: T.Type) throws {
            let rows: [[T]] = [[0, 0, 1, 0], [0, 0.3, 0, 0], [1, 0, 0, 0.1], [0, 0.1, 0.7, 0], [0, 0, 0, 5]]
            let distribution = try Categorical(probabilities: Tensor(rows))
            var (low, high) = (Constant(value: 0), Constant(value: .max))
            #expect(distribution.sample(using: &low).values == [2, 1, 0, 1, 3])
            #expect(distribution.sample(using: &high).values == [2, 1, 3, 2, 3])
            var generator = SplitMix64(seed: 5)
            let samples = distribution.sample(count: 2000, using: &generator)
            #expect(samples.values.enumerated().allSatisfy { rows[$0 % 5][$1] > 0 })
            let masked = try Categorical(logits: Tensor<T>([[-.infinity, 0, -.infinity]]))
            #expect(masked.sample(using: &high).values == [1] && masked.sample(using: &low).values == [1])
        }
        try check(Float.self)
        try check(Double.self)
    }

    /// E[∇ log p] = 0: the samples' log-probabilities, as policy gradients take them.
    @Test func samplesHaveLogProbabilities() throws {
        let x = Tensor<Double>([0.5, -1, 2])
        var generator = SplitMix64(seed: 11)
        let samples = try Categorical(logits: x).sample(count: 100_000, using: &generator)
        let (value, gradient) = try valueWithGradient(at: x) {
            try Categorical(logits: $0).logProbability(of: samples).mean()
        }
        // Means of 10⁵ numbers of deviation below 1.
        expectClose(-value.item(), try Categorical(logits: x).entropy.item(), relative: 0, absolute: 0.02, "entropy")
        #expect(gradient.scalars.allSatisfy { abs($0) < 0.01 })
    }

    @Test func aCountBelowNothing() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            var generator = SplitMix64(seed: 1)
            _ = try Categorical(logits: Tensor<Float>([0])).sample(count: -1, using: &generator)
        }
        #expect(String(decoding: result.standardErrorContent, as: UTF8.self)
            .contains("Categorical.sample: count -1; expected at least 0"))
    }
}
