import SurprisalKernels

/// An optimiser of a model's parameters that lie one after the other: it goes by elements, so one pass moves them all.
struct FlatOptimizer<M: Model>: Sendable {
    typealias Scalar = M.Scalar

    private struct Whole: Model {
        var all: Tensor<Scalar>
        mutating func forEachParameter(_ body: (String, inout Tensor<Scalar>) -> Void) { body("all", &all) }
    }

    private let parameters: [(name: String, shape: Shape)]
    /// What it came from, with the state that it had then.
    private let original: any Optimizer<M>
    /// One of them.
    private var sgd: SGD<Whole>?, adam: Adam<Whole>?

    /// Stops the program when the optimiser was made for another model.
    init(_ optimizer: SGD<M>, of model: M) {
        self.init(original: optimizer, optimizer.descent.parameters, of: model)
        var flat = SGD<Whole>(
            for: whole, learningRate: optimizer.learningRate, momentum: optimizer.momentum, dampening: optimizer.dampening,
            weightDecay: optimizer.weightDecay, nesterov: optimizer.isNesterov)
        restore(&flat)
        sgd = flat
    }

    /// As with `SGD`.
    init(_ optimizer: Adam<M>, of model: M) {
        self.init(original: optimizer, optimizer.moments.parameters, of: model)
        let decay: Adam<Whole>.WeightDecay = switch optimizer.weightDecay {
        case .none: .none
        case .decoupled(let factor): .decoupled(factor)
        case .l2(let factor): .l2(factor)
        }
        var flat = Adam<Whole>(
            for: whole, learningRate: optimizer.learningRate, betas: optimizer.betas, epsilon: optimizer.epsilon,
            weightDecay: decay)
        restore(&flat)
        adam = flat
    }

    private init(original: any Optimizer<M>, _ expected: ParameterList, of model: M) {
        self.original = original
        parameters = model.parameters.map { ($0.name, $0.value.shape) }
        expected.require(parameters)
    }

    private var whole: Whole { Whole(all: .zeros([parameters.reduce(0) { $0 + $1.shape.elementCount }])) }

    /// The state of all parameters as that of one.
    private func restore(_ flat: inout some Optimizer<Whole>) {
        let state = original.state, lists = parameters.isEmpty ? 0 : state.count / parameters.count
        let joined = (0..<lists).map { list in
            let parts = stride(from: list, to: state.count, by: lists).map { state[$0] }
            let suffix = parts[0].name.dropFirst(parameters[0].name.count)
            return (name: "all\(suffix)", value: Tensor(parts.flatMap(\.value.scalars), shape: whole.all.shape))
        }
        do { try flat.restore(joined, stepCount: original.stepCount) } catch { fatalError("optimiser: \(error)") }
    }

    /// The optimiser of the parameters apart, as it is now.
    var apart: any Optimizer<M> {
        func cut(_ flat: some Optimizer<Whole>) -> any Optimizer<M> {
            var state: [(name: String, value: Tensor<Scalar>)] = [], start = 0
            for (name, shape) in parameters {
                let range = start..<start + shape.elementCount
                for (all, value) in flat.state {
                    state.append((name + all.dropFirst(3), Tensor(shape: shape, buffer: value.buffer.copy(of: range))))
                }
                start = range.upperBound
            }
            var optimizer = original
            optimizer.learningRate = flat.learningRate
            do { try optimizer.restore(state, stepCount: flat.stepCount) } catch { fatalError("optimiser: \(error)") }
            return optimizer
        }
        if let sgd { return cut(sgd) }
        return adam.map { cut($0) } ?? original
    }

    var learningRate: Double {
        get { sgd?.learningRate ?? adam?.learningRate ?? original.learningRate }
        set {
            sgd?.learningRate = newValue
            adam?.learningRate = newValue
        }
    }

    /// Apart from the step that calls it: its numbers, whose layout is known at run time alone where the step is generic, would
    /// be asked for before the step knows that it is not.
    @inline(never)
    mutating func move(_ parameters: inout Buffer<Scalar>, along gradients: Buffer<Scalar>) {
        if let numbers = sgd?.nextStep() {
            sgd?.descent.move(&parameters, 0, along: gradients, numbers)
        } else if let step = adam?.nextStep() {
            adam?.moments.move(&parameters, 0, along: gradients, step)
        }
    }
}
