import SurprisalKernels

/// Cross-entropy that counts well classified positions less, in nats.
///
/// `L = −w_y·(1 − p_y)^γ·log p_y`, p the softmax of the logits, w the class weights (the paper's α; 1 unless given);
/// γ = 0 is `CrossEntropyLoss`. A mean divides as that does, by the weights' sum over the labels that count. (The paper
/// divides by a count of its own, torchvision's `sigmoid_focal_loss` by the number of elements; PyTorch has none.)
///
/// Derivative, with s = −log p_y and q = 1 − p_y:
/// `∂L/∂x_c = w_y·q^γ·(1 + γ·p_y·s/q)·(p_c − [c = y])`. It is 0 at q = 0 for every γ > 0.
///
/// Accuracy: q comes from s and not from p_y, so a confident row keeps its digits; the power multiplies the relative
/// error of q by γ: `Accuracy.focalLossULP(gamma:)`. A position whose label is ignored contributes nothing.
///
/// Source: T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár, "Focal loss for dense object detection", ICCV 2017,
/// arXiv 1708.02002, here of a softmax.
public struct FocalLoss<Scalar: Surprisal.Scalar>: Sendable {
    public let gamma: Double
    private let loss: SurprisalLoss<Scalar>

    public var weight: Tensor<Scalar>? { loss.weight }
    public var reduction: Reduction { loss.reduction }
    public var classAxis: Int? { loss.classAxis }

    /// - Parameters:
    ///   - gamma: the focusing parameter γ ≥ 0, the paper's best being 2; anything else stops the program.
    ///   - weight: one a class, in shape `[classes]`; it may be tracked.
    ///   - classAxis: of the logits, from the end when negative; 1 unless given, 0 of a single row.
    public init(
        gamma: Double = 2, weight: Tensor<Scalar>? = nil, reduction: Reduction = .mean, classAxis: Int? = nil
    ) {
        do { try Self.check(gamma: gamma) } catch { fatalError("FocalLoss: \(error)") }
        self.gamma = gamma
        loss = SurprisalLoss(name: "Focal", weight: weight, reduction: reduction, classAxis: classAxis) {
            Self.transform($0, gamma)
        }
    }

    public static func check(gamma: Double) throws(LossError) {
        guard gamma >= 0, gamma.isFinite else { throw .focusing(gamma) }
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

    /// φ = q^γ·s and φ′ = q^γ·(1 + γ·p·s/q).
    private static func transform(
        _ labels: LabelSurprisals, _ gamma: Double
    ) -> (values: Buffer<Double>, slopes: Buffer<Double>) {
        var values = powers(labels.complements, gamma), slopes = values
        var value = values.mutableSpan, slope = slopes.mutableSpan
        let surprisals = labels.surprisals.span, probabilities = labels.probabilities.span
        let complements = labels.complements.span
        for n in value.indices {
            let s = surprisals[n], p = probabilities[n], q = complements[n], power = value[n]
            value[n] = power * s
            // p·s is 0 where the label is impossible, s/q is 1 where it is certain.
            slope[n] = power * (1 + gamma * (p == 0 ? 0 : p * (q == 0 ? 1 : s / q)))
        }
        return (values, slopes)
    }

    /// x^γ of numbers from 0 to 1, within some 3 + log₂ γ ULP.
    ///
    /// exp(γ·log x) would lose what γ·log x has before its point: 140 ULP at x = 1e-30, γ = 2. So a power's whole part
    /// is multiplied, and of the rest f, with x = m·2^e and m around 1, only exp((f·e − n)·ln 2 + f·log m) is taken,
    /// n being the whole part of f·e: an argument of at most 0.7.
    private static func powers(_ x: Buffer<Double>, _ gamma: Double) -> Buffer<Double> {
        // From 2⁶³ on every power of a number below 1 is 0.
        let whole = UInt64(exactly: min(gamma.rounded(.down), 0x1p63)) ?? 0, rest = gamma - gamma.rounded(.down)
        var fractions = Buffer<Double>(repeating: 1, count: x.count)
        if rest == 0.5 {
            var out = fractions.mutableSpan
            for n in out.indices { out[n] = x.span[n].squareRoot() }
        } else if rest != 0 {
            fractions = roots(x, rest)
        }
        var out = fractions.mutableSpan
        let x = x.span
        for n in out.indices {
            var base = x[n], exponent = whole
            while exponent > 0 {
                if exponent & 1 == 1 { out[n] *= base }
                base *= base
                exponent >>= 1
            }
        }
        return fractions
    }

    /// x^f for f between 0 and 1.
    private static func roots(_ x: Buffer<Double>, _ f: Double) -> Buffer<Double> {
        func fresh() -> Buffer<Double> { Buffer(uninitialized: x.count) }
        var significands = fresh(), logarithms = fresh(), roots = fresh()
        var exponents = [Int](repeating: 0, count: x.count)
        do {
            var m = significands.mutableSpan
            let x = x.span
            for n in m.indices {
                m[n] = x[n]
                guard x[n].isFinite, x[n] > 0 else { continue }
                let isUpper = x[n].significand > 1.4142135623730951
                m[n] = x[n].significand * (isUpper ? 0.5 : 1)
                exponents[n] = Int(x[n].exponent) + (isUpper ? 1 : 0)
            }
        }
        do {
            var out = logarithms.mutableSpan
            Double.log(significands.span, into: &out)
        }
        var steps = [Int](repeating: 0, count: x.count)
        do {
            var argument = significands.mutableSpan
            let logarithms = logarithms.span
            for n in argument.indices {
                let e = Double(exponents[n]), product = f * e, step = product.rounded()
                let remainder = (product - step) + (-product).addingProduct(f, e)
                steps[n] = Int(step)
                argument[n] = remainder * 0.6931471805599453 + f * logarithms[n]
            }
        }
        do {
            var out = roots.mutableSpan
            Double.exp(significands.span, into: &out)
            for n in out.indices { out[n] = Double(sign: .plus, exponent: steps[n], significand: out[n]) }
        }
        return roots
    }
}
