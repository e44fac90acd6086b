import FoundationEssentials
import SystemPackage

/// What the system counts of this process's memory.
enum ProcessMemory {
    /// Bytes by which the resident memory grew at most while `body` ran; `nil` where the system does not say.
    static func growth(during body: () throws -> Void) rethrows -> Int? {
        // From now on the peak is of what comes (proc(5), Linux 4.0). Where that is refused the peak is of all that was,
        // and the growth is what it may have been at most.
        if let file = try? FileDescriptor.open(FilePath("/proc/self/clear_refs"), .writeOnly) {
            _ = try? file.closeAfter { try file.writeAll("5".utf8) }
        }
        let before = bytes(of: "VmRSS")
        try body()
        guard let before, let peak = bytes(of: "VmHWM") else { return nil }
        return peak - before
    }

    private static func bytes(of entry: String) -> Int? {
        guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return nil }
        let line = status.split(separator: "\n").first { $0.hasPrefix("\(entry):") }
        return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
    }
}
