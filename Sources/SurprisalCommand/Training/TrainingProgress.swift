import Foundation
import Surprisal

/// What a training shows while it runs: on a terminal a bar, redrawn in place; otherwise a line an epoch, or a JSON object.
final class TrainingProgress {
    enum Style { case none, bar, lines, json }

    private let style: Style
    private let epochs, steps, rowsPerStep: Int
    private let start = ContinuousClock.now
    private var lastDrawn: ContinuousClock.Instant?
    private var lastValidation: Validation?
    private let firstEpoch: Int

    /// - Parameter done: epochs of an earlier run.
    init(_ style: Style, epochs: Int, steps: Int, rowsPerStep: Int, done: Int) {
        (self.style, self.epochs, self.steps, self.rowsPerStep, firstEpoch) = (style, epochs, steps, rowsPerStep, done)
    }

    static func style(json: Bool, quiet: Bool) -> Style {
        if quiet { return .none }
        if json { return .json }
        return isatty(STDOUT_FILENO) == 1 && isatty(STDERR_FILENO) == 1 ? .bar : .lines
    }

    func step(epoch: Int, step: Int, loss: Double) {
        guard style == .bar else { return }
        let now = ContinuousClock.now
        if let lastDrawn, now - lastDrawn < .milliseconds(100) { return }
        lastDrawn = now
        let all = Double(epochs * steps), done = Double((epoch - 1) * steps + step + 1)
        let since = Double((epoch - 1 - firstEpoch) * steps + step + 1)
        let seconds = (now - start) / .seconds(1)
        let width = 24, filled = Int(done / all * Double(width))
        var line = "\r\u{1B}[K[" + String(repeating: "=", count: filled) + String(repeating: " ", count: width - filled)
        line += String(
            format: "] epoch %d/%d  loss %.4f", epoch, epochs, loss)
        if let lastValidation { line += String(format: "  held-out %.4f, accuracy %.4f", lastValidation.loss, lastValidation.accuracy) }
        line += String(
            format: "  %.0f rows/s, %.0f s left", since * Double(rowsPerStep) / seconds, (all - done) * seconds / since)
        write(line)
    }

    func epoch(_ report: EpochReport, isBest: Bool) throws {
        lastValidation = report.validation
        switch style {
        case .none, .bar: return
        case .lines:
            var line = String(format: "epoch %d/%d  loss %.4f", report.epoch, epochs, report.trainingLoss)
            if let validation = report.validation {
                line += String(format: "  held-out loss %.4f, accuracy %.4f", validation.loss, validation.accuracy)
            }
            try Failure.printLine(line + (isBest ? "  *" : ""))
        case .json:
            try Failure.printLine(JSONLine([
                ("epoch", .integer(report.epoch)), ("epochs", .integer(epochs)), ("learning_rate", .number(report.learningRate)),
                ("training_loss", .number(report.trainingLoss)),
                ("held_out_loss", report.validation.map { .number($0.loss) } ?? .null),
                ("held_out_accuracy", report.validation.map { .number($0.accuracy) } ?? .null), ("best", .boolean(isBest)),
            ]).text)
        }
    }

    func clear() { if style == .bar { write("\r\u{1B}[K") } }

    private func write(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }
}

/// A JSON object on a line, its members in order; what is not finite is null.
struct JSONLine {
    indirect enum Value {
        case integer(Int), number(Double), text(String), boolean(Bool), list([Value]), object([(String, Value)]), null

        var text: String {
            switch self {
            case .integer(let value): return "\(value)"
            case .number(let value): return value.isFinite ? "\(value)" : "null"
            case .boolean(let value): return "\(value)"
            case .null: return "null"
            case .list(let values): return "[" + values.map(\.text).joined(separator: ",") + "]"
            case .object(let members): return JSONLine(members).text
            case .text(let value):
                // A string is always JSON.
                guard let data = try? JSONEncoder().encode(value) else { fatalError("JSON of \(value)") }
                return String(decoding: data, as: UTF8.self)
            }
        }
    }

    let members: [(String, Value)]
    init(_ members: [(String, Value)]) { self.members = members }
    var text: String {
        "{" + members.map { Value.text($0.0).text + ":" + $0.1.text }.joined(separator: ",") + "}"
    }
}
