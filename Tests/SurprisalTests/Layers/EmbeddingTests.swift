import Surprisal
import SurprisalReference
import Testing

@Suite struct EmbeddingTests {
    @Test func agreesWithPyTorch() throws {
        var count = 0
        for golden in try GoldenCase.cases("embedding") {
            if golden.dtype == "float32" { try compare(golden, Float.self) } else { try compare(golden, Double.self) }
            count += 1
        }
        #expect(count == 20)
    }

    private func compare<T: Surprisal.Scalar>(_ golden: GoldenCase, _ type: T.Type) throws {
        let table: Tensor<T> = golden.tensor(try #require(golden.input), golden.shape)
        let indices = try #require(golden.target)
        func rows(_ table: Tensor<T>) -> Tensor<T> {
            Embedding(weight: table, padding: golden.padding)(indices, shape: golden.targetShape)
        }
        // Copies are exact. PyTorch rounds each of up to 19 additions of its sums, whose terms are below 16.
        golden.expect(
            rows(table), golden.output, exact: golden.exactOutput, shape: golden.outputShape, "output", ulp: 0, absolute: 0)
        let upstream: Tensor<T> = golden.tensor(golden.upstream ?? [], try #require(golden.outputShape))
        golden.expect(
            valueWithGradient(at: table) { rows($0).weighted(by: upstream) }.gradient, golden.gradient,
            exact: golden.exactGradient, shape: golden.shape, "gradient", ulp: 1, absolute: 19 * 16 * Double.ulpOfOne)
    }

    @Test func agreesWithTheNaiveLoop() {
        expectNaive(Float.self)
        expectNaive(Double.self)
    }

    private func expectNaive<T: Surprisal.Scalar & ReferenceScalar>(_ type: T.Type) {
        var generator = SplitMix64(seed: 1)
        let layer = Embedding<T>(50, 7, padding: 3, using: &generator)
        let indices = (0..<600).map { _ in Int.random(in: 0..<50, using: &generator) }
        let upstream: Tensor<T> = CrossEntropyRelationTests.logits([20, 30, 7], seed: 2)
        let found = valueWithGradient(at: layer) { $0(indices, shape: [20, 30]).weighted(by: upstream) }
        #expect(
            layer(indices, shape: [20, 30]).scalars
                == Reference.embedding(layer.weight.scalars, indices: indices, classes: 50, features: 7))
        // Some dozen additions of numbers up to 16, each rounded.
        expectNear(
            found.gradient.weight,
            Reference.embeddingWeightGradient(
                upstream: upstream.scalars, indices: indices, classes: 50, features: 7, padding: 3
            ).map { Double($0) }, 64 * 16 * Double(T.ulpOfOne), "gradient")
    }

    @Test func sumsOfCopiesKeepTheirRoundingErrors() {
        let upstream = Tensor<Float>([0x1p24] + [Float](repeating: 1, count: 100), shape: [101, 1])
        let one = valueWithGradient(at: Tensor<Float>.zeros([2, 1])) { table in
            Embedding(weight: table)([Int](repeating: 1, count: 101)).weighted(by: upstream)
        }
        #expect(one.gradient == Tensor([[0], [0x1p24 + 100]]))
        let terms = Tensor<Double>([1, 1e100, 1, -1e100], shape: [4, 1])
        #expect(valueWithGradient(at: Tensor<Double>([[0]])) { $0.rows([0, 0, 0, 0]).weighted(by: terms) }.gradient.item() == 2)
    }

    @Test func rowsOfWhatArgmaxFound() {
        let logits = Tensor<Float>([1, 3, 2, 9, 0, 0], shape: [1, 2, 3])
        let table = Embedding(weight: Tensor<Float>([[1, 2], [3, 4], [5, 6]]))
        #expect(table(logits.argmax(along: -1)) == Tensor([3, 4, 1, 2], shape: [1, 2, 2]))
    }

    @Test func initialisesAsPyTorch() {
        var generator = SplitMix64(seed: 1)
        let layer = Embedding<Float>(300, 100, padding: 7, using: &generator)
        #expect(layer.weight.shape == [300, 100] && (layer.classes, layer.features) == (300, 100))
        #expect(layer.parameters.map(\.name) == ["weight"])
        #expect(layer.weight.rows([7]) == .zeros([1, 100]))
        let numbers = layer.weight.scalars.map { Double($0) }, count = 29_900.0
        let mean = numbers.reduce(0, +) / count, variance = numbers.reduce(0) { $0 + $1 * $1 } / count
        // Four standard deviations: of a mean 1/√n, of a variance √(2/n).
        #expect(abs(mean) <= 4 / count.squareRoot())
        #expect(abs(variance - 1) <= 4 * (2 / count).squareRoot())
        let narrow = Embedding<Float>(300, 100, standardDeviation: 0.02, using: &generator).weight.scalars
        #expect(narrow.allSatisfy { abs($0) < 0.12 } && narrow.contains { abs($0) > 0.06 })
    }

    /// The programs that must stop are in `ShapeExitTests`.
    @Test func wrongIndicesAreNamedWithTheirPlace() {
        let layer = Embedding<Float>(weight: .zeros([4, 2]))
        #expect(throws: EmbeddingError.outOfRange(value: 4, position: [1, 1], classCount: 4)) {
            try layer.check([0, 3, 1, 4], shape: [2, 2])
        }
        #expect(throws: EmbeddingError.outOfRange(value: -1, position: [0], classCount: 4)) { try layer.check([-1, 9]) }
        #expect(throws: EmbeddingError.wrongCount(found: 3, shape: [2, 2])) { try layer.check([0, 1, 2], shape: [2, 2]) }
        #expect(throws: EmbeddingError.negativeSize(-1, shape: [-1, 2])) { try layer.check([], shape: [-1, 2]) }
        #expect(throws: Never.self) { try layer.check([0, 3]) }
        #expect(
            EmbeddingError.outOfRange(value: 4, position: [1, 1], classCount: 4).description
                == "index 4 at position [1, 1]; expected 0 to 3 (4 classes)")
    }

    @Test func aModelLearnsItsTable() throws {
        var generator = SplitMix64(seed: 3)
        var table = Embedding<Float>(4, 3, using: &generator), optimizer = SGD(for: table, learningRate: 1, momentum: 0.9)
        let labels = try Labels([2, 0, 1], classCount: 3), before = table.weight
        for _ in 1...50 {
            let (_, gradient) = valueWithGradient(at: table) { CrossEntropyLoss()($0([0, 1, 3]), labels) }
            optimizer.update(&table, along: gradient)
        }
        #expect(table([0, 1, 3]).argmax(along: 1).values == [2, 0, 1])
        #expect(table.weight.rows([2]) == before.rows([2]))
    }
}
