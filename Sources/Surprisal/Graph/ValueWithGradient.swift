import SurprisalKernels

extension Tensor {
    /// The same numbers and the operation's name, without the graph behind them.
    var withoutGraph: Tensor { Tensor(shape: shape, buffer: buffer, operation: operation) }
}

/// A scalar and its gradient with respect to a tensor.
///
/// - Parameter body: computes one number from a tracked copy of `input`.
/// - Returns: that number, no longer tracked, and the gradient, of the input's shape; 0 where the number does
///   not depend on it. First derivatives only: what `body` computes by a `valueWithGradient` of its own is a
///   constant to this one.
/// - Complexity: a small constant times the time of `body`.
@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
public func valueWithGradient<Scalar>(
    at input: Tensor<Scalar>, _ body: (Tensor<Scalar>) throws -> Tensor<Scalar>
) rethrows -> (value: Tensor<Scalar>, gradient: Tensor<Scalar>) {
    let (value, gradients) = try valueWithGradient(at: [input]) { try body($0[0]) }
    return (value, gradients[0])
}

/// A scalar and its gradients with respect to two tensors.
@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
public func valueWithGradient<Scalar>(
    at first: Tensor<Scalar>, _ second: Tensor<Scalar>,
    _ body: (Tensor<Scalar>, Tensor<Scalar>) throws -> Tensor<Scalar>
) rethrows -> (value: Tensor<Scalar>, gradients: (Tensor<Scalar>, Tensor<Scalar>)) {
    let (value, gradients) = try valueWithGradient(at: [first, second]) { try body($0[0], $0[1]) }
    return (value, (gradients[0], gradients[1]))
}

/// A scalar and its gradients with respect to three tensors.
@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
public func valueWithGradient<Scalar>(
    at first: Tensor<Scalar>, _ second: Tensor<Scalar>, _ third: Tensor<Scalar>,
    _ body: (Tensor<Scalar>, Tensor<Scalar>, Tensor<Scalar>) throws -> Tensor<Scalar>
) rethrows -> (value: Tensor<Scalar>, gradients: (Tensor<Scalar>, Tensor<Scalar>, Tensor<Scalar>)) {
    let (value, gradients) = try valueWithGradient(at: [first, second, third]) { try body($0[0], $0[1], $0[2]) }
    return (value, (gradients[0], gradients[1], gradients[2]))
}

/// A scalar and its gradients with respect to any number of tensors.
@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
public func valueWithGradient<Scalar>(
    at inputs: [Tensor<Scalar>], _ body: ([Tensor<Scalar>]) throws -> Tensor<Scalar>
) rethrows -> (value: Tensor<Scalar>, gradients: [Tensor<Scalar>]) {
    var leaves = TrackedInputs(inputs)
    return leaves.differentiated(try body(leaves.tensors))
}

/// A scalar and its gradient with respect to all parameters of a model.
///
/// - Parameter body: computes one number, a loss, from a tracked copy of `model`.
@inlinable
public func valueWithGradient<M: Model>(
    at model: M, _ body: (M) throws -> Tensor<M.Scalar>
) rethrows -> (value: Tensor<M.Scalar>, gradient: Gradient<M>) {
    var values = model
    let (value, gradients) = try valueWithGradients(tracking: &values, body)
    return (value, Gradient(at: values, inOrder: gradients))
}

/// The gradients alone, a parameter each, in their order; the model's parameters are tracked ones after.
@inlinable
func valueWithGradients<M: Model>(
    tracking model: inout M, _ body: (M) throws -> Tensor<M.Scalar>
) rethrows -> (value: Tensor<M.Scalar>, gradients: [Tensor<M.Scalar>]) {
    var leaves = TrackedInputs<M.Scalar>()
    model.forEachParameter { _, parameter in leaves.track(&parameter) }
    return leaves.differentiated(try body(model))
}

/// The gradient of a number with respect to a model: a tensor for each parameter, found under the same
/// path, `gradient.hidden.weight`.
@dynamicMemberLookup
public struct Gradient<M: Model>: Sendable {
    /// A model whose parameters are the gradient.
    public let values: M
    /// The same without the names, which take longer to make than a small parameter's update.
    @usableFromInline let inOrder: [Tensor<M.Scalar>]

    /// - Parameter inOrder: one a parameter of the model.
    @inlinable
    init(at model: consuming M, inOrder: [Tensor<M.Scalar>]) {
        var values = model, next = 0
        values.forEachParameter { _, parameter in
            parameter = inOrder[next]
            next += 1
        }
        self.values = values
        self.inOrder = inOrder
    }

    public subscript<Value>(dynamicMember path: KeyPath<M, Value>) -> Value { values[keyPath: path] }

    /// Name and gradient of each parameter, in the model's order.
    public var parameters: [(name: String, value: Tensor<M.Scalar>)] { values.parameters }
}
