/// What moves a model's parameters against their gradient: a value that remembers what it needs of the steps before.
public protocol Optimizer<M>: Sendable {
    associatedtype M: Model

    var learningRate: Double { get set }
    mutating func update(_ model: inout M, along gradient: Gradient<M>)
}

extension SGD: Optimizer {}
extension Adam: Optimizer {}
