import Foundation
import SurprisalIO
import Testing

/// The built `surprisal` program, run as its users run it.
enum Program {
    struct Outcome {
        let status: Int32
        let output, errors: String
    }

    private final class BundleMarker {}

    /// The program stands beside the test bundle.
    static var path: String {
        let arguments = CommandLine.arguments.first.map { URL(fileURLWithPath: $0).deletingLastPathComponent() }
        let candidates = [Bundle(for: BundleMarker.self).bundleURL.deletingLastPathComponent(), arguments]
        for folder in candidates.compactMap({ $0 }) {
            let path = folder.appendingPathComponent("surprisal").path
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        fatalError("the surprisal program is not beside the tests: \(candidates)")
    }

    static func run(_ arguments: [String], environment: [String: String] = [:]) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        // Files rather than pipes: no output is large enough to fill them, whatever the order of reading.
        let folder = try TemporaryFolder()
        let out = folder.file("out"), errors = folder.file("errors")
        for path in [out, errors] { try Data().write(to: URL(fileURLWithPath: path)) }
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: out))
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: errors))
        try process.run()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus, output: try String(contentsOfFile: out, encoding: .utf8),
            errors: try String(contentsOfFile: errors, encoding: .utf8))
    }
}

/// A folder that goes with the value.
final class TemporaryFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("surprisal-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    func file(_ name: String) -> String { url.appendingPathComponent(name).path }

    deinit { try? FileManager.default.removeItem(at: url) }
}
