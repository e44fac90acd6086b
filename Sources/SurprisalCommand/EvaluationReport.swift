import Foundation
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
                measure.name.padding(toLength: 20, withPad: " ", startingAt: 0)
                    + String(format: "%9.4f   95 %% %.4f to %.4f", measure.value, measure.low, measure.high))
        }
        lines += ["", evaluation.report.text(digits: 4)]
        if evaluation.classNames.count <= Self.mostClasses { lines += ["", evaluation.matrix.description] }
        return lines.joined(separator: "\n")
    }

    func json(model: String) -> String {
        var members: [(String, JSONLine.Value)] = [("model", .text(model)), ("data", .text(source)), ("rows", .integer(evaluation.rowCount))]
        for measure in evaluation.measures {
            members.append((
                measure.name.lowercased().replacingOccurrences(of: " ", with: "_").replacingOccurrences(of: "-", with: "_"),
                .object([("value", .number(measure.value)), ("low", .number(measure.low)), ("high", .number(measure.high))])
            ))
        }
        let classes = evaluation.classNames.count
        members.append((
            "classes",
            .list(zip(evaluation.classNames, evaluation.report.classes).map { name, scores in
                .object([
                    ("name", .text(name)), ("precision", .number(scores.precision)), ("recall", .number(scores.recall)),
                    ("f1", .number(scores.f1)), ("support", .integer(scores.support)),
                ])
            })
        ))
        members.append((
            "confusion",
            .list((0..<classes).map { label in .list((0..<classes).map { .integer(evaluation.matrix[label, $0]) }) })
        ))
        return JSONLine(members).text
    }

    func write(to path: String) throws {
        let date = Date().formatted(.iso8601.year().month().day())
        try HTMLReport(
            title: source, command: Self.command(CommandLine.arguments), versions: [
                ("instruction set", "\(InstructionSet.current)"), ("threads", "\(Parallel.threadCount)"),
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
            return isPlain ? argument : "'" + argument.replacingOccurrences(of: "'", with: "'\\''") + "'"
        }).joined(separator: " ")
    }
}
