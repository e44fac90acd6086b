/// Why an NPY file could not be read or written: where, what was found, what was expected.
public struct NPYError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The path as the caller gave it, or nil for bytes in memory.
  public let path: String?
  /// The file within an NPZ file.
  public let member: String?
  public let reason: Reason

  /// Offsets called `byte` count from the start of the file.
  public enum Reason: Equatable, Sendable {
    /// A file operation failed; `problem` is the operating system's text for its error number.
    case file(operation: String, problem: String)
    case notRegularFile(kind: String)
    /// Another program has made the mapped file shorter.
    case shortened(byteCount: Int, found: Int)
    /// The first bytes are another format's.
    case notNPY
    case version(major: UInt8, minor: UInt8)
    /// The file ends within its header.
    case truncatedHeader(byteCount: Int, expected: Int)
    /// The header is not the dictionary of the format.
    case malformedHeader(byte: Int, expected: String, found: String)
    case dtype(String)
    /// The shape times the element's size overflows.
    case unrepresentableSize(shape: [Int])
    /// The bytes after the header are not those of the shape.
    case sizeMismatch(shape: [Int], dtype: String, expected: Int, found: Int)
    /// Values to be written are not as many as the shape has.
    case valueCountMismatch(shape: [Int], found: Int)
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
    "\(path ?? "NPY bytes")\(member.map { ": member \(SafetensorsError.quoted($0))" } ?? ""): \(reason)"
  }
}

extension NPYError.Reason: CustomStringConvertible {
  public var description: String {
    switch self {
    case .file(let operation, let problem): "cannot \(operation): \(problem)"
    case .notRegularFile(let kind): "is \(kind), expected a regular file"
    case .shortened(let byteCount, let found):
      "the file has \(found) bytes now, expected the \(byteCount) that it was opened with"
    case .notNPY: "the first bytes are not NPY's, expected \\x93NUMPY"
    case .version(let major, let minor): "version \(major).\(minor) at byte 6, expected 1.0, 2.0 or 3.0"
    case .truncatedHeader(let byteCount, let expected): "file ends after \(byteCount) bytes, expected \(expected) of header"
    case .malformedHeader(let byte, let expected, let found):
      "malformed header at byte \(byte): expected \(expected), found \(found)"
    case .dtype(let name):
      "dtype \(SafetensorsError.quoted(name)), expected numbers: b1, i1, i2, i4, i8, u1, u2, u4, u8, f2, f4 or f8"
    case .unrepresentableSize(let shape): "shape \(Self.text(shape)) has no size in bytes within \(Int.max)"
    case .sizeMismatch(let shape, let dtype, let expected, let found):
      "\(found) bytes after the header, expected \(expected) for \(dtype) of shape \(Self.text(shape))"
    case .valueCountMismatch(let shape, let found): "\(found) values, expected those of shape \(Self.text(shape))"
    }
  }

  private static func text(_ shape: [Int]) -> String {
    // A hostile header can hold thousands of dimensions; a line cannot.
    let shown = shape.prefix(16).map(String.init).joined(separator: ", ")
    return shape.count > 16 ? "[\(shown), … \(shape.count) dimensions]" : "[\(shown)]"
  }
}
