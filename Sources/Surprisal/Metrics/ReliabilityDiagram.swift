import SurprisalKernels

/// How often predictions of some confidence are right, bin by bin, with the expected and the maximum calibration error.
///
/// A row's confidence is the probability of its prediction, the largest logit's class. Source: C. Guo, G. Pleiss,
/// Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017, arXiv 1706.04599.
public struct ReliabilityDiagram: Sendable, Equatable {
    public enum Binning: Sendable, Equatable {
        /// So many bins of the same width, `(0, 1/M], (1/M, 2/M], …, ((M−1)/M, 1]`.
        case equalWidth(Int)
        /// So many bins of the same number of rows, as nearly as rows of equal confidence, which stay together, allow:
        /// the upper bound of bin m of M is the ⌈m·N/M⌉-th smallest of the N confidences, that of the last is 1.
        case equalMass(Int)

        public func check() throws(MetricError) {
            if count < 1 { throw .binCount(count) }
        }

        var count: Int {
            switch self {
            case .equalWidth(let count), .equalMass(let count): count
            }
        }
    }

    /// The rows whose confidence is more than the lower bound and at most the upper one.
    ///
    /// A confidence on an edge belongs to the bin below it, and 0 to the first bin.
    public struct Bin: Sendable, Equatable {
        public let lowerBound, upperBound: Double
        public let count: Int
        /// NaN of an empty bin.
        public let meanConfidence: Double
        /// The part of the rows that were predicted right; NaN of an empty bin.
        public let accuracy: Double
        /// The accuracy less the mean confidence: negative where predictions promise too much. It keeps its digits where
        /// both are nearly 1. NaN of an empty bin.
        public let gap: Double
    }

    public let bins: [Bin]
    /// The rows in the bins.
    public let count: Int
    /// The rows that have no confidence, as they hold a NaN or a +∞ or nothing but −∞. They are in no bin.
    public let undefinedCount: Int

    /// Of logits and the labels that they are held against. Ignored positions are left out.
    ///
    /// - Parameters:
    ///   - bins: 15 of the same width unless given, as Guo et al.; fewer than 1 stop the program.
    ///   - classAxis: from the end when negative; 1 unless given, 0 of a single row.
    /// - Shapes: `… × classes × …`, labels without the class axis; others stop the program.
    /// - Complexity: O(count), and O(N log N) for N rows in bins of equal mass. Edges are rounded to the element type, so
    ///   that a confidence of 1/3 in Float lies on the edge that is 1/3.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public init<Scalar>(
        _ logits: Tensor<Scalar>, _ labels: Labels, bins: Binning = .equalWidth(15), classAxis: Int? = nil
    ) {
        let axis = metricAxis("ReliabilityDiagram", logits.shape, labels, classAxis)
        do { try bins.check() } catch { fatalError("ReliabilityDiagram: \(error)") }
        var rows: [Outcome] = []
        rows.reserveCapacity(labels.countedCount)
        var undefinedCount = 0
        if labels.countedCount > 0 {
            // By the logits: probabilities round, and the first of two that became equal need not be the larger.
            let predictions = logits.largestClasses(axis, "ReliabilityDiagram")
            let probabilities = logits.detached.softmax(along: classAxis)
            let prediction = predictions.span, p = probabilities.span
            for n in 0..<axis.positions {
                guard let y = labels[n] else { continue }
                let best = Int(prediction[n]), start = axis.element(n, 0)
                let confidence = Double(p[start + best * axis.inner])
                if confidence.isNaN {
                    undefinedCount += 1
                } else if best != y {
                    rows.append(Outcome(confidence: confidence, gap: -confidence, isRight: false))
                } else if confidence <= 0.5 {
                    rows.append(Outcome(confidence: confidence, gap: 1 - confidence, isRight: true))
                } else {
                    // Above, 1 − p would lose digits.
                    var others = 0.0
                    for c in 0..<axis.classes where c != best { others += Double(p[start + c * axis.inner]) }
                    rows.append(Outcome(confidence: confidence, gap: others, isRight: true))
                }
            }
        }
        self.init(rows, bins, undefinedCount) { Double(Scalar($0)) }
    }

    /// Of confidences from elsewhere: of one class against the rest, of a regression's intervals.
    ///
    /// - Parameters:
    ///   - confidences: from 0 to 1, the probability that each outcome is true.
    ///   - outcomes: as many.
    /// - Throws: `MetricError` for another number of outcomes, a confidence out of its range or NaN, and no bins.
    public init(
        confidences: [Double], outcomes: [Bool], bins: Binning = .equalWidth(15)
    ) throws(MetricError) {
        try bins.check()
        guard confidences.count == outcomes.count else {
            throw .outcomeCount(found: outcomes.count, confidences: confidences.count)
        }
        for (n, confidence) in confidences.enumerated() where !(confidence >= 0 && confidence <= 1) {
            throw .confidence(confidence, position: n)
        }
        let rows = zip(confidences, outcomes).map { confidence, isTrue in
            Outcome(confidence: confidence, gap: isTrue ? 1 - confidence : -confidence, isRight: isTrue)
        }
        self.init(rows, bins, 0) { $0 }
    }

    private struct Outcome {
        let confidence: Double
        /// 1 less the confidence where the row is right, with its digits where that is small; otherwise 0 less it.
        let gap: Double
        let isRight: Bool
    }

    private init(_ rows: [Outcome], _ binning: Binning, _ undefinedCount: Int, rounded: (Double) -> Double) {
        let edges = Self.upperBounds(rows, binning, rounded)
        var sums = [(count: Int, right: Int, confidence: Double, gap: Double)](repeating: (0, 0, 0, 0), count: edges.count)
        for row in rows {
            // The first bin whose upper bound is not below the confidence.
            var low = 0, high = edges.count - 1
            while low < high {
                let middle = (low + high) / 2
                if edges[middle] < row.confidence { low = middle + 1 } else { high = middle }
            }
            sums[low].count += 1
            sums[low].right += row.isRight ? 1 : 0
            sums[low].confidence += row.confidence
            sums[low].gap += row.gap
        }
        bins = sums.enumerated().map { m, sum in
            let n = Double(sum.count)
            return Bin(
                lowerBound: m == 0 ? 0 : edges[m - 1], upperBound: edges[m], count: sum.count,
                meanConfidence: sum.confidence / n, accuracy: Double(sum.right) / n, gap: sum.gap / n)
        }
        count = rows.count
        self.undefinedCount = undefinedCount
    }

    private static func upperBounds(
        _ rows: [Outcome], _ binning: Binning, _ rounded: (Double) -> Double
    ) -> [Double] {
        switch binning {
        case .equalWidth(let count): return (1...count).map { rounded(Double($0) / Double(count)) }
        case .equalMass(let count):
            let sorted = rows.map(\.confidence).sorted()
            return (1...count).map { m in
                m == count || sorted.isEmpty ? 1 : sorted[Swift.max(0, (m * sorted.count + count - 1) / count - 1)]
            }
        }
    }

    /// `Σ (n_m/N)·|accuracy_m − confidence_m|` over the bins. NaN without rows, and when a row has no confidence.
    public var expectedCalibrationError: Double {
        if undefinedCount > 0 { return .nan }
        let sum = bins.reduce(0) { $1.count > 0 ? $0 + Double($1.count) * abs($1.gap) : $0 }
        return sum / Double(count)
    }

    /// `max |accuracy_m − confidence_m|` over the bins that are not empty. NaN without rows, and when a row has no
    /// confidence.
    public var maximumCalibrationError: Double {
        if undefinedCount > 0 { return .nan }
        return bins.filter { $0.count > 0 }.map { abs($0.gap) }.max() ?? .nan
    }
}

extension ReliabilityDiagram: CustomStringConvertible {
    /// A line a bin that is not empty, then the two errors.
    public var description: String {
        func number(_ value: Double) -> String { value.isNaN ? "nan" : DecimalFormat.fixed(value, digits: 4) }
        var lines = ["      confidence   count     mean  accuracy      gap"]
        for bin in bins where bin.count > 0 {
            lines.append(
                "(\(number(bin.lowerBound)), \(number(bin.upperBound))]" + padded(String(bin.count), to: 8)
                    + padded(number(bin.meanConfidence), to: 9) + padded(number(bin.accuracy), to: 10)
                    + padded(number(bin.gap), to: 9))
        }
        lines.append(
            "expected calibration error \(number(expectedCalibrationError)), maximum \(number(maximumCalibrationError))")
        if undefinedCount > 0 { lines.append("rows without a confidence: \(undefinedCount)") }
        return lines.joined(separator: "\n")
    }
}
