/// Splits the bytes of a CSV file into fields, whatever pieces they come in.
///
/// RFC 4180: commas, lines that end in LF or CRLF, fields in quotes with `""` for a quote, in which commas and line breaks
/// are text. A byte order mark before the first field is skipped, and so are lines without anything.
struct CSVFields {
  private enum State {
    case start, plain, quoted
    /// After a quote within quotes: the field's end, or the first of two.
    case quote
    /// After a CR outside of quotes.
    case carriageReturn
  }

  static let longestField = 1 << 20
  private static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]

  /// The line that the next byte is on, counted from 1.
  private(set) var line = 1
  private var state = State.start
  private var field: [UInt8] = []
  private var fieldsInLine = 0
  private var markBytes: Int? = 0

  /// What a row's fields are handed to.
  protocol Receiver {
    mutating func field(_ bytes: [UInt8], number: Int, line: Int) throws(CSVError.Located)
    mutating func endOfRow(fields: Int, line: Int) throws(CSVError.Located)
  }

  mutating func take(
    _ bytes: some Sequence<UInt8>, _ receiver: inout some Receiver
  ) throws(CSVError.Located) {
    for byte in bytes { try take(byte, &receiver) }
  }

  private mutating func take(_ byte: UInt8, _ receiver: inout some Receiver) throws(CSVError.Located) {
    if let seen = markBytes {
      if byte == Self.mark[seen] {
        markBytes = seen == 2 ? nil : seen + 1
        return
      }
      markBytes = nil
      // Bytes that only looked like a mark.
      for earlier in Self.mark.prefix(seen) { try take(earlier, &receiver) }
    }
    switch (state, byte) {
    case (.quoted, UInt8(ascii: "\"")): state = .quote
    case (.quoted, _):
      if byte == UInt8(ascii: "\n") { line += 1 }
      try append(byte)
    case (.quote, UInt8(ascii: "\"")):
      try append(byte)
      state = .quoted
    case (.carriageReturn, UInt8(ascii: "\n")), (_, UInt8(ascii: "\n")):
      if fieldsInLine > 0 || state == .quote || !field.isEmpty { try endRow(&receiver) }
      line += 1
      state = .start
    case (.carriageReturn, _):
      // A CR alone is text, and no number or name has one.
      state = .plain
      try append(UInt8(ascii: "\r"))
      try take(byte, &receiver)
    case (_, UInt8(ascii: ",")):
      try endField(&receiver)
      state = .start
    case (.start, UInt8(ascii: "\"")): state = .quoted
    case (.plain, UInt8(ascii: "\"")): throw .init(line: line, field: fieldsInLine, .strayQuote)
    case (_, UInt8(ascii: "\r")):
      state = state == .quote ? .quote : .carriageReturn
    case (.quote, _): throw .init(line: line, field: fieldsInLine, .textAfterQuote)
    default:
      state = .plain
      try append(byte)
    }
  }

  mutating func finish(_ receiver: inout some Receiver) throws(CSVError.Located) {
    if state == .quoted { throw .init(line: line, field: fieldsInLine, .unclosedQuote) }
    if fieldsInLine > 0 || state == .quote || !field.isEmpty { try endRow(&receiver) }
  }

  private mutating func append(_ byte: UInt8) throws(CSVError.Located) {
    if field.count == Self.longestField {
      throw .init(line: line, field: fieldsInLine, .fieldTooLong(limit: Self.longestField))
    }
    field.append(byte)
  }

  private mutating func endField(_ receiver: inout some Receiver) throws(CSVError.Located) {
    try receiver.field(field, number: fieldsInLine, line: line)
    field.removeAll(keepingCapacity: true)
    fieldsInLine += 1
  }

  private mutating func endRow(_ receiver: inout some Receiver) throws(CSVError.Located) {
    try endField(&receiver)
    try receiver.endOfRow(fields: fieldsInLine, line: line)
    fieldsInLine = 0
  }
}

extension CSVError {
  /// A problem at a field of a line, before the column has a name.
  struct Located: Error {
    let line: Int
    /// Counted from 0; nil when the line itself is the problem.
    let field: Int?
    let reason: Reason

    init(line: Int, field: Int?, _ reason: Reason) {
      (self.line, self.field, self.reason) = (line, field, reason)
    }
  }
}
