import Surprisal
import Testing

/// One line of `metrics.jsonl`, written by `scripts/generate-metric-goldens.py` from scikit-learn, SciPy and PyTorch.
struct MetricCase: Decodable {
    struct Scores: Decodable {
        let precision, recall, f1: [Double]
        let support: [Int]
        /// Precision, recall, F1.
        let macro, micro, weighted: [Double]
    }

    struct Bins: Decodable {
        let upper: [Double]
        let counts: [Int]
        /// Of the bins that are not empty.
        let confidence, accuracy: [Double]
        let ece, mce: Double
    }

    struct Fit: Decodable {
        let temperature, lossBefore, lossAfter: Double?
        let outcome: String?
    }

    let name, dtype, report: String
    let classes: Int
    let logits, topK, normalizedTrue, normalizedPred, normalizedAll: [Double]
    let target, confusion: [Int]
    let nll, perplexity, brier, accuracy: Double
    let scores: [String: Scores]
    let calibration: [String: Bins]
    let fit: Fit

    static let all: [MetricCase] = {
        do { return try goldens("metrics") } catch {
            fatalError("metrics.jsonl is missing or not as scripts/generate-metric-goldens.py writes it: \(error)")
        }
    }()

    /// Runs `body` on every case with the element type that it is of.
    static func forEach(_ body: (MetricCase, any Surprisal.Scalar.Type) throws -> Void) throws {
        for golden in all { try body(golden, golden.dtype == "float32" ? Float.self : Double.self) }
        #expect(all.count >= 60)
    }

    func tensor<T: Surprisal.Scalar>(of type: T.Type) -> Tensor<T> {
        Tensor(logits.map { T($0) }, shape: [target.count, classes])
    }

    var labels: Labels { get throws { try Labels(target, classCount: classes) } }
}

/// Some roundings of an element type.
func roundings<T: Surprisal.Scalar>(of type: T.Type) -> Double { 32 * Double(T.ulpOfOne) }

/// Fails where `found` is further than `relative` of the expected value from it; NaN agrees with NaN, ∞ with ∞.
func expectClose(
    _ found: Double, _ expected: Double, relative: Double, absolute: Double = 0, _ what: String,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    if found == expected || (found.isNaN && expected.isNaN) { return }
    let allowed = max(relative * abs(expected), absolute)
    if abs(found - expected) <= allowed, expected.isFinite { return }
    Issue.record("\(what) is \(found), expected \(expected), allowed \(allowed)", sourceLocation: sourceLocation)
}

func expectClose(
    _ found: [Double], _ expected: [Double], relative: Double, absolute: Double = 0, _ what: String,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    guard found.count == expected.count else {
        Issue.record("\(what): \(found.count) values, expected \(expected.count)", sourceLocation: sourceLocation)
        return
    }
    for (i, (a, b)) in zip(found, expected).enumerated() {
        expectClose(a, b, relative: relative, absolute: absolute, "\(what)[\(i)]", sourceLocation: sourceLocation)
    }
}

/// Batches for metrics: logits along the classes of any axis, labels of which about a fifth are ignored, and the same for
/// `SurprisalReference`.
enum MetricBatch {
    static let shapes: [[Int]] = [[1, 1], [1, 7], [33, 2], [40, 3], [19, 17], [5, 130], [4, 5, 3], [2, 3, 5, 7]]

    static func values(_ labels: Labels) -> [Int] { (0..<labels.count).map { labels[$0] ?? -1 } }

    /// The same batch with rows of NaN and infinities where the labels are ignored.
    static func spoilt<T: Surprisal.Scalar>(_ x: Tensor<T>, where labels: Labels) -> Tensor<T> {
        let inner = x.shape[2...].reduce(1, *), classes = x.shape[1]
        let bad: [T] = [.nan, .infinity, -.infinity]
        return Tensor(
            x.scalars.enumerated().map { i, value in
                let position = i / (classes * inner) * inner + i % inner
                return labels[position] == nil ? bad[i % 3] : value
            }, shape: x.shape)
    }
}
