import SurprisalKernels

/// The sizes of a tensor's axes, outermost first; `[]` is a scalar's.
public typealias Shape = [Int]

extension Shape {
    /// The number of elements of a tensor of this shape.
    var elementCount: Int {
        var count = 1
        for axis in indices {
            let size = self[axis]
            if size < 0 { fatalError("shape \(self): axis \(axis) has size \(size); expected at least 0") }
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            if overflow { fatalError("shape \(self) has more elements than the address space holds") }
            count = product
        }
        return count
    }

    /// The index on each axis of an element, counted in row-major order.
    func indices(ofElement element: Int) -> [Int] {
        var rest = element
        return Array(reversed().map { size in
            defer { rest /= size }
            return rest % size
        }.reversed())
    }

    /// The index of an axis that may be counted from the end, −1 being the last.
    func normalisedAxis(_ axis: Int, in operation: String) -> Int {
        let normal = axis < 0 ? axis + count : axis
        guard indices.contains(normal) else {
            let expected = isEmpty ? "0 or -1" : "\(-count) to \(count - 1)"
            fatalError("\(operation): axis \(axis) of shape \(self); expected \(expected)")
        }
        return normal
    }

    /// PyTorch's class axis: 1, or the only one of an unbatched row.
    public var defaultClassAxis: Int { count <= 1 ? 0 : 1 }

    /// This shape seen from one of its axes. A scalar is one class of one position.
    func classAxis(_ axis: Int?, in operation: String) -> ClassAxis {
        let wanted = axis ?? defaultClassAxis
        if isEmpty && (wanted == 0 || wanted == -1) { return ClassAxis(outer: 1, classes: 1, inner: 1) }
        return seen(from: normalisedAxis(wanted, in: operation))
    }

    func seen(from axis: Int) -> ClassAxis {
        var outer = 1, inner = 1
        for other in indices where other != axis {
            if other < axis { outer *= self[other] } else { inner *= self[other] }
        }
        return ClassAxis(outer: outer, classes: self[axis], inner: inner)
    }

    func removing(axis: Int) -> Shape {
        var shape = self
        if !shape.isEmpty { shape.remove(at: axis < 0 ? axis + count : axis) }
        return shape
    }

    /// Whether this is `shape` without one of its axes: `removing(axis:)` without making it.
    func equals(_ shape: Shape, without axis: Int) -> Bool {
        guard count == shape.count - 1 else { return false }
        for i in indices where self[i] != shape[i < axis ? i : i + 1] { return false }
        return true
    }
}
