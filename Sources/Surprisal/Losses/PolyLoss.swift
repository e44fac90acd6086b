import SurprisalKernels

/// Cross-entropy with another weight on the first term of its expansion in 1 − p_y (Poly-1), in nats.
///
/// `L = w_y·(−log p_y + ε·(1 − p_y))`, p the softmax of the logits, w the class weights (1 unless given); ε = 0 is
/// `CrossEntropyLoss`, and a mean divides as that does, by the weights' sum over the labels that count.
/// Derivative: `∂L/∂x_c = w_y·(1 + ε·p_y)·(p_c − [c = y])`.
///
/// Accuracy: `Accuracy.polyLossULP` for ε ≥ 0, confident rows included: 1 − p_y comes from log p_y. Below 0 the two terms
/// cancel, for ε = −1 all digits of a certain row. A position whose label is ignored contributes nothing.
///
/// Source: Z. Leng, M. Tan, C. Liu, E. D. Cubuk, X. Shi, S. Cheng, D. Anguelov, "PolyLoss: a polynomial expansion
/// perspective of classification loss functions", ICLR 2022, arXiv 2204.12511.
public struct PolyLoss<Scalar: Surprisal.Scalar>: Sendable {
    public let epsilon: Double
    private let loss: SurprisalLoss<Scalar>

    public var weight: Tensor<Scalar>? { loss.weight }
    public var reduction: Reduction { loss.reduction }
    public var classAxis: Int? { loss.classAxis }

    /// - Parameters:
    ///   - epsilon: ε, a finite number (the paper's are from −1 to 6); anything else stops the program.
    ///   - weight: one a class, in shape `[classes]`; it may be tracked.
    ///   - classAxis: of the logits, from the end when negative; 1 unless given, 0 of a single row.
    public init(
        epsilon: Double = 1, weight: Tensor<Scalar>? = nil, reduction: Reduction = .mean, classAxis: Int? = nil
    ) {
        do { try Self.check(epsilon: epsilon) } catch { fatalError("PolyLoss: \(error)") }
        self.epsilon = epsilon
        loss = SurprisalLoss(name: "Poly", weight: weight, reduction: reduction, classAxis: classAxis) { labels in
            var values = labels.surprisals, slopes = labels.probabilities
            var value = values.mutableSpan, slope = slopes.mutableSpan
            let complements = labels.complements.span
            for n in value.indices {
                value[n] += epsilon * complements[n]
                slope[n] = 1 + epsilon * slope[n]
            }
            return (values, slopes)
        }
    }

    public static func check(epsilon: Double) throws(LossError) {
        guard epsilon.isFinite else { throw .coefficient(epsilon) }
    }

    /// Whether the loss can be taken of logits of this shape with these labels.
    public func check(_ logits: Shape, _ labels: Labels) throws(LossError) { _ = try loss.input(logits, labels) }

    /// - Shapes: logits `… × classes × …`, labels without the class axis → a scalar, or the labels' shape
    ///   without reduction.
    /// - Complexity: O(logits), one sweep, whose rows are scaled while they are in the caches. Tracked logits are replaced by their
    ///   gradient when nobody else holds them, and copied otherwise.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func callAsFunction(_ logits: consuming Tensor<Scalar>, _ labels: Labels) -> Tensor<Scalar> {
        loss(logits, labels)
    }
}
