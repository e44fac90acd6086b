/// What moves a model's parameters against their gradient: a value that remembers what it needs of the steps before.
public protocol Optimizer<M>: Sendable {
    associatedtype M: Model

    var learningRate: Double { get set }
    /// How many steps were taken.
    var stepCount: Int { get }
    mutating func update(_ model: inout M, along gradient: Gradient<M>)

    /// What it remembers, by name.
    var state: [(name: String, value: Tensor<M.Scalar>)] { get }
    /// Goes on from a state as if the steps before had been its own.
    mutating func restore(
        _ state: [(name: String, value: Tensor<M.Scalar>)], stepCount: Int
    ) throws(OptimizerStateError)
}

extension SGD: Optimizer {}
extension Adam: Optimizer {}
