import SurprisalKernels
import Synchronization

/// How a tracked tensor came about: for each tracked input, the way back.
final class Node<Scalar: Surprisal.Scalar>: Sendable {
    /// One tracked input: its node and what turns the output's gradient into the input's. What the
    /// closure captures is what training keeps in memory until the way back.
    struct Edge: Sendable {
        var node: Node
        let pullback: @Sendable (Tensor<Scalar>) -> Tensor<Scalar>
    }

    /// Larger than those of all nodes it was computed from: descending order is an order of the way back.
    let number: UInt64
    private let links: Mutex<[Edge]>

    init(edges: [Edge]) {
        number = nodeCounter.add(1, ordering: .relaxed).newValue
        links = Mutex(edges)
    }

    var edges: [Edge] { links.withLock { $0 } }

    // The chain behind a tensor may be a million nodes long, and releasing it by recursion overflows the
    // stack at some ten thousand. So a dying node takes over the edges of every node that dies with it.
    deinit {
        var dying = links.withLock { take(&$0) }
        while var edge = dying.popLast() {
            guard isKnownUniquelyReferenced(&edge.node) else { continue }
            dying.append(contentsOf: edge.node.links.withLock { take(&$0) })
        }
    }
}

private let nodeCounter = Atomic<UInt64>(0)

private func take<T>(_ array: inout [T]) -> [T] {
    let taken = array
    array = []
    return taken
}

extension Tensor {
    /// A result of the operation `name`; tracked when an input is, that is, when there are edges.
    init(
        shape: Shape, buffer: Buffer<Scalar>, from name: String, edges: [Node<Scalar>.Edge]
    ) {
        self.init(
            shape: shape, buffer: buffer, node: edges.isEmpty ? nil : Node(edges: edges), operation: name)
    }

    /// An edge to this input when it is tracked; otherwise its gradient is never computed.
    func edge(
        _ pullback: @escaping @Sendable (Tensor<Scalar>) -> Tensor<Scalar>
    ) -> [Node<Scalar>.Edge] {
        guard let node else { return [] }
        return [.init(node: node, pullback: pullback)]
    }
}
