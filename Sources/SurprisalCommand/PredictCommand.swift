import ArgumentParser
import FoundationEssentials
import Surprisal
import SurprisalIO
import SystemPackage

struct PredictCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "predict",
        abstract: "The classes of rows, with their probabilities.",
        discussion: """
            DATA is `digits` or `iris`, a file as for `train`, or - for CSV from standard input; it needs no labels. CSV is read \
            and written a piece at a time, however long it is. A row of the output has the class and its probability, with \
            --top the next ones too. An output that ends in .npy or .safetensors holds the probabilities of all classes.

              surprisal predict model.safetensors table.csv
              surprisal predict model.safetensors - --top 3 < table.csv > classes.csv
              surprisal predict model.safetensors rows.npy --output probabilities.npy
            """)

    @Argument(help: ArgumentHelp("A file that `train` has written.", valueName: "model"))
    var model: String

    @Argument(help: ArgumentHelp("digits, iris, a file, or -.", valueName: "data"))
    var data: String

    @Option(help: ArgumentHelp("Labels to pass over, as for `train`. (default: where they were in training, if they are there)", valueName: "column"))
    var labels: String?

    @Option(parsing: .unconditional, help: "Classes of a row, the most probable first.")
    var top = 1

    @Option(help: ArgumentHelp("Write to a file that ends in .csv, .npy or .safetensors; -: to standard output, as CSV.", valueName: "file"))
    var output = "-"

    /// That a thread takes through everything at once, at most: in its cache, and enough for a product to be fast.
    private static let rowsAtOnce = 256

    func validate() throws {
        if top < 1 { throw ValidationError("--top is \(top); expected at least 1") }
        let ending = FilePath(output).extension?.lowercased()
        if output != "-", !["csv", "npy", "safetensors"].contains(ending) {
            throw ValidationError("--output \(output); expected a file that ends in .csv, .npy or .safetensors, or -")
        }
        if top > 1, ending == "npy" || ending == "safetensors" {
            throw ValidationError("--top with --output \(output), which holds all classes; expected a CSV file")
        }
    }

    func run() throws {
        _ = (Parallel.threadCount, InstructionSet.current)
        for path in [model, data] where path == output && output != "-" { throw Failure.exit("--output \(path) is a file that is read; expected another") }
        do { try predict() } catch { throw readingFailure(error) }
    }

    private func predict() throws {
        let classifier = try Classifier(contentsOf: model)
        let classes = classifier.classNames.count
        guard top <= classes else { throw Failure.exit("--top \(top); expected at most \(classes), the classes of \(model)") }
        switch FilePath(output).extension?.lowercased() {
        case "npy", "safetensors":
            var probabilities: [Float] = []
            try forEachPart(classifier) { $0.softmax().scalars } _: { probabilities += $0 }
            try write(probabilities, shape: [probabilities.count / classes, classes], classifier)
        default:
            var head: [CSVWriter.Field] = []
            for place in 1...top { head += [.text(place == 1 ? "class" : "class_\(place)"), .text(place == 1 ? "probability" : "probability_\(place)")] }
            let names = classifier.classNames.map { name in
                var field: [UInt8] = []
                CSVWriter.append(.text(name), to: &field)
                return field
            }
            let top = self.top
            @Sendable func lines(_ logits: Tensor<Float>) -> [UInt8] {
                let (values, indices) = logits.softmax().topK(top, along: 1)
                var bytes: [UInt8] = []
                for place in 0..<logits.shape[0] * top {
                    if place % top > 0 { bytes.append(UInt8(ascii: ",")) }
                    bytes += names[indices.values[place]]
                    bytes.append(UInt8(ascii: ","))
                    CSVWriter.append(.float(values.span[place]), to: &bytes)
                    if place % top == top - 1 { bytes.append(UInt8(ascii: "\n")) }
                }
                return bytes
            }
            if output == "-" {
                func print(_ bytes: [UInt8]) throws {
                    do { try FileDescriptor.standardOutput.writeAll(bytes) } catch {
                        throw Failure.exit("standard output cannot be written", status: .inputOutput)
                    }
                }
                try print(CSVWriter.line(head))
                try forEachPart(classifier, lines, print)
            } else {
                do {
                    try CSVWriter.write(to: output) { write in
                        try write(CSVWriter.line(head))
                        try forEachPart(classifier, lines, write)
                    }
                } catch let error as CSVError where error.path == output {
                    throw Failure.exit(error.description, status: .inputOutput)
                }
            }
        }
    }

    /// What becomes of the logits of some rows, and where it goes, in the order of the rows.
    private func forEachPart<Part: Sendable>(
        _ classifier: Classifier, _ transform: @Sendable (Tensor<Float>) -> Part, _ consume: (Part) throws -> Void
    ) throws {
        let missing: MissingValues = classifier.imputes ? .kept : .refused
        func take(_ table: Table<Float>) throws {
            let features = try ClassifierData.features(table, of: classifier, source: data == "-" ? "standard input" : data)
            let rows = features.shape[0]
            // No more at a time than would be of a piece of a file.
            for first in stride(from: 0, to: rows, by: 64 * Self.rowsAtOnce) {
                let end = min(rows, first + 64 * Self.rowsAtOnce), threads = Parallel.threadCount
                // As many parts for each thread, and all of a length.
                let least = (end - first + Self.rowsAtOnce - 1) / Self.rowsAtOnce
                let perPart = (end - first - 1) / ((least + threads - 1) / threads * threads) + 1
                let parts = Parallel.map((end - first - 1) / perPart + 1) { part in
                    let start = first + part * perPart
                    return transform(classifier.logits(features, rows: start..<min(end, start + perPart)))
                }
                for part in parts { try consume(part) }
            }
        }
        if ClassifierData.embedded.contains(data) { return try take(try ClassifierData(data, labels: nil).table) }
        // Passed over where they are.
        let labels = self.labels.map(ClassifierData.labelSource) ?? classifier.labelName.map { .ifNamed($0) } ?? .automatic
        guard try data == "-" || Table<Float>.isCSV(fileAt: data) else {
            return try take(try Table(contentsOf: data, labels: labels, missing: missing))
        }
        var reader =
            data == "-"
            ? CSVReader<Float>(.standardInput, path: "standard input", labels: labels, missing: missing)
            : try CSVReader<Float>(contentsOf: data, labels: labels, missing: missing)
        while let table = try reader.next() { try take(table) }
    }

    private func write(_ probabilities: [Float], shape: [Int], _ classifier: Classifier) throws {
        do {
            if output.lowercased().hasSuffix(".npy") {
                try NPYFile.write(probabilities, shape: shape, to: output)
            } else {
                var writer = SafetensorsWriter(metadata: ["classes": try JSONText.line(classifier.classNames)])
                try writer.add("probabilities", shape: shape, values: probabilities)
                try writer.write(to: output)
            }
        } catch { throw Failure.exit("\(error)", status: .inputOutput) }
    }
}
