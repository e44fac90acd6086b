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
    /// - Complexity: O(input); one logarithm or exponential an element.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func callAsFunction(_ logProbabilities: Tensor<Scalar>, target: Tensor<Scalar>) -> Tensor<Scalar> {
        do { try check(logProbabilities.shape, target: target.shape) } catch { fatalError("KLDivergenceLoss: \(error)") }
        let (shape, x) = (logProbabilities.shape, logProbabilities.buffer)
        let (q, logQ) = probabilities(target.buffer)
        var terms = Buffer<Double>(uninitialized: x.count)
        do {
            var out = terms.mutableSpan
            let x = x.span, q = q.span, logQ = logQ.span
            for i in out.indices { out[i] = Self.term(q[i], logQ[i], Double(x[i])) }
        }

        let divisor = divisor(shape), isReduced = reduction != .none, isLog = logTarget
        let scale = divisor == 0 ? .nan : 1 / divisor
        // The upstream is one number, or one an element.
        let byInput = logProbabilities.edge { upstream in
            var gradient = Buffer<Scalar>(uninitialized: q.count)
            var out = gradient.mutableSpan
            let dy = upstream.span, q = q.span
            for i in out.indices { out[i] = Scalar(Double(dy[isReduced ? 0 : i]) * scale * -q[i]) }
            return Tensor(shape: shape, buffer: gradient)
        }
        let byTarget = target.edge { upstream in
            var gradient = Buffer<Scalar>(uninitialized: q.count)
            var out = gradient.mutableSpan
            let dy = upstream.span, x = x.span, q = q.span, logQ = logQ.span
            for i in out.indices {
                let rise = logQ[i] + 1 - Double(x[i])
                // e^t falls faster than t.
                let slope = isLog ? (q[i] == 0 ? 0 : q[i] * rise) : rise
                out[i] = Scalar(Double(dy[isReduced ? 0 : i]) * scale * slope)
            }
            return Tensor(shape: shape, buffer: gradient)
        }
        let edges = byInput + byTarget
        if isReduced {
            let value = divisor == 0 ? .nan : Double.sum(terms.span) / divisor
            return Tensor(shape: [], buffer: Buffer(repeating: Scalar(value), count: 1), from: "KLDivergence", edges: edges)
        }
        var losses = Buffer<Scalar>(uninitialized: x.count)
        var out = losses.mutableSpan
        let each = terms.span
        for i in out.indices { out[i] = Scalar(each[i]) }
        return Tensor(shape: shape, buffer: losses, from: "KLDivergence", edges: edges)
    }

    @inline(__always)
    private static func term(_ q: Double, _ logQ: Double, _ x: Double) -> Double {
        if q != 0 { return q * (logQ - x) }
        // 0, but NaN where x is NaN or +∞.
        return x == -.infinity ? 0 : x - x
    }

    private func divisor(_ shape: Shape) -> Double {
        switch reduction {
        case .none, .sum: 1
        case .mean: Double(shape.elementCount)
        case .batchMean: shape.count > 1 ? Double(shape[0]) : 1
        }
    }

    /// The targets and their logarithms.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    private func probabilities(_ target: Buffer<Scalar>) -> (q: Buffer<Double>, logQ: Buffer<Double>) {
        var given = Buffer<Double>(uninitialized: target.count), other = Buffer<Double>(uninitialized: target.count)
        do {
            var out = given.mutableSpan
            let target = target.span
            for i in out.indices { out[i] = Double(target[i]) }
        }
        var out = other.mutableSpan
        if logTarget { Double.exp(given.span, into: &out) } else { Double.log(given.span, into: &out) }
        return logTarget ? (other, given) : (given, other)
    }
}
