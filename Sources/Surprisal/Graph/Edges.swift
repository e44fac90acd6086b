import SurprisalKernels

/// The ways back from a node to its tracked inputs. Up to three, which is what nearly all operations have, lie within
/// the node itself.
struct Edges<Scalar: Surprisal.Scalar>: Sendable, ExpressibleByArrayLiteral {
    /// One tracked input: its node and what turns the output's gradient into the input's. What the
    /// closure captures is what training keeps in memory until the way back.
    struct Edge: Sendable {
        let node: Node<Scalar>
        let pullback: @Sendable (Tensor<Scalar>) -> Tensor<Scalar>
    }

    private var first, second, third: Edge?
    private var more: [Edge] = []

    init() {}

    init(_ edge: Edge) { first = edge }

    init(arrayLiteral edges: Edge...) {
        for edge in edges { append(edge) }
    }

    var isEmpty: Bool { first == nil }

    mutating func append(_ edge: Edge) {
        if first == nil {
            first = edge
        } else if second == nil {
            second = edge
        } else if third == nil {
            third = edge
        } else {
            more.append(edge)
        }
    }

    @inline(__always)
    static func + (a: consuming Edges, b: consuming Edges) -> Edges {
        if b.isEmpty { return a }
        if a.isEmpty { return b }
        b.forEach { a.append($0) }
        return a
    }

    func forEach(_ body: (Edge) -> Void) {
        if let first { body(first) }
        if let second { body(second) }
        if let third { body(third) }
        for edge in more { body(edge) }
    }

    var highestLevel: Int {
        var highest = max(first?.node.level ?? -1, second?.node.level ?? -1, third?.node.level ?? -1)
        for edge in more { highest = max(highest, edge.node.level) }
        return highest
    }
}
