import SurprisalKernels

/// The surprisals s = −log p of the labels, their probabilities p and the others' q = 1 − p, a position each.
///
/// q is −expm1(−s), never 1 − p: a confident row keeps its digits. An ignored position has s = 0.
struct LabelSurprisals: Sendable {
    let surprisals, probabilities, complements: Buffer<Double>

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    init<Scalar: Surprisal.Scalar>(_ losses: Buffer<Scalar>) {
        let count = losses.count
        // Not copies of one, which would be copied when written.
        func fresh() -> Buffer<Double> { Buffer(uninitialized: count) }
        var s = fresh(), minus = fresh(), p = fresh(), logP = fresh(), q = fresh()
        do {
            var s = s.mutableSpan, minus = minus.mutableSpan
            let losses = losses.span
            for n in 0..<count {
                s[n] = Double(losses[n])
                minus[n] = -s[n]
            }
        }
        do {
            var p = p.mutableSpan
            Double.exp(minus.span, into: &p)
        }
        do {
            var logP = logP.mutableSpan
            Double.log(p.span, into: &logP)
        }
        do {
            var q = q.mutableSpan
            let s = s.span, p = p.span, logP = logP.span
            // From ½ on 1 − p is exact, and the error of p goes out with that of log p, which is large where p's is.
            // Source: W. Kahan, HP-15C Advanced Functions Handbook, 1982; N. J. Higham, Accuracy and Stability of
            // Numerical Algorithms, §1.14.1.
            for n in 0..<count {
                q[n] = p[n] == 1 ? s[n] : p[n] < 0.5 ? 1 - p[n] : (1 - p[n]) * (s[n] / -logP[n])
            }
        }
        surprisals = s
        probabilities = p
        complements = q
    }
}

/// A loss w_y·φ(s) that depends on a row through its label's surprisal s = −log p_y alone: the focal and poly losses.
///
/// One sweep of cross-entropy gives s and its derivative p_c − [c = y], with the digits of confident rows; what φ adds
/// is work a position: `∂L/∂x_c = w_y·φ′(s)·(p_c − [c = y])`.
struct SurprisalLoss<Scalar: Surprisal.Scalar>: Sendable {
    let name: String
    let weight: Tensor<Scalar>?
    let reduction: Reduction
    let classAxis: Int?
    /// φ(s) and φ′(s), a position each; at s = 0, which an ignored position has, φ is 0.
    let transform: @Sendable (LabelSurprisals) -> (values: Buffer<Double>, slopes: Buffer<Double>)

    func input(_ logits: Shape, _ labels: Labels) throws(LossError) -> ClassLossInput {
        let input = try ClassLossInput(logits, classAxis: classAxis, weight: weight?.shape)
        try input.check(labels)
        return input
    }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    func callAsFunction(_ logits: consuming Tensor<Scalar>, _ labels: Labels) -> Tensor<Scalar> {
        let input: ClassLossInput
        do { input = try self.input(logits.shape, labels) } catch { fatalError("\(name): \(error)") }
        let (shape, axis) = (logits.shape, input.axis)
        let reduced = ReducedLosses<Scalar>(
            reduction: reduction, denominator: labelWeight(labels, weight), input: input)
        let node = logits.node
        var gradient = logits.buffer
        _ = consume logits
        let surprisals = CrossEntropyLoss<Scalar>(reduction: .none).sweep(
            &gradient, input, .labels(labels), scale: 1, formsGradient: node != nil)
        let (values, slopes) = transform(LabelSurprisals(surprisals))

        // An ignored position has neither a loss nor a slope.
        var losses = Buffer<Scalar>(repeating: 0, count: axis.positions), factors = losses
        do {
            var losses = losses.mutableSpan, factors = factors.mutableSpan
            let values = values.span, slopes = slopes.span, scale = reduced.scale
            for n in 0..<axis.positions {
                guard let y = labels[n] else { continue }
                let w = Double(weight?.span[y] ?? 1)
                losses[n] = Scalar(w * values[n])
                factors[n] = Scalar(w * slopes[n] * scale)
            }
        }
        var edges = Edges<Scalar>()
        if let node {
            var rows = gradient.mutableSpan
            scaleRows(&rows, by: factors.span, axis: axis)
            let formed = gradient
            edges.append(
                .init(node: node) { upstream in
                    Tensor(shape: shape, buffer: reduced.applied(upstream, to: formed, axis: axis))
                })
        }
        if let weight {
            edges = edges + weight.edge { [w = weight.buffer] upstream in
                labelWeightGradient(upstream, reduced, labels, w) { n, _ in values.span[n] }
            }
        }
        let value = reduced.value(of: losses)
        return Tensor(shape: value.shape, buffer: value.buffer, from: name, edges: edges)
    }
}
