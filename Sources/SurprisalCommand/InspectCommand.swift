import ArgumentParser
import FoundationEssentials
import Surprisal
import SurprisalIO

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "What a model or a data file holds.",
        discussion: """
            Of a model its layers, classes and features; of a safetensors file its tensors; of data the columns, the \
            first rows, the balance of the classes, and columns that look wrong: constant, with missing values, or with one \
            far beyond the others.

              surprisal inspect model.safetensors
              surprisal inspect table.csv --labels species
            """)

    @Argument(help: ArgumentHelp("A model, a data file, digits or iris.", valueName: "file"))
    var file: String

    @Option(help: ArgumentHelp("The labels, as for `train`.", valueName: "column|file"))
    var labels: String?

    private static let firstRows = 5, mostColumns = 12, mostClasses = 30

    func run() throws {
        do {
            if let tensors = try? SafetensorsFile(contentsOf: file) {
                if tensors.metadata["surprisal"] != nil { return try Failure.printLine(Self.text(try Classifier(contentsOf: file), file)) }
                if labels == nil { try Failure.printLine(Self.text(tensors, file)) }
                guard labels != nil || tensors.names.contains(where: LabelSource.usualFeatureNames.contains) else { return }
            }
            let data = try ClassifierData(file, labels: labels, missing: .kept)
            try Failure.printLine(Self.text(data.table, file))
        } catch { throw readingFailure(error) }
    }

    private static func text(_ classifier: Classifier, _ path: String) -> String {
        var lines = ["\(path): classifier of \(classifier.featureCount) features and \(classifier.classNames.count) classes, \(classifier.model.parameterCount) parameters"]
        for (place, layer) in classifier.layers.enumerated() {
            let text = switch layer {
            case .linear(let inputs, let outputs): "linear \(inputs) → \(outputs)"
            case .activation(let activation): activation.rawValue
            case .dropout(let probability): "dropout \(probability)"
            case .layerNorm(let features, _): "layer norm \(features)"
            }
            lines.append("  \(place)  \(text)")
        }
        func list(_ names: [String]) -> String {
            names.prefix(mostClasses).joined(separator: ", ") + (names.count > mostClasses ? ", …" : "")
        }
        lines.append("classes      \(list(classifier.classNames))")
        if !classifier.featureNames.isEmpty { lines.append("features     \(list(classifier.featureNames))") }
        if let name = classifier.labelName { lines.append("labels       \(name)") }
        lines.append("standardised \(classifier.standardisation == nil ? "no" : "yes")\(classifier.imputes ? ", missing values by the mean" : "")")
        lines.append("temperature  \(classifier.temperature)")
        return lines.joined(separator: "\n")
    }

    private static func text(_ file: SafetensorsFile, _ path: String) -> String {
        (["\(path): safetensors, \(file.count) tensors"]
            + file.entries.map { "  \($0.name)  \($0.dtype)  \($0.shape)" }
            + file.metadata.sorted { $0.key < $1.key }.map { "  \($0.key): \($0.value.prefix(200))" }).joined(separator: "\n")
    }

    private static func text(_ table: Table<Float>, _ path: String) -> String {
        var lines = ["\(path): \(table.rowCount) rows, \(table.featureCount) features" + (table.classes == nil ? ", no labels" : ", \(table.classNames.count) classes") + (table.missingCount > 0 ? ", \(table.missingCount) missing values" : "")]
        let columns = min(mostColumns, table.featureCount), values = table.features.scalars, width = table.featureCount
        func name(_ column: Int) -> String { column < table.featureNames.count ? table.featureNames[column] : "x\(column)" }
        func cell(_ text: String) -> String { String(repeating: " ", count: max(0, 12 - text.count)) + text.prefix(12) }
        lines += ["", (0..<columns).map { cell(name($0)) }.joined(separator: " ") + (width > columns ? "  …" : "") + (table.classes == nil ? "" : "  class")]
        for row in 0..<min(firstRows, table.rowCount) {
            lines.append(
                (0..<columns).map { cell(values[row * width + $0].isNaN ? "" : String(format: "%g", values[row * width + $0])) }.joined(separator: " ")
                    + (width > columns ? "  …" : "") + (table.classes.map { "  " + table.classNames[$0[row]] } ?? ""))
        }
        if let classes = table.classes {
            var counts = [Int](repeating: 0, count: table.classNames.count)
            for label in classes { counts[label] += 1 }
            lines += ["", "class balance"]
            let longest = table.classNames.prefix(mostClasses).map(\.count).max() ?? 0
            for (name, count) in zip(table.classNames, counts).prefix(mostClasses) {
                lines.append(
                    "  " + name.padded(to: max(longest, 1))
                        + String(format: "  %8ld  %5.1f %%", count, 100 * Double(count) / Double(classes.count)))
            }
            if counts.count > mostClasses { lines.append("  … \(counts.count - mostClasses) more") }
        }
        let suspicions = (0..<width).compactMap { column in suspicion(table, column).map { "  \(name(column)): \($0)" } }
        if !suspicions.isEmpty {
            lines += ["", "columns to look at"] + suspicions.prefix(mostClasses)
            if suspicions.count > mostClasses { lines.append("  … \(suspicions.count - mostClasses) more") }
        }
        return lines.joined(separator: "\n")
    }

    private static func suspicion(_ table: Table<Float>, _ column: Int) -> String? {
        let values = table.features.span, width = table.featureCount, rows = table.rowCount
        var missing = 0, low = Float.infinity, high = -Float.infinity, sum = 0.0, squares = 0.0
        for row in 0..<rows {
            let value = values[row * width + column]
            if value.isNaN {
                missing += 1
                continue
            }
            (low, high) = (min(low, value), max(high, value))
            sum += Double(value)
        }
        let count = Double(rows - missing)
        if count == 0 { return "no value at all" }
        if low == high { return "always \(low)" }
        let mean = sum / count
        for row in 0..<rows where !values[row * width + column].isNaN {
            let difference = Double(values[row * width + column]) - mean
            squares += difference * difference
        }
        let deviation = (squares / count).squareRoot(), farthest = max(Double(high) - mean, mean - Double(low)) / deviation
        var parts: [String] = []
        if missing > 0 { parts.append("\(missing) missing") }
        // Of a normal distribution one value in 10¹⁵ lies further out.
        if farthest > 8 { parts.append(String(format: "a value %.0f standard deviations from the mean", farthest)) }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }
}
