import SurprisalKernels

/// Stochastic gradient descent with momentum, by PyTorch's formula: `v ← μ·v + (1 − τ)·g` (v = g at first),
/// `p ← p − η·v`, with the learning rate η, momentum μ and dampening τ.
public struct SGD<M: Model>: Sendable {
    /// η; setting a negative one, or NaN, stops the program.
    public var learningRate: Double { didSet { Self.check(learningRate, "learningRate") } }
    public let momentum: Double
    public let dampening: Double
    @usableFromInline var descent: Descent<M.Scalar>

    /// Stops the program when a rate is negative or not a number.
    public init(for model: M, learningRate: Double, momentum: Double = 0, dampening: Double = 0) {
        Self.check(learningRate, "learningRate")
        Self.check(momentum, "momentum")
        Self.check(dampening, "dampening")
        self.learningRate = learningRate
        self.momentum = momentum
        self.dampening = dampening
        descent = Descent(model.parameters.map { ($0.name, $0.value.shape) })
    }

    private static func check(_ rate: Double, _ name: String) {
        guard rate >= 0, rate.isFinite else { fatalError("SGD: \(name) is \(rate); expected at least 0") }
    }

    /// Moves the model's parameters against their gradient.
    ///
    /// Stops the program when the model's parameters are not those it was made for.
    /// - Complexity: O(parameters); in place where nobody else holds a parameter.
    @inlinable
    public mutating func update(_ model: inout M, along gradient: Gradient<M>) {
        let gradients = gradient.inOrder
        let (rate, momentum, fresh) = (M.Scalar(learningRate), M.Scalar(momentum), M.Scalar(1 - dampening))
        var next = 0
        model.forEachParameter { name, parameter in
            descent.move(&parameter, next, name, gradients, rate: rate, momentum: momentum, fresh: fresh)
            next += 1
        }
    }
}
