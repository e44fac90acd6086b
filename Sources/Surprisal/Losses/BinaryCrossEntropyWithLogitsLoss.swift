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
    ) throws(LossError) -> (weight: ElementFactors<Scalar>?, positive: ElementFactors<Scalar>?) {
        if targets != logits { throw .targetShape(found: targets, input: logits) }
        return (try factors(weight, logits), try factors(posWeight, logits))
    }

    private func factors(_ factors: Tensor<Scalar>?, _ input: Shape) throws(LossError) -> ElementFactors<Scalar>? {
        guard let factors else { return nil }
        if factors.shape.isEmpty || factors.shape == input { return ElementFactors(factors.buffer, distance: 1) }
        let axis = try ClassLossInput(input, classAxis: classAxis, weight: nil).axis
        if factors.shape != [axis.classes] {
            throw .elementWeightShape(found: factors.shape, input: input, classes: axis.classes)
        }
        return ElementFactors(factors.buffer, distance: axis.inner)
    }

    /// - Parameter targets: probabilities, 0 and 1 for certain answers; they may be tracked, and are not checked.
    /// - Shapes: logits and targets of any one shape → a scalar, or that shape without reduction.
    /// - Complexity: O(logits), one pass: an exponential and a logarithm an element, and the derivative where the logits are
    ///   tracked. Losses are not stored when their sum or mean is what is asked for.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func callAsFunction(_ logits: Tensor<Scalar>, targets: Tensor<Scalar>) -> Tensor<Scalar> {
        let factors: (weight: ElementFactors<Scalar>?, positive: ElementFactors<Scalar>?)
        do { factors = try self.factors(logits.shape, targets: targets.shape) } catch {
            fatalError("BinaryCrossEntropyWithLogitsLoss: \(error)")
        }
        let (shape, count, x, y) = (logits.shape, logits.count, logits.buffer, targets.buffer)
        let reduced = ReducedLosses<Scalar>(reduction: reduction, denominator: Double(count), positions: shape)
        let axis = ClassAxis(outer: count, classes: 1, inner: 1), isReduced = reduction != .none
        let sweep = BinaryCrossEntropySweep(weight: factors.weight, positive: factors.positive, scale: reduced.scale)

        var losses = Buffer<Scalar>(uninitialized: isReduced ? 0 : count)
        var sums = Buffer<Double>(uninitialized: isReduced ? Strips.count(of: count) : 0)
        var slopes = Buffer<Scalar>(uninitialized: logits.isTracked ? count : 0)
        do {
            var losses = losses.mutableSpan, sums = sums.mutableSpan, slopes = slopes.mutableSpan
            Scalar.binaryCrossEntropy(x.span, targets: y.span, sweep, losses: &losses, sums: &sums, slopes: &slopes)
        }
        let formed = slopes
        let byLogits = logits.edge { Tensor(shape: shape, buffer: reduced.applied($0, to: formed, axis: axis)) }
        let byTargets = targets.edge { upstream in
            var slopes = Buffer<Scalar>(uninitialized: count)
            do {
                var slopes = slopes.mutableSpan
                Scalar.binaryCrossEntropySlopes(x.span, targets: y.span, sweep, into: &slopes)
            }
            return Tensor(shape: shape, buffer: reduced.applied(upstream, to: slopes, axis: axis))
        }
        let value = isReduced ? reduced.value(ofSum: Double.sum(sums.span)) : reduced.value(of: losses)
        return Tensor(
            shape: value.shape, buffer: value.buffer, from: "BinaryCrossEntropyWithLogits", edges: byLogits + byTargets)
    }
}
