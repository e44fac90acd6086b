import SurprisalKernels

/// Why an optimiser cannot go on from a state.
public enum OptimizerStateError: Error, Equatable, CustomStringConvertible {
    case missing(String, shape: Shape)
    case shape(String, found: Shape, expected: Shape)
    /// A tensor that belongs to no parameter, or is there twice.
    case unexpected(String)
    case stepCount(Int)

    public var description: String {
        switch self {
        case .missing(let name, let shape): "\(name) is missing; expected a tensor of shape \(shape)"
        case .shape(let name, let found, let expected): "\(name) has shape \(found); expected \(expected)"
        case .unexpected(let name): "\(name) is none of the optimiser's tensors, or there twice"
        case .stepCount(let count): "step count \(count); expected at least 0"
        }
    }
}

extension ParameterList {
    /// What an optimiser keeps for each parameter under PyTorch's names: `hidden.weight.exp_avg`.
    func named<Scalar>(_ lists: [(suffix: String, buffers: [Buffer<Scalar>])]) -> [(name: String, value: Tensor<Scalar>)] {
        var state: [(name: String, value: Tensor<Scalar>)] = []
        for (place, parameter) in parameters.enumerated() {
            for (suffix, buffers) in lists where place < buffers.count {
                state.append((
                    "\(parameter.name).\(suffix)", Tensor(shape: parameter.shape, buffer: buffers[place])))
            }
        }
        return state
    }

    /// The buffers of each suffix, in the parameters' order.
    func buffers<Scalar>(
        _ state: [(name: String, value: Tensor<Scalar>)], _ suffixes: [String]
    ) throws(OptimizerStateError) -> [[Buffer<Scalar>]] {
        var found: [String: Tensor<Scalar>] = [:]
        for (name, value) in state {
            if found.updateValue(value, forKey: name) != nil { throw .unexpected(name) }
        }
        var lists = [[Buffer<Scalar>]](repeating: [], count: suffixes.count)
        for parameter in parameters {
            for (list, suffix) in suffixes.enumerated() {
                let name = "\(parameter.name).\(suffix)"
                guard let value = found.removeValue(forKey: name) else { throw .missing(name, shape: parameter.shape) }
                guard value.shape == parameter.shape else {
                    throw .shape(name, found: value.shape, expected: parameter.shape)
                }
                lists[list].append(value.buffer)
            }
        }
        for (name, _) in state where found[name] != nil { throw .unexpected(name) }
        return lists
    }
}

extension Adam {
    /// The averages of the gradients and of their squares, of each parameter: `hidden.weight.exp_avg`,
    /// `hidden.weight.exp_avg_sq`, …, as in PyTorch; none before the first step.
    public var state: [(name: String, value: Tensor<M.Scalar>)] { moments.state }

    /// Goes on from a state as if the steps before had been this optimiser's: the next updates have the same bits.
    /// The options, the learning rate among them, are not part of it.
    ///
    /// Throws, and leaves the optimiser as it is, when a tensor is missing, of another shape, or one too many.
    public mutating func restore(
        _ state: [(name: String, value: Tensor<M.Scalar>)], stepCount: Int
    ) throws(OptimizerStateError) {
        guard stepCount >= 0 else { throw .stepCount(stepCount) }
        try moments.restore(state, isBegun: stepCount > 0)
        self.stepCount = stepCount
    }
}

extension SGD {
    /// The velocity of each parameter: `hidden.weight.momentum_buffer`, as in PyTorch; none without momentum, or before the
    /// first step.
    public var state: [(name: String, value: Tensor<M.Scalar>)] { descent.state }

    /// Goes on from a state as if the steps before had been this optimiser's: the next updates have the same bits.
    /// The options, the learning rate among them, are not part of it.
    ///
    /// Throws, and leaves the optimiser as it is, when a tensor is missing, of another shape, or one too many.
    public mutating func restore(
        _ state: [(name: String, value: Tensor<M.Scalar>)], stepCount: Int
    ) throws(OptimizerStateError) {
        guard stepCount >= 0 else { throw .stepCount(stepCount) }
        try descent.restore(state, isBegun: stepCount > 0 && momentum != 0)
        self.stepCount = stepCount
    }
}
