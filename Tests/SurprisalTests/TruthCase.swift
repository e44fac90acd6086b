import Foundation
import Surprisal
import SurprisalReference
import Testing

/// One line of `truth.jsonl`, written by `scripts/generate-truth.py`: 50-digit values of one row.
struct TruthCase: Decodable {
    let name, dtype: String
    let classes, label: Int
    let input: [Double]?
    let seed: UInt64?
    let offset, spread: Double?
    let set: [[Double]]?
    let indices: [Int]
    let loss, lse: [Double]
    let logProbabilities, gradients: [[Double]]

    static let all: [TruthCase] = {
        do { return try goldens("truth") } catch {
            fatalError("truth.jsonl is missing or not as scripts/generate-truth.py writes it: \(error)")
        }
    }()

    /// The row, by the script's recipe: each step rounded to the type.
    func row<T: Surprisal.Scalar>(_ type: T.Type) -> [T] {
        if let input { return input.map { T($0) } }
        var generator = SplitMix64(seed: seed ?? 0)
        var row = (0..<classes).map { _ in
            let v = T(generator.next() >> 40) * T(0x1p-24) * 2 - 1
            return T(offset ?? 0) + T(spread ?? 0) * v
        }
        for pair in set ?? [] { row[Int(pair[0])] = T(pair[1]) }
        return row
    }
}

/// The distance of a value from a truth of two doubles, in ULPs of the truth in the value's type.
func ulps<T: Surprisal.Scalar>(_ found: T, _ truth: [Double]) -> Double {
    let high = truth[0], low = truth.count > 1 ? truth[1] : 0
    if found.isNaN || high.isNaN { return found.isNaN && high.isNaN ? 0 : .infinity }
    if high.isInfinite || found.isInfinite {
        // Beyond the type's range a truth rounds to infinity.
        return Double(found) == high || T(high) == found ? 0 : .infinity
    }
    let rounded = T(abs(high))
    let ulp = rounded.isInfinite ? Double(T.greatestFiniteMagnitude.ulp) : Double(max(rounded, T.leastNormalMagnitude).ulp)
    return abs((Double(found) - high) - low) / ulp
}
