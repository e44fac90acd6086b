/// Why a CSV file could not be read: where, what was found, what was expected.
///
/// `description` is one line, whatever the file held: names and fields out of the file are escaped and shortened.
public struct CSVError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The path as the caller gave it, or nil for bytes in memory.
  public let path: String?
  /// The line concerned, counted from 1, the header's being the first; nil when the problem is the file's.
  public let line: Int?
  /// The name of the column concerned.
  public let column: String?
  public let reason: Reason

  public enum Reason: Equatable, Sendable {
    /// A file operation failed; `problem` is the operating system's text for its error number.
    case file(operation: String, problem: String)
    /// The path leads to something other than a regular file.
    case notRegularFile(kind: String)
    /// There is no header, or there are no rows after it.
    case empty(missing: String)
    case duplicateColumn
    case noSuchColumn(names: [String])
    /// The column of labels is the only one.
    case noFeatures
    /// The row has more or fewer fields than the header.
    case fieldCount(found: Int, expected: Int)
    case missingValue(expected: String)
    case notANumber(String)
    case notFinite(String)
    /// A quote within a field that does not begin with one.
    case strayQuote
    /// Something other than a comma or a line's end after a closing quote.
    case textAfterQuote
    case unclosedQuote
    case invalidUTF8
    case fieldTooLong(limit: Int)
  }

  public init(path: String? = nil, line: Int? = nil, column: String? = nil, reason: Reason) {
    self.path = path
    self.line = line
    self.column = column
    self.reason = reason
  }

  init(_ failure: FileFailure, path: String) {
    switch failure {
    case .operation(let operation, let problem):
      self.init(path: path, reason: .file(operation: operation, problem: problem))
    case .notRegularFile(let kind): self.init(path: path, reason: .notRegularFile(kind: kind))
    }
  }

  public var description: String {
    var place = path ?? "CSV"
    if let line { place += ": line \(line)" }
    if let column { place += "\(line == nil ? ":" : ",") column \(SafetensorsError.quoted(column))" }
    return "\(place): \(reason)"
  }
}

extension CSVError.Reason: CustomStringConvertible {
  public var description: String {
    switch self {
    case .file(let operation, let problem): "cannot \(operation): \(problem)"
    case .notRegularFile(let kind): "is \(kind), expected a regular file"
    case .empty(let missing): "no \(missing), expected a header and at least one row"
    case .duplicateColumn: "a second column of this name, expected each once"
    case .noSuchColumn(let names):
      "no such column, expected one of \(names.prefix(16).map(SafetensorsError.quoted).joined(separator: ", "))\(names.count > 16 ? ", … \(names.count) columns" : "")"
    case .noFeatures: "no column besides the labels', expected at least one of numbers"
    case .fieldCount(let found, let expected):
      "\(found) field\(found == 1 ? "" : "s"), expected \(expected), as the header"
    case .missingValue(let expected): "missing value, expected \(expected)"
    case .notANumber(let text): "\(SafetensorsError.quoted(text)), expected a number"
    case .notFinite(let text): "\(SafetensorsError.quoted(text)), expected a finite number"
    case .strayQuote: "a quote within a field, expected the whole field in quotes"
    case .textAfterQuote: "text after a closing quote, expected a comma or the line's end"
    case .unclosedQuote: "the file ends within quotes, expected a closing quote"
    case .invalidUTF8: "invalid UTF-8"
    case .fieldTooLong(let limit): "a field of more than \(limit) bytes"
    }
  }
}
