import ArgumentParser
import FoundationEssentials
import Surprisal
import SurprisalIO

struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Hold a trained classifier against labelled rows.",
        discussion: """
            Prints the loss in nats, perplexity, accuracy, Brier score and calibration error, each with the middle 95 % of \
            what 1000 resampled sets of rows give (of a calibration error these lie above it: fewer rows in a bin are further \
            off), precision and recall of each class, and the confusion matrix. DATA as for \
            `train`; the columns of a CSV file are found by their names.

              surprisal evaluate digits.safetensors digits --held-out
              surprisal evaluate model.safetensors table.csv --labels species --report report.html
            """)

    @Argument(help: ArgumentHelp("A file that `train` has written.", valueName: "model"))
    var model: String

    @Argument(help: ArgumentHelp("digits, iris, or a file.", valueName: "data"))
    var data: String

    @Option(help: ArgumentHelp("The labels, as for `train`. (default: where they were in training)", valueName: "column|file"))
    var labels: String?

    @Option(parsing: .unconditional, help: "Of the top-k accuracy. (default: 5, at most the number of classes)")
    var top: Int?

    @Option(parsing: .unconditional, help: "Of the resampled rows.")
    var seed: UInt64 = 0

    @Option(help: ArgumentHelp("Write an HTML page.", valueName: "file"))
    var report: String?

    @Flag(help: "Only the rows that the training held out of the same data.")
    var heldOut = false

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        _ = (Parallel.threadCount, InstructionSet.current)
        for path in [model, data] where path == report { throw Failure.exit("--report \(path) is a file that is read; expected another") }
        do { try evaluate() } catch { throw readingFailure(error) }
    }

    private func evaluate() throws {
        let classifier = try Classifier(contentsOf: model)
        let classes = classifier.classNames.count
        guard let k = top.map({ (1...classes).contains($0) ? $0 : nil }) ?? min(5, classes) else {
            throw Failure.exit("--top \(top ?? 0); expected 1 to \(classes)")
        }
        let (features, labels) = try ClassifierData.examples(data, labels: self.labels, for: classifier, heldOut: heldOut)
        let evaluation = Evaluation(
            classifier.logits(features), labels, classNames: classifier.classNames, k: k, seed: seed)
        let page = EvaluationReport(
            source: data + (heldOut ? ", held out" : ""), evaluation: evaluation, history: [], features: features, featureNames: classifier.featureNames)
        if let report { try page.write(to: report) }
        try Failure.printLine(json ? try page.json(model: model) : page.text())
    }
}
