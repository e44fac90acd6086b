import SurprisalKernels

/// What an optimiser of one kind of model knows of its parameters: of `Scalar` alone, so that it is compiled for Float
/// and Double.
@usableFromInline
struct Descent<Scalar: Surprisal.Scalar>: Sendable {
    private let parameters: [(name: String, shape: Shape)]
    /// One a parameter, from the first update with momentum on.
    private var velocities: [Buffer<Scalar>] = []

    init(_ parameters: [(name: String, shape: Shape)]) { self.parameters = parameters }

    /// Moves a model's parameter with this place and name against its gradient.
    @usableFromInline
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    mutating func move(
        _ parameter: inout Tensor<Scalar>, _ place: Int, _ name: String, _ gradients: [Tensor<Scalar>], rate: Scalar,
        momentum: Scalar, fresh: Scalar
    ) {
        guard place < parameters.count, place < gradients.count, parameters[place] == (name, parameter.shape),
            gradients[place].shape == parameter.shape
        else { refuse(parameter.shape, place, name, gradients) }
        let gradient = gradients[place].buffer
        if momentum == 0 {
            descend(&parameter.buffer, along: gradient, rate)
        } else {
            if place >= velocities.count {
                velocities.append(gradient)
            } else {
                gather(&velocities[place], gradient, momentum: momentum, fresh: fresh)
            }
            descend(&parameter.buffer, along: velocities[place], rate)
        }
        // It is nobody's result now.
        if parameter.isTracked || parameter.operation != nil { parameter = parameter.detached }
    }

    private func descend(_ parameter: inout Buffer<Scalar>, along velocity: Buffer<Scalar>, _ rate: Scalar) {
        var p = parameter.mutableSpan
        Scalar.descend(&p, along: velocity.span, rate: rate)
    }

    private func gather(_ velocity: inout Buffer<Scalar>, _ gradient: Buffer<Scalar>, momentum: Scalar, fresh: Scalar) {
        var v = velocity.mutableSpan
        Scalar.gather(&v, gradient.span, momentum: momentum, fresh: fresh)
    }

    private func refuse(_ shape: Shape, _ place: Int, _ name: String, _ gradients: [Tensor<Scalar>]) -> Never {
        let expected = place < parameters.count
            ? "\(parameters[place].name) of shape \(parameters[place].shape)" : "no more"
        let found = place < gradients.count ? "\(gradients[place].shape)" : "missing"
        fatalError("SGD: parameter \(name) has shape \(shape), its gradient \(found); expected \(expected)")
    }
}
