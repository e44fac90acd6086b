import SurprisalKernels

/// Stochastic gradient descent with momentum, by PyTorch's formula: `v ← μ·v + (1 − τ)·g` (v = g at first),
/// `p ← p − η·v`, with the learning rate η, momentum μ and dampening τ; with Nesterov's momentum `p ← p − η·(g + μ·v)`. A
/// weight decay λ makes `g + λ·p` of g.
public struct SGD<M: Model>: Sendable {
    /// η; setting a negative one, or NaN, stops the program.
    public var learningRate: Double { didSet { Self.check(learningRate, "learningRate") } }
    public let momentum: Double
    public let dampening: Double
    public let weightDecay: Double
    public let isNesterov: Bool
    /// How many steps were taken.
    public internal(set) var stepCount = 0
    @usableFromInline var descent: Descent<M.Scalar>

    /// Stops the program when a rate is negative or not a number, and for Nesterov's momentum without a momentum or with
    /// dampening.
    public init(
        for model: M, learningRate: Double, momentum: Double = 0, dampening: Double = 0, weightDecay: Double = 0,
        nesterov: Bool = false
    ) {
        Self.check(learningRate, "learningRate")
        Self.check(momentum, "momentum")
        Self.check(dampening, "dampening")
        Self.check(weightDecay, "weightDecay")
        if nesterov, momentum == 0 || dampening != 0 {
            fatalError("SGD: nesterov with momentum \(momentum) and dampening \(dampening); expected a momentum, and no dampening")
        }
        self.learningRate = learningRate
        self.momentum = momentum
        self.dampening = dampening
        self.weightDecay = weightDecay
        isNesterov = nesterov
        descent = Descent(model.parameters.map { ($0.name, $0.value.shape) })
    }

    private static func check(_ rate: Double, _ name: String) {
        guard rate >= 0, rate.isFinite else { fatalError("SGD: \(name) is \(rate); expected at least 0") }
    }

    @usableFromInline mutating func nextStep() -> DescentNumbers<M.Scalar> {
        stepCount += 1
        return DescentNumbers(
            rate: M.Scalar(learningRate), momentum: M.Scalar(momentum), fresh: M.Scalar(1 - dampening),
            weightDecay: M.Scalar(weightDecay), isNesterov: isNesterov)
    }

    /// Moves the model's parameters against their gradient.
    ///
    /// Stops the program when the model's parameters are not those it was made for.
    /// - Complexity: O(parameters); in place where nobody else holds a parameter.
    @inlinable
    public mutating func update(_ model: inout M, along gradient: Gradient<M>) {
        let gradients = gradient.inOrder
        let numbers = nextStep()
        var next = 0
        model.forEachParameter { name, parameter in
            descent.move(&parameter, next, name, gradients, numbers)
            next += 1
        }
    }
}
