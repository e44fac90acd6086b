import Foundation
import Surprisal
import SurprisalIO

/// What `surprisal loss` prints and writes: numbers of the input's type, which Doubles hold exactly.
struct LossResult {
    let reduction: Reduction
    let positions, ignored, classes: Int
    let dtype: String
    let shape: [Int]
    let losses: [Double]
    /// None, the logits', or a linear layer's and its input's.
    let gradients: [Gradient]

    struct Gradient {
        let name: String
        let shape: [Int]
        var values: [Double]
    }

    private struct Report: Encodable {
        enum Loss: Encodable {
            case one(Double)
            case each([Double])

            func encode(to encoder: any Encoder) throws {
                var container = encoder.singleValueContainer()
                switch self {
                case .one(let value): try container.encode(value)
                case .each(let values): try container.encode(values)
                }
            }
        }

        let gradientNorm: Double?
        let loss: Loss
        let reduction: String
        let positions, ignored, classes: Int
        let dtype: String
        let shape: [Int]
    }

    init(
        reduction: Reduction, positions: Int, ignored: Int, classes: Int, dtype: String, shape: [Int], losses: [Double],
        gradients: [Gradient]
    ) {
        // Computed in Double for the sake of a Double target, a Float input's numbers are still Floats.
        let rounded: ([Double]) -> [Double] = { $0.map { dtype == "float32" ? Double(Float($0)) : $0 } }
        self.reduction = reduction
        (self.positions, self.ignored, self.classes) = (positions, ignored, classes)
        (self.dtype, self.shape) = (dtype, shape)
        self.losses = rounded(losses)
        self.gradients = gradients.map { Gradient(name: $0.name, shape: $0.shape, values: rounded($0.values)) }
    }

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        let squares = gradients.map { $0.values.reduce(0) { $0 + $1 * $1 } }
        let report = Report(
            gradientNorm: gradients.isEmpty ? nil : squares.reduce(0, +).squareRoot(),
            loss: reduction == .none ? .each(losses) : .one(losses[0]), reduction: reduction.rawValue,
            positions: positions, ignored: ignored, classes: classes, dtype: dtype, shape: shape)
        return String(decoding: try encoder.encode(report), as: UTF8.self)
    }

    func write(to path: String, isDouble: Bool) throws {
        var writer = SafetensorsWriter()
        func add(_ name: String, _ shape: [Int], _ values: [Double]) throws {
            if isDouble {
                try writer.add(name, shape: shape, values: values)
            } else {
                try writer.add(name, shape: shape, values: values.map { Float($0) })
            }
        }
        try add("loss", shape, losses)
        for gradient in gradients { try add(gradient.name, gradient.shape, gradient.values) }
        try writer.write(to: path)
    }
}
