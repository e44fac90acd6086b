import Foundation
import Surprisal
import Testing

/// The adaptive head against PyTorch's module with the same weights.
@Suite struct AdaptiveLogSoftmaxWithLossTests {
    /// One line of `adaptive-log-softmax.jsonl`; results in float64, on numbers of the type.
    private struct Golden: Decodable {
        let name, dtype: String
        let shape, cutoffs, target, predicted: [Int]
        let classes: Int
        let divisor: Double
        let headBias: Bool
        let input, parameters, output, loss, logProbabilities, gradient, gradients: [Double]
        let parameterNames: [String]
        let parameterShapes: [[Int]]

        static func cases() throws -> [Golden] {
            let url = try #require(Bundle.module.url(forResource: "Goldens/adaptive-log-softmax", withExtension: "jsonl"))
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            return try Data(contentsOf: url).split(separator: UInt8(ascii: "\n")).map {
                try decoder.decode(Golden.self, from: $0)
            }
        }
    }

    @Test func agreesWithPyTorch() throws {
        let goldens = try Golden.cases()
        for golden in goldens {
            if golden.dtype == "float32" { try compare(golden, Float.self) } else { try compare(golden, Double.self) }
        }
        #expect(goldens.count == 8)
    }

    private func compare<T: Surprisal.Scalar>(_ golden: Golden, _ type: T.Type) throws {
        func expect(_ found: [T], _ expected: [Double], _ what: String) {
            guard found.count == expected.count else {
                Issue.record("\(golden.name): \(found.count) of \(what), not \(expected.count)")
                return
            }
            // Products of up to 16 terms of about 1, once or twice, and sums over up to 9 rows.
            for (i, (a, b)) in zip(found, expected).enumerated() where !(abs(Double(a) - b) <= 64 * Double(T.ulpOfOne) * max(1, abs(b))) {
                Issue.record("\(golden.name): \(what)[\(i)] is \(a), PyTorch's \(b)")
            }
        }
        var generator = SplitMix64(seed: 1), start = 0, names: [String] = []
        var model = AdaptiveLogSoftmaxWithLoss<T>(
            golden.shape[1], classCount: golden.classes, cutoffs: golden.cutoffs, divisor: golden.divisor,
            headBias: golden.headBias, using: &generator)
        #expect(model.parameters.map(\.value.shape) == golden.parameterShapes)
        model.forEachParameter { name, parameter in
            names.append(name)
            let values = golden.parameters[start..<start + parameter.count]
            start += parameter.count
            parameter = Tensor(values.map { T($0) }, shape: parameter.shape)
        }
        #expect(names == golden.parameterNames)

        let x = Tensor(golden.input.map { T($0) }, shape: golden.shape)
        let labels = try Labels(golden.target, classCount: golden.classes)
        let (output, loss) = model(x, labels)
        #expect(output.shape == [golden.shape[0]] && loss.shape == [])
        expect(output.scalars, golden.output, "output")
        expect([loss.item()], golden.loss, "loss")
        let all = model.logProbabilities(x)
        #expect(all.shape == [golden.shape[0], golden.classes])
        expect(all.scalars, golden.logProbabilities, "log-probabilities")
        #expect(model.predict(x).values == golden.predicted)
        expect(valueWithGradient(at: x) { model($0, labels).loss }.gradient.scalars, golden.gradient, "gradient")
        let gradient = valueWithGradient(at: model) { $0(x, labels).loss }.gradient
        expect(gradient.parameters.flatMap(\.value.scalars), golden.gradients, "gradients")
        // The output's mean is the loss, both ways, and the labels' among all log-probabilities.
        let again = valueWithGradient(at: model) { -$0(x, labels).output.mean() }
        for (a, b) in zip(again.gradient.parameters, gradient.parameters) {
            for (g, h) in zip(a.value.scalars, b.value.scalars) { #expect(abs(g - h) <= 16 * T.ulpOfOne) }
        }
        let through = valueWithGradient(at: model) { NLLLoss()($0.logProbabilities(x), labels) }
        expect(through.gradient.parameters.flatMap(\.value.scalars), golden.gradients, "gradients of NLL")
        expect([through.value.item()], golden.loss, "NLL")
    }

    private func model(_ inputs: Int = 6) -> AdaptiveLogSoftmaxWithLoss<Double> {
        var generator = SplitMix64(seed: 3)
        return AdaptiveLogSoftmaxWithLoss(inputs, classCount: 12, cutoffs: [4, 7], divisor: 2, using: &generator)
    }

    @Test func probabilitiesSumToOne() {
        let x: Tensor<Double> = CrossEntropyRelationTests.logits([20, 6])
        for sum in model().logProbabilities(x).exp().sum(along: 1).scalars { #expect(abs(sum - 1) <= 8 * Double.ulpOfOne) }
        let likely = model().logProbabilities(x).argmax(along: 1)
        #expect(model().predict(x) == likely)
    }

    /// More tracked inputs than lie within a node of the graph: each gets what is its own, by either way back.
    @Test func manyClusters() throws {
        var generator = SplitMix64(seed: 4)
        let model = AdaptiveLogSoftmaxWithLoss<Double>(
            6, classCount: 12, cutoffs: [2, 4, 6, 8, 10], divisor: 1.25, using: &generator)
        let x: Tensor<Double> = CrossEntropyRelationTests.logits([12, 6]), labels = try Labels(Array(0..<12), classCount: 12)
        let direct = valueWithGradient(at: model) { $0(x, labels).loss }.gradient.parameters
        let through = valueWithGradient(at: model) { NLLLoss()($0.logProbabilities(x), labels) }.gradient.parameters
        #expect(direct.count == through.count)
        for (a, b) in zip(direct, through) {
            #expect(a.value.scalars.contains { $0 != 0 }, "\(a.name)")
            // Sums over twelve rows, in another order.
            for (g, h) in zip(a.value.scalars, b.value.scalars) { #expect(abs(g - h) <= 64 * Double.ulpOfOne, "\(a.name)") }
        }
    }

    @Test func ignoredRowsTakeNoPart() throws {
        let model = model(), clean: Tensor<Double> = CrossEntropyRelationTests.logits([3, 6])
        let x = Tensor(clean.scalars.prefix(6) + [Double](repeating: .nan, count: 6) + clean.scalars.suffix(12), shape: [4, 6])
        let y = try Labels([11, -100, 0, 5], classCount: 12)
        let all = model(x, y), alone = model(clean, y[[0, 2, 3]])
        #expect(all.loss == alone.loss)
        #expect(all.output.scalars == [alone.output[0], 0, alone.output[1], alone.output[2]])
        let a = valueWithGradient(at: x) { model($0, y).loss }.gradient
        let b = valueWithGradient(at: clean) { model($0, y[[0, 2, 3]]).loss }.gradient
        #expect(a.scalars == Array(b.scalars.prefix(6)) + [Double](repeating: 0, count: 6) + b.scalars.suffix(12))
        let gradient = valueWithGradient(at: model) { $0(x, y).loss }.gradient
        #expect(gradient.parameters.allSatisfy { $0.value.scalars.allSatisfy { $0.isFinite } })
        let none = try Labels([-100, -100, -100], classCount: 12)
        let nothing = valueWithGradient(at: model) { $0(clean, none).loss }
        #expect(nothing.value.item().isNaN)
        #expect(nothing.gradient.parameters.allSatisfy { $0.value.scalars.allSatisfy { $0 == 0 } })
        #expect(model(clean, none).output.scalars == [0, 0, 0])
    }

    @Test func anyLeadingAxes() throws {
        let model = model(), x: Tensor<Double> = CrossEntropyRelationTests.logits([2, 3, 6])
        let y = try Labels([0, 11, 5, 4, 3, 8], shape: [2, 3], classCount: 12)
        let flat = try Labels([0, 11, 5, 4, 3, 8], classCount: 12)
        #expect(model(x, y).output.shape == [2, 3])
        #expect(model(x, y).output.scalars == model(x.reshaped(to: [6, 6]), flat).output.scalars)
        #expect(model.logProbabilities(x).shape == [2, 3, 12] && model.predict(x).shape == [2, 3])
        let row = Tensor(Array(x.scalars.prefix(6)))
        let one = try Labels([11], shape: [], classCount: 12)
        #expect(model(row, one).output.shape == [])
        #expect(model.logProbabilities(row).shape == [12])
    }

    @Test func refuses() throws {
        typealias Head = AdaptiveLogSoftmaxWithLoss<Float>
        for cutoffs in [[], [0], [3, 3], [5, 2], [10], [-1]] {
            #expect(throws: LossError.cutoffs(cutoffs, classes: 10)) { try Head.check(8, classCount: 10, cutoffs: cutoffs) }
        }
        #expect(throws: LossError.divisor(0.5)) { try Head.check(8, classCount: 10, cutoffs: [2], divisor: 0.5) }
        #expect(throws: LossError.noProjection(cluster: 1, features: 8, divisor: 4)) {
            try Head.check(8, classCount: 10, cutoffs: [2, 5])
        }
        let model = model()
        #expect(throws: LossError.features(input: [2, 5], weight: [6, 6])) {
            try model.check([2, 5], try Labels([0, 1], classCount: 12))
        }
        #expect(throws: LossError.classCount(labels: 11, input: 12)) {
            try model.check([2, 6], try Labels([0, 1], classCount: 11))
        }
        #expect(throws: LossError.labelShape(found: [3], input: [2, 6], expected: [2])) {
            try model.check([2, 6], try Labels([0, 1, 2], classCount: 12))
        }
    }
}
