import SurprisalCodecs

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
    /// Another program has made the mapped file shorter.
    case shortened(byteCount: Int, found: Int)
    /// There is no first row, or there are no rows after the header.
    case empty(missing: String)
    /// The first row has numbers and other text besides its label: `number` is the first of them.
    case unclearHeader(number: String)
    /// A column was asked for by its name, and there are none.
    case noHeader
    case duplicateColumn
    case noSuchColumn(names: [String])
    /// A column was asked for by its place, counted from 0, or from -1 backwards.
    case noSuchPlace(Int, columns: Int)
    /// The column of labels is the only one.
    case noFeatures
    /// The row has more or fewer fields than the first.
    case fieldCount(found: Int, expected: Int)
    /// The field is empty, or `found` is one of the spellings of no value.
    case missingValue(found: String, expected: String)
    case notANumber(String)
    case notFinite(String)
    /// A quote within a field that does not begin with one.
    case strayQuote
    /// Something other than a comma or a line's end after a closing quote.
    case textAfterQuote
    case unclosedQuote
    case invalidUTF8
    case fieldTooLong(limit: Int)
    case rowTooLong(limit: Int)
    case outOfMemory
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
    case .shortened(let byteCount, let found):
      "the file has \(found) bytes now, expected the \(byteCount) that it was opened with"
    case .empty(let missing): "no \(missing), expected at least one row of numbers"
    case .unclearHeader(let number):
      "\(SafetensorsError.quoted(number)) is a number and other fields are not, expected only names or only numbers, or to be told which it is"
    case .noHeader: "no such column: the first row has numbers, expected names"
    case .duplicateColumn: "a second column of this name, expected each once"
    case .noSuchColumn(let names):
      "no such column, expected one of \(names.prefix(16).map(SafetensorsError.quoted).joined(separator: ", "))\(names.count > 16 ? ", … \(names.count) columns" : "")"
    case .noSuchPlace(let place, let columns): "no column \(place), expected \(-columns) to \(columns - 1)"
    case .noFeatures: "no column besides the labels', expected at least one of numbers"
    case .fieldCount(let found, let expected):
      "\(found) field\(found == 1 ? "" : "s"), expected \(expected), as the first row"
    case .missingValue("", let expected): "missing value, expected \(expected)"
    case .missingValue(let found, let expected): "missing value \(SafetensorsError.quoted(found)), expected \(expected)"
    case .notANumber(let text): "\(SafetensorsError.quoted(text)), expected a number"
    case .notFinite(let text): "\(SafetensorsError.quoted(text)), expected a finite number"
    case .strayQuote: "a quote within a field, expected the whole field in quotes"
    case .textAfterQuote: "text after a closing quote, expected a comma or the line's end"
    case .unclosedQuote: "the file ends within quotes, expected a closing quote"
    case .invalidUTF8: "invalid UTF-8"
    case .fieldTooLong(let limit): "a field of more than \(limit) bytes"
    case .rowTooLong(let limit): "a row of more than \(limit) bytes"
    case .outOfMemory: "not enough memory for the distinct labels"
    }
  }
}

extension CSVError {
  /// The error for a problem of bytes that begin on `line`.
  init(_ problem: CSVText.Problem, path: String?, line: Int, name: (Int) -> String?, columns: Int) {
    let text = String(decoding: problem.text, as: UTF8.self)
    let reason: Reason =
      switch problem.kind {
      case .fieldCount(let found): .fieldCount(found: found, expected: columns)
      case .invalidUTF8: .invalidUTF8
      case .syntax(let stop):
        switch stop {
        case .missing: .missingValue(found: text, expected: "a number")
        case .missingLabel: .missingValue(found: "", expected: "a label")
        case .notANumber: .notANumber(text)
        case .notFinite: .notFinite(text)
        case .strayQuote: .strayQuote
        case .textAfterQuote: .textAfterQuote
        case .unclosedQuote: .unclosedQuote
        case .fieldTooLong: .fieldTooLong(limit: CSVText.longestField)
        case .outOfMemory: .outOfMemory
        case .end, .fieldCount: fatalError("CSV: \(stop) is no problem of a field")
        }
      }
    self.init(path: path, line: line + problem.lineFeeds, column: problem.column.flatMap(name), reason: reason)
  }
}
