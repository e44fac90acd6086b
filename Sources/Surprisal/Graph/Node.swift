import SurprisalKernels
import Synchronization

/// How a tracked tensor came about: for each tracked input, the way back.
final class Node<Scalar: Surprisal.Scalar>: Sendable {
    /// Larger than those of all nodes it was computed from: descending order is an order of the way back. A leaf's is
    /// that of all leaves of its `TrackedInputs`.
    let number: UInt64
    /// A leaf's place among those; −1 of a computed node.
    let place: Int
    private let ownEdges: Edges<Scalar>
    /// A `Bridge<Scalar>` with the edges of a node that has none of its own; variable, so that it can be taken out.
    private let bridge: Mutex<(any AnyObject & Sendable)?>
    /// Nodes that die one within the other when this one does, down to the next bridges.
    let level: Int

    init(_ edges: consuming Edges<Scalar>) {
        number = Self.nextNumber()
        place = -1
        let level = edges.highestLevel + 1
        if level < Bridges.distance {
            self.level = level
            ownEdges = edges
            bridge = Mutex(nil)
        } else {
            self.level = 0
            ownEdges = Edges()
            bridge = Mutex(Bridge(edges))
        }
    }

    /// A leaf.
    init(place: Int, of number: UInt64) {
        self.number = number
        self.place = place
        ownEdges = Edges()
        bridge = Mutex(nil)
        level = 0
    }

    static func nextNumber() -> UInt64 { nodeCounter.add(1, ordering: .relaxed).newValue }

    func forEachEdge(_ body: (borrowing Edges<Scalar>.Edge) -> Void) {
        if isBridged, let bridge = bridge.withLock({ $0 }) as? Bridge<Scalar> {
            bridge.edges.forEach(body)
        } else {
            ownEdges.forEach(body)
        }
    }

    private var isBridged: Bool { level == 0 && place < 0 }

    deinit {
        guard isBridged else { return }
        var bridge = bridge.withLock { $0.take() }
        Bridges.release(&bridge)
    }
}

private let nodeCounter = Atomic<UInt64>(0)

extension Tensor {
    /// A result of the operation `name`; tracked when an input is, that is, when there are edges.
    init(shape: Shape, buffer: Buffer<Scalar>, from name: String, edges: consuming Edges<Scalar>) {
        self.init(shape: shape, buffer: buffer, node: edges.isEmpty ? nil : Node(edges), operation: name)
    }

    /// An edge to this input when it is tracked; otherwise its gradient is never computed.
    func edge(_ pullback: @escaping @Sendable (Tensor<Scalar>) -> Tensor<Scalar>) -> Edges<Scalar> {
        guard let node else { return Edges() }
        return Edges(.init(node: node, pullback: pullback))
    }
}
