import SurprisalKernels

/// The gradients of a cross-entropy with respect to its class probabilities and its class weights: seldom
/// wanted, so they are computed on the way back, from the logits.
struct CrossEntropyTargetGradients<Scalar: Surprisal.Scalar>: Sendable {
    let smoothing: Double
    let weight: Tensor<Scalar>?
    let logits: Buffer<Scalar>
    let shape: Shape
    let axis: ClassAxis
    let target: CrossEntropyTarget<Scalar>
    let reduced: ReducedLosses<Scalar>

    /// The closures keep the numbers of the target and the weights, not how they came about.
    func edges(
        to target: CrossEntropyTarget<Scalar>, _ weight: Tensor<Scalar>?
    ) -> Edges<Scalar> {
        var edges = Edges<Scalar>()
        if case .probabilities(let q) = target { edges = q.edge { probabilityGradient($0) } }
        if let weight { edges = edges + weight.edge { weightGradient($0) } }
        return edges
    }

    /// The surprisals −lp of every class of every position.
    private func surprisals() -> Buffer<Scalar> {
        var lp = Buffer<Scalar>(uninitialized: logits.count)
        var out = lp.mutableSpan
        Scalar.normalise(logits.span, into: &out, axis: axis, as: .logSoftmax)
        for i in out.indices { out[i] = -out[i] }
        return lp
    }

    /// The upstream of position n, a mean's denominator included.
    private func factor(_ upstream: Span<Scalar>, _ n: Int) -> Double {
        Double(upstream[reduced.reduction == .none ? n : 0]) * reduced.scale
    }

    private func forEachElement(_ body: (_ position: Int, _ class: Int, _ element: Int) -> Void) {
        for o in 0..<axis.outer {
            for c in 0..<axis.classes {
                for i in 0..<axis.inner {
                    body(o * axis.inner + i, c, (o * axis.classes + c) * axis.inner + i)
                }
            }
        }
    }

    private func probabilityGradient(_ upstream: Tensor<Scalar>) -> Tensor<Scalar> {
        var gradient = surprisals()
        var out = gradient.mutableSpan
        forEachElement { n, c, element in
            let w = weight.map { Double($0.span[c]) } ?? 1
            out[element] = Scalar(factor(upstream.span, n) * (1 - smoothing) * w * Double(out[element]))
        }
        return Tensor(shape: shape, buffer: gradient)
    }

    private func weightGradient(_ upstream: Tensor<Scalar>) -> Tensor<Scalar> {
        let surprisal = surprisals()
        var sums = [Double](repeating: 0, count: axis.classes)
        let uniform = smoothing / Double(axis.classes)
        switch target {
        case .probabilities(let q):
            forEachElement { n, c, element in
                let share = (1 - smoothing) * Double(q.span[element]) + uniform
                if share != 0 { sums[c] += factor(upstream.span, n) * share * Double(surprisal.span[element]) }
            }
        case .labels(let labels):
            var total = 0.0, counts = [Int](repeating: 0, count: axis.classes)
            forEachElement { n, c, element in
                guard let y = labels[n] else { return }
                let share = uniform + (c == y ? 1 - smoothing : 0)
                if c == y { counts[c] += 1 }
                guard share != 0 else { return }
                let part = factor(upstream.span, n) * share * Double(surprisal.span[element])
                sums[c] += part
                total += part * (weight.map { Double($0.span[c]) } ?? 1)
            }
            // The mean's denominator depends on the weights as well: less L/Z for each label c, where
            // `total` is the upstream times L.
            if reduced.reduction == .mean {
                for c in sums.indices { sums[c] -= Double(counts[c]) * total / reduced.denominator }
            }
        }
        return Tensor(sums.map { Scalar($0) }, shape: [axis.classes])
    }
}
