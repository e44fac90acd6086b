import SurprisalKernels

// Sums are accumulated in Double with their rounding errors kept, in a fixed order.
extension Tensor {
    /// The sum of all elements, a scalar.
    public func sum() -> Tensor {
        let shape = shape
        return Tensor(
            shape: [], buffer: Buffer(CollectionOfOne(Scalar(Scalar.sum(span)))), from: "Sum",
            edges: edge { dy in Tensor(repeating: dy.item(), shape: shape) })
    }

    /// The mean of all elements, a scalar; NaN of an empty tensor.
    public func mean() -> Tensor {
        let (shape, count) = (shape, Double(count))
        return Tensor(
            shape: [], buffer: Buffer(CollectionOfOne(Scalar(Scalar.sum(span) / count))), from: "Mean",
            edges: edge { dy in Tensor(repeating: Scalar(Double(dy.item()) / count), shape: shape) })
    }

    /// The sums along an axis, which disappears.
    public func sum(along axis: Int) -> Tensor { summed(along: axis, dividedBy: 1, "Sum") }

    /// The means along an axis, which disappears; NaN when it is empty.
    public func mean(along axis: Int) -> Tensor {
        let view = shape.classAxis(axis, in: "mean")
        return summed(along: axis, dividedBy: Double(view.classes), "Mean")
    }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    private func summed(along axis: Int, dividedBy divisor: Double, _ name: String) -> Tensor {
        let (shape, view) = (shape, self.shape.classAxis(axis, in: name))
        return Tensor(
            shape: shape.removing(axis: axis), buffer: rowSums(span, view, dividedBy: divisor), from: name,
            edges: edge { dy in
                var gradient = Buffer<Scalar>(uninitialized: shape.elementCount)
                var out = gradient.mutableSpan
                let upstream = dy.span
                for n in 0..<view.positions {
                    let share = Scalar(Double(upstream[n]) / divisor)
                    for c in 0..<view.classes { out[view.element(n, c)] = share }
                }
                return Tensor(shape: shape, buffer: gradient)
            })
    }
}

/// Σ over the classes of each position.
@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
func rowSums<Scalar: Surprisal.Scalar>(
    _ x: Span<Scalar>, _ view: ClassAxis, dividedBy divisor: Double = 1
) -> Buffer<Scalar> {
    var sums = Buffer<Scalar>(uninitialized: view.positions)
    var out = sums.mutableSpan
    if view.inner != 1 {
        Scalar.sumClasses(x, axis: view, dividedBy: divisor, into: &out)
        return sums
    }
    for o in 0..<view.outer {
        var sum = CompensatedSum()
        for i in o * view.classes..<(o + 1) * view.classes { sum.add(Double(x[i])) }
        out[o] = Scalar(sum.value / divisor)
    }
    return sums
}

/// A sum that keeps the rounding errors of its additions (A. Neumaier, 1974, with Knuth's two-sum).
@usableFromInline
struct CompensatedSum {
    private var high = 0.0, low = 0.0

    @usableFromInline
    init() {}

    @inline(__always)
    @usableFromInline
    mutating func add(_ value: Double) {
        let total = high + value, part = total - high
        low += (high - (total - part)) + (value - part)
        high = total
    }

    /// An infinite sum has no rounding error to keep.
    @usableFromInline
    var value: Double { high.isFinite ? high + low : high }
}
