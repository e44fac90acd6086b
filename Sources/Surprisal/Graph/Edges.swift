import SurprisalKernels

/// The ways back from a node to its tracked inputs. Up to three, which is what nearly all operations have, lie within
/// the node itself. Not copied: each copy would count a dozen references up, and down again.
struct Edges<Scalar: Surprisal.Scalar>: ~Copyable, Sendable {
    /// One tracked input: its node and what turns the output's gradient into the input's. What the
    /// closure captures is what training keeps in memory until the way back.
    struct Edge: ~Copyable, Sendable {
        let node: Node<Scalar>
        let pullback: @Sendable (Tensor<Scalar>) -> Tensor<Scalar>
    }

    private var first, second, third: Edge?
    private var more: More?

    /// The ones beyond the third, the last first.
    private final class More: Sendable {
        let edge: Edge
        let before: More?

        init(_ edge: consuming Edge, before: More?) {
            self.edge = edge
            self.before = before
        }

        func forEach(_ body: (borrowing Edge) -> Void) {
            before?.forEach(body)
            body(edge)
        }
    }

    init() {}

    init(_ edge: consuming Edge) { first = .some(edge) }

    var isEmpty: Bool {
        switch first {
        case .some: false
        case .none: true
        }
    }

    mutating func append(_ edge: consuming Edge) {
        if first == nil {
            first = .some(edge)
        } else if second == nil {
            second = .some(edge)
        } else if third == nil {
            third = .some(edge)
        } else {
            more = More(edge, before: more)
        }
    }

    @inline(__always)
    static func + (a: consuming Edges, b: consuming Edges) -> Edges {
        if b.isEmpty { return a }
        if a.isEmpty { return b }
        if let edge = b.first.take() { a.append(edge) }
        if let edge = b.second.take() { a.append(edge) }
        if let edge = b.third.take() { a.append(edge) }
        b.more?.forEach { a.append(Edge(node: $0.node, pullback: $0.pullback)) }
        return a
    }

    func forEach(_ body: (borrowing Edge) -> Void) {
        func visit(_ edge: borrowing Edge?) {
            switch edge {
            case .some(let edge): body(edge)
            case .none: break
            }
        }
        visit(first)
        visit(second)
        visit(third)
        more?.forEach(body)
    }

    var highestLevel: Int {
        var highest = -1
        forEach { highest = max(highest, $0.node.level) }
        return highest
    }
}
