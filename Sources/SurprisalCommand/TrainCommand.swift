import ArgumentParser
import FoundationEssentials
import Surprisal
import SurprisalIO
import SystemPackage

struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Train a classifier on rows of features, and write it to a file.",
        discussion: """
            DATA is `digits` or `iris`, which are embedded, or a file: CSV, NPY, NPZ, safetensors, IDX, or IDX \
            compressed by gzip. A part of the rows is held out, a fifth unless told, stratified by class; the network \
            with the lowest loss on it is kept. Features are brought to mean 0 and deviation 1, learned on the other rows.

            MODEL.safetensors then holds a torch.nn.Sequential's parameters and, as metadata, all that `evaluate`, \
            `predict` and `calibrate` need. Ctrl-C ends after the batch; with --resume the same command goes on, to the \
            bits that it would have come to at once.

              surprisal train digits --model digits.safetensors
              surprisal train table.csv --labels species --model model.safetensors --hidden 64,32 --patience 10
              surprisal train rows.npy --labels classes.npy --model model.safetensors --validation 0.1 --json
            """)

    enum ClassWeightsOption: ExpressibleByArgument {
        case equal, balanced, file(String)

        init(argument: String) {
            self = switch argument {
            case "equal": .equal
            case "balanced": .balanced
            default: .file(argument)
            }
        }
        var defaultValueDescription: String { "equal" }
    }

    enum MissingOption: String, ExpressibleByArgument, CaseIterable { case refuse, mean }

    @Argument(help: ArgumentHelp("digits, iris, or a file.", valueName: "data"))
    var data: String

    @Option(help: ArgumentHelp("The labels: a column's name or place (-1: the last), an array's name, or another file.", valueName: "column|file"))
    var labels: String?

    @Option(help: ArgumentHelp("The file to write.", valueName: "file"))
    var model: String

    @Option(help: ArgumentHelp("Widths of the hidden layers, or none: a softmax regression.", valueName: "widths|none"))
    var hidden = "128"

    @Option(help: "\(LayerKind.Activation.allCases.map(\.rawValue).joined(separator: ", ")).")
    var activation: LayerKind.Activation = .relu

    @Option(parsing: .unconditional, help: "The part of the hidden numbers that a step leaves out.")
    var dropout = 0.0

    @Option(parsing: .unconditional, help: "Passes over the rows.")
    var epochs = 50

    @Option(parsing: .unconditional, help: "Rows of a step. (default: 64; of fewer than 1024 rows a sixteenth, but at least 8)")
    var batchSize: Int?

    @Option(help: "\(TrainingPlan.OptimizerKind.allCases.map(\.rawValue).joined(separator: ", ")).")
    var optimizer: TrainingPlan.OptimizerKind = .adamw

    @Option(parsing: .unconditional, help: "The largest rate. (default: 0.003, 0.05 of sgd)")
    var learningRate: Double?

    @Option(help: "\(TrainingPlan.ScheduleKind.allCases.map(\.rawValue).joined(separator: ", ")).")
    var schedule: TrainingPlan.ScheduleKind = .cosine

    @Option(parsing: .unconditional, help: "λ; of adamw decoupled from the gradient. (default: 0.01, 0.0001 of sgd, 0 of adam)")
    var weightDecay: Double?

    @Option(parsing: .unconditional, help: "ε: the part of a label that is spread over all classes.")
    var labelSmoothing = 0.0

    @Option(help: ArgumentHelp("equal; balanced: every class counts alike; or a CSV file of class and weight.", valueName: "equal|balanced|file"))
    var classWeights: ClassWeightsOption = .equal

    @Option(help: ArgumentHelp("The part of the rows to hold out, another file, or none.", valueName: "part|file|none"))
    var validation = "0.2"

    @Option(parsing: .unconditional, help: "Train this many times, each with another part held out, and say how well that does; then as always.")
    var folds: Int?

    @Option(parsing: .unconditional, help: "End when this many epochs have not lowered the held-out loss.")
    var patience: Int?

    @Option(parsing: .unconditional, help: "Of the held-out rows, the first weights, the order of the rows, and dropout.")
    var seed: UInt64 = 0

    @Option(parsing: .unconditional, help: "Threads; the numbers do not depend on it. (default: SURPRISAL_THREADS, or all processors)")
    var workers: Int?

    @Option(help: "A missing value: refuse it, or take the feature's mean.")
    var missing: MissingOption = .refuse

    @Option(parsing: .unconditional, help: "Seconds between states that --resume goes on from; 0: one an epoch.")
    var saveEvery = 1.0

    @Option(help: ArgumentHelp("Write an HTML page about the held-out rows.", valueName: "file"))
    var report: String?

    @Flag(help: "Go on where an interrupted training with the same options stood.")
    var resume = false

    @Flag(help: "Print JSON objects, one a line.")
    var json = false

    @Flag(help: "Print only what it came to.")
    var quiet = false

    func validate() throws {
        _ = try hiddenWidths()
        func require(_ isInRange: Bool, _ option: String, _ value: some CustomStringConvertible, _ expected: String) throws {
            if !isInRange { throw ValidationError("--\(option) is \(value); expected \(expected)") }
        }
        try require(dropout >= 0 && dropout < 1, "dropout", dropout, "0 to below 1")
        try require((1...1_000_000).contains(epochs), "epochs", epochs, "1 to 1000000")
        try require(batchSize.map { (1...1 << 24).contains($0) } ?? true, "batch-size", batchSize ?? 0, "1 to 16777216")
        try require(learningRate.map { $0 > 0 && $0.isFinite } ?? true, "learning-rate", learningRate ?? 0, "a finite number above 0")
        try require(weightDecay.map { $0 >= 0 && $0.isFinite } ?? true, "weight-decay", weightDecay ?? 0, "a finite number, at least 0")
        try require(labelSmoothing >= 0 && labelSmoothing <= 1, "label-smoothing", labelSmoothing, "0 to 1")
        try require(folds.map { $0 >= 2 } ?? true, "folds", folds ?? 0, "at least 2")
        try require(patience.map { $0 >= 1 } ?? true, "patience", patience ?? 0, "at least 1")
        try require(workers.map { (1...256).contains($0) } ?? true, "workers", workers ?? 0, "1 to 256")
        try require(saveEvery >= 0, "save-every", saveEvery, "at least 0")
        if let part = Double(validation) { try require(part > 0 && part < 1, "validation", part, "a part above 0 and below 1, a file, or none") }
        if validation == "none" {
            if patience != nil { throw ValidationError("--patience with --validation none; expected rows to hold out") }
            if report != nil { throw ValidationError("--report with --validation none; expected rows to hold out") }
        }
        if folds != nil, resume { throw ValidationError("--folds with --resume; expected one of them") }
        if ClassifierData.embedded.contains(data), labels != nil { throw ValidationError("--labels with \(data), whose labels are known; expected none") }
    }

    private func hiddenWidths() throws -> [Int] {
        if hidden == "none" { return [] }
        return try hidden.split(separator: ",", omittingEmptySubsequences: false).map { text in
            guard let width = Int(text), (1...1 << 20).contains(width) else {
                throw ValidationError("--hidden is \(hidden); expected widths from 1 to 1048576 with commas between them, or none")
            }
            return width
        }
    }

    func plan(rows: Int) throws -> TrainingPlan {
        TrainingPlan(
            hidden: try hiddenWidths(), activation: activation, dropout: dropout, epochs: epochs,
            batchSize: batchSize ?? min(64, max(8, rows / 16)),
            optimizer: optimizer, learningRate: learningRate ?? (optimizer == .sgd ? 0.05 : 0.003), schedule: schedule,
            weightDecay: weightDecay ?? (optimizer == .adamw ? 0.01 : optimizer == .sgd ? 1e-4 : 0),
            labelSmoothing: labelSmoothing, patience: patience, workers: workers, seed: seed)
    }

    func run() throws {
        _ = (Parallel.threadCount, InstructionSet.current)
        for (option, path) in [("model", model), ("report", report ?? "")] where path == data || path == labels || path == validation {
            throw Failure.exit("--\(option) \(path) is a file of the data; expected another")
        }
        for path in [model, report].compactMap({ $0 }) { try Self.requirePlace(for: path) }
        do { try train() } catch { throw readingFailure(error) }
    }

    /// Before what may take hours.
    private static func requirePlace(for path: String) throws {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        var isFolder = false
        if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder {
            throw Failure.exit("\(path): is a folder; expected a file to write", status: .inputOutput)
        }
        if !FileManager.default.isWritableFile(atPath: folder) {
            throw Failure.exit("\(path): no folder \(folder) that can be written; expected one", status: .inputOutput)
        }
    }

    private func train() throws {
        let data = try ClassifierData(self.data, labels: labels, missing: missing == .mean ? .kept : .refused)
        let (all, names) = try data.labels()
        guard names.count >= 2 else {
            throw Failure.exit("\(self.data): one class, \(names.map { "\"\($0)\"" }.joined()); expected at least 2")
        }
        if let folds { try crossValidate(data, all, names, folds) }
        let parts = try split(data, all, names)
        let training = Rows(parts.training.features, parts.training.labels)
        let plan = try plan(rows: training.count), standardisation = Standardisation(of: training.features)
        var generator = SplitMix64(seed: seed)
        let classifier = Classifier(
            plan.layers(features: data.table.featureCount, classes: names.count), features: data.table.featureCount,
            featureNames: data.table.featureNames, classNames: names, labelName: data.labelName,
            standardisation: standardisation, imputes: missing == .mean,
            heldOut: Double(validation).map { .init(part: $0, seed: seed, rowCount: all.count) }, using: &generator)
        let weights = try weights(training.labels, names)
        let trainer = plan.trainer(rows: training.count, classWeights: weights)
        let options = options(plan, training, parts.heldOut, weights)
        let statePath = TrainingState.path(of: model)
        var run = plan.start(classifier)
        if resume, FileManager.default.fileExists(atPath: statePath) {
            let state = try TrainingState(contentsOf: statePath, plan)
            try requireSame(state.options, options, statePath)
            run = state.run
        }
        let progress = TrainingProgress(
            TrainingProgress.style(json: json, quiet: quiet), epochs: epochs, steps: trainer.steps(perEpochOf: training.count),
            rowsPerStep: plan.batchSize, done: run.history.count)
        let interrupt = Interrupt()
        var failure: (any Error)?, lastSaved = ContinuousClock.now
        func save(_ run: TrainingState.Run) {
            do throws(ClassifierError) {
                try TrainingState(classifier, run, options: options).write(to: statePath)
                lastSaved = .now
            } catch { failure = Failure.exit(error.description, status: .inputOutput) }
        }
        let heldOut = parts.heldOut.map { Examples(standardisation($0.features), $0.labels) }
        let isDone = interrupt.during {
            trainer.train(
                &run, on: Examples(standardisation(training.features), training.labels), validatingOn: heldOut,
                step: { epoch, step, loss in
                    progress.step(epoch: epoch, step: step, loss: loss)
                    return !interrupt.isAsked
                },
                epoch: { report, run in
                    // First: who has read the line may end the program.
                    if !trainer.isOver(run), ContinuousClock.now - lastSaved >= .seconds(saveEvery) { save(run) }
                    if failure == nil {
                        do { try progress.epoch(report, isBest: run.bestEpoch == report.epoch) } catch { failure = error }
                    }
                    return failure == nil && !interrupt.isAsked
                })
        }
        progress.clear()
        if let failure { throw failure }
        if isDone, heldOut != nil, run.bestEpoch == nil {
            throw Failure.exit("\(self.data): no epoch had a finite held-out loss; expected --learning-rate \(plan.learningRate) to be smaller")
        }
        var best = classifier
        best.model = run.best
        if !isDone {
            save(run)
            if let failure { throw failure }
            _ = try? FileDescriptor.standardError.writeAll(
                "surprisal: interrupted in epoch \(run.history.count + 1) of \(epochs); the same command with --resume goes on\n".utf8)
            if run.bestEpoch != nil || heldOut == nil && !run.history.isEmpty { try write(best) }
            throw ExitCode(130)
        }
        try write(best)
        try? FileManager.default.removeItem(atPath: statePath)
        try printSummary(best, run, training.count, parts.heldOut)
    }

    private func write(_ classifier: Classifier) throws {
        do throws(ClassifierError) { try classifier.write(to: model) } catch {
            throw Failure.exit(error.description, status: .inputOutput)
        }
    }

    /// What the numbers depend on.
    private func options(
        _ plan: TrainingPlan, _ training: Rows, _ heldOut: Rows?, _ weights: [Double]?
    ) -> [String: String] {
        var digest = Digest()
        for rows in [training, heldOut].compactMap({ $0 }) {
            for value in rows.features.scalars { digest.add(value.bitPattern) }
            for place in 0..<rows.count { digest.add(rows.labels[place] ?? -1) }
        }
        return [
            "--hidden": hidden, "--activation": plan.activation.rawValue, "--dropout": "\(plan.dropout)", "--epochs": "\(epochs)",
            "--batch-size": "\(plan.batchSize)", "--optimizer": optimizer.rawValue, "--learning-rate": "\(plan.learningRate)",
            "--schedule": schedule.rawValue, "--weight-decay": "\(plan.weightDecay)", "--label-smoothing": "\(labelSmoothing)",
            "--class-weights": weights.map { "\($0)" } ?? "equal", "--patience": patience.map { "\($0)" } ?? "none",
            "--seed": "\(seed)", "--missing": missing.rawValue, "--validation": validation, "data": String(digest.value, radix: 16),
        ]
    }

    private func requireSame(_ found: [String: String], _ asked: [String: String], _ path: String) throws {
        for (option, value) in asked.sorted(by: { $0.key < $1.key }) where found[option] != value {
            throw Failure.exit(
                option == "data"
                    ? "\(path): the training was of other rows; expected those that it was begun with"
                    : "\(path): the training was begun with \(option) \(found[option] ?? "nothing"), now \(value); expected the same")
        }
    }

    private struct Summary: Encodable {
        let model: String
        let rows, heldOutRows, features, classes, parameters, epochs: Int
        let bestEpoch: Int?
        let loss, accuracy: Double?
    }

    private func printSummary(_ classifier: Classifier, _ run: TrainingState.Run, _ rows: Int, _ heldOut: Rows?) throws {
        let best = run.bestEpoch.flatMap { run.history[$0 - 1].validation }
        if let report, let heldOut {
            let evaluation = Evaluation(
                classifier.logits(heldOut.features), heldOut.labels, classNames: classifier.classNames,
                k: min(5, classifier.classNames.count), seed: seed)
            try EvaluationReport(source: data, evaluation: evaluation, history: run.history, features: heldOut.features, featureNames: classifier.featureNames).write(to: report)
        }
        if json {
            return try Failure.printLine(try JSONText.line(Summary(
                model: model, rows: rows, heldOutRows: heldOut?.count ?? 0, features: classifier.featureCount,
                classes: classifier.classNames.count, parameters: classifier.model.parameterCount, epochs: run.history.count,
                bestEpoch: run.bestEpoch, loss: best?.loss, accuracy: best?.accuracy)))
        }
        try Failure.printLine(
            "\(data): \(rows) rows to train on\(heldOut.map { ", \($0.count) held out" } ?? ""), \(classifier.featureCount) features, \(classifier.classNames.count) classes; \(classifier.model.parameterCount) parameters")
        if let best, let epoch = run.bestEpoch {
            try Failure.printLine("best of \(run.history.count) epochs is \(epoch): held-out loss " + String(format: "%.4f, accuracy %.4f", best.loss, best.accuracy))
        } else {
            try Failure.printLine("\(run.history.count) epochs, training loss " + String(format: "%.4f", run.history.last?.trainingLoss ?? .nan))
        }
        try Failure.printLine("wrote \(model)")
        if let report { try Failure.printLine("wrote \(report)") }
    }
}
