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
        try input.check(labels, of: logits)
        return input
    }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    func callAsFunction(_ logits: consuming Tensor<Scalar>, _ labels: Labels) -> Tensor<Scalar> {
        let input: ClassLossInput
        do { input = try self.input(logits.shape, labels) } catch { fatalError("\(name): \(error)") }
        let (shape, axis) = (logits.shape, input.axis)
        let reduced = ReducedLosses<Scalar>(
            reduction: reduction, denominator: labelWeight(labels, weight), input: input, of: shape)
        let node = logits.node
        var gradient = logits.buffer
        _ = consume logits
        // w_y·φ(s) and, for the gradient of the weights, φ(s): 0 of ignored positions.
        var losses = Buffer<Scalar>(repeating: 0, count: axis.positions), values = Buffer<Double>(repeating: 0, count: axis.positions)
        if node == nil {
            let surprisals = CrossEntropyLoss<Scalar>(reduction: .none).sweep(
                &gradient, axis, .labels(labels), scale: 1, formsGradient: false)
            values = transform(LabelSurprisals(surprisals)).values
        } else {
            let given = gradient.isUnique() ? nil : gradient
            if given != nil { gradient = Buffer(uninitialized: gradient.count) }
            formGradient(of: given, &gradient, &values, labels, axis, scale: reduced.scale)
        }
        do {
            var losses = losses.mutableSpan
            let values = values.span
            for n in losses.indices {
                if let y = labels[n] { losses[n] = Scalar(Double(weight?.span[y] ?? 1) * values[n]) }
            }
        }
        var edges = Edges<Scalar>()
        if let node {
            let formed = gradient
            edges.append(
                .init(node: node) { upstream in
                    Tensor(shape: shape, buffer: reduced.applied(upstream, to: formed, axis: axis))
                })
        }
        if let weight {
            edges = edges + weight.edge { [w = weight.buffer, values] upstream in
                labelWeightGradient(upstream, reduced, labels, w) { n, _ in values.span[n] }
            }
        }
        let value = reduced.value(of: losses)
        return Tensor(shape: value.shape, buffer: value.buffer, from: name, edges: edges)
    }

    /// φ(s) of every position, and its gradient, of the logits given or of those that lie where it goes: rows as they are
    /// swept, while they are in the caches.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    private func formGradient(
        of logits: Buffer<Scalar>?, _ gradient: inout Buffer<Scalar>, _ values: inout Buffer<Double>, _ labels: Labels,
        _ axis: ClassAxis, scale: Double
    ) {
        func form(_ part: ClassAxis, _ positions: Range<Int>, _ gradient: inout MutableSpan<Scalar>, _ values: inout MutableSpan<Double>) {
            let target = positions.count == labels.count ? labels.classes : ClassIndices(Array(labels.indices[positions]))
            var sweep = CrossEntropySweep<Scalar>(axis: part, target: .labels(target), weight: nil, smoothing: 0, scale: 1)
            sweep.whole = axis
            var surprisals = Buffer<Scalar>(uninitialized: positions.count)
            do {
                let elements = positions.lowerBound * axis.classes..<positions.upperBound * axis.classes
                var surprisals = surprisals.mutableSpan
                if let logits {
                    Scalar.crossEntropy(logits.span.extracting(elements), sweep, losses: &surprisals, gradient: &gradient)
                } else {
                    Scalar.crossEntropyInPlace(&gradient, sweep, losses: &surprisals)
                }
            }
            let (formed, slopes) = transform(LabelSurprisals(surprisals))
            var factors = surprisals.mutableSpan
            for n in factors.indices {
                let y = labels[positions.lowerBound + n]
                factors[n] = Scalar(y.map { Double(weight?.span[$0] ?? 1) * slopes.span[n] * scale } ?? 0)
                values[n] = formed.span[n]
            }
            Scalar.scaleRows(&gradient, by: factors.span, axis: part)
        }
        if axis.classes == 0 { return }
        var rows = gradient.mutableSpan, values = values.mutableSpan
        // Positions behind the classes lie side by side: all of them at once.
        if axis.inner != 1 { return form(axis, 0..<axis.positions, &rows, &values) }
        let height = max(1, (1 << 17) / (axis.classes * MemoryLayout<Scalar>.stride))
        Parallel.forRows(axis.outer, elementsPerRow: axis.classes, writing: &rows, &values) { part, rows, values in
            for start in stride(from: part.lowerBound, to: part.upperBound, by: height) {
                let block = start..<min(part.upperBound, start + height)
                var some = rows.part(block.lowerBound * axis.classes..<block.upperBound * axis.classes)
                var theirs = values.part(block)
                form(ClassAxis(outer: block.count, classes: axis.classes, inner: 1), block, &some, &theirs)
            }
        }
    }
}
