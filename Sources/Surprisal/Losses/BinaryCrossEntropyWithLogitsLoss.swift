import SurprisalKernels

/// Cross-entropy of independent yes-or-no questions, each a logit with a probability, in nats: several labels at once.
///
/// With σ(x) = 1/(1 + e^−x), `−log σ(x) = softplus(−x)` and `softplus(x) = max(x, 0) + log1p(e^−|x|)`:
///
/// - `L = w·(P·y·softplus(−x) + (1 − y)·softplus(x))`, w the weight and P the positive weight (1 unless given).
/// - `∂L/∂x = w·((1 − y)·σ(x) − P·y·σ(−x))`; `∂L/∂y = w·((P − 1)·softplus(−x) − x)`.
///
/// For P = 1 this is PyTorch's max(x, 0) − x·y + log1p(e^−|x|), without its cancellation; and for y = 1 it is the
/// cross-entropy of the two logits 0 and x with the label 1. A mean is over all elements, whatever their weights, as
/// in PyTorch.
///
/// Accuracy: of a target of 0 or 1, `Accuracy.binaryLossULP`, confident entries included; between them the two terms of
/// the gradient cancel. A term whose factor is 0 is 0: a certain answer at a logit of ±∞ is no loss.
public struct BinaryCrossEntropyWithLogitsLoss<Scalar: Surprisal.Scalar>: Sendable {
    public let weight: Tensor<Scalar>?
    public let posWeight: Tensor<Scalar>?
    public let reduction: Reduction
    public let classAxis: Int?

    /// - Parameters:
    ///   - weight: of each loss: one for all in shape `[]`, one a class in shape `[classes]`, or one an element in the
    ///     logits' shape; not tracked.
    ///   - posWeight: of the part that y multiplies, in such a shape as well: above 1 it trades precision for recall.
    ///   - classAxis: of the logits, along which weights in shape `[classes]` lie, from the end when negative; 1 unless
    ///     given, 0 of a single row.
    public init(
        weight: Tensor<Scalar>? = nil, posWeight: Tensor<Scalar>? = nil, reduction: Reduction = .mean,
        classAxis: Int? = nil
    ) {
        if weight?.isTracked == true || posWeight?.isTracked == true {
            fatalError("BinaryCrossEntropyWithLogitsLoss: tracked weights; expected constants")
        }
        self.weight = weight
        self.posWeight = posWeight
        self.reduction = reduction
        self.classAxis = classAxis
    }

    /// Whether the loss can be taken of logits of this shape with targets of that one.
    public func check(_ logits: Shape, targets: Shape) throws(LossError) { _ = try factors(logits, targets: targets) }

    private func factors(
        _ logits: Shape, targets: Shape
    ) throws(LossError) -> (weight: ElementFactors<Scalar>, positive: ElementFactors<Scalar>) {
        if targets != logits { throw .targetShape(found: targets, input: logits) }
        return (
            try ElementFactors(weight, of: logits, classAxis: classAxis),
            try ElementFactors(posWeight, of: logits, classAxis: classAxis)
        )
    }

    /// - Parameter targets: probabilities, 0 and 1 for certain answers; they may be tracked, and are not checked.
    /// - Shapes: logits and targets of any one shape → a scalar, or that shape without reduction.
    /// - Complexity: O(logits); three passes, of which one takes exponentials and one logarithms.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func callAsFunction(_ logits: Tensor<Scalar>, targets: Tensor<Scalar>) -> Tensor<Scalar> {
        let w: ElementFactors<Scalar>, positive: ElementFactors<Scalar>
        do { (w, positive) = try factors(logits.shape, targets: targets.shape) } catch {
            fatalError("BinaryCrossEntropyWithLogitsLoss: \(error)")
        }
        let input = ClassLossInput(elementsOf: logits.shape)
        let reduced = ReducedLosses<Scalar>(reduction: reduction, denominator: Double(logits.count), input: input)
        let (shape, x, entries) = (logits.shape, logits.buffer, Softplus(logits.buffer))

        var losses = Buffer<Scalar>(uninitialized: x.count)
        do {
            var out = losses.mutableSpan
            let x = x.span, y = targets.span, l = entries.logarithms.span
            for i in out.indices {
                let x = Double(x[i]), y = Double(y[i]), l = Double(l[i])
                out[i] = Scalar(
                    w[i] * (part(positive[i] * y, softplus(-x, l)) + part(1 - y, softplus(x, l))))
            }
        }
        var edges = Edges<Scalar>()
        if logits.isTracked {
            var gradient = Buffer<Scalar>(uninitialized: x.count)
            do {
                var out = gradient.mutableSpan
                let x = x.span, y = targets.span, e = entries.exponentials.span
                for i in out.indices {
                    let x = Double(x[i]), y = Double(y[i]), e = Double(e[i])
                    out[i] = Scalar(
                        reduced.scale * w[i] * ((1 - y) * sigmoid(x, e) - positive[i] * y * sigmoid(-x, e)))
                }
            }
            let formed = gradient
            edges = logits.edge { Tensor(shape: shape, buffer: reduced.applied($0, to: formed, axis: input.axis)) }
        }
        edges = edges + targets.edge { upstream in
            var gradient = Buffer<Scalar>(uninitialized: x.count)
            do {
                var out = gradient.mutableSpan
                let x = x.span, l = entries.logarithms.span
                for i in out.indices {
                    let x = Double(x[i]), rise = part(positive[i] - 1, softplus(-x, Double(l[i]))) - x
                    out[i] = Scalar(reduced.scale * w[i] * rise)
                }
            }
            return Tensor(shape: shape, buffer: reduced.applied(upstream, to: gradient, axis: input.axis))
        }
        let value = reduced.value(of: losses)
        return Tensor(
            shape: value.shape, buffer: value.buffer, from: "BinaryCrossEntropyWithLogits", edges: edges)
    }
}

/// A loss's part: nothing where its factor is, however unlikely the event.
@inline(__always)
private func part(_ factor: Double, _ surprisal: Double) -> Double {
    factor == 0 && surprisal == .infinity ? 0 : factor * surprisal
}

/// −log σ(−x), from l = log1p(e^−|x|), where a NaN is.
@inline(__always)
private func softplus(_ x: Double, _ l: Double) -> Double { x > 0 ? l + x : l }

/// σ(x), from e = e^−|x|.
@inline(__always)
private func sigmoid(_ x: Double, _ e: Double) -> Double { (x > 0 ? 1 : e) / (1 + e) }

/// e^−|x| and log1p(e^−|x|) of every logit: softplus and σ of x and of −x without a difference of large numbers.
private struct Softplus<Scalar: Surprisal.Scalar>: Sendable {
    let exponentials, logarithms: Buffer<Scalar>

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    init(_ x: Buffer<Scalar>) {
        var e = Buffer<Scalar>(uninitialized: x.count), l = Buffer<Scalar>(uninitialized: x.count)
        do {
            var distance = l.mutableSpan
            let x = x.span
            for i in distance.indices { distance[i] = -x[i].magnitude }
        }
        do {
            var out = e.mutableSpan
            Scalar.exp(l.span, into: &out)
        }
        do {
            var out = l.mutableSpan
            Scalar.log1p(e.span, into: &out)
        }
        exponentials = e
        logarithms = l
    }
}

/// One factor for all elements, one a class, or one an element; 1 unless given.
private struct ElementFactors<Scalar: Surprisal.Scalar>: Sendable {
    private let values: Buffer<Scalar>?
    /// The factor of element i is the (i / distance mod count)'th.
    private let distance, count: Int

    init(_ factors: Tensor<Scalar>?, of input: Shape, classAxis: Int?) throws(LossError) {
        values = factors?.buffer
        guard let factors, !factors.shape.isEmpty else {
            (distance, count) = (1, 1)
            return
        }
        if factors.shape == input {
            (distance, count) = (1, max(1, factors.count))
            return
        }
        let axis = try ClassLossInput(input, classAxis: classAxis, weight: nil).axis
        if factors.shape != [axis.classes] {
            throw .elementWeightShape(found: factors.shape, input: input, classes: axis.classes)
        }
        (distance, count) = (max(1, axis.inner), max(1, axis.classes))
    }

    @inline(__always)
    subscript(i: Int) -> Double {
        guard let values else { return 1 }
        return Double(values.span[count == 1 ? 0 : i / distance % count])
    }
}
