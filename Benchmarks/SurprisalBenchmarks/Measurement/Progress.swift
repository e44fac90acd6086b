import Foundation

/// One line that overwrites itself, on a terminal only.
struct Progress {
    private let isShown: Bool

    init() { isShown = isatty(STDERR_FILENO) == 1 }

    func show(_ text: String) { if isShown { write("\r\u{1B}[K\(text)") } }

    func clear() { if isShown { write("\r\u{1B}[K") } }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
