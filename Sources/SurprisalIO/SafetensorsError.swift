/// Why a safetensors file could not be read or written: where, what was found, what was expected.
///
/// `description` is one line, whatever the file held: names out of the file are escaped and shortened.
public struct SafetensorsError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The path as the caller gave it, or nil for bytes in memory.
  public let path: String?
  /// The tensor concerned, when the problem belongs to one.
  public let tensor: String?
  public let reason: Reason

  /// Offsets called `byte` count from the start of the file, the 8-byte length included; those of
  /// `data_offsets` count, as in the format, from the end of the header.
  public enum Reason: Equatable, Sendable {
    /// A file operation failed; `problem` is the operating system's text for its error number.
    case file(operation: String, problem: String)
    /// The path leads to something other than a regular file.
    case notRegularFile(kind: String)
    /// Another program has made the mapped file shorter.
    case shortened(byteCount: Int, found: Int)
    /// The file ends within the 8 bytes that hold the header's length.
    case truncatedLength(byteCount: Int)
    /// The header's length is above the format's limit.
    case headerTooLong(byteCount: UInt64, limit: Int)
    /// The header reaches past the end of the file.
    case headerBeyondEnd(byteCount: Int, available: Int)
    case invalidUTF8(byte: Int)
    /// The header is not the JSON of the format.
    case malformedHeader(byte: Int, expected: String, found: String)
    case duplicateKey(String, byte: Int)
    case unknownField(String, byte: Int)
    case missingField(String, byte: Int)
    case unknownDtype(String, byte: Int)
    /// The shape times the element size overflows, or does not fill whole bytes.
    case unrepresentableSize(dtype: SafetensorsDtype, shape: [Int])
    case reversedOffsets(begin: Int, end: Int)
    case beyondData(end: Int, available: Int)
    case sizeMismatch(dtype: SafetensorsDtype, shape: [Int], expected: Int, found: Int)
    /// The tensor begins inside the one before it.
    case overlap(begin: Int, expected: Int)
    /// Bytes before the tensor belong to none.
    case hole(begin: Int, expected: Int)
    /// Bytes after the last tensor belong to none.
    case unclaimedBytes(from: Int, available: Int)

    /// No tensor has the name asked for.
    case noSuchTensor
    /// The element type has no exact conversion to the type asked for.
    case unsupportedConversion(dtype: SafetensorsDtype, to: String)
    /// An element, counted from 0 in row-major order, has no value of the type asked for.
    case unrepresentableValue(position: Int, value: String, expected: String)

    /// A tensor to be written has a name that the format reserves or that is taken.
    case unusableName(expected: String)
    case negativeDimension(axis: Int, value: Int)
    case valueCountMismatch(shape: [Int], expected: Int, found: Int)
  }

  public init(path: String? = nil, tensor: String? = nil, reason: Reason) {
    self.path = path
    self.tensor = tensor
    self.reason = reason
  }

  public var description: String {
    var place = path.map { Self.plain($0, limit: 4096) } ?? "safetensors bytes"
    if let tensor { place += ": tensor \(Self.quoted(tensor))" }
    return "\(place): \(reason)"
  }

  /// `text` in double quotes on one line, cut after 64 characters.
  static func quoted(_ text: String) -> String { "\"\(plain(text, limit: 64))\"" }

  private static func plain(_ text: String, limit: Int) -> String {
    var result = ""
    var count = 0
    for scalar in text.unicodeScalars {
      if count == limit { return result + "…" }
      count += 1
      switch scalar.properties.generalCategory {
      // Format characters include the bidirectional overrides that reorder a terminal's line.
      case .control, .format, .lineSeparator, .paragraphSeparator:
        result += scalar.escaped(asASCII: true)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

extension SafetensorsError.Reason: CustomStringConvertible {
  public var description: String {
    switch self {
    case .file(let operation, let problem): "cannot \(operation): \(problem)"
    case .notRegularFile(let kind): "is \(kind), expected a regular file"
    case .shortened(let byteCount, let found):
      "the file has \(found) bytes now, expected the \(byteCount) that it was opened with"
    case .truncatedLength(let byteCount):
      "file ends after \(byteCount) bytes, expected 8 bytes of header length"
    case .headerTooLong(let byteCount, let limit):
      "header length \(byteCount) at byte 0 is above the limit of \(limit) bytes"
    case .headerBeyondEnd(let byteCount, let available):
      "header length \(byteCount) at byte 0 lies beyond the \(available) bytes that follow it"
    case .invalidUTF8(let byte): "invalid UTF-8 in the header at byte \(byte)"
    case .malformedHeader(let byte, let expected, let found):
      "malformed header at byte \(byte): expected \(expected), found \(found)"
    case .duplicateKey(let key, let byte):
      "duplicate key \(SafetensorsError.quoted(key)) at byte \(byte), expected each key once"
    case .unknownField(let key, let byte):
      "unknown field \(SafetensorsError.quoted(key)) at byte \(byte), expected dtype, shape or data_offsets"
    case .missingField(let key, let byte): "field \(key) is missing before byte \(byte)"
    case .unknownDtype(let name, let byte):
      "unknown dtype \(SafetensorsError.quoted(name)) at byte \(byte), expected one of \(SafetensorsDtype.allCases.map(\.rawValue).joined(separator: ", "))"
    case .unrepresentableSize(let dtype, let shape):
      "\(dtype.rawValue) of shape \(Self.text(shape)) has no size in whole bytes within \(Int.max)"
    case .reversedOffsets(let begin, let end):
      "data_offsets begin \(begin) lies after their end \(end)"
    case .beyondData(let end, let available):
      "data_offsets end \(end) lies beyond the \(available) bytes of data"
    case .sizeMismatch(let dtype, let shape, let expected, let found):
      "data_offsets span \(found) bytes, expected \(expected) for \(dtype.rawValue) of shape \(Self.text(shape))"
    case .overlap(let begin, let expected):
      "data_offsets begin \(begin) overlaps the tensor before it, expected \(expected)"
    case .hole(let begin, let expected):
      "data_offsets begin \(begin) leaves a hole before it, expected \(expected)"
    case .unclaimedBytes(let from, let available):
      "tensors end at \(from) of \(available) bytes of data, expected them to cover it"
    case .noSuchTensor: "no such tensor in the file"
    case .unsupportedConversion(let dtype, let type):
      "\(dtype.rawValue) has no exact conversion to \(type)"
    case .unrepresentableValue(let position, let value, let expected):
      "value \(value) at position \(position), expected \(expected)"
    case .unusableName(let expected): "unusable name, expected \(expected)"
    case .negativeDimension(let axis, let value):
      "dimension \(value) at axis \(axis), expected 0 or more"
    case .valueCountMismatch(let shape, let expected, let found):
      "\(found) values, expected \(expected) for shape \(Self.text(shape))"
    }
  }

  private static func text(_ shape: [Int]) -> String {
    // A hostile header can hold millions of dimensions; a line cannot.
    let shown = shape.prefix(16).map(String.init).joined(separator: ", ")
    return shape.count > 16 ? "[\(shown), … \(shape.count) dimensions]" : "[\(shown)]"
  }
}
