/// Multiplies every row of classes by its position's factor. Nothing flows where either is 0, as in an ignored
/// row, whatever the other is.
@specialized(where T == Float)
@specialized(where T == Double)
public func scaleRows<T: Scalar>(_ x: inout MutableSpan<T>, by factors: Span<T>, axis: ClassAxis) {
    axis.require(x.count, "scale rows: x")
    require(factors.count == axis.positions, "scale rows: \(factors.count) factors; expected \(axis.positions)")
    let (classes, inner) = (axis.classes, axis.inner)
    unsafe factors.withUnsafeBufferPointer { factors in
        unsafe x.withUnsafeMutableBufferPointer { x in
            guard let x = x.baseAddress, let factors = factors.baseAddress else { return }
            if classes == 1 {
                return Parallel.forRows(axis.positions, elementsPerRow: 1) { begin, end in
                    for n in begin..<end { unsafe x[n] = product(x[n], factors[n]) }
                }
            }
            if inner == 1 {
                return Parallel.forRows(axis.outer, elementsPerRow: classes) { begin, end in
                    for n in begin..<end {
                        let row = unsafe x + n * classes, factor = unsafe factors[n]
                        for c in 0..<classes { unsafe row[c] = product(row[c], factor) }
                    }
                }
            }
            // One class of neighbouring positions after the other.
            Parallel.forRows(axis.outer * classes, elementsPerRow: inner) { begin, end in
                for r in begin..<end {
                    let stretch = unsafe x + r * inner, factors = unsafe factors + r / classes * inner
                    for i in 0..<inner { unsafe stretch[i] = product(stretch[i], factors[i]) }
                }
            }
        }
    }
}

@inline(__always)
private func product<T: Scalar>(_ x: T, _ factor: T) -> T {
    // Taken in either case: a product that depends on the factors keeps the loop from going over whole vectors.
    let product = x * factor
    return x == 0 || factor == 0 ? 0 : product
}
