import ArgumentParser
import FoundationEssentials
import Glibc
import Surprisal
import SurprisalIO
import SystemPackage

struct FitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fit",
        abstract: "Softmax regression to the optimum, and what statistics knows of it.",
        discussion: """
            DATA is `iris` or `digits`, which are embedded, a CSV file with a header and a column of labels, or a \
            safetensors file with `input` (rows × features), `target` (class indices or class probabilities) and, \
            optionally, `row_weight` (one a row) and `weight` (one a class). The objective is the rows' summed loss and \
            ½·penalty·‖weights‖², scikit-learn's with C = 1/penalty. Prints a report with the table of coefficients.

              surprisal fit iris
              surprisal fit table.csv --labels species --penalty none --base symmetric
              surprisal fit table.csv --labels species --standardize --model model.safetensors --json
            """)

    enum PenaltyOption: ExpressibleByArgument, Equatable {
        case none, crossValidated, l2(Double)

        init?(argument: String) {
            switch argument {
            case "none": self = .none
            case "cv": self = .crossValidated
            default:
                guard let value = Double(argument) else { return nil }
                self = .l2(value)
            }
        }

        var defaultValueDescription: String { "cv" }
    }

    enum ClassWeightsOption: String, ExpressibleByArgument, CaseIterable {
        case equal, balanced
    }

    @Argument(help: ArgumentHelp("iris, digits, a CSV file or a safetensors file.", valueName: "data"))
    var data: String

    @Option(help: ArgumentHelp("The column of labels of a CSV file.", valueName: "column"))
    var labels: String?

    @Option(parsing: .unconditional, help: ArgumentHelp(
        "The weight of ½‖weights‖²: none, a number above 0, or cv, chosen by cross-validation.", valueName: "none|number|cv"))
    var penalty: PenaltyOption = .crossValidated

    @Option(parsing: .unconditional, help: "Folds of cross-validation. (default: 5)")
    var folds: Int?

    @Option(help: "\(SoftmaxRegression.Solver.allCases.map(\.rawValue).joined(separator: ", ")).")
    var solver: SoftmaxRegression.Solver = .automatic

    @Option(help: ArgumentHelp("The class that others are compared with, or symmetric: all. (default: the first)", valueName: "class"))
    var base: String?

    @Flag(help: "Penalise the weights of features of standard deviation 1; the table then is of those.")
    var standardize = false

    @Option(help: "balanced: every class counts alike; or equal: every row.")
    var classWeights: ClassWeightsOption = .equal

    @Option(parsing: .unconditional, help: "Of the coefficients' intervals.")
    var confidence: Double = 0.95

    @Option(parsing: .unconditional, help: "Of the gradient's norm, relative to its start.")
    var tolerance: Double = 1e-9

    @Option(parsing: .unconditional, help: "Of the solver. (default: 100, 10000 of lbfgs)")
    var maxIterations: Int?

    @Option(parsing: .unconditional, help: "Of the folds.")
    var seed: UInt64 = 0

    @Option(parsing: .unconditional, help: "Rows of a safetensors file with this label are left out. (default: -100)")
    var ignoreIndex: Int?

    @Option(help: ArgumentHelp("Write `weight` and `bias` to this safetensors file.", valueName: "file"))
    var model: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    @Flag(help: "Show no progress on standard error; without it, only a terminal gets any.")
    var quiet = false

    func validate() throws {
        let isTable = FilePath(data).extension?.lowercased() == "csv"
        let isTensors = FilePath(data).extension?.lowercased() == "safetensors"
        guard FitData.embedded.contains(data) || isTable || isTensors else {
            throw ValidationError("DATA is '\(data)'; expected \(FitData.embedded.joined(separator: ", ")), or a path that ends in .csv or .safetensors")
        }
        if isTable, labels == nil { throw ValidationError("a CSV file without --labels; expected the name of the column of labels") }
        if !isTable, labels != nil { throw ValidationError("--labels without a CSV file; expected none") }
        if !isTensors, ignoreIndex != nil { throw ValidationError("--ignore-index without a safetensors file; expected none") }
        if folds != nil, penalty != .crossValidated { throw ValidationError("--folds without --penalty cv; expected none") }
    }

    func run() throws {
        _ = (Parallel.threadCount, InstructionSet.current)
        if let model, URL(fileURLWithPath: model).resolvingSymlinksInPath() == URL(fileURLWithPath: data).resolvingSymlinksInPath() {
            throw Failure.exit("--model \(model) is the data itself; expected another file")
        }
        do {
            let data = try FitData(self.data, labels: labels, ignoreIndex: ignoreIndex)
            do { try run(data) } catch let error as SoftmaxRegressionError {
                throw Failure.exit("\(self.data): \(error.description(features: data.featureNames, classes: data.classNames))")
            }
        } catch let error as SafetensorsError {
            throw Failure.exit(error.description)
        } catch let error as TableError {
            throw Failure.exit(error.description)
        } catch let error as BatchError {
            throw Failure.exit("\(self.data): \(error)")
        } catch let error as LabelError {
            throw Failure.exit("\(self.data): target: \(error)")
        } catch let error as SoftmaxRegressionError {
            throw Failure.exit("\(self.data): \(error)")
        }
    }

    private func run(_ data: FitData) throws {
        // Before the fit, which may take long.
        try RegressionInference.check(confidence: confidence)
        let base = try self.base(data)
        let progress = FitProgress(isQuiet: quiet)
        let fit = try fitted(data, progress)
        progress.clear()
        let report = FitReport(source: self.data, data: data, fit: fit, base: base, confidence: confidence)
        let text = json ? try report.json() : report.text()
        if let model {
            do { try report.write(to: model) } catch { throw Failure.exit("\(error)", status: .inputOutput) }
        }
        try Failure.printLine(text)
    }

    private func fitted(_ data: FitData, _ progress: FitProgress) throws -> FittedSoftmaxRegression {
        let penalty: SoftmaxRegression.Penalty = switch self.penalty {
        case .none: .none
        case .crossValidated: .crossValidated(folds: folds ?? 5)
        case .l2(let value): .l2(value)
        }
        if classWeights == .balanced, data.classWeights != nil {
            throw Failure.exit("--class-weights balanced with \"weight\" in \(self.data); expected one of them")
        }
        let weights: SoftmaxRegression.ClassWeights =
            classWeights == .balanced ? .balanced : data.classWeights.map { .each($0) } ?? .equal
        let regression = SoftmaxRegression(
            penalty: penalty, solver: solver, classWeights: weights, standardizes: standardize, tolerance: tolerance,
            maximumIterations: maxIterations, seed: seed)
        return switch data.target {
        case .labels(let labels):
            try regression.fit(data.features, labels, rowWeights: data.rowWeights, progress: progress.show)
        case .probabilities(let q):
            try regression.fit(data.features, probabilities: q, rowWeights: data.rowWeights, progress: progress.show)
        }
    }

    private func base(_ data: FitData) throws -> RegressionInference.Base {
        guard let base else { return .class(0) }
        if base == "symmetric" { return .symmetric }
        guard let place = data.classNames.firstIndex(of: base) else {
            throw Failure.exit("--base \(base): no such class in \(self.data); expected symmetric, \(data.classNames.prefix(20).joined(separator: ", "))")
        }
        return .class(place)
    }
}

extension SoftmaxRegression.Solver: ExpressibleByArgument {}

/// One line on a terminal that says how far a fit that takes long has come.
final class FitProgress: Sendable {
    private let isShown: Bool
    private let start = ContinuousClock.now

    init(isQuiet: Bool) { isShown = !isQuiet && isatty(STDERR_FILENO) == 1 }

    @Sendable func show(_ progress: SolverProgress) {
        // Short ones are over before they could be read.
        guard isShown, ContinuousClock.now - start > .seconds(1) else { return }
        write(
            String(
                format: "\r\u{1B}[Kiteration %ld, objective %.6g, gradient %.1e of its start", progress.iteration,
                progress.value, progress.relativeGradientNorm))
    }

    func clear() { if isShown { write("\r\u{1B}[K") } }

    private func write(_ text: String) { _ = try? FileDescriptor.standardError.writeAll(text.utf8) }
}
