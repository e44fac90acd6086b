import ArgumentParser
import FoundationEssentials
import SystemPackage

/// How a command ends when something from outside is not as it must be: one line on standard error that
/// names what, where and what was expected, and a status of sysexits.h.
enum Failure {
    enum Status: Int32 {
        /// Input or an option's value.
        case data = 65
        /// What could not be written.
        case inputOutput = 74
    }

    private static let longestLine = 1000

    static func exit(_ message: String, status: Status = .data) -> ExitCode {
        // Names and paths come from outside: no line breaks, no terminal sequences, no megabytes.
        let line = message.unicodeScalars.prefix(longestLine).map { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: "\\u{\(String(scalar.value, radix: 16))}"
            default: String(scalar)
            }
        }.joined()
        let cut = message.unicodeScalars.count > longestLine ? "…" : ""
        // When standard error is closed as well, the status is left to tell.
        _ = try? FileDescriptor.standardError.writeAll("surprisal: \(line)\(cut)\n".utf8)
        return ExitCode(status.rawValue)
    }

    /// Writes a line to standard output, or fails when it cannot: a full disk must not look like success.
    static func printLine(_ text: String) throws {
        do {
            try FileDescriptor.standardOutput.writeAll((text + "\n").utf8)
        } catch { throw exit("standard output cannot be written", status: .inputOutput) }
    }
}
