import Surprisal
import Testing

@Suite struct TorchGeneratorTests {
    /// Every call of a sequence with one generator, so that a number too many shows in all that follow.
    @Test func drawsPyTorchsNumbers() throws {
        let sequences = try RandomGolden.sequences(with: ["permutation"])
        #expect(sequences.count == 6)
        for sequence in sequences {
            var generator = TorchGenerator(seed: sequence[0].seed)
            for golden in sequence {
                switch golden.dtype {
                case "float32": try expect(golden, Float.self, &generator)
                case "float64": try expect(golden, Double.self, &generator)
                default: try expectIntegers(golden, &generator)
                }
            }
        }
    }

    private func expect<T: Surprisal.Scalar>(
        _ golden: RandomGolden, _ type: T.Type, _ generator: inout TorchGenerator
    ) throws {
        let shape = try #require(golden.shape)
        switch golden.op {
        case "uniform":
            golden.expect(
                generator.uniform(shape, from: try #require(golden.low), to: try #require(golden.high)) as Tensor<T>)
        case "normal":
            // Double's logarithm, sine and cosine are this machine's C library's, whose versions differ by an ULP: of a
            // radius below 9, times a deviation of 1 at most.
            golden.expect(
                generator.normal(shape, mean: try #require(golden.mean), standardDeviation: try #require(golden.deviation))
                    as Tensor<T>, within: T.self == Double.self ? 9 * 0x1p-52 : 0)
        case "bernoulli":
            golden.expect(generator.bernoulli(try #require(golden.probability), shape) as Tensor<T>)
        case "dropout":
            let kept = 1 - (try #require(golden.probability))
            let mask: Tensor<T> = generator.bernoulli(kept, shape)
            golden.expect(Tensor(mask.scalars.map { $0 / T(kept) }, shape: shape))
        case "multinomial":
            let drawn = generator.multinomial(
                golden.tensor(try #require(golden.input)) as Tensor<T>, count: try #require(golden.count),
                replacement: golden.replacement == true)
            #expect(drawn.shape == shape.dropLast() + [try #require(golden.count)], "\(golden.name)")
            #expect(drawn.values == golden.output.map { Int($0) }, "\(golden.name)")
        default: Issue.record("\(golden.name): unknown")
        }
    }

    private func expectIntegers(_ golden: RandomGolden, _ generator: inout TorchGenerator) throws {
        let count = try #require(golden.count)
        let found = golden.op == "permutation"
            ? generator.permutation(of: count) : generator.integers(below: try #require(golden.limit), count: count)
        #expect(found == golden.output.map { Int($0) }, "\(golden.name)")
    }

    /// The lower 32 bits of the seed count, as in PyTorch.
    @Test func seedsHave32Bits() {
        var a = TorchGenerator(seed: 5), b = TorchGenerator(seed: 1 << 32 + 5)
        for _ in 0..<1000 { #expect(a.next() == b.next()) }
    }

    @Test func isAValue() {
        var a = TorchGenerator(seed: 3)
        let _: Tensor<Float> = a.normal([3])
        var b = a
        let x: Tensor<Float> = a.normal([700]), y: Tensor<Float> = b.normal([700])
        #expect(x == y)
    }

    @Test func refusesWhatCannotBeDrawn() {
        let weights = Tensor<Float>([[1, 2, 0], [1, 1, 1]])
        #expect(throws: MultinomialError.tooFew(2, of: 3, row: 0)) { try TorchGenerator.check(weights, count: 3) }
        #expect(throws: Never.self) { try TorchGenerator.check(weights, count: 3, replacement: true) }
        #expect(throws: MultinomialError.count(0)) { try TorchGenerator.check(weights, count: 0) }
        #expect(throws: MultinomialError.weight(-1, row: 1, class: 0)) {
            try TorchGenerator.check(Tensor<Double>([[1, 1], [-1, 1]]), count: 1)
        }
        #expect(throws: MultinomialError.tooFew(0, of: 1, row: 0)) {
            try TorchGenerator.check(Tensor<Double>([0, 0]), count: 1, replacement: true)
        }
        #expect(throws: MultinomialError.infiniteSum(row: 0)) {
            try TorchGenerator.check(Tensor<Float>([3e38, 3e38]), count: 1)
        }
        #expect(throws: MultinomialError.shape([])) { try TorchGenerator.check(Tensor<Float>(1), count: 1) }
    }

    @Test func whatIsOutOfRangeStopsTheProgram() async throws {
        let bounds = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            var generator = TorchGenerator(seed: 0)
            _ = generator.uniform([2], from: 1, to: 0) as Tensor<Float>
        }
        #expect(String(decoding: bounds.standardErrorContent, as: UTF8.self).contains("uniform: from 1.0 to 0.0"))
    }
}
