import SurprisalKernels

extension Tensor {
    /// `c·tanh(x/c)` of every element: x where it is small, never beyond ±c. (Logit soft-capping, Gemma Team, *Gemma 2*,
    /// 2024, §2, arXiv 2408.00118: c = 30 for a language model's last logits.)
    ///
    /// Derivative: `dy·(1 − tanh²(x/c))`. −∞ becomes −c: a class that is to be impossible is masked afterwards.
    /// A c that is not a finite number above 0 stops the program.
    /// - Accuracy: `Accuracy.softCapULP`; the derivative `Accuracy.softCapGradientULP` and 2·|x/c| ULP more, from
    ///   the rounding of x/c.
    /// - Complexity: O(count).
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func softCapped(at cap: Scalar) -> Tensor {
        if !(cap > 0 && cap.isFinite) { fatalError("softCapped: \(LossError.softCap(Double(cap)))") }
        var buffer = Buffer<Scalar>(uninitialized: count)
        var out = buffer.mutableSpan
        Scalar.softCap(span, at: cap, into: &out)
        let (x, shape) = (self.buffer, shape)
        return Tensor(
            shape: shape, buffer: buffer, from: "SoftCap",
            edges: edge { dy in
                var gradient = dy.buffer
                var out = gradient.mutableSpan
                Scalar.softCapGradient(x.span, at: cap, in: &out)
                return Tensor(shape: shape, buffer: gradient)
            })
    }
}
