/// Anything with named parameters: a value.
public protocol Model<Scalar>: Sendable {
    associatedtype Scalar: Surprisal.Scalar

    /// Calls `body` with the name of each parameter (PyTorch's, `hidden.weight`) and the parameter, always in
    /// the same order.
    mutating func forEachParameter(_ body: (String, inout Tensor<Scalar>) -> Void)
}

extension Model {
    /// Name and value of each parameter.
    public var parameters: [(name: String, value: Tensor<Scalar>)] {
        var model = self
        var list: [(String, Tensor<Scalar>)] = []
        model.forEachParameter { name, value in list.append((name, value)) }
        return list
    }

    /// The number of numbers in all parameters.
    public var parameterCount: Int {
        var model = self, count = 0
        model.forEachParameter { count += $1.count }
        return count
    }
}
