import SurprisalKernels

/// The computed nodes that the way back has reached but not yet visited, with the sums of what has reached them.
struct PendingGradients<Scalar: Surprisal.Scalar> {
    private struct Entry {
        let node: Node<Scalar>
        /// `nil` when it is among `sums`.
        var sum: Tensor<Scalar>?
    }

    /// The youngest node, while it is the only one: nearly always, where one result is computed from the last.
    private var only: Entry?
    /// All when there are more: a heap, the youngest at its root.
    private var heap: [Entry] = []
    /// By number of node, once there are too many to be looked through.
    private var sums: [UInt64: Tensor<Scalar>] = [:]
    private var usesSums = false

    mutating func add(_ gradient: consuming Tensor<Scalar>, for node: Node<Scalar>) {
        guard let first = only.take() else {
            if heap.isEmpty {
                only = Entry(node: node, sum: gradient)
            } else {
                addToMany(gradient, for: node)
            }
            return
        }
        if first.node === node {
            let gradient = gradient
            only = Entry(node: node, sum: first.sum.map { combine(.add, $0, gradient, name: "gradient") })
        } else {
            insert(first)
            addToMany(gradient, for: node)
        }
    }

    private mutating func addToMany(_ gradient: Tensor<Scalar>, for node: Node<Scalar>) {
        if usesSums {
            if let sum = sums.removeValue(forKey: node.number) {
                sums[node.number] = combine(.add, sum, gradient, name: "gradient")
            } else {
                sums[node.number] = gradient
                insert(Entry(node: node, sum: nil))
            }
            return
        }
        for place in heap.indices where heap[place].node === node {
            heap[place].sum = heap[place].sum.map { combine(.add, $0, gradient, name: "gradient") }
            return
        }
        insert(Entry(node: node, sum: gradient))
        if heap.count > 16 { startSums() }
    }

    mutating func popYoungest() -> (node: Node<Scalar>, gradient: Tensor<Scalar>)? {
        if let first = only.take() { return first.sum.map { (first.node, $0) } }
        guard var youngest = heap.popLast() else { return nil }
        if !heap.isEmpty {
            swap(&youngest, &heap[0])
            sink()
        }
        guard let sum = youngest.sum ?? sums.removeValue(forKey: youngest.node.number) else { return nil }
        return (youngest.node, sum)
    }

    private mutating func startSums() {
        usesSums = true
        for place in heap.indices {
            sums[heap[place].node.number] = heap[place].sum
            heap[place].sum = nil
        }
    }

    private mutating func insert(_ entry: Entry) {
        heap.append(entry)
        var place = heap.count - 1
        while place > 0, heap[place].node.number > heap[(place - 1) / 2].node.number {
            heap.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    private mutating func sink() {
        var place = 0
        while case let left = 2 * place + 1, left < heap.count {
            let right = left + 1
            let child = right < heap.count && heap[right].node.number > heap[left].node.number ? right : left
            guard heap[child].node.number > heap[place].node.number else { return }
            heap.swapAt(child, place)
            place = child
        }
    }
}
