import FoundationEssentials
import Glibc
import Surprisal
import SystemPackage

/// What a training shows while it runs: on a terminal a bar, redrawn in place; otherwise a line an epoch, or a JSON object.
final class TrainingProgress {
    enum Style { case none, bar, lines, json }

    private struct Line: Encodable {
        let epoch, epochs: Int
        let learningRate, trainingLoss: Double
        let heldOutLoss, heldOutAccuracy: Double?
        let best: Bool
    }

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
            format: "] epoch %ld/%ld  loss %.4f", epoch, epochs, loss)
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
            var line = String(format: "epoch %ld/%ld  loss %.4f", report.epoch, epochs, report.trainingLoss)
            if let validation = report.validation {
                line += String(format: "  held-out loss %.4f, accuracy %.4f", validation.loss, validation.accuracy)
            }
            try Failure.printLine(line + (isBest ? "  *" : ""))
        case .json:
            try Failure.printLine(try JSONText.line(Line(
                epoch: report.epoch, epochs: epochs, learningRate: report.learningRate, trainingLoss: report.trainingLoss,
                heldOutLoss: report.validation?.loss, heldOutAccuracy: report.validation?.accuracy, best: isBest)))
        }
    }

    func clear() { if style == .bar { write("\r\u{1B}[K") } }

    private func write(_ text: String) { _ = try? FileDescriptor.standardError.writeAll(text.utf8) }
}
