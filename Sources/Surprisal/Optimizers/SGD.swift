import SurprisalKernels

/// Stochastic gradient descent with momentum, by PyTorch's formula: `v ← μ·v + (1 − τ)·g` (v = g at first),
/// `p ← p − η·v`, with the learning rate η, momentum μ and dampening τ.
public struct SGD<M: Model>: Sendable {
    /// η; setting a negative one, or NaN, stops the program.
    public var learningRate: Double { didSet { Self.check(learningRate, "learningRate") } }
    public let momentum: Double
    public let dampening: Double
    private let shapes: [(name: String, shape: Shape)]
    /// One a parameter, from the first update with momentum on.
    private var velocities: [Buffer<M.Scalar>] = []

    /// Stops the program when a rate is negative or not a number.
    public init(for model: M, learningRate: Double, momentum: Double = 0, dampening: Double = 0) {
        Self.check(learningRate, "learningRate")
        Self.check(momentum, "momentum")
        Self.check(dampening, "dampening")
        self.learningRate = learningRate
        self.momentum = momentum
        self.dampening = dampening
        shapes = model.parameters.map { ($0.name, $0.value.shape) }
    }

    private static func check(_ rate: Double, _ name: String) {
        guard rate >= 0, rate.isFinite else { fatalError("SGD: \(name) is \(rate); expected at least 0") }
    }

    /// Moves the model's parameters against their gradient.
    ///
    /// Stops the program when the model's parameters are not those it was made for.
    /// - Complexity: O(parameters); in place where nobody else holds a parameter.
    public mutating func update(_ model: inout M, along gradient: Gradient<M>) {
        let gradients = gradient.parameters
        let (rate, momentum, fresh) = (M.Scalar(learningRate), M.Scalar(momentum), M.Scalar(1 - dampening))
        let isFirst = velocities.isEmpty
        // Copied within the optimiser when it is itself a copy, in place otherwise.
        var kept: [Buffer<M.Scalar>] = []
        swap(&kept, &velocities)
        var next = 0
        model.forEachParameter { name, parameter in
            guard next < shapes.count, next < gradients.count, shapes[next] == (name, parameter.shape),
                gradients[next].value.shape == parameter.shape
            else {
                let expected = next < shapes.count ? "\(shapes[next].name) of shape \(shapes[next].shape)" : "no more"
                let found = next < gradients.count ? "\(gradients[next].value.shape)" : "missing"
                fatalError(
                    "SGD: parameter \(name) has shape \(parameter.shape), its gradient \(found); expected \(expected)")
            }
            let g = gradients[next].value.buffer
            var p = parameter.buffer
            let shape = parameter.shape
            // Let go of the parameter's memory, so that it is written in place.
            parameter = Tensor(shape: [0], buffer: Buffer(uninitialized: 0))
            if momentum == 0 {
                descend(&p, along: g, rate)
            } else {
                if isFirst {
                    kept.append(g)
                } else {
                    gather(&kept[next], g, momentum, fresh)
                }
                descend(&p, along: kept[next], rate)
            }
            parameter = Tensor(shape: shape, buffer: p)
            next += 1
        }
        velocities = kept
    }
}

/// v ← μ·v + fresh·g
@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
private func gather<Scalar: Surprisal.Scalar>(
    _ velocity: inout Buffer<Scalar>, _ gradient: Buffer<Scalar>, _ momentum: Scalar, _ fresh: Scalar
) {
    var v = velocity.mutableSpan
    let g = gradient.span
    for i in v.indices { v[i] = momentum * v[i] + fresh * g[i] }
}

/// p ← p − η·v
@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
private func descend<Scalar: Surprisal.Scalar>(
    _ parameter: inout Buffer<Scalar>, along velocity: Buffer<Scalar>, _ rate: Scalar
) {
    var p = parameter.mutableSpan
    let v = velocity.span
    for i in p.indices { p[i] -= rate * v[i] }
}
