import SurprisalCodecs

/// The parsed header of an NPY file.
///
/// A Python dictionary of three entries, of which nothing is evaluated: each token is the one that the grammar allows next.
/// Source: NumPy, "NEP 1 — A simple file format for NumPy arrays", with versions 2.0 and 3.0.
struct NPYHeader {
  static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
  /// Magic, version, and the longest form of the length.
  static let longestPrefix = 12

  let descr: String
  let element: StoredElement
  let isBigEndian, isColumnMajor: Bool
  let shape: [Int]

  /// Where the numbers begin, from the first bytes of the file.
  static func dataStart(
    prefix: [UInt8], fileByteCount: Int, _ error: (NPYError.Reason) -> NPYError
  ) throws(NPYError) -> (header: Int, data: Int) {
    guard prefix.starts(with: magic) else {
      throw error(magic.starts(with: prefix) ? .truncatedHeader(byteCount: prefix.count, expected: 10) : .notNPY)
    }
    guard prefix.count >= 8 else { throw error(.truncatedHeader(byteCount: prefix.count, expected: 10)) }
    guard (1...3).contains(prefix[6]), prefix[7] == 0 else { throw error(.version(major: prefix[6], minor: prefix[7])) }
    let width = prefix[6] == 1 ? 2 : 4
    guard prefix.count >= 8 + width else { throw error(.truncatedHeader(byteCount: prefix.count, expected: 8 + width)) }
    var length = 0
    for place in 0..<width { length |= Int(prefix[8 + place]) << (8 * place) }
    guard length <= fileByteCount - 8 - width else {
      throw error(.truncatedHeader(byteCount: fileByteCount, expected: 8 + width + length))
    }
    return (8 + width, 8 + width + length)
  }

  /// - Parameter base: what the first of `bytes` counts as in the file.
  init(parsing bytes: [UInt8], base: Int, _ error: (NPYError.Reason) -> NPYError) throws(NPYError) {
    var cursor = Cursor(bytes: bytes, base: base)
    do throws(NPYError.Reason) {
      var descr: String?, isColumnMajor: Bool?, shape: [Int]?
      try cursor.expect("{")
      while !cursor.skip("}") {
        let byte = cursor.byte
        let key = try cursor.string("a key")
        try cursor.expect(":")
        switch key {
        case "descr" where descr == nil: descr = try cursor.string("the dtype of plain numbers")
        case "fortran_order" where isColumnMajor == nil: isColumnMajor = try cursor.boolean()
        case "shape" where shape == nil: shape = try cursor.shape()
        default:
          throw .malformedHeader(
            byte: byte, expected: "descr, fortran_order and shape, each once", found: SafetensorsError.quoted(key))
        }
        if !cursor.skip(",") {
          try cursor.expect("}")
          break
        }
      }
      try cursor.expectPadding()
      guard let descr, let isColumnMajor, let shape else {
        throw .malformedHeader(byte: base, expected: "descr, fortran_order and shape", found: "fewer")
      }
      guard let (element, isBigEndian) = Self.element(descr) else { throw .dtype(descr) }
      (self.descr, self.element, self.isBigEndian) = (descr, element, isBigEndian)
      (self.isColumnMajor, self.shape) = (isColumnMajor, shape)
    } catch let reason { throw error(reason) }
  }

  private static func element(_ descr: String) -> (StoredElement, isBigEndian: Bool)? {
    let elements: [String: StoredElement] = [
      "b1": .bool, "i1": .int8, "i2": .int16, "i4": .int32, "i8": .int64, "u1": .uint8, "u2": .uint16, "u4": .uint32,
      "u8": .uint64, "f2": .float16, "f4": .float32, "f8": .float64,
    ]
    guard let order = descr.first, let element = elements[String(descr.dropFirst())] else { return nil }
    switch order {
    case "<": return (element, false)
    case ">": return (element, true)
    // Bytes have no order.
    case "|" where element.byteCount == 1: return (element, false)
    default: return nil
    }
  }

  static func descr(_ element: StoredElement) -> String? {
    switch element {
    case .bool: "|b1"
    case .int8: "|i1"
    case .uint8: "|u1"
    case .int16: "<i2"
    case .int32: "<i4"
    case .int64: "<i8"
    case .uint16: "<u2"
    case .uint32: "<u4"
    case .uint64: "<u8"
    case .float16: "<f2"
    case .float32: "<f4"
    case .float64: "<f8"
    case .bfloat16: nil
    }
  }
}

extension NPYError.Reason: Error {}

private struct Cursor {
  let bytes: [UInt8]
  let base: Int
  var position = 0

  var byte: Int { base + position }
  var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  func unexpected(_ expected: String) -> NPYError.Reason {
    let found =
      switch next {
      case nil: "the end of the header"
      case let value? where (0x21...0x7E).contains(value): "'\(Unicode.Scalar(value))'"
      case let value?: "byte 0x\(String(value, radix: 16))"
      }
    return .malformedHeader(byte: byte, expected: expected, found: found)
  }

  mutating func skipBlanks() {
    while let value = next, value == 0x20 || value == 0x09 || value == 0x0A || value == 0x0D { position += 1 }
  }

  mutating func skip(_ character: Unicode.Scalar) -> Bool {
    skipBlanks()
    guard next == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  mutating func expect(_ character: Unicode.Scalar) throws(NPYError.Reason) {
    if !skip(character) { throw unexpected("'\(character)'") }
  }

  mutating func string(_ what: String) throws(NPYError.Reason) -> String {
    skipBlanks()
    guard let quote = next, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else { throw unexpected("\(what) in quotes") }
    position += 1
    var text: [UInt8] = []
    while let value = next, value != quote {
      // No name or dtype of numbers needs an escape.
      guard (0x20...0x7E).contains(value), value != UInt8(ascii: "\\") else { throw unexpected("a character of \(what)") }
      text.append(value)
      position += 1
    }
    guard next == quote else { throw unexpected("a closing quote") }
    position += 1
    return String(decoding: text, as: UTF8.self)
  }

  mutating func boolean() throws(NPYError.Reason) -> Bool {
    skipBlanks()
    for (text, value) in [("True", true), ("False", false)] where bytes[position...].starts(with: text.utf8) {
      position += text.utf8.count
      return value
    }
    throw unexpected("True or False")
  }

  mutating func shape() throws(NPYError.Reason) -> [Int] {
    var shape: [Int] = []
    try expect("(")
    while !skip(")") {
      skipBlanks()
      let start = position
      var value = 0
      while let digit = next, (0x30...0x39).contains(digit) {
        let (tens, first) = value.multipliedReportingOverflow(by: 10)
        let (sum, second) = tens.addingReportingOverflow(Int(digit - 0x30))
        if first || second { throw unexpected("a dimension within \(Int.max)") }
        value = sum
        position += 1
      }
      if position == start { throw unexpected("a dimension") }
      shape.append(value)
      if !skip(",") {
        // A pair of brackets around one number is no tuple.
        if shape.count == 1 { throw unexpected("','") }
        try expect(")")
        break
      }
    }
    return shape
  }

  mutating func expectPadding() throws(NPYError.Reason) {
    while next == UInt8(ascii: " ") { position += 1 }
    if next == UInt8(ascii: "\n") { position += 1 }
    if next != nil { throw unexpected("only spaces and a line feed after the dictionary") }
  }
}
