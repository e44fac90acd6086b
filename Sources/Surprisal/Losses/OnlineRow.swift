import SurprisalKernels

/// What a loss charges the classes of one row besides the label's: the factors a_c of −log p_c. With class indices
/// `a_c = w_c·ε/C`, with class probabilities `a_c = w_c·((1−ε)·q_c + ε/C)`.
struct ClassShares<Scalar: Surprisal.Scalar>: Sendable {
    enum Probabilities: Sendable {
        /// Those of all rows, and where this row's begin.
        case dense(Buffer<Scalar>, start: Int)
        case sparse(SparseProbabilities<Scalar>, position: Int)
    }

    var probabilities: Probabilities?
    var weight: Buffer<Scalar>?
    /// 0 where smoothing goes past.
    var open: Buffer<Scalar>?
    /// 1 − ε and ε/C.
    var kept, uniform: Double

    /// Whether any class is charged.
    var areAny: Bool { probabilities != nil || uniform > 0 }

    /// Before the class's weight.
    @inline(__always)
    func bare(_ c: Int) -> Double {
        let spread = open.map { $0.span[c] == 0 ? 0 : uniform } ?? uniform
        return switch probabilities {
        case nil: spread
        case .dense(let all, let start): kept * Double(all.span[start + c]) + spread
        case .sparse(let q, let position): kept * Double(q.probability(position, c)) + spread
        }
    }

    @inline(__always)
    func callAsFunction(_ c: Int) -> Double { bare(c) * (weight.map { Double($0.span[c]) } ?? 1) }
}

/// A row of logits that is taken in as its classes come, some at a time: all that a loss, its gradient and a report need
/// of it, in Double.
///
/// With m the largest logit so far and `e_c = exp(x_c − m)`, the sums are `R = Σ e_c` over all classes but the first
/// largest, `Σ e_c·(m − x_c)`, and `Σ a_c·(m − x_c)` of the shares. No term is negative unless a weight is, so nothing
/// cancels and a confident row keeps its digits. A logit larger by d makes of them what they would have been:
/// `(1 + R)·exp(−d)`, `(Σ e_c·(m − x_c) + d·(1 + R))·exp(−d)`, `Σ a_c·(m − x_c) + d·Σ a_c`. (The online softmax of
/// Milakov and Gimelshein, arXiv 1805.02867, with the largest term kept apart.)
struct OnlineRow<Scalar: Surprisal.Scalar>: Sendable {
    /// The class whose probability is reported, and with class indices charged.
    let label: Int?
    /// What the label is charged besides its share: (1 − ε)·w_y with class indices.
    let hit: Double
    let shares: ClassShares<Scalar>
    /// How many of the largest logits are kept.
    let k: Int
    /// Of the row, and λ of λ·lse².
    let weight, zLoss: Double

    /// −1 as long as there was no class.
    private(set) var argmax = -1
    private var largest = -Scalar.infinity
    private var maximum = -Double.infinity
    private var labelLogit = -Double.infinity
    private var rest = 0.0, moment = 0.0, spread = 0.0
    /// What rounding has taken from `rest`.
    private var restLow = 0.0
    /// Σ a_c over all classes but `argmax`.
    private var others = 0.0
    /// From the largest down.
    private var top: [(value: Scalar, c: Int)] = []

    init(label: Int?, hit: Double, shares: ClassShares<Scalar>, k: Int, weight: Double, zLoss: Double) {
        (self.label, self.hit, self.shares, self.k) = (label, hit, shares, k)
        (self.weight, self.zLoss) = (weight, zLoss)
        top.reserveCapacity(k + 1)
    }

    /// Room for the exponentials of a few classes, which stay in the first cache.
    struct Strip {
        static var width: Int { 256 }
        var below = Buffer<Double>(uninitialized: width), e = Buffer<Double>(uninitialized: width)
    }

    /// Takes in the classes from `first` on.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    mutating func add(_ x: Span<Scalar>, from first: Int, _ strip: inout Strip) {
        if let label, x.indices.contains(label - first) { labelLogit = Double(x[label - first]) }
        var start = 0
        while start < x.count {
            let end = min(x.count, start + Strip.width), part = x.extracting(start..<end)
            // After the first few strips hardly any has a class that ranks.
            if argmax < 0 || top.count < k || exceeds(k > 0 ? top[k - 1].value : largest, part) {
                raise(part, from: first + start)
                if k > 0 { rank(part, from: first + start) }
            }
            if shares.areAny { charge(part, from: first + start) }
            if maximum.isFinite { sum(part, from: first + start, &strip) }
            start = end
        }
    }

    /// Whether any number is larger, or NaN.
    @inline(__always)
    private func exceeds(_ bound: Scalar, _ x: Span<Scalar>) -> Bool {
        var count: Int32 = 0
        // No early end, so that the loop goes over whole vectors.
        for i in x.indices { count &+= x[i] <= bound ? 0 : 1 }
        return count > 0
    }

    @inline(__always)
    private mutating func raise(_ x: Span<Scalar>, from first: Int) {
        var best = largest, at = argmax
        for i in x.indices {
            if at >= 0, x[i] <= best { continue }
            if at < 0 || ranks(x[i], above: best) { (best, at) = (x[i], first + i) }
        }
        if at == argmax { return }
        let new = Double(best), d = new - maximum
        if maximum.isFinite, new.isFinite {
            // Further below, nothing is left of it in Double.
            let factor = d > Self.far ? 0 : SpecialFunctions.exp(-d) * (1 - Self.lost(new, maximum, d))
            moment = factor == 0 ? 0 : factor * (moment + d * (1 + excess))
            (rest, restLow) = (factor * (1 + excess), 0)
        }
        if shares.areAny, argmax >= 0 {
            others += shares(argmax)
            // Nothing but −∞ so far: what that costs is infinite already.
            if maximum.isFinite, others != 0 { spread += others * d }
        }
        (largest, maximum, argmax) = (best, new, at)
    }

    /// exp(−746) is 0 in Double.
    private static var far: Double { 746 }

    /// What rounding has taken from d = x − m.
    @inline(__always)
    private static func lost(_ x: Double, _ m: Double, _ d: Double) -> Double {
        if Scalar.self == Float.self { return 0 }
        let part = d - x
        return (x - (d - part)) - (m + part)
    }

    @inline(__always)
    private mutating func rank(_ x: Span<Scalar>, from first: Int) {
        for i in x.indices {
            let value = x[i]
            if top.count == k, value <= top[k - 1].value { continue }
            if top.count == k, !ranks(value, above: top[k - 1].value) { continue }
            // A later equal stays behind.
            let place = top.firstIndex { ranks(value, above: $0.value) } ?? top.count
            top.insert((value, first + i), at: place)
            if top.count > k { top.removeLast() }
        }
    }

    @inline(__always)
    private mutating func charge(_ x: Span<Scalar>, from first: Int) {
        for i in x.indices {
            let c = first + i, bare = shares.bare(c), share = shares(c)
            if c != argmax { others += share }
            // No share is no loss, also at −∞.
            if bare != 0 { spread += share * (x[i] == -.infinity ? .infinity : maximum - Double(x[i])) }
        }
    }

    /// e_c of some classes, and of their exponents what is not below where it matters.
    @inline(__always)
    private func exponentials(_ x: Span<Scalar>, _ below: inout Buffer<Double>, _ e: inout Buffer<Double>) {
        var differences = below.mutableSpan
        for i in x.indices { differences[i] = max(Double(x[i]) - maximum, -Self.far) }
        let d = below.span
        var out = e.mutableSpan(0..<x.count)
        Double.exp(d.extracting(0..<x.count), into: &out)
        if Scalar.self == Float.self { return }
        for i in x.indices where out[i] > 0 { out[i] += out[i] * Self.lost(Double(x[i]), maximum, d[i]) }
    }

    /// R
    private var excess: Double { rest + restLow }

    @inline(__always)
    private mutating func add(_ term: Double) {
        let sum = rest + term, part = sum - rest
        restLow += (rest - (sum - part)) + (term - part)
        rest = sum
    }

    @inline(__always)
    private mutating func sum(_ x: Span<Scalar>, from first: Int, _ strip: inout Strip) {
        exponentials(x, &strip.below, &strip.e)
        if x.indices.contains(argmax - first) {
            var e = strip.e.mutableSpan
            e[argmax - first] = 0
        }
        let e = strip.e.span, below = strip.below.span
        // Four sums each: a processor adds while the addition before is under way. Those of e keep what rounding takes: of
        // 10⁵ equal terms it would be 20 ULP.
        var rests = SIMD4<Double>(), lows = SIMD4<Double>(), moments = SIMD4<Double>(), i = 0
        while i + 4 <= x.count {
            let v = SIMD4(e[i], e[i + 1], e[i + 2], e[i + 3])
            let sum = rests + v, part = sum - rests
            lows += (rests - (sum - part)) + (v - part)
            rests = sum
            moments -= v * SIMD4(below[i], below[i + 1], below[i + 2], below[i + 3])
            i += 4
        }
        while i < x.count {
            rests[0] += e[i]
            moments[0] -= e[i] * below[i]
            i += 1
        }
        add(rests[0])
        add(rests[1])
        add(rests[2])
        add(rests[3])
        restLow += (lows[0] + lows[1]) + (lows[2] + lows[3])
        moment += (moments[0] + moments[1]) + (moments[2] + moments[3])
    }
}

// When all classes are in. A row that holds NaN or +∞, or nothing but −∞, is no distribution: NaN.
extension OnlineRow {
    private var isDistribution: Bool { maximum.isFinite }

    /// `log1p(R)`, the largest logit's own surprisal.
    private var logRest: Double { isDistribution ? SpecialFunctions.log1p(excess) : .nan }

    var logSumExp: Scalar { isDistribution ? Scalar(maximum + logRest) : largest }

    /// `−Σ p·log p = log1p(R) + Σ e_c·(m − x_c) / (1 + R)`
    var entropy: Scalar { Scalar(logRest + moment / (1 + excess)) }

    var labelProbability: Scalar {
        guard isDistribution else { return .nan }
        let d = labelLogit - maximum
        let e = d > -Self.far ? SpecialFunctions.exp(d) * (1 + Self.lost(labelLogit, maximum, d)) : 0
        return Scalar(e / (1 + excess))
    }

    var topClasses: [Int] { top.map(\.c) }
    var topLogProbabilities: [Scalar] { top.map { Scalar((Double($0.value) - maximum) - logRest) } }

    private var wholeLogSumExp: Double { maximum + logRest }

    /// `(1−ε)·w_y·(−log p_y) + Σ a_c·(−log p_c)`, and `λ·lse²`, times the row's weight.
    var loss: Scalar {
        var loss = 0.0
        if let label, shares.probabilities == nil {
            let weight = shares.weight.map { Double($0.span[label]) } ?? 1
            loss = shares.kept * (weight * ((maximum - labelLogit) + logRest))
        }
        if shares.areAny { loss += spread + (others + shares(argmax)) * logRest }
        if zLoss > 0 { loss += zLoss * wholeLogSumExp * wholeLogSumExp }
        return isDistribution ? Scalar(weight * loss) : .nan
    }

    /// Turns the logits of the classes from `first` on into the loss's gradient, times `scale` and the row's weight:
    /// `p_c·(Σa + 2λ·lse) − a_c`, at the largest logit `(Σ_{j≠c} a_j − a_c·R + 2λ·lse) / (1 + R)`, where that keeps the
    /// digits of a confident row.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    func formGradient(_ x: inout MutableSpan<Scalar>, from first: Int, scale: Double, _ strip: inout Strip) {
        if !isDistribution {
            for i in x.indices { x[i] = .nan }
            return
        }
        let topShare = (shares.areAny ? shares(argmax) : 0) + (label == argmax ? hit : 0)
        let otherShares = others + (label == argmax ? 0 : hit)
        let slope = 2 * zLoss * wholeLogSumExp, factor = (topShare + otherShares + slope) / (1 + excess), scale = scale * weight
        var start = 0
        while start < x.count {
            let end = min(x.count, start + Strip.width)
            exponentials(x.span.extracting(start..<end), &strip.below, &strip.e)
            let e = strip.e.span
            for i in start..<end {
                let c = first + i
                var share = shares.areAny ? shares(c) : 0
                if c == label { share += hit }
                x[i] = Scalar(scale * (c == argmax ? (otherShares - topShare * excess + slope) / (1 + excess) : e[i - start] * factor - share))
            }
            start = end
        }
    }
}
