/// Why a text could not be written.
package struct TextFileError: Error, Sendable, CustomStringConvertible {
  package let description: String

  init(_ failure: FileFailure, path: String) {
    description =
      switch failure {
      case .operation(let operation, let problem): "\(path): cannot \(operation): \(problem)"
      case .notRegularFile(let kind): "\(path): is \(kind), expected a regular file"
      }
  }
}

/// Texts that the package's programs write.
package enum TextFile {
  /// Gives `path` the text, or leaves it as it was.
  package static func write(_ text: String, to path: String) throws(TextFileError) {
    do throws(FileFailure) {
      try AtomicFile.write(to: path) { write in try write(Array(text.utf8)) }
    } catch { throw TextFileError(error, path: path) }
  }
}
