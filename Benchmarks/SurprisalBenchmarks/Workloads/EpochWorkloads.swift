import Surprisal
import SurprisalReference

extension Workload {
    /// A pass over rows, batch after batch, of a classifier of two layers with AdamW. In their order: shuffling is the same
    /// work for all. The engine gathers each batch, the peers look at a part of what is there.
    static func epoch(_ number: Int, rows: Int, batch: Int, sizes: [Int]) -> [Workload] {
        let products = sizes[0] * sizes[1] * 2 + sizes[1] * sizes[2] * 3
        let parameters = sizes[0] * sizes[1] + sizes[1] + sizes[1] * sizes[2] + sizes[2]
        let steps = (rows + batch - 1) / batch
        return [
            Workload(
                number: number, name: "epoch", shape: sizes.map(String.init).joined(separator: "→") + " batch \(batch) rows \(rows)",
                type: "Float", pass: .step, bytes: Double((rows * sizes[0] + steps * 10 * parameters) * 4),
                operations: Double(2 * rows * products), limit: .matrixProduct,
                make: { EpochExercise(rows: rows, batch: batch, sizes: sizes).exercise() })
        ]
    }
}

private final class EpochExercise {
    static let learningRate = 0.001, weightDecay = 0.01
    /// Steps that are compared; the whole of a long one would take the loops minutes.
    private static let verifiedSteps = 24
    let rows: Int, batch: Int, sizes: [Int]
    let examples: Examples<Float>, x: Tensor<Float>, labels: [Int], order: [Int]
    let initial: TwoLayers
    var model: TwoLayers, optimizer: Adam<TwoLayers>
    let trainer: Trainer<TwoLayers>

    init(rows: Int, batch: Int, sizes: [Int]) {
        (self.rows, self.batch, self.sizes) = (rows, batch, sizes)
        var random = Inputs(seed: UInt64(rows + sizes.reduce(1, *)))
        x = Tensor(random.normal(rows * sizes[0]), shape: [rows, sizes[0]])
        labels = random.labels(rows, classes: sizes[2])
        order = Array(0..<rows)
        do { examples = Examples(x, try Labels(labels, classCount: sizes[2])) } catch { fatalError("epoch: \(error)") }
        initial = TwoLayers(sizes, relu: true, using: &random)
        model = initial
        optimizer = Adam(for: model, learningRate: Self.learningRate, weightDecay: .decoupled(Self.weightDecay))
        trainer = Trainer(epochs: 1, batchSize: batch)
    }

    func exercise() -> Exercise {
        Exercise(
            // The loops would take minutes a call.
            engine: { [self] in engineSteps(.max) }, naive: rows > 10_000 ? nil : { [self] in _ = naive(Float.self, .max) },
            verify: { [self] in try verify() },
            inputs: [("x", .float(x)), ("labels", .labels(labels, shape: [rows]))]
                + initial.parameters.map { ($0.name, .float($0.value)) },
            agreement: { [self] in Double(CrossEntropyLoss<Float>()(initial(examples.features.rows(0..<batch)), examples.labels[0..<batch]).item()) })
    }

    private func batches(_ steps: Int) -> some Sequence<Range<Int>> {
        stride(from: 0, to: rows, by: batch).prefix(steps).map { $0..<min(rows, $0 + batch) }
    }

    private func engineSteps(_ steps: Int) {
        // Of arguments: an object's property would be copied for each step.
        func learn(_ model: inout TwoLayers, _ optimizer: inout Adam<TwoLayers>) {
            for part in batches(steps) {
                optimizer.update(&model, along: trainer.gradient(at: model, examples, rows: order[part], seed: 0).gradient)
            }
        }
        learn(&model, &optimizer)
    }

    /// The parameters after some steps from the initial ones, by the naive loops.
    private func naive<T: Element>(_ type: T.Type, _ steps: Int) -> [[T]] {
        var parameters = initial.parameters.map { $0.value.scalars.map { T($0) } }
        var first = parameters.map { $0.map { _ in T(0) } }, second = first
        var powers = (first: 1.0, second: 1.0)
        let values = x.scalars
        for part in batches(steps) {
            var layers = NaiveTwoLayers(
                parameters: parameters, relu: true, x: values[part.lowerBound * sizes[0]..<part.upperBound * sizes[0]].map { T($0) },
                labels: Array(labels[part]), sizes: sizes)
            layers.differentiate()
            powers = (powers.first * 0.9, powers.second * 0.999)
            for i in parameters.indices {
                Reference.adamWStep(
                    &parameters[i], gradient: layers.gradients[i], first: &first[i], second: &second[i], powers: powers,
                    learningRate: Self.learningRate, weightDecay: Self.weightDecay)
            }
        }
        return parameters
    }

    /// Against the naive loops in Double, in hundredths of a step's size.
    private func verify() throws -> Verdict {
        model = initial
        optimizer = Adam(for: model, learningRate: Self.learningRate, weightDecay: .decoupled(Self.weightDecay))
        engineSteps(Self.verifiedSteps)
        let truth = naive(Double.self, Self.verifiedSteps)
        // A step is the rate times a gradient over its own size: where that is next to 0, rounding decides its sign. So a
        // parameter may be some steps off, but not many of them, and all together only a little.
        var verdict = Verdict(error: 0, bound: 1)
        for (index, parameter) in model.parameters.enumerated() {
            var squares = 0.0
            for (value, expected) in zip(parameter.value.scalars, truth[index]) {
                let apart = Double(value) - expected
                squares += apart * apart
            }
            let error = 100 * (squares / Double(truth[index].count)).squareRoot() / Self.learningRate
            verdict.error = max(verdict.error, error)
            guard error <= verdict.bound else {
                throw VerificationFailure(
                    description: "epoch: \(parameter.name) is \(error) hundredths of a step from the naive loops' in Double; expected at most \(verdict.bound)")
            }
        }
        model = initial
        optimizer = Adam(for: model, learningRate: Self.learningRate, weightDecay: .decoupled(Self.weightDecay))
        return verdict
    }
}
