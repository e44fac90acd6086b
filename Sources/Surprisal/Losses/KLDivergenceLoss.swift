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
        let (shape, count, x, t) = (target.shape, target.count, logProbabilities.buffer, target.buffer)
        let reduced = reduced(shape), isReduced = reduction != .none, strip = 2048, strips = (count + strip - 1) / strip
        // A strip's sum, or its terms: these are rounded to the type only when they are what is asked for.
        var sums = Buffer<Double>(uninitialized: isReduced ? strips : 0)
        var losses = Buffer<Scalar>(uninitialized: isReduced ? 0 : count)
        do {
            var sums = sums.mutableSpan, losses = losses.mutableSpan
            Parallel.forRows(strips, elementsPerRow: strip, cost: 4, writing: &sums, &losses) { part, sums, losses in
                for k in part {
                    let terms = terms(x, t, k * strip..<min(count, (k + 1) * strip))
                    if isReduced {
                        sums[k] = Double.sum(terms.span)
                    } else {
                        for i in 0..<terms.count { losses[k * strip + i] = Scalar(terms.span[i]) }
                    }
                }
            }
        }

        let axis = ClassAxis(outer: count, classes: 1, inner: 1), numbers = target.detached, isLog = logTarget
        let byInput = logProbabilities.edge { upstream in
            let slopes = (isLog ? numbers.exp() : numbers) * Scalar(-reduced.scale)
            return Tensor(shape: shape, buffer: reduced.applied(upstream, to: slopes.buffer, axis: axis))
        }
        let byTarget = target.edge { upstream in
            var slopes = Buffer<Scalar>(uninitialized: count)
            do {
                var out = slopes.mutableSpan
                let (q, logQ) = probabilities(t, 0..<count)
                for i in 0..<count {
                    let rise = logQ.span[i] + 1 - Double(x.span[i])
                    // e^t falls faster than t.
                    out[i] = Scalar(reduced.scale * (isLog ? (q.span[i] == 0 ? 0 : q.span[i] * rise) : rise))
                }
            }
            return Tensor(shape: shape, buffer: reduced.applied(upstream, to: slopes, axis: axis))
        }
        let value = isReduced ? reduced.value(ofSum: Double.sum(sums.span)) : reduced.value(of: losses)
        return Tensor(shape: value.shape, buffer: value.buffer, from: "KLDivergence", edges: byInput + byTarget)
    }

    private func reduced(_ shape: Shape) -> ReducedLosses<Scalar> {
        switch reduction {
        case .none: ReducedLosses(reduction: .none, denominator: 1, positions: shape)
        case .sum: ReducedLosses(reduction: .sum, denominator: 1, positions: shape)
        case .mean: ReducedLosses(reduction: .mean, denominator: Double(shape.elementCount), positions: shape)
        case .batchMean: ReducedLosses(reduction: .mean, denominator: shape.count > 1 ? Double(shape[0]) : 1, positions: shape)
        }
    }

    /// The terms of some elements.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    private func terms(_ x: Buffer<Scalar>, _ target: Buffer<Scalar>, _ part: Range<Int>) -> Buffer<Double> {
        let targets = probabilities(target, part)
        var terms = Buffer<Double>(uninitialized: part.count)
        var out = terms.mutableSpan
        let inputs = x.span.extracting(part), q = targets.q.span, logQ = targets.logQ.span
        for i in out.indices {
            let x = Double(inputs[i])
            // 0, but NaN where x is NaN or +∞.
            out[i] = q[i] != 0 ? q[i] * (logQ[i] - x) : x == -.infinity ? 0 : x - x
        }
        return terms
    }

    /// The targets of some elements and their logarithms.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    private func probabilities(_ target: Buffer<Scalar>, _ part: Range<Int>) -> (q: Buffer<Double>, logQ: Buffer<Double>) {
        var given = Buffer<Double>(uninitialized: part.count), other = Buffer<Double>(uninitialized: part.count)
        do {
            var out = given.mutableSpan
            let target = target.span.extracting(part)
            for i in out.indices { out[i] = Double(target[i]) }
        }
        var out = other.mutableSpan
        if logTarget { Double.exp(given.span, into: &out) } else { Double.log(given.span, into: &out) }
        return logTarget ? (other, given) : (given, other)
    }
}
