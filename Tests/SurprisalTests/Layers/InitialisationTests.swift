import Surprisal
import Testing

@Suite struct InitialisationTests {
    @Test func followsPyTorch() throws {
        let sequences = try RandomGolden.sequences(with: ["linear"])
        #expect(sequences.count == 2)
        for sequence in sequences {
            var generator = TorchGenerator(seed: sequence[0].seed)
            for golden in sequence {
                if golden.dtype == "float32" {
                    try expect(golden, Float.self, &generator)
                } else {
                    try expect(golden, Double.self, &generator)
                }
            }
        }
    }

    private func expect<T: Surprisal.Scalar>(
        _ golden: RandomGolden, _ type: T.Type, _ generator: inout TorchGenerator
    ) throws {
        let shape = try #require(golden.shape)
        let nonlinearity: Nonlinearity = switch golden.nonlinearity {
        case "relu": .relu
        case "tanh": .tanh
        case "selu": .selu
        case "leaky_relu": .leakyReLU(negativeSlope: try #require(golden.slope))
        default: .linear
        }
        let fan: Fan = golden.fan == "fan_out" ? .output : .input
        // See TorchGeneratorTests.
        let normal = T.self == Double.self ? 9 * 0x1p-52 : 0
        switch golden.op {
        case "linear":
            let layer = Linear<T>(shape[1], shape[0], using: &generator)
            golden.expect(layer.weight)
            golden.expect(try #require(layer.bias), golden.bias ?? [], shape: [shape[0]])
        case "kaiming_uniform":
            golden.expect(Tensor<T>.kaimingUniform(shape, fan: fan, before: nonlinearity, using: &generator))
        case "kaiming_normal":
            golden.expect(
                Tensor<T>.kaimingNormal(shape, fan: fan, before: nonlinearity, using: &generator), within: normal)
        case "xavier_uniform":
            golden.expect(Tensor<T>.xavierUniform(shape, gain: try #require(golden.gain), using: &generator))
        case "xavier_normal":
            golden.expect(Tensor<T>.xavierNormal(shape, gain: try #require(golden.gain), using: &generator), within: normal)
        case "orthogonal":
            // Two libraries' factorisations of 6 rows at most: a few roundings of numbers up to the gain, 2.
            golden.expect(
                Tensor<T>.orthogonal(shape, gain: try #require(golden.gain), using: &generator),
                within: 64 * Double(T.ulpOfOne))
        case "truncated_normal":
            golden.expect(
                Tensor<T>.truncatedNormal(
                    shape, mean: try #require(golden.mean), standardDeviation: try #require(golden.deviation),
                    from: try #require(golden.low), to: try #require(golden.high), using: &generator), within: normal)
        case "embedding":
            golden.expect(
                Embedding<T>(shape[0], shape[1], padding: golden.padding, using: &generator).weight, within: normal)
        default: Issue.record("\(golden.name): unknown")
        }
    }

    /// Generators that make no tensors themselves serve as well.
    @Test func anyGeneratorWillDo() {
        var generator = SplitMix64(seed: 8)
        let uniform = Tensor<Double>.kaimingUniform([40, 50], using: &generator)
        let bound = (6.0 / 50).squareRoot()
        #expect(uniform.scalars.allSatisfy { abs($0) <= bound * (1 + 0x1p-50) })
        #expect((uniform.scalars.map(abs).max() ?? 0) > 0.99 * bound)
        let normal = Tensor<Float>.normal([10_000], mean: 3, standardDeviation: 2, using: &generator)
        let mean = normal.scalars.reduce(0.0) { $0 + Double($1) } / 10_000
        // Of deviation 0.02: five of them.
        #expect(abs(mean - 3) < 0.1)
        let truncated = Tensor<Double>.truncatedNormal([1000], from: 0.5, to: 0.75, using: &generator)
        #expect(truncated.scalars.allSatisfy { (0.5...0.75).contains($0) })
        #expect(truncated != .truncatedNormal([1000], from: 0.5, to: 0.75, using: &generator))
    }

    @Test func gains() {
        #expect(Nonlinearity.leakyReLU().gain == (2 / (1 + 0.01 * 0.01)).squareRoot())
        #expect(Nonlinearity.leakyReLU(negativeSlope: 0).gain == Nonlinearity.relu.gain)
        #expect(Nonlinearity.tanh.gain == 5.0 / 3 && Nonlinearity.sigmoid.gain == 1)
    }

    @Test func aVectorHasNoFans() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            var generator = TorchGenerator(seed: 0)
            _ = Tensor<Float>.xavierNormal([3], using: &generator)
        }
        #expect(String(decoding: result.standardErrorContent, as: UTF8.self).contains("xavierNormal: shape [3]; expected outputs × inputs"))
    }
}
