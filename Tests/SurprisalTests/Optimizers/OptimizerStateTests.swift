import Surprisal
import Testing

@Suite struct OptimizerStateTests {
    private let x: Tensor<Float> = CrossEntropyRelationTests.logits([20, 3])
    private let y = CrossEntropyRelationTests.labels([20, 2], all: true)

    private func start() -> Linear<Float> {
        var generator = TorchGenerator(seed: 4)
        return Linear(3, 2, using: &generator)
    }

    private func gradient(_ model: Linear<Float>) -> Gradient<Linear<Float>> {
        valueWithGradient(at: model) { CrossEntropyLoss()($0(x), y) }.gradient
    }

    @Test(arguments: [0, 1, 4]) func adamGoesOnWithTheSameBits(interruption: Int) throws {
        var model = start()
        var optimizer = Adam(for: model, learningRate: 0.1, weightDecay: .decoupled(0.01))
        for _ in 0..<interruption { optimizer.update(&model, along: gradient(model)) }
        var other = model, resumed = Adam(for: other, learningRate: 0.1, weightDecay: .decoupled(0.01))
        try resumed.restore(optimizer.state.reversed(), stepCount: optimizer.stepCount)
        for _ in 0..<5 {
            optimizer.update(&model, along: gradient(model))
            resumed.update(&other, along: gradient(other))
            #expect(other.weight == model.weight && other.bias == model.bias)
        }
        #expect(optimizer.state.map(\.name) == ["weight.exp_avg", "weight.exp_avg_sq", "bias.exp_avg", "bias.exp_avg_sq"])
        #expect(resumed.stepCount == interruption + 5)
    }

    @Test(arguments: [0, 1, 4], [0, 0.9]) func gradientDescentGoesOnWithTheSameBits(interruption: Int, momentum: Double) throws {
        func make(_ model: Linear<Float>) -> SGD<Linear<Float>> {
            SGD(for: model, learningRate: 0.1, momentum: momentum, weightDecay: 0.01, nesterov: momentum > 0)
        }
        var model = start()
        var optimizer = make(model)
        for _ in 0..<interruption { optimizer.update(&model, along: gradient(model)) }
        var other = model, resumed = make(other)
        try resumed.restore(optimizer.state, stepCount: optimizer.stepCount)
        for _ in 0..<5 {
            optimizer.update(&model, along: gradient(model))
            resumed.update(&other, along: gradient(other))
            #expect(other.weight == model.weight && other.bias == model.bias)
        }
        #expect(optimizer.state.map(\.name) == (momentum == 0 ? [] : ["weight.momentum_buffer", "bias.momentum_buffer"]))
    }

    @Test func refusesWhatIsNotItsOwn() throws {
        var model = start()
        var optimizer = Adam(for: model)
        optimizer.update(&model, along: gradient(model))
        let state = optimizer.state
        let missing = OptimizerStateError.missing("bias.exp_avg_sq", shape: [2])
        #expect(throws: missing) { try optimizer.restore(state.dropLast(), stepCount: 1) }
        #expect("\(missing)" == "bias.exp_avg_sq is missing; expected a tensor of shape [2]")
        #expect(throws: OptimizerStateError.shape("weight.exp_avg", found: [3, 2], expected: [2, 3])) {
            try optimizer.restore([("weight.exp_avg", .zeros([3, 2]))] + state.dropFirst(), stepCount: 1)
        }
        #expect(throws: OptimizerStateError.unexpected("weight.exp_avg")) { try optimizer.restore(state + state.prefix(1), stepCount: 1) }
        #expect(throws: OptimizerStateError.unexpected("other")) { try optimizer.restore(state + [("other", .zeros([1]))], stepCount: 1) }
        #expect(throws: OptimizerStateError.stepCount(-1)) { try optimizer.restore(state, stepCount: -1) }
        // Before the first step there is nothing to have.
        #expect(throws: OptimizerStateError.unexpected("weight.exp_avg")) { try optimizer.restore(state, stepCount: 0) }
        // Nothing of that has changed it.
        #expect(optimizer.stepCount == 1)
        for (found, kept) in zip(optimizer.state, state) { #expect(found == kept) }
    }
}
