import SurprisalKernels

/// The multi-class hinge loss: by how much other classes come too near to the label's score.
///
/// `L = (w_y/C)·Σ_{c ≠ y} max(0, margin − x_y + x_c)^p` of C classes, p = 1 or 2, w the class weights (1 unless given):
/// PyTorch's `nn.MultiMarginLoss`. A mean divides by the number of labels that count, not by their weights, as there.
/// Derivative, with z_c = margin − x_y + x_c and h_c = p·z_c^(p−1) where z_c > 0 and 0 elsewhere, at the kink too:
/// `∂L/∂x_c = (w_y/C)·h_c`, `∂L/∂x_y = −(w_y/C)·Σ h_c`.
///
/// Accuracy: `Accuracy.marginLossULP`; z is rounded once, however near to the kink. A class at −∞ comes near to none, a
/// NaN makes its row NaN (PyTorch passes over it), and a position whose label is ignored contributes nothing.
///
/// Source: K. Crammer, Y. Singer, "On the algorithmic implementation of multiclass kernel-based vector machines", JMLR 2,
/// 2001, in the form of J. Weston, C. Watkins, ESANN 1999, which sums over the classes.
public struct MultiMarginLoss<Scalar: Surprisal.Scalar>: Sendable {
    public let p: Int
    public let margin: Double
    public let weight: Tensor<Scalar>?
    public let reduction: Reduction
    public let classAxis: Int?

    /// - Parameters:
    ///   - p: 1 or 2; anything else stops the program.
    ///   - margin: a finite number, 1 unless given; anything else stops the program.
    ///   - weight: one a class, in shape `[classes]`; it may be tracked.
    ///   - classAxis: of the scores, from the end when negative; 1 unless given, 0 of a single row.
    public init(
        p: Int = 1, margin: Double = 1, weight: Tensor<Scalar>? = nil, reduction: Reduction = .mean,
        classAxis: Int? = nil
    ) {
        do { try Self.check(p: p, margin: margin) } catch { fatalError("MultiMarginLoss: \(error)") }
        self.p = p
        self.margin = margin
        self.weight = weight
        self.reduction = reduction
        self.classAxis = classAxis
    }

    public static func check(p: Int = 1, margin: Double = 1) throws(LossError) {
        guard p == 1 || p == 2 else { throw .power(p) }
        guard margin.isFinite else { throw .margin(margin) }
    }

    /// Whether the loss can be taken of scores of this shape with these labels.
    public func check(_ scores: Shape, _ labels: Labels) throws(LossError) { _ = try input(scores, labels) }

    private func input(_ scores: Shape, _ labels: Labels) throws(LossError) -> ClassLossInput {
        let input = try ClassLossInput(scores, classAxis: classAxis, weight: weight?.shape)
        try input.check(labels, of: scores)
        return input
    }

    /// - Shapes: scores `… × classes × …`, labels without the class axis → a scalar, or the labels' shape
    ///   without reduction.
    /// - Complexity: O(scores), one pass, in which the gradient is formed where the scores are tracked.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func callAsFunction(_ scores: Tensor<Scalar>, _ labels: Labels) -> Tensor<Scalar> {
        let input: ClassLossInput
        do { input = try self.input(scores.shape, labels) } catch { fatalError("MultiMarginLoss: \(error)") }
        let (shape, axis) = (scores.shape, input.axis)
        let reduced = ReducedLosses<Scalar>(
            reduction: reduction, denominator: Double(labels.count - labels.ignoredCount), input: input, of: shape)

        var losses = Buffer<Scalar>(uninitialized: axis.positions)
        var gradient = Buffer<Scalar>(uninitialized: scores.isTracked ? scores.count : 0)
        do {
            var losses = losses.mutableSpan, slopes = gradient.mutableSpan
            let sweep = MarginSweep(
                axis: axis, labels: labels.classes, weight: weight?.buffer, p: p, margin: margin, scale: reduced.scale)
            Scalar.multiMargin(scores.span, sweep, losses: &losses, gradient: &slopes)
        }
        let formed = gradient
        var edges = scores.edge { Tensor(shape: shape, buffer: reduced.applied($0, to: formed, axis: axis)) }
        if let weight {
            let plain = Self(p: p, margin: margin, reduction: .none, classAxis: classAxis), scores = scores.detached
            edges = edges + weight.edge { [w = weight.buffer] upstream in
                let losses = plain(scores, labels)
                return labelWeightGradient(upstream, reduced, labels, w, meanIsOverWeights: false) { n, _ in
                    Double(losses.span[n])
                }
            }
        }
        let value = reduced.value(of: losses)
        return Tensor(shape: value.shape, buffer: value.buffer, from: "MultiMargin", edges: edges)
    }
}
