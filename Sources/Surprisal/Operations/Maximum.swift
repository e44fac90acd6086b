import SurprisalKernels

/// Places along an axis, as `argmax` and `topK` give them.
public struct Indices: Sendable, Equatable {
    public let shape: Shape
    /// In row-major order.
    public let values: [Int]
}

extension Tensor {
    /// The largest elements along an axis, which disappears, and where they stand.
    ///
    /// NaN counts as larger than any number; of equals the first wins. Its derivative goes to that element.
    /// Stops the program when the axis is empty.
    public func max(along axis: Int) -> (values: Tensor, indices: Indices) {
        let view = shape.classAxis(axis, in: "max")
        let shape = shape.removing(axis: axis)
        let indices = largestClasses(view, "max").indices
        let x = span
        let values = Buffer(indices.enumerated().map { n, c in x[view.element(n, c)] })
        let whole = self.shape
        let edges = edge { dy in
            var gradient = Buffer<Scalar>(repeating: 0, count: whole.elementCount)
            var out = gradient.mutableSpan
            for (n, c) in indices.enumerated() { out[view.element(n, c)] = dy.span[n] }
            return Tensor(shape: whole, buffer: gradient)
        }
        return (
            Tensor(shape: shape, buffer: values, from: "Max", edges: edges), Indices(shape: shape, values: indices)
        )
    }

    /// Where the largest element along an axis stands; see `max(along:)`. O(count), one read.
    public func argmax(along axis: Int) -> Indices {
        let view = shape.classAxis(axis, in: "argmax")
        return Indices(shape: shape.removing(axis: axis), values: largestClasses(view, "argmax").indices)
    }

    /// The k largest elements along an axis, in descending order, and where they stand.
    ///
    /// NaN counts as larger than any number; of equals the first comes first. Derivatives go to those elements.
    /// Stops the program when the axis holds fewer than k.
    /// - Complexity: O(count + k²) where the order is random, O(count · k) where it ascends.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func topK(_ k: Int, along axis: Int = -1) -> (values: Tensor, indices: Indices) {
        let normal = shape.isEmpty ? 0 : shape.normalisedAxis(axis, in: "topK")
        let view = shape.classAxis(axis, in: "topK")
        guard (0...view.classes).contains(k), k == 1 || !shape.isEmpty else {
            fatalError("topK: k is \(k) on axis \(axis) of shape \(shape); expected 0 to \(view.classes)")
        }
        let x = span
        var result = shape
        if !result.isEmpty { result[normal] = k }
        let out = ClassAxis(outer: view.outer, classes: k, inner: view.inner)
        var values = Buffer<Scalar>(uninitialized: view.positions * k)
        var kept = values.mutableSpan
        var indices = [Int](repeating: 0, count: view.positions * k)
        if k == 1 {
            let largest = largestClasses(view, "topK")
            for n in 0..<view.positions {
                indices[n] = Int(largest.span[n])
                kept[n] = x[view.element(n, indices[n])]
            }
        } else {
            for n in 0..<view.positions {
                for (place, c) in largest(k, of: n, view).enumerated() {
                    kept[out.element(n, place)] = x[view.element(n, c)]
                    indices[out.element(n, place)] = c
                }
            }
        }
        let (whole, chosen) = (shape, indices)
        let edges = edge { dy in
            var gradient = Buffer<Scalar>(repeating: 0, count: whole.elementCount)
            var to = gradient.mutableSpan
            for n in 0..<view.positions {
                for place in 0..<k {
                    to[view.element(n, chosen[out.element(n, place)])] = dy.span[out.element(n, place)]
                }
            }
            return Tensor(shape: whole, buffer: gradient)
        }
        return (
            Tensor(shape: result, buffer: values, from: "TopK", edges: edges), Indices(shape: result, values: indices)
        )
    }

    /// The classes of a position's k largest elements, in descending order.
    private func largest(_ k: Int, of position: Int, _ view: ClassAxis) -> [Int] {
        let x = span
        // The best so far, best first; a later equal stays behind.
        var best: [Int] = []
        best.reserveCapacity(k + 1)
        for c in 0..<view.classes {
            let value = x[view.element(position, c)]
            if best.count == k {
                guard let last = best.last, ranks(value, above: x[view.element(position, last)]) else { continue }
            }
            var low = 0, high = best.count
            while low < high {
                let middle = (low + high) / 2
                if ranks(value, above: x[view.element(position, best[middle])]) { high = middle } else { low = middle + 1 }
            }
            best.insert(c, at: low)
            if best.count > k { best.removeLast() }
        }
        return best
    }

    /// `argmax` as the kernel writes it.
    func largestClasses(_ view: ClassAxis, _ name: String) -> Buffer<Int32> {
        if view.classes == 0 && view.positions > 0 { fatalError("\(name): shape \(shape) has no element on that axis") }
        var classes = Buffer<Int32>(uninitialized: view.positions)
        var out = classes.mutableSpan
        Scalar.argmax(span, axis: view, into: &out)
        return classes
    }
}

extension Buffer<Int32> {
    /// As `Indices` keeps them.
    fileprivate var indices: [Int] {
        let span = span
        return [Int](capacity: span.count) { out in for i in span.indices { out.append(Int(span[i])) } }
    }
}

/// The order of maxima: NaN above everything.
func ranks<Scalar: Surprisal.Scalar>(_ a: Scalar, above b: Scalar) -> Bool {
    a > b || (a.isNaN && !b.isNaN)
}

extension ClassAxis {
    /// The place of class c of position n.
    func element(_ n: Int, _ c: Int) -> Int {
        // Two divisions take as long as a row of few classes.
        inner == 1 ? n * classes + c : (n / inner * classes + c) * inner + n % inner
    }
}
