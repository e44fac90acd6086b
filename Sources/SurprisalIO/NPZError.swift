/// Why an NPZ file, a zip file of NPY files, could not be read: where, what was found, what was expected.
public struct NPZError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The path as the caller gave it, or nil for bytes in memory.
  public let path: String?
  /// The file within it.
  public let member: String?
  public let reason: Reason

  /// Offsets called `byte` count from the start of the file.
  public enum Reason: Equatable, Sendable {
    case file(operation: String, problem: String)
    case notRegularFile(kind: String)
    case shortened(byteCount: Int, found: Int)
    /// There is no end of a central directory.
    case notZip(byteCount: Int)
    /// A record does not lie in the file, or does not begin as one of its kind.
    case record(String, byte: Int)
    case nameNotUTF8(byte: Int)
    case duplicateMember
    case noSuchMember(keys: [String])
    case encrypted
    case method(UInt16)
    /// The compressed bytes are not zlib's; `byte` counts within them.
    case malformed(problem: String, byte: Int)
    case sizeMismatch(expected: Int, found: Int)
    case checksum(expected: UInt32, found: UInt32)
    case outOfMemory
  }

  public init(path: String? = nil, member: String? = nil, reason: Reason) {
    (self.path, self.member, self.reason) = (path, member, reason)
  }

  init(_ failure: FileFailure, path: String) {
    switch failure {
    case .operation(let operation, let problem): self.init(path: path, reason: .file(operation: operation, problem: problem))
    case .notRegularFile(let kind): self.init(path: path, reason: .notRegularFile(kind: kind))
    }
  }

  public var description: String {
    "\(path ?? "NPZ bytes")\(member.map { ": member \(SafetensorsError.quoted($0))" } ?? ""): \(reason)"
  }
}

extension NPZError.Reason: CustomStringConvertible {
  public var description: String {
    switch self {
    case .file(let operation, let problem): "cannot \(operation): \(problem)"
    case .notRegularFile(let kind): "is \(kind), expected a regular file"
    case .shortened(let byteCount, let found):
      "the file has \(found) bytes now, expected the \(byteCount) that it was opened with"
    case .notZip(let byteCount): "no zip directory at the end of \(byteCount) bytes, expected a whole zip file"
    case .record(let name, let byte): "no \(name) at byte \(byte), expected one within the file"
    case .nameNotUTF8(let byte): "a member's name at byte \(byte) is not UTF-8"
    case .duplicateMember: "a second member of this name, expected each once"
    case .noSuchMember(let keys):
      "no such member, expected one of \(keys.prefix(16).map(SafetensorsError.quoted).joined(separator: ", "))\(keys.count > 16 ? ", … \(keys.count) in all" : "")"
    case .encrypted: "encrypted, expected stored or deflated bytes"
    case .method(let method): "compression method \(method), expected 0 (stored) or 8 (deflated)"
    case .malformed(let problem, let byte): "\(problem) at byte \(byte) of the compressed bytes, expected deflated ones"
    case .sizeMismatch(let expected, let found): "\(found) bytes, expected \(expected) as in the directory"
    case .checksum(let expected, let found):
      "CRC-32 \(String(found, radix: 16)), expected \(String(expected, radix: 16)) as in the directory"
    case .outOfMemory: "not enough memory to restore it"
    }
  }
}
