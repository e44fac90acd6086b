import Foundation
import SurprisalIO
import Testing

/// The README's commands; its Swift blocks are run by `scripts/test-dependency`.
@Suite struct ReadmeTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private var commands: [String] {
        get throws {
            let text = try String(contentsOf: Self.root.appendingPathComponent("README.md"), encoding: .utf8)
            return text.components(separatedBy: "```console\n").dropFirst()
                .flatMap { $0.components(separatedBy: "```")[0].components(separatedBy: "\n") }
                .map { $0.components(separatedBy: "#")[0].trimmingCharacters(in: .whitespaces) }
                .filter { !$0.isEmpty }
        }
    }

    @Test func countsAreTheGoldens() throws {
        let readme = try String(contentsOf: Self.root.appendingPathComponent("README.md"), encoding: .utf8)
        let goldens = Self.root.appendingPathComponent("Tests/SurprisalTests/Goldens")
        var lines: [String: Int] = [:]
        for file in try FileManager.default.contentsOfDirectory(atPath: goldens.path) {
            let content = try Data(contentsOf: goldens.appendingPathComponent(file))
            lines[file] = content.count { $0 == UInt8(ascii: "\n") }
        }
        let truth = try #require(lines["truth.jsonl"])
        func text(_ number: Int) -> String {
            let rest = String(number % 1000)
            return "\(number / 1000)," + String(repeating: "0", count: 3 - rest.count) + rest
        }
        #expect(readme.contains("\(text(truth)) rows"))
        #expect(readme.contains("\(text(lines.values.reduce(0, +) - truth)) goldens"))
    }

    @Test func everyCommandRuns() throws {
        let folder = try TemporaryFolder()
        var writer = SafetensorsWriter()
        try writer.add("input", shape: [2, 3], values: [1, 2, 3, 4, 5, 6] as [Float])
        try writer.add("target", shape: [2], values: [0, 2])
        try writer.write(to: folder.file("batch.safetensors"))
        var count = 0
        for command in try commands {
            var words = command.components(separatedBy: " ")
            if words[0].hasPrefix("scripts/") {
                // CI runs them; here: they are there, and may be run.
                let path = Self.root.appendingPathComponent(words[0]).path
                #expect(FileManager.default.isExecutableFile(atPath: path), "\(command)")
            } else {
                #expect(words.removeFirst() == "surprisal", "\(command)")
                words = words.map { $0.hasSuffix(".safetensors") ? folder.file($0) : $0 }
                let outcome = try Program.run(words)
                #expect(outcome.status == 0, "\(command): \(outcome.errors)")
            }
            count += 1
        }
        #expect(count >= 4)
    }
}
