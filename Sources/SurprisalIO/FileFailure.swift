import Foundation

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
    let text = NSError(domain: NSPOSIXErrorDomain, code: Int(code)).localizedFailureReason
    self = .operation(operation, problem: "\(text ?? "unknown error") (errno \(code))")
  }

  /// The operating system's error number behind `error`, if there is one.
  static func code(of error: any Error) -> Int32? {
    if let posix = error as? POSIXError { return posix.code.rawValue }
    if let cocoa = error as? CocoaError, let inner = cocoa.underlying { return code(of: inner) }
    let general = error as NSError
    if general.domain == NSPOSIXErrorDomain { return Int32(general.code) }
    return (general.userInfo[NSUnderlyingErrorKey] as? any Error).flatMap(code)
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
