/// z = x ∘ y, element by element.
public enum BinaryOperation: Sendable {
    case add, subtract, multiply, divide
    /// 0 where y ≤ 0, else x: the derivative of relu from its output y, with NaN let through.
    case reluDerivative

    @inline(__always)
    func apply<T: Scalar>(_ x: Span<T>, _ y: Span<T>, into z: inout MutableSpan<T>) {
        require(x.count == y.count && x.count == z.count, "\(self): \(x.count) and \(y.count) elements into \(z.count)")
        switch self {
        case .add: for i in x.indices { z[i] = x[i] + y[i] }
        case .subtract: for i in x.indices { z[i] = x[i] - y[i] }
        case .multiply: for i in x.indices { z[i] = x[i] * y[i] }
        case .divide: for i in x.indices { z[i] = x[i] / y[i] }
        case .reluDerivative: for i in x.indices { z[i] = y[i] <= 0 ? 0 : x[i] }
        }
    }
}

/// y = f(x), element by element.
public enum UnaryOperation<T: Scalar>: Sendable {
    case scale(T)
    case divide(T)
    case offset(T)
    /// NaN stays NaN.
    case relu

    @inline(__always)
    func apply(_ x: Span<T>, into y: inout MutableSpan<T>) {
        require(x.count == y.count, "\(self): \(x.count) elements into \(y.count)")
        switch self {
        case .scale(let factor): for i in x.indices { y[i] = x[i] * factor }
        case .divide(let divisor): for i in x.indices { y[i] = x[i] / divisor }
        case .offset(let number): for i in x.indices { y[i] = x[i] + number }
        case .relu: for i in x.indices { y[i] = x[i] < 0 ? 0 : x[i] }
        }
    }
}

/// Σx: eight interleaved sums in Double that keep their rounding errors (Knuth's two-sum), added in a fixed
/// order.
@inline(__always)
func compensatedSum<T: Scalar>(_ x: Span<T>) -> Double {
    var high = SIMD8<Double>(), low = SIMD8<Double>()
    func add(_ value: SIMD8<Double>) {
        let total = high + value
        let part = total - high
        low += (high - (total - part)) + (value - part)
        high = total
    }
    var i = 0
    while i + 8 <= x.count {
        var value = SIMD8<Double>()
        for lane in 0..<8 { value[lane] = Double(x[i + lane]) }
        add(value)
        i += 8
    }
    if i < x.count {
        var value = SIMD8<Double>()
        for lane in 0..<(x.count - i) { value[lane] = Double(x[i + lane]) }
        add(value)
    }
    // An infinite or NaN sum has no rounding error to keep; ∞ − ∞ above made one up.
    var total = 0.0, errors = 0.0
    for lane in 0..<8 {
        let sum = total + high[lane]
        let part = sum - total
        errors += (total - (sum - part)) + (high[lane] - part) + low[lane]
        total = sum
    }
    return total.isFinite ? total + errors : total
}
