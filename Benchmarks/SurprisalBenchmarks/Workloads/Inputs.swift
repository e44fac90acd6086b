import Surprisal
import SurprisalReference

/// An element type that both the engine and the naive loops know.
typealias Element = Surprisal.Scalar & ReferenceScalar

/// Numbers for the workloads: the same for every run, and for every contender.
struct Inputs {
    private var generator: SplitMix64

    init(seed: UInt64) { generator = SplitMix64(seed: seed) }

    /// About normal, with the given deviation: the sum of the four 16-bit parts of a random number (Irwin–Hall),
    /// cheap enough for 10⁸ of them.
    mutating func normal<T: Element>(_ count: Int, deviation: Double = 1) -> [T] {
        // A part, uniform in 0..<2¹⁶, has variance 2³²/12; four of them 2³²/3.
        let scale = T(deviation * (3.0).squareRoot() / 65536), middle = T(2 * 65535)
        var values = [T](repeating: 0, count: count)
        for i in values.indices {
            let bits = generator.next()
            let sum = (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + bits >> 48
            values[i] = (T(sum) - middle) * scale
        }
        return values
    }

    /// Classes; a share of them replaced by −100, which is ignored.
    mutating func labels(_ count: Int, classes: Int, ignored share: Double = 0) -> [Int] {
        (0..<count).map { _ in
            Double.random(in: 0..<1, using: &generator) < share ? -100 : Int.random(in: 0..<classes, using: &generator)
        }
    }

    /// Rows of positive numbers that sum to 1.
    mutating func probabilities<T: Element>(_ rows: Int, _ classes: Int) -> [T] {
        var values: [T] = normal(rows * classes)
        for row in 0..<rows {
            var sum = 0.0
            for c in 0..<classes {
                let value = Double(values[row * classes + c])
                values[row * classes + c] = T(value * value)
                sum += value * value
            }
            for c in 0..<classes { values[row * classes + c] = T(Double(values[row * classes + c]) / sum) }
        }
        return values
    }
}
