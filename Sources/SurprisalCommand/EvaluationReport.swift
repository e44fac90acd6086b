import FoundationEssentials
import Surprisal

/// What `evaluate` prints, and the page that it and `train` write.
struct EvaluationReport {
    let source: String
    let evaluation: Evaluation
    let history: [EpochReport]
    let features: Tensor<Float>
    let featureNames: [String]

    /// Classes whose matrix fits a screen.
    private static let mostClasses = 20

    func text() -> String {
        var lines = ["\(source): \(evaluation.rowCount) rows, \(evaluation.classNames.count) classes", ""]
        for measure in evaluation.measures {
            lines.append(
                measure.name.padded(to: 20)
                    + String(format: "%9.4f   95 %% %.4f to %.4f", measure.value, measure.low, measure.high))
        }
        lines += ["", evaluation.report.text(digits: 4)]
        if evaluation.classNames.count <= Self.mostClasses { lines += ["", evaluation.matrix.description] }
        return lines.joined(separator: "\n")
    }

    private struct Report: Encodable {
        struct Class: Encodable {
            let name: String
            let precision, recall, f1: Double
            let support: Int
        }
        let model, data: String
        let rows, k: Int
        let loss, perplexity, accuracy, topKAccuracy, brierScore, calibrationError: Evaluation.Measure
        let classes: [Class]
        let confusion: [[Int]]
    }

    func json(model: String) throws -> String {
        let classes = evaluation.classNames.indices
        return try JSONText.line(Report(
            model: model, data: source, rows: evaluation.rowCount, k: evaluation.k, loss: evaluation.loss,
            perplexity: evaluation.perplexity, accuracy: evaluation.accuracy, topKAccuracy: evaluation.topKAccuracy,
            brierScore: evaluation.brierScore, calibrationError: evaluation.calibrationError,
            classes: zip(evaluation.classNames, evaluation.report.classes).map {
                .init(name: $0, precision: $1.precision, recall: $1.recall, f1: $1.f1, support: $1.support)
            },
            confusion: classes.map { label in classes.map { evaluation.matrix[label, $0] } }))
    }

    func write(to path: String) throws {
        let date = Date().formatted(.iso8601.year().month().day())
        try HTMLReport(
            title: source, command: Self.command(CommandLine.arguments), versions: [
                ("instruction set", "\(InstructionSet.current)"), ("threads", "\(Parallel.threadCount)"),
                ("matrix products", MatrixLibrary.description),
                ("system", ProcessInfo.processInfo.operatingSystemVersionString), ("date", date),
            ], history: history, evaluation: evaluation, features: features, featureNames: featureNames
        ).write(to: path)
    }

    /// As a shell would take it.
    static func command(_ arguments: [String]) -> String {
        (["surprisal"] + arguments.dropFirst().map { argument in
            let isPlain = !argument.isEmpty && argument.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
                default: "-_./,:=+@%".utf8.contains(byte)
                }
            }
            return isPlain ? argument : "'" + argument.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
        }).joined(separator: " ")
    }
}
