import Surprisal
import Testing

/// A layer's results, written by `scripts/generate-layer-goldens.py` from PyTorch 2.13.0, in Double.
private struct LayerCase: Decodable {
    let name: String
    let shape, outputShape: [Int]
    let input, output, upstream, gradient: [Double]
    let names: [String]
    let shapes: [[Int]]
    let parameters, gradients: [[Double]]
    let epsilon: Double?

    func check<L: Layer>(_ start: L) where L.Scalar == Double {
        var layer = start, next = 0
        layer.forEachParameter { name, parameter in
            #expect(name == names[next])
            #expect(parameter.shape == shapes[next])
            parameter = Tensor(parameters[next], shape: shapes[next])
            next += 1
        }
        #expect(next == names.count)
        let x = Tensor(input, shape: shape), factors = Tensor(upstream, shape: outputShape)
        near(layer(x).scalars, output, "output")
        #expect(layer(x).shape == outputShape)
        near(valueWithGradient(at: x) { (layer($0) * factors).sum() }.gradient.scalars, gradient, "gradient")
        let found = valueWithGradient(at: layer) { ($0(x) * factors).sum() }.gradient
        for (place, parameter) in found.parameters.enumerated() {
            near(parameter.value.scalars, gradients[place], "gradient of \(parameter.name)")
        }
    }

    /// Sums of some ten terms of size 1, each within an ULP of 1; where inputs lie at 10⁶, PyTorch has lost 10⁶ ULP in the mean,
    /// and a row of one element has gradient 0, of which it leaves an ULP over √ε.
    private func near(_ found: [Double], _ expected: [Double], _ what: String) {
        #expect(found.count == expected.count, "\(name): \(what)")
        let scale = expected.map(abs).max() ?? 1
        for (a, b) in zip(found, expected) {
            #expect(abs(a - b) <= (name.contains("1000000") ? 1e-9 : name.contains("(4, 1)") ? 1e-12 : 1e-14) * max(1, scale), "\(name): \(what)")
        }
    }
}

@Suite struct LayerParityTests {
    @Test func layersFollowPyTorch() throws {
        let cases: [LayerCase] = try goldens("layers")
        #expect(cases.count == 6)
        for golden in cases {
            if golden.name == "sequential" {
                var random = SplitMix64(seed: 1)
                golden.check(Sequential<Double>(
                    Linear(6, 9, using: &random), GELU(), LayerNorm(9), Dropout(0.5), Linear(9, 7, bias: false, using: &random),
                    SiLU(), Linear(7, 5, using: &random), Tanh(), Linear(5, 4, using: &random), Sigmoid(),
                    Linear(4, 4, using: &random), GELU(approximation: .tanh), Linear(4, 3, using: &random), ReLU()))
            } else {
                golden.check(LayerNorm<Double>(golden.shape[golden.shape.count - 1], epsilon: try #require(golden.epsilon)))
            }
        }
    }

    /// A copy of a composition learns by itself.
    @Test func aSequentialIsAValue() {
        var random = SplitMix64(seed: 1)
        let first = Sequential<Float>(Linear(2, 2, using: &random), ReLU())
        var second = first
        second.forEachParameter { _, parameter in parameter = parameter * 2 }
        #expect(first.parameters.map(\.name) == ["0.weight", "0.bias"])
        for (a, b) in zip(first.parameters, second.parameters) { #expect(a.value * 2 == b.value && a.value != b.value) }
    }

    /// Rows far from 0, where the square of the mean less the mean of the squares would have no digits left.
    @Test func layerNormKeepsItsDigitsFarFromZero() {
        let near = LayerNorm<Float>(4)(Tensor([0, 1, 2, 3], shape: [1, 4]))
        #expect(LayerNorm<Float>(4)(Tensor([1_000_000, 1_000_001, 1_000_002, 1_000_003], shape: [1, 4])) == near)
    }

    @Test func dropoutDropsWhatItSays() {
        let x = Tensor<Float>.ones([100, 1000])
        var random = SplitMix64(seed: 7)
        for probability in [0, 0.1, 0.5, 0.9, 1] {
            let before = random
            let y = x.dropout(probability, using: &random).scalars
            let dropped = y.count { $0 == 0 }
            // Four standard deviations.
            let spread = 4 * (100_000 * probability * (1 - probability)).squareRoot()
            #expect(abs(Double(dropped) - 100_000 * probability) <= spread)
            #expect(y.allSatisfy { $0 == 0 || $0 == Float(1 / (1 - probability)) })
            // The gradient passes where the value did.
            var again = before
            let gradient = valueWithGradient(at: x) { $0.dropout(probability, using: &again).sum() }.gradient.scalars
            #expect(gradient == y)
            for threads in [1, 3] {
                var again = before
                #expect(Parallel.override.withValue(threads) { x.dropout(probability, using: &again).scalars } == y)
            }
        }
        let layer = Dropout<Float>(0.5)
        #expect(layer(x) == x && layer(x, training: &random) != x)
        // Two steps do not drop the same.
        #expect(layer(x, training: &random) != layer(x, training: &random))
        // What is dropped is 0 whatever it was.
        #expect(Tensor<Float>([.infinity, .nan]).dropout(1, using: &random).scalars == [0, 0])
    }

    @Test func whatIsOutOfRangeStopsTheProgram() async throws {
        let dropout = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Dropout<Float>(1.5)
        }
        #expect(String(decoding: dropout.standardErrorContent, as: UTF8.self).contains("Dropout: probability is 1.5; expected 0 to 1"))
        let norm = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = LayerNorm<Float>(3)(Tensor.ones([2, 4]))
        }
        #expect(String(decoding: norm.standardErrorContent, as: UTF8.self)
            .contains("LayerNorm: input has shape [2, 4], weight [3]; expected … × 3"))
    }
}
