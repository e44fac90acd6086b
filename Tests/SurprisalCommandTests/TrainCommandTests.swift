import ArgumentParser
import Foundation
import Surprisal
import SurprisalIO
import Testing

@testable import SurprisalCommand

@Suite struct TrainCommandTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func file(_ text: String, _ name: String = "table.csv") throws -> String {
        let path = folder.file(name)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    private func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

    private func object(_ line: some StringProtocol) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }

    /// But for the hidden ones that a writer leaves when it is killed at its work.
    private var files: [String] {
        get throws {
            try FileManager.default.contentsOfDirectory(atPath: folder.url.path).filter { !$0.hasSuffix(".partial") }.sorted()
        }
    }

    /// Without a flag, and what is then done with the model.
    @Test(arguments: [("digits", 0.975, 10), ("iris", 0.94, 3)])
    func learnsTheEmbeddedSets(name: String, leastAccuracy: Double, classes: Int) throws {
        let model = folder.file("model.safetensors")
        let trained = try Program.run(["train", name, "--model", model, "--json"])
        #expect(trained.status == 0 && trained.errors.isEmpty, "\(trained.errors)")
        let lines = trained.output.split(separator: "\n")
        #expect(lines.count == 51)
        #expect(try object(lines[0])["epoch"] as? Int == 1)
        let last = try object(lines[50])
        let accuracy = try #require(last["accuracy"] as? Double)
        #expect(accuracy >= leastAccuracy, "\(name): \(accuracy)")
        // No state of the training is left.
        #expect(try files == ["model.safetensors"])

        let evaluated = try Program.run(["evaluate", model, name, "--json"])
        #expect(evaluated.status == 0, "\(evaluated.errors)")
        let measures = try object(evaluated.output)
        let found = try #require((measures["accuracy"] as? [String: Any])?["value"] as? Double)
        #expect(found > leastAccuracy && found <= 1)
        let matrix = try #require(measures["confusion"] as? [[Int]])
        #expect(matrix.count == classes && matrix.joined().reduce(0, +) == measures["rows"] as? Int)
        let right = matrix.indices.reduce(0) { $0 + matrix[$1][$1] }
        #expect(abs(Double(right) / Double(matrix.joined().reduce(0, +)) - found) < 1e-9)
        for name in ["loss", "perplexity", "brier_score", "calibration_error"] {
            let measure = try #require(measures[name] as? [String: Double])
            let (value, low, high) = (try #require(measure["value"]), try #require(measure["low"]), try #require(measure["high"]))
            #expect(low <= high && value > 0, "\(name)")
            // A calibration error is one of absolute values: resampled ones lie above.
            if name != "calibration_error" { #expect(low <= value && value <= high, "\(name)") }
        }

        let calibrated = try Program.run(["calibrate", model, name, "--json"])
        #expect(calibrated.status == 0, "\(calibrated.errors)")
        let calibration = try object(calibrated.output)
        let (loss, before) = (try #require(calibration["loss"] as? Double), try #require(calibration["loss_before"] as? Double))
        #expect(loss <= before + 1e-7)
        #expect(calibrated.output.contains("\"temperature\":\(try Classifier(contentsOf: model).temperature)}"))
        #expect(abs(try #require((measures["loss"] as? [String: Double])?["value"]) - before) < 1e-6)

        // The rows that were held out, and what they came to.
        let again = try object(try Program.run(["evaluate", model, name, "--held-out", "--json"]).output)
        #expect(again["rows"] as? Int == last["held_out_rows"] as? Int)
        #expect((again["accuracy"] as? [String: Any])?["value"] as? Double == accuracy)
        // Of the irises all that are held out may be right, which leaves no temperature to be fitted.
        if accuracy < 1 { #expect(try Program.run(["calibrate", model, name, "--held-out"]).status == 0) }

        let inspected = try Program.run(["inspect", model])
        #expect(inspected.status == 0 && inspected.output.contains("and \(classes) classes"))
    }

    @Test func predictsTheSameEverywhere() throws {
        let model = folder.file("model.safetensors")
        #expect(try Program.run(["train", "iris", "--model", model, "--quiet", "--epochs", "5"]).status == 0)
        let classifier = try Classifier(contentsOf: model)
        // Columns in another order, one more, and the labels: features are found by their names.
        let data = try file("kind,petal_width_cm,sepal_length_cm,sepal_width_cm,petal_length_cm\nx,0.2,5.1,3.5,1.4\ny,2.1,6.9,3.1,5.4\n")
        #expect(classifier.featureNames == ["sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm"])
        let refused = try Program.run(["predict", model, data])
        #expect(refused.status == 65 && refused.errors.contains("line 2"), "\(refused.errors)")
        let told = try Program.run(["predict", model, data, "--labels", "kind"])
        #expect(told.status == 0 && told.output.split(separator: "\n").count == 3, "\(told.errors)")
        let unlabelled = try file("petal_width_cm,sepal_length_cm,extra,sepal_width_cm,petal_length_cm\n0.2,5.1,7,3.5,1.4\n2.1,6.9,7,3.1,5.4\n")
        let direct = classifier.logits(Tensor([5.1, 3.5, 1.4, 0.2, 6.9, 3.1, 5.4, 2.1], shape: [2, 4])).softmax()
        let found = try Program.run(["predict", model, unlabelled, "--top", "2"])
        #expect(found.status == 0, "\(found.errors)")
        let lines = found.output.split(separator: "\n").map { $0.split(separator: ",").map(String.init) }
        #expect(lines.count == 3 && lines[0] == ["class", "probability", "class_2", "probability_2"])
        let (values, indices) = direct.topK(2, along: 1)
        for row in 0..<2 {
            for place in 0..<2 {
                #expect(lines[row + 1][2 * place] == classifier.classNames[indices.values[2 * row + place]])
                #expect(Float(lines[row + 1][2 * place + 1]) == values.scalars[2 * row + place])
            }
        }
        let output = folder.file("p.npy")
        #expect(try Program.run(["predict", model, unlabelled, "--output", output]).status == 0)
        #expect(try NPYFile(contentsOf: output).tensor(as: Float.self) == direct)
        let tensors = folder.file("p.safetensors")
        #expect(try Program.run(["predict", model, unlabelled, "--output", tensors]).status == 0)
        #expect(try SafetensorsFile(contentsOf: tensors).tensor(of: "probabilities", as: Float.self) == direct)
        let table = folder.file("p.csv")
        #expect(try Program.run(["predict", model, unlabelled, "--output", table]).status == 0)
        #expect(try String(contentsOfFile: table, encoding: .utf8).hasPrefix("class,probability\nsetosa,"))
        // The embedded rows, their labels passed over.
        #expect(try Program.run(["predict", model, "iris"]).output.split(separator: "\n").count == 151)
    }

    /// OpenBLAS's threads would spin against the package's own.
    @Test func startsNoThreads() throws {
        let model = folder.file("model.safetensors")
        #expect(try Program.run(["train", "iris", "--model", model, "--epochs", "1", "--quiet"]).status == 0)
        let process = Process(), input = Pipe(), output = Pipe()
        process.executableURL = URL(fileURLWithPath: Program.path)
        process.arguments = ["predict", model, "-"]
        (process.standardInput, process.standardOutput) = (input, output)
        try process.run()
        defer { process.terminate() }
        // It has said what the columns are, and waits for rows.
        #expect(!output.fileHandleForReading.availableData.isEmpty)
        let status = try String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)
        #expect(status.contains("Threads:\t1\n"), "\(status)")
    }

    /// Foundation and the tables of its ICU take longer to load than everything else.
    @Test func startsWithoutFoundation() throws {
        let libraries = try Program.run(["--help"], environment: ["LD_TRACE_LOADED_OBJECTS": "1"]).output
        #expect(libraries.contains("libopenblas"), "\(libraries)")
        for name in ["libFoundation.so", "lib_FoundationICU.so"] { #expect(!libraries.contains(name), "\(libraries)") }
    }

    /// A training that is killed goes on to the very bytes that it would have come to.
    @Test func resumesAfterBeingKilled() throws {
        let whole = folder.file("whole.safetensors"), part = folder.file("part.safetensors")
        let options = ["--epochs", "25", "--dropout", "0.1", "--hidden", "256", "--save-every", "0", "--seed", "3"]
        #expect(try Program.run(["train", "digits", "--model", whole, "--quiet"] + options).status == 0)
        for epochs in [1, 4, 11] {
            // Ended hard after some lines, the last time by Ctrl-C.
            let process = Process(), pipe = Pipe(), errors = Pipe()
            process.executableURL = URL(fileURLWithPath: Program.path)
            process.arguments = ["train", "digits", "--model", part, "--json"] + options + (epochs == 1 ? [] : ["--resume"])
            (process.standardOutput, process.standardError) = (pipe, errors)
            try process.run()
            var text = Data()
            while text.count(where: { $0 == UInt8(ascii: "\n") }) < epochs {
                let piece = pipe.fileHandleForReading.availableData
                if piece.isEmpty { break }
                text += piece
            }
            if epochs == 11 { process.interrupt() } else { kill(process.processIdentifier, SIGKILL) }
            process.waitUntilExit()
            if epochs == 11 {
                #expect(process.terminationStatus == 130)
                let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
                #expect(said.contains("interrupted in epoch") && said.contains("the same command with --resume goes on"), "\(said)")
                _ = try Classifier(contentsOf: part)
            }
            #expect(try files.contains("part.safetensors.training"))
        }
        // Other options, other rows: refused.
        let other = try Program.run(["train", "digits", "--model", part, "--quiet", "--resume"] + options + ["--batch-size", "32"])
        #expect(other.status == 65 && other.errors.contains("begun with --batch-size 64, now 32"), "\(other.errors)")
        let rows = try Program.run(["train", "iris", "--model", part, "--quiet", "--resume", "--batch-size", "64"] + options)
        #expect(rows.status == 65 && rows.errors.contains("other rows"), "\(rows.errors)")
        let resumed = try Program.run(["train", "digits", "--model", part, "--json", "--resume"] + options)
        #expect(resumed.status == 0, "\(resumed.errors)")
        // It went on, and did not begin again.
        #expect(resumed.output.split(separator: "\n").count < 25)
        #expect(try bytes(part) == bytes(whole))
        #expect(try files == ["part.safetensors", "whole.safetensors"])
    }

    @Test func optionsDoWhatTheySay() throws {
        let model = folder.file("model.safetensors")
        let base = ["train", "iris", "--model", model, "--quiet", "--epochs", "3"]
        var seen: Set<Data> = []
        for options in [
            [], ["--hidden", "none"], ["--hidden", "8,4"], ["--activation", "gelu"], ["--dropout", "0.5"], ["--optimizer", "sgd"],
            ["--optimizer", "adam"], ["--learning-rate", "0.001"], ["--schedule", "constant"], ["--schedule", "linear"],
            ["--schedule", "step"], ["--schedule", "one-cycle"], ["--weight-decay", "0.5"], ["--label-smoothing", "0.2"],
            ["--validation", "0.5"], ["--validation", "none"], ["--batch-size", "5"], ["--seed", "9"],
        ] {
            let outcome = try Program.run(base + options)
            #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(options): \(outcome.errors)")
            seen.insert(try bytes(model))
        }
        #expect(seen.count == 18)
        // What has no say in the numbers.
        #expect(try Program.run(base).status == 0)
        let plain = try bytes(model)
        for options in [["--workers", "1"], ["--workers", "2"], ["--save-every", "0"], ["--class-weights", "balanced"]] {
            // Of iris every class has as many rows.
            #expect(try Program.run(base + options).status == 0)
            #expect(try bytes(model) == plain, "\(options)")
        }
        // Batches of more than 64 rows are cut into pieces, a thread each.
        let inPieces = try ["1", "2"].map { workers in
            #expect(try Program.run(base + ["--batch-size", "120", "--workers", workers]).status == 0)
            return try bytes(model)
        }
        #expect(inPieces[0] == inPieces[1] && inPieces[0] != plain)
        let weights = try file("class,weight\nsetosa,1\nversicolor,5\nvirginica,0.5\n", "weights.csv")
        #expect(try Program.run(base + ["--class-weights", weights]).status == 0)
        #expect(try bytes(model) != plain)
        let folds = try Program.run(base + ["--folds", "3"])
        #expect(folds.status == 0 && folds.output.contains("3 folds: loss "), "\(folds.output)")
        let patient = try Program.run(["train", "iris", "--model", model, "--epochs", "400", "--learning-rate", "0.1", "--schedule", "constant", "--patience", "3"])
        #expect(patient.status == 0)
        #expect(patient.output.split(separator: "\n").count { $0.hasPrefix("epoch ") } < 400)
    }

    @Test func missingValuesAreRefusedOrTheMean() throws {
        let model = folder.file("model.safetensors")
        let rows = (0..<40).map { "\($0 % 7 == 3 ? "" : String($0)),\($0 % 2),\($0 < 20 ? "low" : "high")" }.joined(separator: "\n")
        let path = try file("a,b,kind\n" + rows + "\n")
        let refused = try Program.run(["train", path, "--labels", "kind", "--model", model])
        #expect(refused.status == 65 && refused.errors.contains("line 5"), "\(refused.errors)")
        let taken = try Program.run(["train", path, "--labels", "kind", "--model", model, "--missing", "mean", "--quiet"])
        #expect(taken.status == 0, "\(taken.errors)")
        #expect(try Program.run(["predict", model, path]).output.split(separator: "\n").count == 41)
    }

    /// Each bad input: one line that says what and where, a status, and nothing half-written.
    @Test func badInputIsSaid() throws {
        let good = try file("a,b,kind\n1,2,x\n2,1,y\n3,5,x\n4,4,y\n5,1,x\n6,2,y\n", "good.csv")
        let model = folder.file("model.safetensors")
        #expect(try Program.run(["train", good, "--labels", "kind", "--model", model, "--quiet", "--epochs", "2"]).status == 0)
        let before = try bytes(model)
        let out = folder.file("out.safetensors"), missing = folder.file("missing.csv")
        let nan = try file("a,b,kind\n1,nan,x\n2,1,y\n", "nan.csv"), one = try file("a,b,kind\n1,2,x\n2,1,x\n", "one.csv")
        let ragged = try file("a,b,kind\n1,2,x\n2,y\n", "ragged.csv"), text = try file("a,b,kind\n1,2,x\n2,hot,y\n", "text.csv")
        let empty = try file("", "empty.csv"), unseen = try file("a,b,kind\n1,2,z\n", "unseen.csv")
        let wide = try file("a,b,c,kind\n1,2,3,x\n2,1,4,y\n", "wide.csv"), narrow = try file("a,kind\n1,x\n2,y\n", "narrow.csv")
        let junk = try file("not a model", "junk.safetensors"), unlabelled = try file("a,b\n1,2\n", "unlabelled.csv")
        let weights = try file("class,weight\nx,1\n", "weights.csv")
        try FileManager.default.createDirectory(atPath: folder.file("sub"), withIntermediateDirectories: true)
        let train = ["train", good, "--labels", "kind", "--model", out]
        let table: [(arguments: [String], status: Int32, said: [String])] = [
            (["train", missing, "--model", out], 65, ["missing.csv"]),
            (["train", empty, "--model", out], 65, ["empty.csv"]),
            (["train", ragged, "--labels", "kind", "--model", out], 65, ["ragged.csv", "line 3"]),
            (["train", text, "--labels", "kind", "--model", out], 65, ["text.csv", "line 3", "hot"]),
            (["train", nan, "--labels", "kind", "--model", out], 65, ["nan.csv", "line 2"]),
            (["train", one, "--labels", "kind", "--model", out], 65, ["one class", "\"x\"", "at least 2"]),
            (["train", good, "--labels", "sort", "--model", out], 65, ["good.csv", "sort"]),
            (["train", unlabelled, "--model", out], 65, ["no labels", "--labels"]),
            (train + ["--validation", unseen], 65, ["unseen.csv", "\"z\""]),
            (train + ["--validation", wide], 65, ["wide.csv", "3 features", "expected 2"]),
            (train + ["--class-weights", weights], 65, ["weights.csv", "\"y\""]),
            (train + ["--folds", "7"], 65, ["6 rows", "7 folds"]),
            (["train", good, "--labels", "kind", "--model", folder.file("none/out.safetensors")], 74, ["none/out.safetensors"]),
            (["train", good, "--labels", "kind", "--model", folder.file("sub")], 74, ["sub"]),
            (["train", good, "--labels", "kind", "--model", good], 65, ["is a file of the data"]),
            (train + ["--hidden", "0"], 64, ["--hidden is 0"]), (train + ["--hidden", "8,,4"], 64, ["--hidden is 8,,4"]),
            (train + ["--dropout", "1"], 64, ["--dropout is 1.0"]), (train + ["--epochs", "0"], 64, ["--epochs is 0"]),
            (train + ["--batch-size", "0"], 64, ["--batch-size is 0"]), (train + ["--learning-rate", "-1"], 64, ["--learning-rate is -1.0"]),
            (train + ["--label-smoothing", "1.5"], 64, ["--label-smoothing is 1.5"]), (train + ["--patience", "0"], 64, ["--patience is 0"]),
            (train + ["--validation", "1.5"], 64, ["--validation is 1.5"]), (train + ["--workers", "0"], 64, ["--workers is 0"]),
            (train + ["--validation", "none", "--patience", "3"], 64, ["--patience"]), (["train", "iris", "--labels", "x", "--model", out], 64, ["--labels"]),
            (["train", good], 64, ["--model"]), (train + ["--learning-rate", "1e30", "--quiet"], 65, ["no epoch", "--learning-rate"]),
            (train + ["--report", folder.file("none/page.html")], 74, ["none/page.html"]),
            (["evaluate", junk, good], 65, ["junk.safetensors"]), (["evaluate", model, unseen], 65, ["\"z\""]),
            (["evaluate", model, unlabelled], 65, ["kind"]), (["evaluate", model, narrow], 65, ["narrow.csv", "\"b\""]),
            (["evaluate", model, "iris"], 65, ["iris"]), (["evaluate", model, good, "--top", "9"], 65, ["--top 9", "1 to 2"]),
            (["predict", model, narrow], 65, ["\"b\""]), (["predict", model, empty], 65, ["empty.csv"]),
            (["predict", model, good, "--top", "3"], 65, ["--top 3", "at most 2"]), (["predict", model, good, "--top", "0"], 64, ["--top is 0"]),
            (["predict", model, good, "--output", "x.txt"], 64, ["x.txt"]),
            (["predict", model, good, "--output", folder.file("none/p.csv")], 74, ["none/p.csv"]),
            (["predict", model, text, "--output", folder.file("p.csv")], 65, ["text.csv", "line 3"]),
            (["evaluate", model, one, "--held-out"], 65, ["one.csv", "2 rows", "the 6"]),
            (["calibrate", model, one], 65, ["one.csv"]), (["inspect", missing], 65, ["missing.csv"]),
        ]
        let names = try files
        for (arguments, status, said) in table {
            let outcome = try Program.run(arguments)
            let line = arguments.map { ($0 as NSString).lastPathComponent }.joined(separator: " ")
            #expect(outcome.status == status, "\(line): \(outcome.status), \(outcome.errors)")
            for part in said { #expect(outcome.errors.contains(part), "\(line): \(outcome.errors)") }
            if status != 64 { #expect(outcome.errors.split(separator: "\n").count == 1, "\(line): \(outcome.errors)") }
            #expect(outcome.output.isEmpty || line.hasPrefix("train") || line.hasPrefix("predict"), "\(line): \(outcome.output)")
        }
        #expect(try files == names && bytes(model) == before)
        // A full disk.
        let process = Process(), errors = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "exec \"$0\" predict \"$1\" \"$2\" > /dev/full", Program.path, model, good]
        process.standardError = errors
        try process.run()
        process.waitUntilExit()
        let last = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        #expect(process.terminationStatus == 74 && last == "surprisal: standard output cannot be written\n", "\(last)")
    }

    /// Every example of the manuals, one after the other, by a shell.
    @Test func theExamplesOfTheManualsRun() throws {
        let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Sources/CDatasets/Data/iris.csv")
        // Every tenth label another one, so that there are mistakes to calibrate by.
        let rows = try String(contentsOf: source, encoding: .utf8).split(separator: "\n")
        let table = rows.enumerated().map { $0 % 10 == 5 ? String($1).replacingOccurrences(of: "setosa", with: "virginica") : String($1) }
        let path = try file(table.joined(separator: "\n") + "\n")
        let data = try Table<Float>(contentsOf: path, labels: .named("species"))
        try NPYFile.write(data.features, to: folder.file("rows.npy"))
        try NPYFile.write(try #require(data.classes), shape: [data.rowCount], to: folder.file("classes.npy"))
        let ofTable = ["train", path, "--labels", "species", "--model", folder.file("model.safetensors"), "--quiet"]

        let commands: [any ParsableCommand.Type] = [
            TrainCommand.self, EvaluateCommand.self, PredictCommand.self, CalibrateCommand.self, InspectCommand.self,
        ]
        for command in commands {
            let name = try #require(command.configuration.commandName)
            let examples = command.configuration.discussion.split(separator: "\n").filter { $0.hasPrefix("  surprisal ") }
            #expect(!examples.isEmpty)
            for example in examples {
                let process = Process(), errors = Pipe()
                process.executableURL = URL(fileURLWithPath: "/bin/sh")
                process.currentDirectoryURL = folder.url
                process.arguments = ["-c", String(example)]
                let programs = URL(fileURLWithPath: Program.path).deletingLastPathComponent().path
                process.environment = ProcessInfo.processInfo.environment.merging(["PATH": programs + ":/usr/bin:/bin"]) { $1 }
                (process.standardOutput, process.standardError) = (FileHandle.nullDevice, errors)
                try process.run()
                process.waitUntilExit()
                let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
                #expect(process.terminationStatus == 0, "\(example): \(said)")
            }
            if name == "predict" {
                // From standard input the same as from the file.
                let lines = try String(contentsOfFile: folder.file("classes.csv"), encoding: .utf8)
                #expect(lines == (try Program.run(["predict", folder.file("model.safetensors"), path, "--top", "3"]).output))
                #expect(lines.split(separator: "\n").count == 151)
            }
            // The other commands' examples are about a model of the table.
            if name == "train" { #expect(try Program.run(ofTable).status == 0) }
            let help = try Program.run([name, "--help"])
            #expect(help.status == 0 && help.output.contains("  surprisal \(name) "))
        }
        for shell in ["bash", "zsh", "fish"] {
            let script = try Program.run(["--generate-completion-script", shell])
            #expect(script.status == 0 && script.output.contains("calibrate"))
        }
    }
}
