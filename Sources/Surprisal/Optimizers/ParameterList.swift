import SurprisalKernels

/// The parameters that an optimiser was made for.
struct ParameterList: Sendable {
    let optimizer: String
    let parameters: [(name: String, shape: Shape)]

    init(_ optimizer: String, _ parameters: [(name: String, shape: Shape)]) {
        (self.optimizer, self.parameters) = (optimizer, parameters)
    }

    /// Stops the program when a model's parameter with this place and name, or its gradient, is another.
    func require<Scalar>(_ shape: Shape, _ place: Int, _ name: String, _ gradients: [Tensor<Scalar>]) {
        if place < parameters.count, place < gradients.count, parameters[place] == (name, shape),
            gradients[place].shape == shape { return }
        let expected = place < parameters.count
            ? "\(parameters[place].name) of shape \(parameters[place].shape)" : "no more"
        let found = place < gradients.count ? "\(gradients[place].shape)" : "missing"
        fatalError("\(optimizer): parameter \(name) has shape \(shape), its gradient \(found); expected \(expected)")
    }

    /// Stops the program when a model's parameters are others.
    func require(_ found: [(name: String, shape: Shape)]) {
        for place in 0..<max(parameters.count, found.count) {
            if place < parameters.count, place < found.count, parameters[place] == found[place] { continue }
            func text(_ list: [(name: String, shape: Shape)]) -> String {
                place < list.count ? "\(list[place].name) of shape \(list[place].shape)" : "no more"
            }
            fatalError("\(optimizer): parameter \(place) of the model is \(text(found)); expected \(text(parameters))")
        }
    }
}
