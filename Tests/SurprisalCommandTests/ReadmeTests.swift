import Foundation
import SurprisalIO
import Testing

/// The commands of the README and of the guides; Swift blocks are run by `scripts/test-dependency`.
@Suite struct ReadmeTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private static let pages = [
        "README.md", "Sources/Surprisal/Surprisal.docc/Fitting.md", "Sources/Surprisal/Surprisal.docc/FromCSVToClassifier.md",
    ]

    private func commands(of page: String) throws -> [String] {
        let text = try String(contentsOf: Self.root.appendingPathComponent(page), encoding: .utf8)
        return text.components(separatedBy: "```console\n").dropFirst()
            .flatMap { $0.components(separatedBy: "```")[0].components(separatedBy: "\n") }
            .map { $0.components(separatedBy: "#")[0].trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty }
    }

    @Test func countsAreTheGoldens() throws {
        let readme = try String(contentsOf: Self.root.appendingPathComponent("README.md"), encoding: .utf8)
        let goldens = Self.root.appendingPathComponent("Tests/SurprisalTests/Goldens")
        var lines: [String: Int] = [:]
        for file in try FileManager.default.contentsOfDirectory(atPath: goldens.path) {
            let content = try Data(contentsOf: goldens.appendingPathComponent(file))
            lines[file] = content.count { $0 == UInt8(ascii: "\n") }
        }
        let truth = try #require(lines["truth.jsonl"]), metrics = try #require(lines["metrics.jsonl"])
        // 50-digit values too.
        let activations = try #require(lines["activations.jsonl"])
        func text(_ number: Int) -> String {
            let rest = String(number % 1000)
            return "\(number / 1000)," + String(repeating: "0", count: 3 - rest.count) + rest
        }
        #expect(readme.contains("\(text(truth)) rows"))
        #expect(readme.contains("\(text(lines.values.reduce(0, +) - truth - metrics - activations)) goldens of PyTorch"))
        #expect(readme.contains("\(metrics) goldens of scikit-learn"))
    }

    @Test(arguments: pages)
    func everyCommandRuns(page: String) throws {
        let folder = try TemporaryFolder()
        var writer = SafetensorsWriter()
        try writer.add("input", shape: [2, 3], values: [1, 2, 3, 4, 5, 6] as [Float])
        try writer.add("target", shape: [2], values: [0, 2])
        try writer.write(to: folder.file("batch.safetensors"))
        try Data("length,width,kind\n1,2,a\n2,1,a\n3,5,b\n1.5,4,b\n4,1,a\n2.5,2,b\n3,1.5,b\n1,5,a\n2,3,a\n3,3,b\n".utf8)
            .write(to: URL(fileURLWithPath: folder.file("table.csv")))
        try FileManager.default.copyItem(
            at: Self.root.appendingPathComponent("Sources/CDatasets/Data/iris.csv"),
            to: URL(fileURLWithPath: folder.file("flowers.csv")))
        var count = 0
        for command in try commands(of: page) {
            var words = command.components(separatedBy: " ")
            if words[0].hasPrefix("scripts/") {
                // CI runs them; here: they are there, and may be run.
                let path = Self.root.appendingPathComponent(words[0]).path
                #expect(FileManager.default.isExecutableFile(atPath: path), "\(command)")
                count += 1
            } else {
                #expect(words.removeFirst() == "surprisal", "\(command)")
                count += 1
                // `TourTests` go through it, once.
                if words == ["tour"] { continue }
                words = words.map { word in
                    [".safetensors", ".csv", ".html", ".npy"].contains(where: word.hasSuffix) ? folder.file(word) : word
                }
                let outcome = try Program.run(words)
                #expect(outcome.status == 0, "\(command): \(outcome.errors)")
            }
        }
        #expect(count >= 4)
    }

    /// What the README shows is what the program prints; of the solver's line, which holds rounding, the rest, and of a
    /// training the rows and the names: its numbers are those of one instruction set.
    @Test func shownOutputIsPrinted() throws {
        let text = try String(contentsOf: Self.root.appendingPathComponent("README.md"), encoding: .utf8)
        let shown = text.components(separatedBy: "```text\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
        try #require(shown.count == 2)
        func lines(_ text: String, upTo end: String) -> [String] {
            text.trimmingCharacters(in: .newlines).components(separatedBy: "\n").map { $0.components(separatedBy: end)[0] }
        }
        let fit = try Program.run(["fit", "iris", "--penalty", "1"]).output
        #expect(lines(shown[1], upTo: ", gradient") == lines(fit, upTo: ", gradient"))
        let folder = try TemporaryFolder(), path = folder.url.path + "/"
        let training = try Program.run([
            "train", "digits", "--model", path + "digits.safetensors", "--report", path + "digits.html", "--quiet",
        ]).output.replacingOccurrences(of: path, with: "")
        #expect(lines(shown[0], upTo: " epochs is") == lines(training, upTo: " epochs is"))
    }
}
