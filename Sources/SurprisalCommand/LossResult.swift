import FoundationEssentials
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
    let rows: Rows?
    /// What a filter has left out of the gradient.
    let skippedShare: Double?

    /// Of each position, in row-major order: what `RowResults` say.
    struct Rows {
        let shape, topShape: [Int]
        var loss, logSumExp, entropy, labelProbability: [Double]
        let argmax: [Int]
        let isRight: [Bool]
        let topClasses: [Int]
        var topLogProbability: [Double]

        /// Each row's k together.
        fileprivate func split<Value>(_ values: [Value]) -> [[Value]] {
            let k = topShape.last ?? 0
            return argmax.indices.map { Array(values[$0 * k..<($0 + 1) * k]) }
        }
    }

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

        struct Rows: Encodable {
            let loss, logSumExp, entropy, labelProbability: [Double]
            let argmax: [Int]
            let isRight: [Bool]
            let topClasses: [[Int]]
            let topLogProbability: [[Double]]

            init(_ rows: LossResult.Rows) {
                (loss, logSumExp, entropy) = (rows.loss, rows.logSumExp, rows.entropy)
                (labelProbability, argmax, isRight) = (rows.labelProbability, rows.argmax, rows.isRight)
                (topClasses, topLogProbability) = (rows.split(rows.topClasses), rows.split(rows.topLogProbability))
            }
        }

        let gradientNorm, skippedShare: Double?
        let rows: Rows?
        let loss: Loss
        let reduction: String
        let positions, ignored, classes: Int
        let dtype: String
        let shape: [Int]
    }

    init(
        reduction: Reduction, positions: Int, ignored: Int, classes: Int, dtype: String, shape: [Int], losses: [Double],
        gradients: [Gradient], rows: Rows? = nil, skippedShare: Double? = nil
    ) {
        // Computed in Double for the sake of a Double target, a Float input's numbers are still Floats.
        let rounded: ([Double]) -> [Double] = { $0.map { dtype == "float32" ? Double(Float($0)) : $0 } }
        self.reduction = reduction
        (self.positions, self.ignored, self.classes) = (positions, ignored, classes)
        (self.dtype, self.shape) = (dtype, shape)
        self.losses = rounded(losses)
        self.gradients = gradients.map { Gradient(name: $0.name, shape: $0.shape, values: rounded($0.values)) }
        self.rows = rows.map { rows in
            var rows = rows
            (rows.loss, rows.logSumExp, rows.entropy) = (rounded(rows.loss), rounded(rows.logSumExp), rounded(rows.entropy))
            rows.labelProbability = rounded(rows.labelProbability)
            rows.topLogProbability = rounded(rows.topLogProbability)
            return rows
        }
        self.skippedShare = skippedShare
    }

    func json() throws -> String {
        let squares = gradients.map { $0.values.reduce(0) { $0 + $1 * $1 } }
        let report = Report(
            gradientNorm: gradients.isEmpty ? nil : squares.reduce(0, +).squareRoot(), skippedShare: skippedShare,
            rows: rows.map { Report.Rows($0) },
            loss: reduction == .none ? .each(losses) : .one(losses[0]), reduction: reduction.rawValue,
            positions: positions, ignored: ignored, classes: classes, dtype: dtype, shape: shape)
        return try JSONText.line(report)
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
        if let rows {
            try add("row_loss", rows.shape, rows.loss)
            try add("row_log_sum_exp", rows.shape, rows.logSumExp)
            try add("row_entropy", rows.shape, rows.entropy)
            try add("row_label_probability", rows.shape, rows.labelProbability)
            try writer.add("row_argmax", shape: rows.shape, values: rows.argmax)
            try writer.add("row_is_right", shape: rows.shape, values: rows.isRight)
            try writer.add("row_top_classes", shape: rows.topShape, values: rows.topClasses)
            try add("row_top_log_probability", rows.topShape, rows.topLogProbability)
        }
        try writer.write(to: path)
    }
}
