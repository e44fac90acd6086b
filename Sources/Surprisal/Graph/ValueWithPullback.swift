import SurprisalKernels

/// A tensor of any shape computed from others, and the way back: what turns its gradient into theirs.
///
/// - Parameter body: computes a tensor from tracked copies of `inputs`.
/// - Returns: that tensor, no longer tracked, and its pullback, which may be called any number of times: from the
///   gradient of the value, of its shape, to the vector-Jacobian products, of the inputs' shapes. Another shape
///   stops the program.
/// - Complexity: of the pullback, a small constant times the time of `body`.
@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
public func valueWithPullback<Scalar>(
    at inputs: [Tensor<Scalar>], _ body: ([Tensor<Scalar>]) throws -> Tensor<Scalar>
) rethrows -> (value: Tensor<Scalar>, pullback: @Sendable (Tensor<Scalar>) -> [Tensor<Scalar>]) {
    let leaves = TrackedInputs(inputs)
    let value = try body(leaves.tensors)
    let root = value.node, shape = value.shape
    return (value.withoutGraph, { upstream in
        if upstream.shape != shape {
            fatalError("pullback: an upstream gradient of shape \(upstream.shape); expected the value's, \(shape)")
        }
        return leaves.gradients(from: root, upstream: upstream.detached)
    })
}

/// A tensor of any shape computed from another, and the way back.
@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
public func valueWithPullback<Scalar>(
    at input: Tensor<Scalar>, _ body: (Tensor<Scalar>) throws -> Tensor<Scalar>
) rethrows -> (value: Tensor<Scalar>, pullback: @Sendable (Tensor<Scalar>) -> Tensor<Scalar>) {
    let (value, pullback) = try valueWithPullback(at: [input]) { try body($0[0]) }
    return (value, { pullback($0)[0] })
}
