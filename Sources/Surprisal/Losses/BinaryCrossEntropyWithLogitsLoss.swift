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
    /// - Complexity: O(logits), one pass: an exponential and a logarithm an element.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func callAsFunction(_ logits: Tensor<Scalar>, targets: Tensor<Scalar>) -> Tensor<Scalar> {
        let weights: ElementFactors<Scalar>, posWeights: ElementFactors<Scalar>
        do { (weights, posWeights) = try factors(logits.shape, targets: targets.shape) } catch {
            fatalError("BinaryCrossEntropyWithLogitsLoss: \(error)")
        }
        let (shape, count, x, y) = (logits.shape, logits.count, logits.buffer, targets.buffer)
        let reduced = ReducedLosses<Scalar>(reduction: reduction, denominator: Double(count), positions: shape)
        let axis = ClassAxis(outer: count, classes: 1, inner: 1), isTracked = logits.isTracked

        var losses = Buffer<Scalar>(uninitialized: count), slopes = Buffer<Scalar>(uninitialized: isTracked ? count : 0)
        do {
            var losses = losses.mutableSpan, slopes = slopes.mutableSpan
            Parallel.forRows(count, elementsPerRow: 1, cost: 8, writing: &losses, &slopes) { part, losses, slopes in
                let entries = Softplus(x, part), ofLosses = weights.factors(part), ofYes = posWeights.factors(part)
                let (x, y, scale) = (x.span.extracting(part), y.span.extracting(part), reduced.scale)
                let (e, l, w, positive) = (entries.exponentials.span, entries.logarithms.span, ofLosses.span, ofYes.span)
                var i = 0
                while i + 4 <= part.count {
                    func four(_ span: Span<Scalar>) -> SIMD4<Double> {
                        SIMD4(Double(span[i]), Double(span[i + 1]), Double(span[i + 2]), Double(span[i + 3]))
                    }
                    let found = terms(four(x), four(y), four(e), four(l), four(w), four(positive))
                    for lane in 0..<4 { losses[part.lowerBound + i + lane] = Scalar(found.losses[lane]) }
                    if isTracked {
                        let scaled = scale * found.slopes
                        for lane in 0..<4 { slopes[part.lowerBound + i + lane] = Scalar(scaled[lane]) }
                    }
                    i += 4
                }
                while i < part.count {
                    func one(_ span: Span<Scalar>) -> SIMD4<Double> { SIMD4(repeating: Double(span[i])) }
                    let found = terms(one(x), one(y), one(e), one(l), one(w), one(positive))
                    losses[part.lowerBound + i] = Scalar(found.losses[0])
                    if isTracked { slopes[part.lowerBound + i] = Scalar(scale * found.slopes[0]) }
                    i += 1
                }
            }
        }
        let formed = slopes
        let byLogits = logits.edge { Tensor(shape: shape, buffer: reduced.applied($0, to: formed, axis: axis)) }
        let byTargets = targets.edge { upstream in
            var slopes = Buffer<Scalar>(uninitialized: count)
            do {
                var slopes = slopes.mutableSpan
                Parallel.forRows(count, elementsPerRow: 1, cost: 8, writing: &slopes) { part, slopes in
                    let l = Softplus(x, part).logarithms, w = weights.factors(part), positive = posWeights.factors(part)
                    for i in 0..<part.count {
                        let x = Double(x.span[part.lowerBound + i]), l = Double(l.span[i])
                        let rise = term(Double(positive.span[i]) - 1, softplus(-x, l)) - x
                        slopes[part.lowerBound + i] = Scalar(reduced.scale * Double(w.span[i]) * rise)
                    }
                }
            }
            return Tensor(shape: shape, buffer: reduced.applied(upstream, to: slopes, axis: axis))
        }
        let value = reduced.value(of: losses)
        return Tensor(
            shape: value.shape, buffer: value.buffer, from: "BinaryCrossEntropyWithLogits", edges: byLogits + byTargets)
    }
}

/// Losses of four elements and their derivatives, from e = e^−|x| and l = log1p(e).
@inline(__always)
private func terms(
    _ x: SIMD4<Double>, _ y: SIMD4<Double>, _ e: SIMD4<Double>, _ l: SIMD4<Double>, _ w: SIMD4<Double>,
    _ positive: SIMD4<Double>
) -> (losses: SIMD4<Double>, slopes: SIMD4<Double>) {
    let yes = positive * y, no = 1 - y, zero = SIMD4<Double>()
    let ofYes = l + zero.replacing(with: -x, where: x .< 0), ofNo = l + zero.replacing(with: x, where: x .> 0)
    // A loss's part: nothing where its factor is, however unlikely the event.
    let losses = (yes * ofYes).replacing(with: 0, where: yes .== 0 .& ofYes .== .infinity)
        + (no * ofNo).replacing(with: 0, where: no .== 0 .& ofNo .== .infinity)
    // Of σ(x) and σ(−x) one is 1/(1 + e), the other e/(1 + e).
    let difference = no * e.replacing(with: 1, where: x .> 0) - yes * e.replacing(with: 1, where: x .< 0)
    return (w * losses, w * difference / (1 + e))
}

/// A loss's part: nothing where its factor is, however unlikely the event.
@inline(__always)
private func term(_ factor: Double, _ surprisal: Double) -> Double {
    factor == 0 && surprisal == .infinity ? 0 : factor * surprisal
}

/// −log σ(−x), from l = log1p(e^−|x|), where a NaN is.
@inline(__always)
private func softplus(_ x: Double, _ l: Double) -> Double { l + (x > 0 ? x : 0) }

/// e^−|x| and log1p(e^−|x|) of some logits: softplus and σ of x and of −x without a difference of large numbers.
private struct Softplus<Scalar: Surprisal.Scalar>: Sendable {
    let exponentials, logarithms: Buffer<Scalar>

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    init(_ x: Buffer<Scalar>, _ part: Range<Int>) {
        var e = Buffer<Scalar>(uninitialized: part.count), l = Buffer<Scalar>(uninitialized: part.count)
        do {
            var distance = l.mutableSpan
            let x = x.span.extracting(part)
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
    private let values: Buffer<Scalar>
    /// Neighbouring elements with the same one; then comes the next, and after the last the first.
    private let distance: Int

    init(_ factors: Tensor<Scalar>?, of input: Shape, classAxis: Int?) throws(LossError) {
        values = factors?.buffer ?? Buffer(repeating: 1, count: 1)
        guard let factors, !factors.shape.isEmpty, factors.shape != input else {
            distance = 1
            return
        }
        let axis = try ClassLossInput(input, classAxis: classAxis, weight: nil).axis
        if factors.shape != [axis.classes] {
            throw .elementWeightShape(found: factors.shape, input: input, classes: axis.classes)
        }
        distance = axis.inner
    }

    /// Those of some elements.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    func factors(_ part: Range<Int>) -> Buffer<Scalar> {
        if values.count == 1 { return Buffer(repeating: values.span[0], count: part.count) }
        var factors = Buffer<Scalar>(uninitialized: part.count)
        var out = factors.mutableSpan
        let values = values.span
        var place = part.lowerBound / distance % values.count, left = distance - part.lowerBound % distance
        for i in out.indices {
            out[i] = values[place]
            left -= 1
            if left == 0 { (place, left) = (place + 1 == values.count ? 0 : place + 1, distance) }
        }
        return factors
    }
}
