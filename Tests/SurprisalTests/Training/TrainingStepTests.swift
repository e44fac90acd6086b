import Surprisal
import Testing

@testable import Surprisal

/// Against the graph, whose numbers are tested elsewhere: nothing may differ in a bit.
@Suite struct TrainingStepTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let widths: [Int]
        /// After each linear layer but the last.
        let activation: Int
        var hasBias = true, endsInActivation = false, beginsWithActivation = false
        var rows = [5, 5, 3, 17]
    }

    static let cases = [
        Case(testDescription: "one layer", widths: [4, 3], activation: 0),
        Case(testDescription: "two layers, nothing between", widths: [2, 8, 3], activation: 0, rows: [3]),
        Case(testDescription: "relu", widths: [7, 19, 5], activation: 1),
        Case(testDescription: "gelu, three layers", widths: [3, 33, 9, 4], activation: 2),
        Case(testDescription: "gelu by tanh, no bias", widths: [3, 6, 4], activation: 3, hasBias: false),
        Case(testDescription: "tanh at the end", widths: [3, 6, 4], activation: 4, endsInActivation: true),
        Case(testDescription: "sigmoid at the beginning", widths: [3, 6, 4], activation: 5, beginsWithActivation: true),
        Case(testDescription: "silu, one number between", widths: [3, 1, 2], activation: 6),
        Case(testDescription: "products of several tiles", widths: [200, 256, 10], activation: 1, rows: [130, 70]),
    ]

    private static func activation<S: Surprisal.Scalar>(_ number: Int, _: S.Type) -> [any Layer<S>] {
        let all: [any Layer<S>] = [
            ReLU<S>(), GELU<S>(), GELU<S>(approximation: .tanh), Tanh<S>(), Sigmoid<S>(), SiLU<S>(),
        ]
        return number == 0 ? [] : [all[number - 1]]
    }

    private static func network<S: Surprisal.Scalar>(_ shape: Case, _ type: S.Type, using random: inout SplitMix64) -> Sequential<S> {
        var layers = shape.beginsWithActivation ? activation(shape.activation, type) : []
        for place in 1..<shape.widths.count {
            layers.append(Linear(shape.widths[place - 1], shape.widths[place], bias: shape.hasBias, using: &random))
            if place < shape.widths.count - 1 || shape.endsInActivation { layers += activation(shape.activation, type) }
        }
        return Sequential(layers)
    }

    private static func batch<S: Surprisal.Scalar>(
        _ rows: Int, _ shape: Case, _: S.Type, using random: inout SplitMix64
    ) throws -> (Tensor<S>, Labels) {
        let inputs = shape.widths[0], classes = shape.widths[shape.widths.count - 1]
        let x = (0..<rows * inputs).map { _ in S(NormalDistribution.random(using: &random)) }
        // The first is ignored, and the last class is nobody's, so that it can be masked.
        let y = (0..<rows).map { $0 == 0 ? -100 : Int.random(in: 0..<classes - 1, using: &random) }
        return (Tensor(x, shape: [rows, inputs]), try Labels(y, classCount: classes))
    }

    private static func bits<S: Surprisal.Scalar>(_ model: Sequential<S>) -> [[S]] { model.parameters.map(\.value.scalars) }

    /// Steps of both, over batches of several sizes, with the optimiser handed over in between.
    private func compare<S: Surprisal.Scalar>(_ shape: Case, _ type: S.Type, _ loss: CrossEntropyLoss<S>, usesAdam: Bool) throws {
        var random = SplitMix64(seed: 7)
        var model = Self.network(shape, type, using: &random)
        var sgd = SGD(for: model, learningRate: 0.1, momentum: usesAdam ? 0 : 0.9, weightDecay: 0.01, nesterov: !usesAdam)
        var adam = Adam(for: model, learningRate: 0.01, weightDecay: .decoupled(0.1))
        var step = usesAdam ? TrainingStep(model, adam, loss: loss) : TrainingStep(model, sgd, loss: loss)
        for (number, rows) in (shape.rows + shape.rows).enumerated() {
            let (x, y) = try Self.batch(rows, shape, type, using: &random)
            let (value, gradient) = valueWithGradient(at: model) { loss($0(x), y) }
            if usesAdam { adam.update(&model, along: gradient) } else { sgd.update(&model, along: gradient) }
            #expect(step(x, y) == value.item(), "loss \(number)")
            #expect(Self.bits(step.model) == Self.bits(model), "step \(number)")
            if number == shape.rows.count - 1 {
                // Goes on from what it gives away.
                switch step.optimizer {
                case let sgd as SGD<Sequential<S>>: step = TrainingStep(step.model, sgd, loss: loss)
                case let adam as Adam<Sequential<S>>: step = TrainingStep(step.model, adam, loss: loss)
                default: Issue.record("another optimiser")
                }
            }
        }
        let (found, expected) = (step.optimizer.state, usesAdam ? adam.state : sgd.state)
        #expect(found.map(\.name) == expected.map(\.name) && found.map(\.value) == expected.map(\.value))
        #expect(step.optimizer.stepCount == 2 * shape.rows.count)
    }

    @Test(arguments: cases) func isWhatTheGraphComputes(_ shape: Case) throws {
        for usesAdam in [false, true] {
            try compare(shape, Float.self, CrossEntropyLoss(), usesAdam: usesAdam)
            try compare(shape, Double.self, CrossEntropyLoss(reduction: .sum), usesAdam: usesAdam)
        }
    }

    @Test func takesTheLossesOptions() throws {
        let shape = Self.cases[2], classes = 5
        let weight = Tensor<Float>((1...classes).map { Float($0) / 3 })
        try compare(shape, Float.self, CrossEntropyLoss(weight: weight, labelSmoothing: 0.1), usesAdam: false)
        try compare(
            shape, Float.self, CrossEntropyLoss(labelSmoothing: 0.2, maskedClasses: [4], zLoss: 0.01), usesAdam: true)
    }

    @Test func plainDescentAndAChangedRate() throws {
        let shape = Self.cases[1], loss = CrossEntropyLoss<Float>()
        var random = SplitMix64(seed: 1)
        var model = Self.network(shape, Float.self, using: &random)
        var sgd = SGD(for: model, learningRate: 0.5)
        var step = TrainingStep(model, sgd)
        for rate in [0.5, 0.25] {
            sgd.learningRate = rate
            step.learningRate = rate
            let (x, y) = try Self.batch(3, shape, Float.self, using: &random)
            sgd.update(&model, along: valueWithGradient(at: model) { loss($0(x), y) }.gradient)
            step(x, y)
            #expect(Self.bits(step.model) == Self.bits(model) && step.learningRate == rate)
        }
    }

    @Test func aCopyLearnsByItself() throws {
        let shape = Self.cases[2]
        var random = SplitMix64(seed: 5)
        let model = Self.network(shape, Float.self, using: &random)
        var first = TrainingStep(model, SGD(for: model, learningRate: 0.1)), second = first
        let (x, y) = try Self.batch(4, shape, Float.self, using: &random)
        first(x, y)
        #expect(Self.bits(second.model) == Self.bits(model) && Self.bits(first.model) != Self.bits(model))
        second(x, y)
        #expect(Self.bits(second.model) == Self.bits(first.model))
    }

    @Test func theNumberOfThreadsChangesNoBit() throws {
        let shape = Self.cases[8]
        func trained(_ threads: Int) throws -> [[Float]] {
            let before = Parallel.threadCount
            Parallel.threadCount = threads
            defer { Parallel.threadCount = before }
            var random = SplitMix64(seed: 5)
            let model = Self.network(shape, Float.self, using: &random)
            var step = TrainingStep(model, SGD(for: model, learningRate: 0.1))
            for _ in 0..<3 {
                let (x, y) = try Self.batch(130, shape, Float.self, using: &random)
                step(x, y)
            }
            return Self.bits(step.model)
        }
        let one = try trained(1)
        #expect(try trained(2) == one && trained(3) == one)
    }

    private static func expectMessage(_ message: String, of result: ExitTest.Result) {
        let text = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(text.contains(message), "\(text)")
    }

    @Test func anotherLayerIsRefused() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let model = Sequential<Float>(Linear(weight: .ones([2, 2])), Dropout(0.5))
            _ = TrainingStep(model, SGD(for: model, learningRate: 0.1))
        }
        Self.expectMessage("TrainingStep: layer 1 is Dropout<Float>; expected Linear or an activation", of: result)
    }

    @Test func anotherWidthIsRefused() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let model = Sequential<Float>(Linear(weight: .ones([2, 2])), Linear(weight: .ones([2, 3])))
            _ = TrainingStep(model, SGD(for: model, learningRate: 0.1))
        }
        Self.expectMessage("TrainingStep: layer 1 takes 3 numbers of each row; expected 2", of: result)
    }

    @Test func otherFeaturesAreRefused() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let model = Sequential<Float>(Linear(weight: .ones([2, 2])))
            var step = TrainingStep(model, SGD(for: model, learningRate: 0.1))
            step(.ones([3, 4]), try Labels([0, 1, 1], classCount: 2))
        }
        Self.expectMessage("TrainingStep: features of shape [3, 4]; expected rows × 2, at least one row", of: result)
    }

    @Test func noRowsAreRefused() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let model = Sequential<Float>(Linear(weight: .ones([2, 2])))
            var step = TrainingStep(model, SGD(for: model, learningRate: 0.1))
            step(.ones([0, 2]), try Labels([Int](), classCount: 2))
        }
        Self.expectMessage("TrainingStep: features of shape [0, 2]; expected rows × 2, at least one row", of: result)
    }

    @Test func anotherModelsOptimiserIsRefused() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let model = Sequential<Float>(Linear(weight: .ones([2, 3]))), other = Sequential<Float>(Linear(weight: .ones([3, 2])))
            _ = TrainingStep(model, SGD(for: other, learningRate: 0.1))
        }
        Self.expectMessage("SGD: parameter 0 of the model is 0.weight of shape [2, 3]; expected 0.weight of shape [3, 2]", of: result)
    }

    @Test func aTemperatureIsRefused() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let model = Sequential<Float>(Linear(weight: .ones([2, 2])))
            _ = TrainingStep(model, SGD(for: model, learningRate: 0.1), loss: CrossEntropyLoss(temperature: 2))
        }
        Self.expectMessage("TrainingStep: a loss with a temperature or a soft cap; expected neither", of: result)
    }
}
