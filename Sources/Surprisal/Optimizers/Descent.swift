import SurprisalKernels

/// What one step of gradient descent multiplies by.
@usableFromInline
struct DescentNumbers<Scalar: Surprisal.Scalar> {
    let rate, momentum, fresh, weightDecay: Scalar
    let isNesterov: Bool
}

/// What gradient descent knows of its parameters: of `Scalar` alone, so that it is compiled for Float and Double.
@usableFromInline
struct Descent<Scalar: Surprisal.Scalar>: Sendable {
    let parameters: ParameterList
    /// One a parameter, from the first update with momentum on.
    private var velocities: [Buffer<Scalar>] = []

    init(_ parameters: [(name: String, shape: Shape)]) { self.parameters = ParameterList("SGD", parameters) }

    var state: [(name: String, value: Tensor<Scalar>)] { parameters.named([("momentum_buffer", velocities)]) }

    mutating func restore(
        _ state: [(name: String, value: Tensor<Scalar>)], isBegun: Bool
    ) throws(OptimizerStateError) {
        let lists = try parameters.buffers(state, isBegun ? ["momentum_buffer"] : [])
        velocities = isBegun ? lists[0] : []
    }

    /// Moves a model's parameter with this place and name against its gradient.
    @usableFromInline
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    mutating func move(
        _ parameter: inout Tensor<Scalar>, _ place: Int, _ name: String, _ gradients: [Tensor<Scalar>],
        _ numbers: DescentNumbers<Scalar>
    ) {
        parameters.require(parameter.shape, place, name, gradients)
        move(&parameter.buffer, place, along: gradients[place].buffer, numbers)
        // It is nobody's result now.
        if parameter.isTracked || parameter.operation != nil { parameter = parameter.detached }
    }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    mutating func move(
        _ parameter: inout Buffer<Scalar>, _ place: Int, along found: Buffer<Scalar>, _ numbers: DescentNumbers<Scalar>
    ) {
        if numbers.weightDecay == 0, numbers.momentum == 0 { return descend(&parameter, along: found, numbers.rate) }
        var gradient = found
        if numbers.weightDecay != 0 { gather(&gradient, parameter, kept: 1, fresh: numbers.weightDecay) }
        if numbers.momentum == 0 { return descend(&parameter, along: gradient, numbers.rate) }
        if place >= velocities.count {
            velocities.append(gradient)
        } else {
            gather(&velocities[place], gradient, kept: numbers.momentum, fresh: numbers.fresh)
        }
        if numbers.isNesterov {
            gather(&gradient, velocities[place], kept: 1, fresh: numbers.momentum)
            descend(&parameter, along: gradient, numbers.rate)
        } else {
            descend(&parameter, along: velocities[place], numbers.rate)
        }
    }

    private func descend(_ parameter: inout Buffer<Scalar>, along velocity: Buffer<Scalar>, _ rate: Scalar) {
        var p = parameter.mutableSpan
        Scalar.descend(&p, along: velocity.span, rate: rate)
    }

    /// v ← kept·v + fresh·g
    private func gather(_ v: inout Buffer<Scalar>, _ g: Buffer<Scalar>, kept: Scalar, fresh: Scalar) {
        var out = v.mutableSpan
        Scalar.gather(&out, g.span, momentum: kept, fresh: fresh)
    }
}
