/// z = x ∘ y, element by element.
public enum BinaryOperation: Sendable {
    case add, subtract, multiply, divide

    @inline(__always)
    func apply<T: Scalar>(_ x: Span<T>, _ y: Span<T>, into z: inout MutableSpan<T>) {
        require(x.count == y.count && x.count == z.count, "\(self): \(x.count) and \(y.count) elements into \(z.count)")
        switch self {
        case .add: unsafe write(&z, x, y) { z, x, y, part in for i in part { unsafe z[i] = x[i] + y[i] } }
        case .subtract: unsafe write(&z, x, y) { z, x, y, part in for i in part { unsafe z[i] = x[i] - y[i] } }
        case .multiply: unsafe write(&z, x, y) { z, x, y, part in for i in part { unsafe z[i] = x[i] * y[i] } }
        case .divide: unsafe write(&z, x, y) { z, x, y, part in for i in part { unsafe z[i] = x[i] / y[i] } }
        }
    }
}

/// y = f(x), element by element.
public enum UnaryOperation<T: Scalar>: Sendable {
    case scale(T)
    case offset(T)
    /// To ±limit; NaN stays NaN.
    case clamp(T)

    @inline(__always)
    func apply(_ x: Span<T>, into y: inout MutableSpan<T>) {
        require(x.count == y.count, "\(self): \(x.count) elements into \(y.count)")
        switch self {
        case .scale(let factor): unsafe write(&y, x) { y, x, part in for i in part { unsafe y[i] = x[i] * factor } }
        case .offset(let number): unsafe write(&y, x) { y, x, part in for i in part { unsafe y[i] = x[i] + number } }
        case .clamp(let limit):
            unsafe write(&y, x) { y, x, part in
                for i in part { unsafe y[i] = x[i] < -limit ? -limit : x[i] > limit ? limit : x[i] }
            }
        }
    }
}

// A loop is given as a whole, over one part of the elements: a function of a single element would be called for each.

/// y from x.
@inline(__always)
private func write<T: Scalar>(
    _ y: inout MutableSpan<T>, _ x: Span<T>, _ loop: (UnsafeMutablePointer<T>, UnsafePointer<T>, Range<Int>) -> Void
) {
    unsafe x.withUnsafeBufferPointer { x in
        unsafe y.withUnsafeMutableBufferPointer { y in
            guard let from = x.baseAddress, let to = y.baseAddress else { return }
            forParts(x.count) { unsafe loop(to, from, $0) }
        }
    }
}

/// z from x and y.
@inline(__always)
func write<T: Scalar>(
    _ z: inout MutableSpan<T>, _ x: Span<T>, _ y: Span<T>,
    _ loop: (UnsafeMutablePointer<T>, UnsafePointer<T>, UnsafePointer<T>, Range<Int>) -> Void
) {
    unsafe x.withUnsafeBufferPointer { x in
        unsafe y.withUnsafeBufferPointer { y in
            unsafe z.withUnsafeMutableBufferPointer { z in
                guard let a = x.baseAddress, let b = y.baseAddress, let to = z.baseAddress else { return }
                forParts(x.count) { unsafe loop(to, a, b, $0) }
            }
        }
    }
}

/// x from itself.
@inline(__always)
func update<T: Scalar>(_ x: inout MutableSpan<T>, _ loop: (UnsafeMutablePointer<T>, Range<Int>) -> Void) {
    unsafe x.withUnsafeMutableBufferPointer { x in
        guard let start = x.baseAddress else { return }
        forParts(x.count) { unsafe loop(start, $0) }
    }
}

/// x from itself and y.
@inline(__always)
func update<T: Scalar>(
    _ x: inout MutableSpan<T>, with y: Span<T>,
    _ loop: (UnsafeMutablePointer<T>, UnsafePointer<T>, Range<Int>) -> Void
) {
    require(x.count == y.count, "update: \(x.count) and \(y.count) elements")
    unsafe write(&x, y, loop)
}

/// Runs `body` over all elements; many of them in parts whose boundaries depend on their number alone.
@inline(__always)
private func forParts(_ count: Int, _ body: (Range<Int>) -> Void) {
    // Some 20 µs, several times what it takes to hand a part over.
    if count < 1 << 16 { return body(0..<count) }
    let perPart = 1 << 15
    Parallel.forEach(parts: (count + perPart - 1) / perPart) { part in
        body(part * perPart..<min(count, (part + 1) * perPart))
    }
}
