import Glibc
import Surprisal
import SurprisalKernels

enum Statistics {
    /// The quantile by linear interpolation between order statistics: type 7 of R. J. Hyndman and Y. Fan, "Sample
    /// quantiles in statistical packages", The American Statistician 50, 1996, as R and NumPy have it by default.
    static func quantile(_ probability: Double, ofSorted values: [Double]) -> Double {
        precondition(!values.isEmpty, "a quantile of no values")
        precondition((0...1).contains(probability), "a quantile at \(probability), expected 0 to 1")
        let position = probability * Double(values.count - 1), below = Int(position)
        guard below + 1 < values.count else { return values[below] }
        return values[below] + (position - Double(below)) * (values[below + 1] - values[below])
    }

    static func median(_ values: [Double]) -> Double { quantile(0.5, ofSorted: values.sorted()) }

    /// Of the least-squares line through the points; NaN when they do not determine one.
    static func slope(_ points: [(x: Double, y: Double)]) -> Double {
        let count = Double(points.count)
        let middle = (x: points.reduce(0) { $0 + $1.x } / count, y: points.reduce(0) { $0 + $1.y } / count)
        var product = 0.0, square = 0.0
        for point in points {
            product += (point.x - middle.x) * (point.y - middle.y)
            square += (point.x - middle.x) * (point.x - middle.x)
        }
        return square > 0 ? product / square : .nan
    }
}

extension Timing {
    init(samples: [Double]) {
        let sorted = samples.sorted()
        self.init(
            median: Statistics.quantile(0.5, ofSorted: sorted),
            lowerQuartile: Statistics.quantile(0.25, ofSorted: sorted),
            upperQuartile: Statistics.quantile(0.75, ofSorted: sorted), samples: samples)
    }

    /// Half the interquartile range over the median.
    var spread: Double { (upperQuartile - lowerQuartile) / 2 / median }
}

extension ProductUse {
    struct Sample {
        var share, rate, count: Double

        /// None of work without products.
        init?(_ used: ProductTime, of seconds: Double, calls: Int) {
            guard used.count > 0, used.seconds > 0 else { return nil }
            share = used.seconds / seconds
            rate = used.operations / used.seconds
            count = Double(used.count) / Double(calls)
        }
    }

    /// None of no samples.
    init?(_ samples: [Sample]) {
        if samples.isEmpty { return nil }
        let shares = Timing(samples: samples.map(\.share))
        self.init(
            share: shares.median, lowerQuartile: shares.lowerQuartile, upperQuartile: shares.upperQuartile,
            rate: Statistics.median(samples.map(\.rate)), count: Statistics.median(samples.map(\.count)))
    }
}

/// Bootstrap intervals, with a fixed seed so that a report can be made again from its samples.
extension Interval {
    private static let resamples = 2000
    private static let seed: UInt64 = 0x5EED

    /// The ratio of the medians of samples that were taken in the same rounds: a round is drawn for both, so that what
    /// slowed both in it cancels.
    static func ratio(of numerator: [Double], over denominator: [Double]) -> Interval {
        precondition(
            numerator.count == denominator.count,
            "\(numerator.count) and \(denominator.count) samples, expected one of each in every round")
        return bootstrap(numerator, denominator) { generator in
            let rounds = numerator.indices.map { _ in Int.random(in: numerator.indices, using: &generator) }
            return (rounds.map { numerator[$0] }, rounds.map { denominator[$0] })
        }
    }

    /// The ratio of the medians of samples from two runs.
    static func ratio(ofIndependent numerator: [Double], over denominator: [Double]) -> Interval {
        bootstrap(numerator, denominator) { generator in
            (
                numerator.map { _ in numerator[Int.random(in: numerator.indices, using: &generator)] },
                denominator.map { _ in denominator[Int.random(in: denominator.indices, using: &generator)] }
            )
        }
    }

    private static func bootstrap(
        _ numerator: [Double], _ denominator: [Double], draw: (inout SplitMix64) -> ([Double], [Double])
    ) -> Interval {
        var generator = SplitMix64(seed: seed)
        let ratios = (0..<resamples).map { _ in
            let (above, below) = draw(&generator)
            return Statistics.median(above) / Statistics.median(below)
        }.sorted()
        return Interval(
            value: Statistics.median(numerator) / Statistics.median(denominator),
            low: Statistics.quantile(0.025, ofSorted: ratios), high: Statistics.quantile(0.975, ofSorted: ratios))
    }
}

extension Sweep.Point {
    var entries: Double { Double(rows) * Double(classes) }
}

extension Sweep {
    /// Below, the cost of a call, not of its entries, shapes the curve.
    static let slopeBegin = 1e6

    init(name: String, points: [Point]) {
        let logarithms = points.filter { $0.entries >= Self.slopeBegin }
            .map { (x: log($0.entries), y: log($0.seconds)) }
        self.init(name: name, points: points, slope: Statistics.slope(logarithms))
    }
}
