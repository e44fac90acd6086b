import Glibc

/// The environment variables that steer the kernels.
enum Environment {
    static func value(of name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }

    /// A value as it may be printed: in quotes, control characters escaped, not longer than a line.
    static func quoted(_ text: String) -> String { String(reflecting: String(text.prefix(40))) }

    /// Ends the program for a mistake of its environment: one line and status 64 (usage), no trace.
    static func stop(_ message: String) -> Never {
        let line = Array("surprisal: \(message)\n".utf8)
        _ = unsafe line.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) }
        exit(64)
    }
}
