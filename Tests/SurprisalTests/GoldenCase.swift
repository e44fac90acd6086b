import Foundation
import Surprisal
import SurprisalReference
import Testing

/// The lines of a golden file.
func goldens<Line: Decodable>(_ file: String) throws -> [Line] {
    let url = try #require(Bundle.module.url(forResource: "Goldens/\(file)", withExtension: "jsonl"))
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
        positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    return try Data(contentsOf: url).split(separator: UInt8(ascii: "\n")).map {
        try decoder.decode(Line.self, from: $0)
    }
}

/// One line of a golden file, written by `scripts/generate-goldens.py` from PyTorch 2.13.0.
struct GoldenCase: Decodable, CustomTestStringConvertible {
    let name, op, dtype: String
    let shape: [Int]
    let input: [Double]?
    let other: [Double]?
    let otherShape: [Int]?
    let target: [Int]?
    let targetProbabilities: [Double]?
    let targetShape: [Int]?
    let weight: [Double]?
    let weightShape: [Int]?
    let bias: [Double]?
    let ignoreIndex: Int?
    let labelSmoothing: Double?
    let reduction: String?
    let dim, k, padding: Int?
    /// Of a categorical distribution: `logits` or `probs`.
    let parameters: String?
    let upstream: [Double]?
    let output, exactOutput: [Double]?
    let outputShape: [Int]?
    let indices: [Int]?
    let gradient, exactGradient: [Double]?
    let gradientOther, exactGradientOther: [Double]?
    let gradientTarget, exactGradientTarget: [Double]?
    let gradientWeight, exactGradientWeight: [Double]?
    let gradientBias, exactGradientBias: [Double]?
    /// What this package gives where it means to do better than PyTorch: see `deviation`.
    let expectedOutput, expectedGradient, expectedGradientWeight: [Double]?
    let text: String?
    let arange: Double?
    let error, deviation: String?
    let learningRate, momentum: Double?
    let weightDecay: Double?
    let decay: String?
    let nesterov: Bool?
    let gamma, epsilon, margin: Double?
    let p: Int?
    let posWeight: [Double]?
    let posWeightShape: [Int]?
    let logTarget: Bool?
    let steps: Int?
    let gradients: [Double]?

    var testDescription: String { "\(name) \(dtype)" }

    static func cases(_ file: String) throws -> [GoldenCase] { try goldens(file) }

    func tensor<T: Surprisal.Scalar>(_ values: [Double], _ shape: [Int]) -> Tensor<T> {
        Tensor(values.map { T($0) }, shape: shape)
    }

    /// Fails where `found` is not the golden within `bound`, shapes first.
    ///
    /// A Float golden is compared with PyTorch's Double result on the same input where there is one: PyTorch's
    /// own Float result is the less accurate of the two.
    func expect<T: Surprisal.Scalar>(
        _ found: Tensor<T>, _ golden: [Double]?, exact: [Double]?, expected: [Double]? = nil, shape: [Int]?, _ what: String, ulp bound: Double,
        absolute: Double, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        // These goldens name no masked classes: a −∞ among the logits is none, and the reference's +∞ stands.
        let better = deviation == "masked-smoothing" ? nil : expected
        guard let truth = better ?? exact ?? golden else {
            Issue.record("\(name): no golden \(what)", sourceLocation: sourceLocation)
            return
        }
        if let shape {
            #expect(found.shape == shape, "\(name): shape of \(what)", sourceLocation: sourceLocation)
        }
        guard found.count == truth.count else {
            Issue.record("\(name): \(what) has \(found.count) values, not \(truth.count)", sourceLocation: sourceLocation)
            return
        }
        for (i, (value, expected)) in zip(found.scalars, truth).enumerated() {
            if value.isNaN && expected.isNaN { continue }
            if Double(value) == expected || T(expected) == value { continue }
            let difference = abs(Double(value) - expected)
            let allowed = max(absolute, bound * Double(T(abs(expected)).ulp))
            if !(difference <= allowed) {
                Issue.record(
                    "\(name) \(dtype): \(what)[\(i)] is \(value), PyTorch's \(true): \(difference / Double(T(abs(expected)).ulp)) ULP",
                    sourceLocation: sourceLocation)
                return
            }
        }
    }
}

extension Tensor {
    /// Σ of the products with fixed factors: a scalar whose gradient is those factors.
    func weighted(by factors: Tensor) -> Tensor { (self * factors).sum() }
}
