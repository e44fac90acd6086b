import SurprisalKernels

/// What a loss does to logits before it looks at them: first the soft cap, then the temperature.
struct LogitShaping<Scalar: Surprisal.Scalar>: Sendable {
    let softCap: Scalar?
    let temperature: Scalar

    var isIdentity: Bool { softCap == nil && temperature == 1 }

    func callAsFunction(_ logits: consuming Tensor<Scalar>) -> Tensor<Scalar> {
        var logits = logits
        if let softCap { logits = logits.softCapped(at: softCap) }
        return temperature == 1 ? logits : logits / temperature
    }

    /// The numbers alone, in place where nobody else holds them and there is no cap, whose derivative needs them.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    func shape(_ logits: inout Buffer<Scalar>) {
        if let softCap {
            var capped = Buffer<Scalar>(uninitialized: logits.count)
            var out = capped.mutableSpan
            Scalar.softCap(logits.span, at: softCap, into: &out)
            logits = capped
        }
        if temperature == 1 { return }
        if logits.isUnique() {
            var x = logits.mutableSpan
            cool(&x)
        } else {
            var cooled = Buffer<Scalar>(uninitialized: logits.count)
            var out = cooled.mutableSpan
            Scalar.divide(logits.span, by: temperature, into: &out)
            logits = cooled
        }
    }

    /// From the gradient of what was shaped, already over the temperature, to that of `logits`.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    func differentiate(_ gradient: inout MutableSpan<Scalar>, at logits: Span<Scalar>?) {
        if let softCap, let logits { Scalar.softCapGradient(logits, at: softCap, in: &gradient) }
    }

    /// x/τ
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    func cool(_ x: inout MutableSpan<Scalar>) {
        if temperature != 1 { Scalar.divideInPlace(&x, by: temperature) }
    }
}
