/// A strict reader of the JSON tokens that a safetensors header is made of.
///
/// There is no general value and so no recursion: the caller asks for the one token its grammar
/// allows next, and anything else, nesting included, is an error with its position.
struct HeaderCursor {
  /// The header's bytes: valid UTF-8.
  private let bytes: [UInt8]
  private(set) var position = 0
  /// What the header's first byte counts as in the file.
  private let base: Int
  private let path: String?
  /// The tensor that errors are about.
  var tensor: String?

  init(_ bytes: [UInt8], base: Int, path: String?) throws(SafetensorsError) {
    do {
      _ = try UTF8Span(validating: bytes.span)
    } catch {
      throw SafetensorsError(
        path: path, reason: .invalidUTF8(byte: base + error.byteOffsets.lowerBound))
    }
    self.bytes = bytes
    self.base = base
    self.path = path
  }

  /// The position in the file, for errors.
  var byte: Int { base + position }
  var isAtEnd: Bool { position == bytes.count }
  var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  func error(_ reason: SafetensorsError.Reason) -> SafetensorsError {
    SafetensorsError(path: path, tensor: tensor, reason: reason)
  }

  func unexpected(_ expected: String) -> SafetensorsError {
    let found: String
    switch next {
    case nil: found = "the end of the header"
    case let value? where (0x21...0x7E).contains(value):
      found = "'\(Unicode.Scalar(value))'"
    case let value?: found = "byte 0x\(String(value, radix: 16))"
    }
    return error(.malformedHeader(byte: byte, expected: expected, found: found))
  }

  mutating func skipWhitespace() {
    while let value = next, value == 0x20 || value == 0x09 || value == 0x0A || value == 0x0D {
      position += 1
    }
  }

  mutating func skipPadding() {
    while next == UInt8(ascii: " ") { position += 1 }
  }

  /// Consumes `character` after whitespace if it is next.
  mutating func skip(_ character: Unicode.Scalar) -> Bool {
    skipWhitespace()
    guard next == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  mutating func expect(_ character: Unicode.Scalar) throws(SafetensorsError) {
    if !skip(character) { throw unexpected("'\(character)'") }
  }

  /// An integer from 0 to `Int.max`, exactly: no sign, fraction, exponent or leading zero.
  mutating func integer(_ what: String) throws(SafetensorsError) -> Int {
    skipWhitespace()
    let start = position
    let expected = "\(what): an integer from 0 to \(Int.max)"
    var value = 0
    while let digit = next, (0x30...0x39).contains(digit) {
      let (tens, overflowed) = value.multipliedReportingOverflow(by: 10)
      let (sum, carried) = tens.addingReportingOverflow(Int(digit - 0x30))
      if overflowed || carried {
        throw error(
          .malformedHeader(byte: base + start, expected: expected, found: "a larger number"))
      }
      value = sum
      position += 1
    }
    if position == start { throw unexpected(expected) }
    if bytes[start] == 0x30, position > start + 1 {
      throw error(
        .malformedHeader(byte: base + start, expected: expected, found: "a leading zero"))
    }
    if let value = next, [".", "e", "E"].contains(Unicode.Scalar(value)) {
      throw unexpected(expected)
    }
    return value
  }

  /// The integers of an array, in order.
  mutating func integers(_ what: String) throws(SafetensorsError) -> [Int] {
    try expect("[")
    var values: [Int] = []
    if skip("]") { return values }
    repeat { values.append(try integer(what)) } while skip(",")
    if !skip("]") { throw unexpected("',' or ']'") }
    return values
  }

  mutating func string(_ what: String) throws(SafetensorsError) -> String {
    skipWhitespace()
    guard next == UInt8(ascii: "\"") else { throw unexpected("\(what) in double quotes") }
    position += 1
    var text: [UInt8] = []
    while let value = next {
      switch value {
      case UInt8(ascii: "\""):
        position += 1
        return String(decoding: text, as: UTF8.self)
      case UInt8(ascii: "\\"):
        position += 1
        text.append(contentsOf: try escape().utf8)
      case 0..<0x20:
        throw unexpected("a control character to be escaped")
      default:
        text.append(value)
        position += 1
      }
    }
    throw unexpected("'\"' at the end of \(what)")
  }

  /// What stands after a backslash.
  private mutating func escape() throws(SafetensorsError) -> String {
    guard let value = next else { throw unexpected("an escape sequence") }
    let plain: String
    switch Unicode.Scalar(value) {
    case "\"", "\\", "/": plain = String(Unicode.Scalar(value))
    case "b": plain = "\u{8}"
    case "f": plain = "\u{C}"
    case "n": plain = "\n"
    case "r": plain = "\r"
    case "t": plain = "\t"
    case "u": return try unicodeEscape()
    default: throw unexpected("an escape sequence: one of \" \\ / b f n r t u")
    }
    position += 1
    return plain
  }

  /// `uXXXX`, or the two of a surrogate pair; a surrogate on its own is no character.
  private mutating func unicodeEscape() throws(SafetensorsError) -> String {
    let start = byte
    let first = try codeUnit()
    var units = [first]
    if UTF16.isLeadSurrogate(first) {
      guard next == UInt8(ascii: "\\") else { throw unexpected("a low surrogate escape") }
      position += 1
      units.append(try codeUnit())
    }
    guard let text = String(validating: units, as: UTF16.self) else {
      throw error(
        .malformedHeader(
          byte: start, expected: "a character or a surrogate pair", found: "a lone surrogate"))
    }
    return text
  }

  private mutating func codeUnit() throws(SafetensorsError) -> UInt16 {
    guard next == UInt8(ascii: "u") else { throw unexpected("'u' and four hexadecimal digits") }
    position += 1
    var unit: UInt16 = 0
    for _ in 0..<4 {
      guard let value = next, let digit = Character(Unicode.Scalar(value)).hexDigitValue else {
        throw unexpected("a hexadecimal digit")
      }
      unit = unit << 4 | UInt16(digit)
      position += 1
    }
    return unit
  }
}
