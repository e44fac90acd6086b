import FoundationEssentials
import SystemPackage

/// Why a file could not be read or written; each format's error wraps it.
enum FileFailure: Error {
  /// `problem` is the operating system's text for its error number.
  case operation(String, problem: String)
  case notRegularFile(kind: String)

  /// The failure of `operation`, with the operating system's reason out of Foundation's wrapping.
  init(_ operation: String, _ error: any Error) {
    guard let code = Self.code(of: error) else {
      let text = "\(error)".split(whereSeparator: \.isNewline).joined(separator: " ")
      self = .operation(operation, problem: text)
      return
    }
    self = .operation(operation, problem: "\(Errno(rawValue: code)) (errno \(code))")
  }

  /// The operating system's error number behind `error`, if there is one.
  static func code(of error: any Error) -> Int32? {
    switch error {
    case let error as Errno: error.rawValue
    case let error as POSIXError: error.code.rawValue
    case let error as CocoaError: error.underlying.flatMap(code)
    default: nil
    }
  }
}

extension SafetensorsError {
  init(_ failure: FileFailure, path: String) {
    switch failure {
    case .operation(let operation, let problem):
      self.init(path: path, reason: .file(operation: operation, problem: problem))
    case .notRegularFile(let kind): self.init(path: path, reason: .notRegularFile(kind: kind))
    }
  }
}
