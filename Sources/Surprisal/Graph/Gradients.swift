import SurprisalKernels

/// Gradients of a scalar with respect to the tensors it was computed from.
struct Gradients<Scalar: Surprisal.Scalar> {
    private var byNode: [UInt64: Tensor<Scalar>] = [:]

    /// Of an output that is a single number.
    ///
    /// Stops the program when it is not: a gradient of several would be a matrix.
    init(of output: Tensor<Scalar>) {
        if output.count != 1 {
            fatalError("gradient: the output has shape \(output.shape); expected a single number (sum or mean it)")
        }
        self.init(from: output.node, upstream: Tensor(repeating: 1, shape: output.shape))
    }

    /// Goes back from the output's node, each node once, after all that were computed from it.
    init(from root: Node<Scalar>?, upstream: Tensor<Scalar>) {
        guard let root else { return }
        byNode[root.number] = upstream
        for node in Self.nodes(from: root) {
            let edges = node.edges
            // Leaves keep their gradient for whoever asks; inner ones give it up, and its memory.
            guard !edges.isEmpty, let upstream = byNode.removeValue(forKey: node.number) else { continue }
            for edge in edges { add(edge.pullback(upstream), for: edge.node) }
        }
    }

    private mutating func add(_ gradient: Tensor<Scalar>, for node: Node<Scalar>) {
        if let sum = byNode.removeValue(forKey: node.number) {
            byNode[node.number] = combine(.add, sum, gradient, name: "gradient")
        } else {
            byNode[node.number] = gradient
        }
    }

    /// Zero where the output does not depend on `input`.
    func gradient(for input: Tensor<Scalar>) -> Tensor<Scalar> {
        guard let node = input.node, let gradient = byNode[node.number] else { return .zeros(input.shape) }
        return gradient
    }

    /// All nodes that lead to `root`, the youngest first.
    private static func nodes(from root: Node<Scalar>) -> [Node<Scalar>] {
        var found = [root], seen: Set<UInt64> = [root.number], next = 0
        while next < found.count {
            for edge in found[next].edges where seen.insert(edge.node.number).inserted { found.append(edge.node) }
            next += 1
        }
        return found.sorted { $0.number > $1.number }
    }
}
