import CKernels

/// What a network computes, one after the other.
///
/// What an operation reads and what it writes are parts of the same memory, apart from each other, which spans cannot say: here
/// are the pointers, and nothing else is.
public struct NetworkOperations: Sendable {
    let operations: [ck_operation]
    /// Whether none of them is worth a second thread: they are one call of a kernel then.
    private let areSmall: Bool

    init(_ operations: [ck_operation]) {
        self.operations = operations
        areSmall = operations.allSatisfy {
            switch $0.kind {
            case .product: !$0.plan.isWorthTiles
            case .columnSums: $0.k * $0.n <= Parallel.leastElements
            default: $0.n <= Parallel.leastElements
            }
        }
    }

    /// Places and sizes are within what these hold: whoever made the operations knows how much that is, and has asked. Without
    /// gradients, none is written.
    @inline(__always)
    func run<T: Scalar>(
        _ features: Span<T>, _ parameters: Span<T>, _ gradients: inout MutableSpan<T>, _ values: inout MutableSpan<T>
    ) {
        unsafe features.withUnsafeBufferPointer { features in
            unsafe parameters.withUnsafeBufferPointer { parameters in
                unsafe gradients.withUnsafeMutableBufferPointer { gradients in
                    unsafe values.withUnsafeMutableBufferPointer { values in
                        guard let features = features.baseAddress, let parameters = parameters.baseAddress,
                            let values = values.baseAddress
                        else { return }
                        let memories = unsafe NetworkMemories(
                            features: features, parameters: parameters, gradients: gradients.baseAddress, values: values)
                        if areSmall, InstructionSet.inUse != .baseline, !MatrixProduct.isMetered {
                            unsafe T.operate(self, memories)
                        } else {
                            for operation in operations { unsafe operation.run(memories) }
                        }
                    }
                }
            }
        }
    }
}

/// As `ck_memory` says.
@unsafe public struct NetworkMemories<T: Scalar> {
    let features, parameters: UnsafePointer<T>
    let gradients: UnsafeMutablePointer<T>?
    let values: UnsafeMutablePointer<T>

    @inline(__always)
    @_lifetime(immortal)
    func span(_ location: ck_location, _ count: Int) -> Span<T> {
        let start: UnsafePointer<T>? =
            switch location.memory {
            case .features: unsafe features
            case .parameters: unsafe parameters
            case .gradients: unsafe UnsafePointer(gradients)
            case .values: unsafe UnsafePointer(values)
            }
        let span = unsafe Span(_unsafeStart: start! + location.place, count: count)
        return unsafe _overrideLifetime(span, copying: ())
    }

    @inline(__always)
    @_lifetime(immortal)
    func mutableSpan(_ location: ck_location, _ count: Int) -> MutableSpan<T> {
        let start = unsafe location.memory == .gradients ? gradients! : values
        let span = unsafe MutableSpan(_unsafeStart: start + location.place, count: count)
        return unsafe _overrideLifetime(span, copying: ())
    }
}

extension ck_location {
    /// Of a parameter's gradient.
    var inGradients: ck_location { ck_location(memory: .gradients, place: place) }
}

extension ck_operation {
    /// c ← a·b (+ bias)
    static func product(
        _ m: Int, _ n: Int, _ k: Int, _ a: ck_location, transposedA: Bool = false, _ b: ck_location, transposedB: Bool = false,
        adding bias: ck_location? = nil, _ c: ck_location
    ) -> ck_operation {
        ck_operation(
            kind: .product, activation: .relu, a: a, b: b, bias: bias ?? c, c: c, m: m, n: n, k: k,
            a_transposed: transposedA ? 1 : 0, b_transposed: transposedB ? 1 : 0, has_bias: bias == nil ? 0 : 1)
    }

    /// c ← the sums of a's columns
    static func columnSums(_ rows: Int, _ columns: Int, _ a: ck_location, _ c: ck_location) -> ck_operation {
        ck_operation(
            kind: .columnSums, activation: .relu, a: a, b: a, bias: a, c: c, m: 1, n: columns, k: rows, a_transposed: 0,
            b_transposed: 0, has_bias: 0)
    }

    /// c ← f(a), or b·f′(a)
    static func elements(
        _ kind: ck_operation_kind, _ activation: Activation, _ count: Int, _ a: ck_location, _ b: ck_location, _ c: ck_location
    ) -> ck_operation {
        ck_operation(
            kind: kind, activation: activation.code, a: a, b: b, bias: a, c: c, m: 1, n: count, k: 1, a_transposed: 0,
            b_transposed: 0, has_bias: 0)
    }

    var plan: MatrixProduct { MatrixProduct(m: m, n: n, k: k, transposedA: a_transposed != 0, transposedB: b_transposed != 0) }

    @inline(__always)
    func run<T: Scalar>(_ memories: NetworkMemories<T>) {
        switch kind {
        case .product:
            let x = unsafe memories.span(a, m * k), y = unsafe memories.span(b, k * n)
            var z = unsafe memories.mutableSpan(c, m * n)
            if has_bias == 0 {
                T.multiply(plan, x, y, into: &z)
            } else {
                T.multiply(plan, x, y, adding: unsafe memories.span(bias, n), into: &z)
            }
        case .columnSums:
            var z = unsafe memories.mutableSpan(c, n)
            T.sumClasses(unsafe memories.span(a, k * n), axis: ClassAxis(outer: 1, classes: k, inner: n), dividedBy: 1, into: &z)
        case .activate, .activateGradient, .tanh, .tanhGradient:
            let x = unsafe memories.span(a, n), dy = unsafe memories.span(b, n)
            var z = unsafe memories.mutableSpan(c, n)
            switch kind {
            case .activate: T.activate(Activation(activation), x, into: &z)
            case .activateGradient: T.activateGradient(Activation(activation), x, dy, into: &z)
            case .tanh: T.softCap(x, at: 1, into: &z)
            default:
                for i in dy.indices { z[i] = dy[i] }
                T.softCapGradient(x, at: 1, in: &z)
            }
        }
    }
}
