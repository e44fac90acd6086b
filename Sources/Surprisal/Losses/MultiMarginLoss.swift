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
        try input.check(labels)
        return input
    }

    /// - Shapes: scores `… × classes × …`, labels without the class axis → a scalar, or the labels' shape
    ///   without reduction.
    /// - Complexity: O(scores), one pass.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func callAsFunction(_ scores: Tensor<Scalar>, _ labels: Labels) -> Tensor<Scalar> {
        let input: ClassLossInput
        do { input = try self.input(scores.shape, labels) } catch { fatalError("MultiMarginLoss: \(error)") }
        let (shape, axis) = (scores.shape, input.axis)
        let reduced = ReducedLosses<Scalar>(
            reduction: reduction, denominator: Double(labels.count - labels.ignoredCount), input: input)

        let isTracked = scores.isTracked
        var gradient = Buffer<Scalar>(repeating: 0, count: isTracked ? scores.count : 0)
        var losses = Buffer<Scalar>(repeating: 0, count: axis.positions), unweighted = Buffer<Double>(repeating: 0, count: axis.positions)
        do {
            var losses = losses.mutableSpan, unweighted = unweighted.mutableSpan, slopes = gradient.mutableSpan
            let x = scores.span
            for n in 0..<axis.positions {
                guard let y = labels[n] else { continue }
                let start = axis.element(n, 0), label = start + y * axis.inner
                let w = Double(weight?.span[y] ?? 1), factor = w * reduced.scale / Double(axis.classes)
                let ofLabel = Double(x[label])
                var sum = CompensatedSum(), slope = CompensatedSum()
                for c in 0..<axis.classes where c != y {
                    let at = start + c * axis.inner, z = violation(ofLabel, Double(x[at]))
                    // NaN goes on.
                    if z <= 0 { continue }
                    sum.add(p == 1 ? z : z * z)
                    if !isTracked { continue }
                    let h = z.isNaN ? z : p == 1 ? 1 : 2 * z
                    slope.add(h)
                    slopes[at] = Scalar(factor * h)
                }
                if isTracked { slopes[label] = Scalar(0 - factor * slope.value) }
                unweighted[n] = sum.value / Double(axis.classes)
                losses[n] = Scalar(w * unweighted[n])
            }
        }
        let formed = gradient, each = unweighted
        var edges = scores.edge { Tensor(shape: shape, buffer: reduced.applied($0, to: formed, axis: axis)) }
        if let weight {
            edges = edges + weight.edge { [w = weight.buffer] upstream in
                labelWeightGradient(upstream, reduced, labels, w, meanIsOverWeights: false) { n, _ in each.span[n] }
            }
        }
        let value = reduced.value(of: losses)
        return Tensor(shape: value.shape, buffer: value.buffer, from: "MultiMargin", edges: edges)
    }

    /// margin − x_y + x_c, rounded once; −∞ for a class that is impossible.
    @inline(__always)
    private func violation(_ label: Double, _ other: Double) -> Double {
        if other == -.infinity { return other }
        let difference = other - label
        if !difference.isFinite { return difference }
        // Knuth's two-sums: what the two roundings lose.
        let back = difference - other, low = (other - (difference - back)) - (label + back)
        let sum = difference + margin, part = sum - difference
        return sum + (((difference - (sum - part)) + (margin - part)) + low)
    }
}
