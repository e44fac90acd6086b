import Surprisal
import SurprisalReference

extension Workload {
    /// Loss, gradient and update of a classifier of two layers: by a `TrainingStep`, and by a model of one's own with
    /// `valueWithGradient`, which records a graph.
    static func step(_ number: Int, batch: Int, sizes: [Int], relu: Bool) -> [Workload] {
        // Two products a layer and the gradient of the second layer's input; the first's is not needed.
        let products = [sizes[0] * sizes[1] * 2, sizes[1] * sizes[2] * 3].reduce(0, +)
        let parameters = sizes[0] * sizes[1] + sizes[1] + sizes[1] * sizes[2] + sizes[2]
        return [false, true].map { recordsGraph in
            Workload(
                number: number, name: recordsGraph ? "step-graph" : "step",
                shape: sizes.map(String.init).joined(separator: "→") + " batch \(batch)",
                type: "Float", pass: .step, bytes: Double((batch * sizes[0] + 5 * parameters) * 4),
                operations: Double(2 * batch * products), limit: products < 10000 ? .none : .matrixProduct,
                make: { StepExercise(batch: batch, sizes: sizes, relu: relu, recordsGraph: recordsGraph).exercise() })
        }
    }
}

struct TwoLayers: Layer {
    var linear1: Linear<Float>, linear2: Linear<Float>
    let relu: Bool

    init(_ sizes: [Int], relu: Bool, using random: inout Inputs) {
        func layer(_ inputs: Int, _ outputs: Int) -> Linear<Float> {
            let deviation = 1 / Double(inputs).squareRoot()
            return Linear(
                weight: Tensor(random.normal(inputs * outputs, deviation: deviation), shape: [outputs, inputs]),
                bias: Tensor(random.normal(outputs, deviation: deviation)))
        }
        (linear1, linear2, self.relu) = (layer(sizes[0], sizes[1]), layer(sizes[1], sizes[2]), relu)
    }

    var layers: Sequential<Float> { relu ? Sequential(linear1, ReLU(), linear2) : Sequential(linear1, linear2) }

    func callAsFunction(_ x: Tensor<Float>) -> Tensor<Float> {
        relu ? linear2(linear1(x).relu()) : linear2(linear1(x))
    }

    mutating func forEachParameter(_ body: (String, inout Tensor<Float>) -> Void) {
        linear1.forEachParameter { body("linear1.\($0)", &$1) }
        linear2.forEachParameter { body("linear2.\($0)", &$1) }
    }
}

private final class StepExercise {
    static let learningRate = 0.01
    let batch: Int, sizes: [Int], recordsGraph: Bool
    let x: Tensor<Float>, y: Labels, labels: [Int]
    let initial: TwoLayers
    var model: TwoLayers, optimizer: SGD<TwoLayers>
    var step: TrainingStep<Float>
    let loss = CrossEntropyLoss<Float>()
    var naive: NaiveTwoLayers<Float>

    init(batch: Int, sizes: [Int], relu: Bool, recordsGraph: Bool) {
        (self.batch, self.sizes, self.recordsGraph) = (batch, sizes, recordsGraph)
        var random = Inputs(seed: UInt64(batch * sizes.reduce(1, *)))
        x = Tensor(random.normal(batch * sizes[0]), shape: [batch, sizes[0]])
        labels = random.labels(batch, classes: sizes[2])
        do { y = try Labels(labels, classCount: sizes[2]) } catch { fatalError("step: \(error)") }
        initial = TwoLayers(sizes, relu: relu, using: &random)
        model = initial
        optimizer = SGD(for: model, learningRate: Self.learningRate)
        step = TrainingStep(initial.layers, SGD(for: initial.layers, learningRate: Self.learningRate))
        naive = NaiveTwoLayers(initial, x: x.scalars, labels: labels, sizes: sizes)
    }

    func exercise() -> Exercise {
        Exercise(
            engine: recordsGraph ? { [self] in graphStep() } : { [self] in _ = step(x, y) }, naive: { [self] in naive.step(Self.learningRate) },
            verify: { [self] in try verify() },
            inputs: [("x", .float(x)), ("labels", .labels(labels, shape: [batch]))]
                + initial.parameters.map { ($0.name, .float($0.value)) },
            agreement: { [self] in Double(loss(initial(x), y).item()) })
    }

    private func graphStep() {
        let (_, gradient) = valueWithGradient(at: model) { loss($0(x), y) }
        optimizer.update(&model, along: gradient)
    }

    /// One step from the initial parameters, against the naive loops in Float and, for the truth, in Double.
    private func verify() throws -> Verdict {
        model = initial
        optimizer = SGD(for: model, learningRate: Self.learningRate)
        step = TrainingStep(initial.layers, SGD(for: initial.layers, learningRate: Self.learningRate))
        if recordsGraph { graphStep() } else { step(x, y) }
        let parameters = recordsGraph ? model.parameters : step.model.parameters
        naive = NaiveTwoLayers(initial, x: x.scalars, labels: labels, sizes: sizes)
        naive.step(Self.learningRate)
        var truth = NaiveTwoLayers<Double>(initial, x: x.scalars.map { Double($0) }, labels: labels, sizes: sizes)
        truth.step(Self.learningRate)
        // A parameter less 0.01 times a gradient whose sums have up to `sizes[0]` terms: a few ULP of the parameter,
        // or of the largest one where it is near 0.
        var verdict = Verdict(error: 0, bound: 4)
        for (index, parameter) in parameters.enumerated() {
            let largest = truth.parameters[index].reduce(0) { max($0, $1.magnitude) }
            for (i, value) in parameter.value.scalars.enumerated() {
                let unit = Double(Float(largest).ulp)
                let error = (Double(value) - truth.parameters[index][i]).magnitude / unit
                verdict.error = max(verdict.error, error)
                let apart = Double((value - naive.parameters[index][i]).magnitude) / unit
                guard error <= verdict.bound, apart <= 2 * verdict.bound else {
                    throw VerificationFailure(
                        description: "step: \(parameter.name)[\(i)] is \(value), the naive loops' \(naive.parameters[index][i]), in Double \(truth.parameters[index][i]); expected within \(verdict.bound * unit)")
                }
            }
        }
        model = initial
        return verdict
    }
}
