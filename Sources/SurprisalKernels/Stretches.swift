/// The stretches of neighbouring elements that a factor for each position makes of rows of classes: with one factor for all of
/// a stretch, or with one each.
@inline(__always)
func forStretches<T: Scalar>(
    _ x: inout MutableSpan<T>, by factors: Span<T>, axis: ClassAxis,
    _ body: (UnsafeMutablePointer<T>, UnsafePointer<T>, _ count: Int, _ areMany: Bool) -> Void
) {
    axis.require(x.count, "scale rows: x")
    require(factors.count == axis.positions, "scale rows: \(factors.count) factors; expected \(axis.positions)")
    let (classes, inner) = (axis.classes, axis.inner)
    unsafe factors.withUnsafeBufferPointer { factors in
        unsafe x.withUnsafeMutableBufferPointer { x in
            guard let x = x.baseAddress, let factors = factors.baseAddress else { return }
            if classes == 1 {
                return Parallel.forRows(axis.positions, elementsPerRow: 1) { begin, end in
                    unsafe body(x + begin, factors + begin, end - begin, true)
                }
            }
            if inner == 1 {
                return Parallel.forRows(axis.outer, elementsPerRow: classes) { begin, end in
                    for n in begin..<end { unsafe body(x + n * classes, factors + n, classes, false) }
                }
            }
            // One class of neighbouring positions after the other.
            Parallel.forRows(axis.outer * classes, elementsPerRow: inner) { begin, end in
                for r in begin..<end { unsafe body(x + r * inner, factors + r / classes * inner, inner, true) }
            }
        }
    }
}
