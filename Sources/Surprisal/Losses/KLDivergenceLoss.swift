import SurprisalKernels

/// What becomes of the terms of a divergence. The names are PyTorch's.
public enum DivergenceReduction: String, Sendable, CaseIterable {
    /// One term an element, in the shape of the input.
    case none
    /// Their sum.
    case sum
    /// Their sum over the number of all elements, classes among them: **not** the divergence, but that over the number
    /// of classes.
    case mean
    /// Their sum over the size of the first axis: the mean divergence of a batch. A vector is a batch of one.
    case batchMean
}

/// The Kullback–Leibler divergence KL(q ‖ p) of targets q from log-probabilities, in nats: PyTorch's `nn.KLDivLoss`.
///
/// The input is x = log p. Term by term:
///
/// - probabilities t: `L = t·(log t − x)`; `∂L/∂x = −t`; `∂L/∂t = log t + 1 − x`.
/// - with `logTarget`, t = log q: `L = e^t·(t − x)`; `∂L/∂x = −e^t`; `∂L/∂t = e^t·(t + 1 − x)`.
///
/// An impossible target adds 0 even where x is −∞ as well: 0·log 0 is 0. No axis is that of the classes: the loss is
/// element by element, and its inputs are not required to be distributions.
///
/// Accuracy: terms and their sum are kept in Double to the end. A term is within `Accuracy.divergenceULP` of the larger of
/// t·|log t| and t·|x|, from which it is what their difference leaves; with `logTarget` of itself.
public struct KLDivergenceLoss<Scalar: Surprisal.Scalar>: Sendable {
    public let reduction: DivergenceReduction
    public let logTarget: Bool

    /// - Parameters:
    ///   - reduction: `.mean` unless given, as in PyTorch; what most want is `.batchMean`.
    ///   - logTarget: whether the targets are log-probabilities.
    public init(reduction: DivergenceReduction = .mean, logTarget: Bool = false) {
        self.reduction = reduction
        self.logTarget = logTarget
    }

    /// Whether the loss can be taken of log-probabilities of this shape with targets of that one.
    public func check(_ logProbabilities: Shape, target: Shape) throws(LossError) {
        if target != logProbabilities { throw .targetShape(found: target, input: logProbabilities) }
    }

    /// - Shapes: log-probabilities and target of any one shape → a scalar, or that shape without reduction. Both may be
    ///   tracked.
    /// - Complexity: O(input), one pass, and one for each derivative on the way back; one logarithm or exponential an
    ///   element.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func callAsFunction(_ logProbabilities: Tensor<Scalar>, target: Tensor<Scalar>) -> Tensor<Scalar> {
        do { try check(logProbabilities.shape, target: target.shape) } catch { fatalError("KLDivergenceLoss: \(error)") }
        let (shape, count, x, t) = (target.shape, target.count, logProbabilities.buffer, target.buffer)
        let reduced = reduced(shape), isReduced = reduction != .none, isLog = logTarget
        // Terms are rounded to the type only when they are what is asked for.
        var terms = Buffer<Scalar>(uninitialized: isReduced ? 0 : count)
        var sums = Buffer<Double>(uninitialized: isReduced ? Strips.count(of: count) : 0)
        do {
            var terms = terms.mutableSpan, sums = sums.mutableSpan
            Scalar.divergence(x.span, targets: t.span, areLogarithms: isLog, terms: &terms, sums: &sums)
        }
        let axis = ClassAxis(outer: count, classes: 1, inner: 1)
        @Sendable func slopes(_ derivative: DivergenceDerivative, _ upstream: Tensor<Scalar>) -> Tensor<Scalar> {
            var slopes = Buffer<Scalar>(uninitialized: count)
            do {
                var slopes = slopes.mutableSpan
                Scalar.divergenceSlopes(
                    derivative, x.span, targets: t.span, areLogarithms: isLog, scale: reduced.scale, into: &slopes)
            }
            return Tensor(shape: shape, buffer: reduced.applied(upstream, to: slopes, axis: axis))
        }
        let edges = logProbabilities.edge { slopes(.byLogProbabilities, $0) } + target.edge { slopes(.byTargets, $0) }
        let value = isReduced ? reduced.value(ofSum: Double.sum(sums.span)) : reduced.value(of: terms)
        return Tensor(shape: value.shape, buffer: value.buffer, from: "KLDivergence", edges: edges)
    }

    private func reduced(_ shape: Shape) -> ReducedLosses<Scalar> {
        switch reduction {
        case .none: ReducedLosses(reduction: .none, denominator: 1, positions: shape)
        case .sum: ReducedLosses(reduction: .sum, denominator: 1, positions: shape)
        case .mean: ReducedLosses(reduction: .mean, denominator: Double(shape.elementCount), positions: shape)
        case .batchMean: ReducedLosses(reduction: .mean, denominator: shape.count > 1 ? Double(shape[0]) : 1, positions: shape)
        }
    }
}
