import Foundation
import Surprisal
import SurprisalReference
import Testing

/// Files written by `scripts/generate-fit-goldens.py` from scikit-learn, statsmodels and SciPy.
enum RegressionGolden {
    /// scikit-learn's optimum.
    struct Optimum: Decodable {
        let rows, features, classes: Int
        let penalty, objective: Double
        let counts: [Int]
        let weight, bias: [Double]
    }

    /// statsmodels' table without a penalty, class by class, the intercept first.
    struct Inference: Decodable {
        let rows, features, classes: Int
        let estimates, standardErrors, z, pValues: [Double]
        let intervals: [[Double]]
        let logLikelihood, nullLogLikelihood, aic, bic, mcfaddenR2: Double
        let ratio, ratioPValue, ratioDegreesOfFreedom: Double
    }

    struct Distributions: Decodable {
        let twoSided, quantiles, chiSquared: [[Double]]
    }

    static func read<Value: Decodable>(_ name: String, as type: Value.Type = Value.self) throws -> Value {
        let url = try #require(Bundle.module.url(forResource: "RegressionGoldens/\(name)", withExtension: "json"))
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Value.self, from: Data(contentsOf: url))
    }
}

/// The data that the goldens are of.
struct RegressionSample {
    let x: Tensor<Double>
    let labels: Labels

    init(x: [Double], labels: [Int]) throws {
        let classes = (labels.max() ?? -1) + 1
        self.x = Tensor(x, shape: [labels.count, labels.isEmpty ? 0 : x.count / labels.count])
        self.labels = try Labels(labels, classCount: classes)
    }

    static func named(_ name: String) throws -> RegressionSample {
        func synthetic(_ seed: UInt64, _ rows: Int, _ features: Int, _ classes: Int, _ noise: Double) throws -> RegressionSample {
            var generator = SplitMix64(seed: seed)
            let data = Reference.syntheticClasses(
                rows: rows, features: features, classes: classes, noise: noise, using: &generator)
            return try RegressionSample(x: data.x, labels: data.labels)
        }
        switch name {
        case "iris": return try table("iris", scale: 1)
        case "digits": return try table("digits", scale: 1 / 16)
        case "iris-pair":
            let all = try table("iris", scale: 1), rows = all.labels.count
            let kept = (0..<rows).filter { all.labels[$0] != 0 }
            return try RegressionSample(
                x: all.x.rows(kept).scalars, labels: kept.map { (all.labels[$0] ?? 0) - 1 })
        case "wide": return try synthetic(11, 200, 2000, 3, 40)
        case "tall": return try synthetic(12, 200_000, 20, 4, 8)
        case "hundred": return try synthetic(13, 5000, 50, 100, 4)
        case "small": return try synthetic(14, 500, 5, 3, 6)
        default: fatalError("no sample \(name)")
        }
    }

    /// The tables that the command embeds; the last column holds the class.
    private static func table(_ name: String, scale: Double) throws -> RegressionSample {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let path = root.appendingPathComponent("Sources/CDatasets/Data/\(name).csv")
        let lines = try String(contentsOf: path, encoding: .utf8).split(separator: "\n").dropFirst().map { $0.split(separator: ",") }
        let names = Set(lines.map { $0.last ?? "" }).sorted()
        return try RegressionSample(
            x: lines.flatMap { line in try line.dropLast().map { try #require(Double($0)) * scale } },
            labels: lines.map { line in try #require(names.firstIndex(of: line.last ?? "")) })
    }
}

/// Fails where two lists differ by more than a part of the largest number in them.
func expectClose(
    _ found: [Double], _ expected: [Double], within tolerance: Double, _ what: String,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    guard found.count == expected.count else {
        Issue.record("\(what): \(found.count) values; expected \(expected.count)", sourceLocation: sourceLocation)
        return
    }
    let largest = expected.reduce(0) { max($0, abs($1)) }
    var worst = 0.0, place = 0
    for i in found.indices {
        let difference = abs(found[i] - expected[i])
        if !(difference <= worst) { (worst, place) = (difference, i) }
    }
    #expect(
        worst <= tolerance * largest, "\(what)[\(place)] is \(found.isEmpty ? 0 : found[place]); expected \(expected.isEmpty ? 0 : expected[place]): apart by \(worst / largest) of the largest",
        sourceLocation: sourceLocation)
}
