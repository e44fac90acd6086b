import SurprisalKernels

extension Categorical {
    /// The Kullback–Leibler divergence of each row from another distribution's, in nats: what it costs on average to
    /// take q for p. Never negative.
    ///
    /// - Formula: `KL(p‖q) = Σ p_c·(lp_c − lq_c)`. A class with p = 0 adds nothing; one with q = 0 < p makes it +∞. It is
    ///   summed as `Σ (p_c·(lp_c − lq_c) − p_c + q_c)`, which is the same and has no negative term: with
    ///   `d = lp − lq` each is `p·(d − 1 + e^−d)`, by its series where d is small.
    /// - Derivatives: with respect to the logits of p `p_c·(lp_c − lq_c − KL)`, to those of q `q_c − p_c`. Where the
    ///   divergence is +∞, the first are NaN.
    /// - Shapes: both distributions of one batch and class count → the batch's; others stop the program.
    /// - Accuracy: what the roundings of lp and lq, up to 4 ULP each, make of d.
    /// - Complexity: O(parameters); one exponential a parameter.
    public func kullbackLeiblerDivergence(to other: Categorical) -> Tensor<Scalar> {
        if logProbabilities.shape != other.logProbabilities.shape {
            fatalError(
                "Categorical.kullbackLeiblerDivergence: parameters of shape \(logProbabilities.shape) and \(other.logProbabilities.shape); expected equal ones")
        }
        return divergence(to: other, plainProbabilities, other.plainProbabilities)
    }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    private func divergence(
        to other: Categorical, _ probabilities: Tensor<Scalar>, _ others: Tensor<Scalar>
    ) -> Tensor<Scalar> {
        let (shape, width) = (logProbabilities.shape, classCount)
        let (logP, logQ) = (logProbabilities.buffer, other.logProbabilities.buffer)
        var sums = Buffer<Scalar>(uninitialized: batchShape.elementCount)
        do {
            var out = sums.mutableSpan
            let p = probabilities.span, q = others.span
            // Some rows after the other: 32 Ki numbers, or one row.
            let height = max(1, (1 << 15) / width)
            for begin in stride(from: 0, to: out.count, by: height) {
                let rows = begin..<min(begin + height, out.count), first = begin * width
                let (differences, inverses) = Self.differences(logP, logQ, first..<rows.upperBound * width)
                let d = differences.span, e = inverses.span
                for row in rows {
                    var sum = 0.0
                    for i in row * width..<(row + 1) * width {
                        sum += divergenceTerm(Double(p[i]), Double(q[i]), d[i - first], e[i - first])
                    }
                    out[row] = Scalar(sum)
                }
            }
        }
        let divergences = sums
        // Both but for a multiple of the probabilities: see `likeliest`.
        let own = logProbabilities.edge { [likeliest] dy in
            var gradient = Buffer<Scalar>(uninitialized: logP.count)
            var out = gradient.mutableSpan
            let p = probabilities.span, lp = logP.span, lq = logQ.span, likeliest = likeliest.span
            for row in divergences.span.indices {
                let a = row * width + Int(likeliest[row]), isFinite = divergences.span[row] < .infinity
                let upstream = Double(dy.span[row]), reference = Double(lp[a]) - Double(lq[a])
                for i in row * width..<(row + 1) * width {
                    let excess = (Double(lp[i]) - Double(lq[i])) - reference
                    out[i] = p[i] == 0 || upstream == 0
                        ? 0 : isFinite ? Scalar(upstream * Double(p[i]) * excess) : .nan
                }
            }
            return Tensor(shape: shape, buffer: gradient)
        }
        let theirs = other.logProbabilities.edge { [likeliest = other.likeliest] dy in
            var gradient = Buffer<Scalar>(uninitialized: logQ.count)
            var out = gradient.mutableSpan
            let p = probabilities.span, q = others.span, likeliest = likeliest.span
            for row in divergences.span.indices {
                let a = row * width + Int(likeliest[row]), multiple = Double(p[a]) / Double(q[a])
                for i in row * width..<(row + 1) * width {
                    out[i] = Scalar(Double(dy.span[row]) * (i == a ? 0 : multiple * Double(q[i]) - Double(p[i])))
                }
            }
            return Tensor(shape: shape, buffer: gradient)
        }
        return Tensor(shape: batchShape, buffer: sums, from: "KullbackLeiblerDivergence", edges: own + theirs)
    }

    /// d = lp − lq and e^−d of some elements. NaN where both are −∞.
    private static func differences(
        _ logP: Buffer<Scalar>, _ logQ: Buffer<Scalar>, _ part: Range<Int>
    ) -> (differences: Buffer<Double>, inverses: Buffer<Double>) {
        var differences = Buffer<Double>(uninitialized: part.count), negatives = Buffer<Double>(uninitialized: part.count)
        do {
            var d = differences.mutableSpan, negative = negatives.mutableSpan
            let lp = logP.span.extracting(part), lq = logQ.span.extracting(part)
            for i in lp.indices {
                d[i] = Double(lp[i]) - Double(lq[i])
                negative[i] = -d[i]
            }
        }
        var inverses = Buffer<Double>(uninitialized: part.count)
        var out = inverses.mutableSpan
        Double.exp(negatives.span, into: &out)
        return (differences, inverses)
    }
}

/// `p·(d − 1 + e^−d)`, where d = log p − log q and e = e^−d.
@inline(__always)
private func divergenceTerm(_ p: Double, _ q: Double, _ d: Double, _ e: Double) -> Double {
    if p == 0 { return q }
    if abs(d) < 0x1p-4 { return p * exponentialExcess(d) }
    // Where q is much the larger, p·e may be a product of 0 and ∞.
    return d > -1 ? p * (d - 1 + e) : p * (d - 1) + q
}

/// `d − 1 + e^−d` for |d| < 1/16, with its digits near 0: `d²·Σ (−d)^k/(k + 2)!`.
///
/// The first of the terms left out, the ninth, is below 2⁻³⁶/11! of the sum's 1/2: 10⁻¹⁸.
@inline(__always)
private func exponentialExcess(_ d: Double) -> Double {
    var sum = 1.0 / 3_628_800
    sum = 1.0 / 362_880 - d * sum
    sum = 1.0 / 40_320 - d * sum
    sum = 1.0 / 5_040 - d * sum
    sum = 1.0 / 720 - d * sum
    sum = 1.0 / 120 - d * sum
    sum = 1.0 / 24 - d * sum
    sum = 1.0 / 6 - d * sum
    return d * d * (1.0 / 2 - d * sum)
}
