import Surprisal
import SurprisalReference

/// What the classes of a position are to be.
struct RowTarget<T: Element> {
    var labels: [Int]
    var probabilities: [T]?
    var weights: [T]?
    var smoothing: Double

    func isIgnored(_ position: Int) -> Bool { probabilities == nil && labels[position] == -100 }

    /// a_c of `L = Σ a_c·(−log p_c)`, before any rounding.
    func share(_ position: Int, _ c: Int, at index: Int, classes: Int) -> DoubleDouble {
        let kept = probabilities.map { DoubleDouble(Double($0[index])) }
            ?? (labels[position] == c ? .one : .zero)
        let smoothed = smoothing == 0
            ? kept : kept * DoubleDouble(sum: 1, -smoothing) + DoubleDouble(smoothing) / Double(classes)
        return weights.map { smoothed * Double($0[c]) } ?? smoothed
    }

    /// The same in Double, for comparisons that allow more.
    func roughShare(_ position: Int, _ c: Int, at index: Int, classes: Int) -> Double {
        let kept = probabilities.map { Double($0[index]) } ?? (labels[position] == c ? 1 : 0)
        return (kept * (1 - smoothing) + smoothing / Double(classes)) * (weights.map { Double($0[c]) } ?? 1)
    }

    /// What a mean divides by.
    func denominator(_ positions: Int) -> Double {
        if probabilities != nil { return Double(positions) }
        return labels.reduce(0) { sum, label in label == -100 ? sum : sum + Double(weights?[label] ?? 1) }
    }
}

/// Holds row losses and their gradient against the naive loops in every position, and against the high-precision
/// reference in a sample of them.
struct RowVerifier<T: Element> {
    let what: String
    let view: ReferenceShape
    let logits: [T]
    let target: RowTarget<T>
    /// The worst error against the high-precision reference so far, in ULP.
    private(set) var worst = 0.0
    let bound: Double

    init(what: String, view: ReferenceShape, logits: [T], target: RowTarget<T>) {
        self.what = what
        self.view = view
        self.logits = logits
        self.target = target
        // One label, unweighted: the promise. Otherwise sums of shares that were rounded two or three times each
        // before the kernel's own arithmetic, and differences of such: twice the promise, in ULP of the larger term.
        let plain = target.probabilities == nil && target.weights == nil && target.smoothing == 0
        bound = plain ? max(Accuracy.lossULP, Accuracy.gradientULP) : 8
    }

    private mutating func note(_ error: Double, _ place: @autoclosure () -> String) throws {
        worst = max(worst, error)
        guard error <= bound else {
            throw VerificationFailure(description: "\(what): \(place()) is \(error) ULP from the truth; expected at most \(bound)")
        }
    }

    mutating func losses(_ losses: Span<T>, naive: [T]) throws {
        try expectCount(losses.count, view.positions, "losses")
        for position in 0..<view.positions {
            let difference = Double((losses[position] - naive[position]).magnitude)
            let allowed = view.naiveTolerance(T.self) * (1 + Double(naive[position].magnitude))
            guard difference <= allowed else {
                throw VerificationFailure(
                    description: "\(what): loss of position \(position) is \(losses[position]), the naive loops' \(naive[position]); expected within \(allowed)")
            }
        }
        for position in view.sample {
            var truth = ScaledDoubleDouble.zero
            if !target.isIgnored(position) {
                let row = view.row(position, of: logits), logProbabilities = row.logProbabilities
                for c in 0..<view.classes {
                    let share = target.share(position, c, at: view.index(position: position, class: c), classes: view.classes)
                    if share.high != 0 { truth += ScaledDoubleDouble(share) * -logProbabilities[c] }
                }
            }
            try note(ulpDistance(of: losses[position], from: truth), "loss of position \(position)")
        }
    }

    /// A mean over the row losses, within an ULP of their exact mean.
    mutating func mean(_ mean: T, of losses: Span<T>) throws {
        var sum = DoubleDouble.zero
        for position in 0..<losses.count { sum += DoubleDouble(Double(losses[position])) }
        let truth = sum / target.denominator(view.positions)
        let error = ulpDistance(of: mean, from: truth)
        guard error <= Accuracy.meanULP else {
            throw VerificationFailure(description: "\(what): mean \(mean) is \(error) ULP from \(truth.high); expected at most \(Accuracy.meanULP)")
        }
    }

    mutating func gradient(_ gradient: Span<T>, naive: [T]) throws {
        try expectCount(gradient.count, view.count, "gradient")
        let scale = 1 / target.denominator(view.positions)
        // Of the differences p·Σa − a the larger term counts.
        let tolerance = view.naiveTolerance(T.self)
        for position in 0..<view.positions {
            let start = view.start(of: position), ignored = target.isIgnored(position)
            for c in 0..<view.classes {
                let at = start + c * view.inner
                let share = ignored ? 0 : target.roughShare(position, c, at: at, classes: view.classes) * scale
                let allowed = tolerance * (Double(naive[at].magnitude) + share)
                guard Double((gradient[at] - naive[at]).magnitude) <= allowed else {
                    throw VerificationFailure(
                        description: "\(what): gradient of class \(c) at position \(position) is \(gradient[at]), the naive loops' \(naive[at]); expected within \(allowed)")
                }
            }
        }
        for position in view.sample where !target.isIgnored(position) {
            try compare(gradient, at: position, scale: ScaledDoubleDouble(DoubleDouble(1) / target.denominator(view.positions)))
        }
    }

    private mutating func compare(_ gradient: Span<T>, at position: Int, scale: ScaledDoubleDouble) throws {
        let row = view.row(position, of: logits)
        let shares = (0..<view.classes).map {
            ScaledDoubleDouble(target.share(position, $0, at: view.index(position: position, class: $0), classes: view.classes))
        }
        let total = shares.reduce(.zero, +)
        let single = target.probabilities == nil && target.smoothing == 0
        let probabilities = single ? row.gradient(of: target.labels[position]) : row.probabilities
        for c in 0..<view.classes {
            let value = gradient[view.index(position: position, class: c)]
            if single {
                try note(ulpDistance(of: value, from: probabilities[c] * total * scale), "gradient of class \(c) at position \(position)")
                continue
            }
            let pulled = probabilities[c] * total * scale, pushed = shares[c] * scale
            let error = ulpDistance(of: value, from: pulled - pushed, inUnitsOf: max(pulled, pushed))
            try note(error, "gradient of class \(c) at position \(position)")
        }
    }

    private func expectCount(_ found: Int, _ expected: Int, _ name: String) throws {
        if found != expected { throw VerificationFailure(description: "\(what): \(found) \(name); expected \(expected)") }
    }
}

extension ReferenceShape {
    /// Positions to compare with the high-precision reference: some 0.1 s of double-double exponentials.
    var sample: [Int] {
        let count = max(1, min(positions, 50_000 / max(1, classes)))
        return (0..<count).map { $0 * positions / count }
    }

    func row<T: Element>(_ position: Int, of logits: [T]) -> HighPrecisionRow {
        HighPrecisionRow((0..<classes).map { logits[index(position: position, class: $0)] })
    }

    /// The naive loops add C terms one after the other in T: a random walk of √C roundings, of which 4 deviations
    /// are allowed, and some for the exponentials.
    func naiveTolerance<T: Element>(_ type: T.Type) -> Double {
        Double(T.ulpOfOne) * (16 + 4 * Double(classes).squareRoot())
    }
}

/// |value − truth| in units in the last place of a number that may be larger than the truth.
func ulpDistance<T: Element>(of value: T, from truth: ScaledDoubleDouble, inUnitsOf size: ScaledDoubleDouble) -> Double {
    let unit = Double(T(size.doubleDouble.high).ulp)
    return (ScaledDoubleDouble(Double(value)) - truth).magnitude.doubleDouble.high / unit
}
