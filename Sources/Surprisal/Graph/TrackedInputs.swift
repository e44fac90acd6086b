import SurprisalKernels

/// The leaves of a graph, and the way back to them.
///
/// Of `Scalar` alone, so that it is compiled for Float and Double; what depends on a model is in the functions that
/// use it, compiled with the model.
@usableFromInline
struct TrackedInputs<Scalar: Surprisal.Scalar>: Sendable {
    /// The tracked inputs; on the way back each is replaced by its gradient, which is not tracked.
    @usableFromInline private(set) var tensors: [Tensor<Scalar>] = []
    /// Of all the leaves.
    private let number: UInt64

    @usableFromInline
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    init() {
        number = Node<Scalar>.nextNumber()
        tensors.reserveCapacity(8)
    }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    init(_ inputs: [Tensor<Scalar>]) {
        self.init()
        tensors.reserveCapacity(inputs.count)
        for var input in inputs { track(&input) }
    }

    /// Makes a tensor a leaf of the graph, with the same numbers.
    ///
    /// Stops the program when it is tracked already: the gradient of an inner call is not tracked, so that of
    /// an outer one would silently be 0.
    @usableFromInline
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    mutating func track(_ input: inout Tensor<Scalar>) {
        if input.isTracked {
            fatalError("valueWithGradient: the input is tracked by an outer one; there are first derivatives only (take its `detached`)")
        }
        input = Tensor(
            shape: input.shape, buffer: input.buffer, node: Node(place: tensors.count, of: number))
        tensors.append(input)
    }

    /// The value and the gradients of a scalar with respect to the inputs, in their order.
    ///
    /// Stops the program when it is not a scalar: a gradient of several would be a matrix.
    @usableFromInline
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    mutating func differentiated(
        _ output: consuming Tensor<Scalar>
    ) -> (value: Tensor<Scalar>, gradients: [Tensor<Scalar>]) {
        if output.count != 1 {
            fatalError("gradient: the output has shape \(output.shape); expected a single number (sum or mean it)")
        }
        let value = output.withoutGraph, root = output.node
        _ = consume output
        goBack(from: root, upstream: Tensor(repeating: 1, shape: value.shape))
        return (value, tensors)
    }

    /// The gradients of a tensor with this node with respect to the inputs, in their order.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    func gradients(from root: Node<Scalar>?, upstream: Tensor<Scalar>) -> [Tensor<Scalar>] {
        var inputs = self
        inputs.goBack(from: root, upstream: upstream)
        return inputs.tensors
    }

    /// Goes back from a node, to each node once, after all that were computed from it.
    private mutating func goBack(from root: Node<Scalar>?, upstream: Tensor<Scalar>) {
        if let root {
            var pending = PendingGradients<Scalar>()
            if root.place >= 0 { add(upstream, to: root) } else { pending.add(upstream, for: root) }
            while let (node, upstream) = pending.popYoungest() {
                node.forEachEdge { edge in
                    let gradient = edge.pullback(upstream)
                    if edge.node.place >= 0 {
                        add(gradient, to: edge.node)
                    } else {
                        pending.add(gradient, for: edge.node)
                    }
                }
            }
        }
        // What the output does not depend on.
        for place in tensors.indices where tensors[place].isTracked { tensors[place] = .zeros(tensors[place].shape) }
    }

    /// Leaves of another call are constants of this one.
    private mutating func add(_ gradient: consuming Tensor<Scalar>, to leaf: Node<Scalar>) {
        guard leaf.number == number else { return }
        if tensors[leaf.place].isTracked {
            tensors[leaf.place] = gradient
        } else {
            tensors[leaf.place] = combine(.add, tensors[leaf.place], gradient, name: "gradient")
        }
    }
}
