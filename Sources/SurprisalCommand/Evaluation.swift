import Surprisal

/// How well a classifier does on labelled rows.
struct Evaluation {
    /// With the ends of the middle 95 % of what resampled rows give.
    struct Measure: Encodable {
        let name: String
        let value, low, high: Double

        private enum CodingKeys: String, CodingKey { case value, low, high }
    }

    struct Mistake {
        let row, label, prediction: Int
        let probability: Double
    }

    static let resamples = 1000

    let rowCount: Int
    let classNames: [String]
    let k: Int
    /// The first in nats.
    let loss, perplexity, accuracy, topKAccuracy, brierScore, calibrationError: Measure
    var measures: [Measure] { [loss, perplexity, accuracy, topKAccuracy, brierScore, calibrationError] }
    let matrix: ConfusionMatrix
    let report: ClassificationReport
    let reliability: ReliabilityDiagram
    /// The most confident first.
    let mistakes: [Mistake]

    /// - Parameters:
    ///   - k: of the top-k accuracy; at most the number of classes.
    ///   - seed: of the resampled rows.
    init(_ logits: Tensor<Float>, _ labels: Labels, classNames: [String], k: Int, seed: UInt64) {
        rowCount = labels.count
        (self.classNames, self.k) = (classNames, k)
        matrix = ConfusionMatrix(logits, labels, classNames: classNames)
        report = ClassificationReport(matrix)
        reliability = ReliabilityDiagram(logits, labels)
        let losses = CrossEntropyLoss<Float>(reduction: .none)(logits, labels).scalars.map { Double($0) }
        let probabilities = logits.softmax(), (largest, prediction) = probabilities.max(along: 1)
        let classes = classNames.count, p = probabilities.scalars
        var right: [Double] = [], among: [Double] = [], brier: [Double] = [], mistakes: [Mistake] = []
        let topK = logits.topK(k, along: 1).indices.values
        for row in 0..<rowCount {
            guard let label = labels[row] else { continue }
            right.append(prediction.values[row] == label ? 1 : 0)
            among.append(topK[row * k..<(row + 1) * k].contains(label) ? 1 : 0)
            var score = 0.0
            for c in 0..<classes {
                let difference = Double(p[row * classes + c]) - (c == label ? 1 : 0)
                score += difference * difference
            }
            brier.append(score)
            if prediction.values[row] != label {
                mistakes.append(Mistake(
                    row: row, label: label, prediction: prediction.values[row], probability: Double(largest.scalars[row])))
            }
        }
        self.mistakes = mistakes.sorted { ($0.probability, $1.row) > ($1.probability, $0.row) }
        func mean(_ values: [Double], _ rows: [Int]) -> Double { rows.reduce(0) { $0 + values[$1] } / Double(rows.count) }
        let count = rowCount, all = Array(0..<count), confidences = largest.scalars.map { Double($0) }
        func calibration(_ rows: [Int]) -> Double {
            do {
                return try ReliabilityDiagram(confidences: rows.map { confidences[$0] }, outcomes: rows.map { right[$0] == 1 })
                    .expectedCalibrationError
            } catch { return .nan }
        }
        var generator = SplitMix64(seed: seed), resampled: [[Double]] = []
        func values(_ rows: [Int], _ calibrationError: Double) -> [Double] {
            let loss = mean(losses, rows)
            return [loss, exponential(loss), mean(right, rows), mean(among, rows), mean(brier, rows), calibrationError]
        }
        let found = values(all, reliability.expectedCalibrationError)
        for _ in 0..<Self.resamples {
            let rows = (0..<count).map { _ in Int.random(in: 0..<count, using: &generator) }
            resampled.append(values(rows, calibration(rows)))
        }
        func measure(_ name: String, _ place: Int) -> Measure {
            let sorted = resampled.map { $0[place] }.sorted()
            return Measure(
                name: name, value: found[place], low: sorted[Self.resamples / 40],
                high: sorted[Self.resamples - 1 - Self.resamples / 40])
        }
        (loss, perplexity, accuracy) = (measure("loss", 0), measure("perplexity", 1), measure("accuracy", 2))
        topKAccuracy = measure("top-\(k) accuracy", 3)
        (brierScore, calibrationError) = (measure("Brier score", 4), measure("calibration error", 5))
    }
}

/// e to a mean loss.
private func exponential(_ loss: Double) -> Double { Tensor<Double>([loss]).exp().scalars[0] }
