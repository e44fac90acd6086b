import SurprisalKernels

/// The gradients of a cross-entropy with respect to its class probabilities and its class weights: seldom
/// wanted, so they are computed on the way back, from the logits.
struct CrossEntropyTargetGradients<Scalar: Surprisal.Scalar>: Sendable {
    let smoothing: Double
    /// Their logits are −∞.
    let maskedClasses: Set<Int>
    let weight, rowWeights: Tensor<Scalar>?
    let logits: Buffer<Scalar>
    let shape: Shape
    let axis: ClassAxis
    let target: CrossEntropyTarget<Scalar>
    let reduced: ReducedLosses<Scalar>
    /// The reduced loss, and whether it was divided by the labels' weights.
    let mean: Double
    let dividesByWeights: Bool

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

    private func rowWeight(_ n: Int) -> Double { rowWeights.map { Double($0.span[n]) } ?? 1 }

    /// The upstream of position n, its weight and a mean's denominator included.
    private func factor(_ upstream: Span<Scalar>, _ n: Int) -> Double {
        Double(upstream[reduced.reduction == .none ? n : 0]) * reduced.scale * rowWeight(n)
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

    private var dense: Buffer<Scalar> {
        switch target {
        case .labels: Buffer(repeating: 0, count: 0)
        case .probabilities(let q): q.buffer
        case .sparse(let q): q.dense(Array(0..<axis.positions), inner: axis.inner)
        }
    }

    private func probabilityGradient(_ upstream: Tensor<Scalar>) -> Tensor<Scalar> {
        var gradient = surprisals()
        var out = gradient.mutableSpan
        forEachElement { n, c, element in
            let w = weight.map { Double($0.span[c]) } ?? 1
            // A row of weight 0 may hold anything.
            out[element] = rowWeight(n) == 0 ? 0 : Scalar(factor(upstream.span, n) * (1 - smoothing) * w * Double(out[element]))
        }
        return Tensor(shape: shape, buffer: gradient)
    }

    private func weightGradient(_ upstream: Tensor<Scalar>) -> Tensor<Scalar> {
        let surprisal = surprisals()
        var sums = [Double](repeating: 0, count: axis.classes)
        let spread = smoothing / Double(axis.classes - maskedClasses.count)
        func uniform(_ c: Int) -> Double { maskedClasses.contains(c) ? 0 : spread }
        switch target {
        case .sparse, .probabilities:
            let q = dense
            forEachElement { n, c, element in
                let share = (1 - smoothing) * Double(q.span[element]) + uniform(c)
                if share != 0, rowWeight(n) != 0 { sums[c] += factor(upstream.span, n) * share * Double(surprisal.span[element]) }
            }
        case .labels(let labels):
            var counts = [Double](repeating: 0, count: axis.classes)
            forEachElement { n, c, element in
                guard let y = labels[n], rowWeight(n) != 0 else { return }
                let share = uniform(c) + (c == y ? 1 - smoothing : 0)
                if c == y { counts[c] += rowWeight(n) }
                guard share != 0 else { return }
                sums[c] += factor(upstream.span, n) * share * Double(surprisal.span[element])
            }
            // The mean's denominator depends on the weights as well: less L/Z for each label c.
            if reduced.reduction == .mean, dividesByWeights, reduced.denominator != 0 || reduced.emptyMean.isNaN {
                let upstream = Double(upstream.item())
                for c in sums.indices { sums[c] -= counts[c] * upstream * mean / reduced.denominator }
            }
        }
        return Tensor(sums.map { Scalar($0) }, shape: [axis.classes])
    }
}
