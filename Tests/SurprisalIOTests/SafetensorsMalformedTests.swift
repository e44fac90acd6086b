import Testing

@testable import SurprisalIO

/// A header that must be refused, and how.
struct MalformedHeader: CustomTestStringConvertible {
  let what: String
  let header: [UInt8]
  let dataByteCount: Int
  let tensor: String?
  let reason: SafetensorsError.Reason
  var testDescription: String { what }

  init(
    _ what: String, _ header: String, data: Int = 4, tensor: String? = "a",
    _ reason: SafetensorsError.Reason
  ) {
    self.init(what, Array(header.utf8), data: data, tensor: tensor, reason)
  }

  init(
    _ what: String, _ header: [UInt8], data: Int = 4, tensor: String? = "a",
    _ reason: SafetensorsError.Reason
  ) {
    self.what = what
    self.header = header
    dataByteCount = data
    self.tensor = tensor
    self.reason = reason
  }

  /// A file of one tensor `a` with the given fields; byte 14 of the file is the first of them.
  static func fields(
    _ what: String, _ fields: String, data: Int = 4, _ reason: SafetensorsError.Reason
  ) -> Self {
    Self(what, "{\"a\":{\(fields)}}", data: data, reason)
  }

  static func integer(_ what: String) -> String { "\(what): an integer from 0 to \(Int.max)" }
}

@Suite struct SafetensorsMalformedTests {
  static let valid = #""dtype":"F32","shape":[1],"data_offsets":[0,4]"#
  static let one = "{\(valid)}"
  static let shape = MalformedHeader.integer("a dimension of shape")

  static let syntax: [MalformedHeader] = [
    .init("no object", "[]", tensor: nil, .malformedHeader(byte: 8, expected: "'{' at the start of the header", found: "'['")),
    .init("empty header", "", tensor: nil, .malformedHeader(byte: 8, expected: "'{' at the start of the header", found: "the end of the header")),
    .init("space before the object", " {}", tensor: nil, .malformedHeader(byte: 8, expected: "'{' at the start of the header", found: "byte 0x20")),
    .init("unclosed object", "{", tensor: nil, .malformedHeader(byte: 9, expected: "a tensor name in double quotes", found: "the end of the header")),
    .init("comma before the end", "{\"a\":\(one),}", tensor: nil, .malformedHeader(byte: 62, expected: "a tensor name in double quotes", found: "'}'")),
    .init("no comma", "{\"a\":\(one)\"b\":\(one)}", tensor: nil, .malformedHeader(byte: 61, expected: "',' or '}'", found: "'\"'")),
    .init("no colon", "{\"a\" \(one)}", tensor: nil, .malformedHeader(byte: 13, expected: "':'", found: "'{'")),
    .init("text after the object", "{\"a\":\(one)} x", tensor: nil, .malformedHeader(byte: 63, expected: "only spaces after the header's object", found: "'x'")),
    .init("NUL padding", "{\"a\":\(one)}\0", tensor: nil, .malformedHeader(byte: 62, expected: "only spaces after the header's object", found: "byte 0x0")),
    .init("newline padding", "{\"a\":\(one)}\n", tensor: nil, .malformedHeader(byte: 62, expected: "only spaces after the header's object", found: "byte 0xa")),
    .init("single quotes", "{'a':1}", tensor: nil, .malformedHeader(byte: 9, expected: "a tensor name in double quotes", found: "'''")),
    .init("byte order mark", [0xEF, 0xBB, 0xBF] + Array("{}".utf8), tensor: nil, .malformedHeader(byte: 8, expected: "'{' at the start of the header", found: "byte 0xef")),
    .init("comment", "{/**/}", tensor: nil, .malformedHeader(byte: 9, expected: "a tensor name in double quotes", found: "'/'")),
    .init("tensor of null", "{\"a\":null}", .malformedHeader(byte: 13, expected: "'{'", found: "'n'")),
    .init("unclosed name", "{\"abc", tensor: nil, .malformedHeader(byte: 13, expected: "'\"' at the end of a tensor name", found: "the end of the header")),
    .init("control character in a name", "{\"a\u{1}\":1}", tensor: nil, .malformedHeader(byte: 11, expected: "a control character to be escaped", found: "byte 0x1")),
    .init("unknown escape", "{\"\\x\":1}", tensor: nil, .malformedHeader(byte: 11, expected: "an escape sequence: one of \" \\ / b f n r t u", found: "'x'")),
    .init("escape at the end", "{\"\\", tensor: nil, .malformedHeader(byte: 11, expected: "an escape sequence", found: "the end of the header")),
    .init("bad hexadecimal digit", "{\"\\u00g0\":1}", tensor: nil, .malformedHeader(byte: 14, expected: "a hexadecimal digit", found: "'g'")),
    .init("lone low surrogate", "{\"\\udc00\":1}", tensor: nil, .malformedHeader(byte: 11, expected: "a character or a surrogate pair", found: "a lone surrogate")),
    .init("lone high surrogate", "{\"\\ud800\":1}", tensor: nil, .malformedHeader(byte: 16, expected: "a low surrogate escape", found: "'\"'")),
    .init("two high surrogates", "{\"\\ud800\\ud800\":1}", tensor: nil, .malformedHeader(byte: 11, expected: "a character or a surrogate pair", found: "a lone surrogate")),
    .init("invalid UTF-8", Array("{\"".utf8) + [0xFF] + Array("\":1}".utf8), tensor: nil, .invalidUTF8(byte: 10)),
    .init("overlong UTF-8", Array("{\"".utf8) + [0xC0, 0x80] + Array("\":1}".utf8), tensor: nil, .invalidUTF8(byte: 10)),
    .init("surrogate in UTF-8", Array("{\"".utf8) + [0xED, 0xA0, 0x80] + Array("\":1}".utf8), tensor: nil, .invalidUTF8(byte: 10)),
    .init("truncated UTF-8", Array("{\"".utf8) + [0xE2, 0x82], tensor: nil, .invalidUTF8(byte: 10)),
    .init("nested objects", "{\"a\":" + String(repeating: "{\"a\":", count: 100_000), .unknownField("a", byte: 14)),
    .init("nested arrays", "{\"a\":" + String(repeating: "[", count: 1_000_000), .malformedHeader(byte: 13, expected: "'{'", found: "'['")),
    .fields("nested shape", #""shape":"# + String(repeating: "[", count: 1_000_000), .malformedHeader(byte: 23, expected: shape, found: "'['")),
  ]

  static let fields: [MalformedHeader] = [
    .init("duplicate tensor", "{\"a\":\(one),\"a\":\(one)}", tensor: nil, .duplicateKey("a", byte: 62)),
    .init("duplicate by escape", "{\"a\":\(one),\"\\u0061\":\(one)}", tensor: nil, .duplicateKey("a", byte: 62)),
    .fields("duplicate field", #""dtype":"F32","dtype":"F32""#, .duplicateKey("dtype", byte: 28)),
    .fields("unknown field", #""strides":[1]"#, .unknownField("strides", byte: 14)),
    .fields("no fields", "", .missingField("dtype", byte: 15)),
    .fields("no dtype", #""shape":[1],"data_offsets":[0,4]"#, .missingField("dtype", byte: 47)),
    .fields("no shape", #""dtype":"F32","data_offsets":[0,4]"#, .missingField("shape", byte: 49)),
    .fields("no data_offsets", #""dtype":"F32","shape":[1]"#, .missingField("data_offsets", byte: 40)),
    .fields("unknown dtype", #""dtype":"F33""#, .unknownDtype("F33", byte: 22)),
    .fields("dtype in lower case", #""dtype":"f32""#, .unknownDtype("f32", byte: 22)),
    .fields("dtype no string", #""dtype":32"#, .malformedHeader(byte: 22, expected: "the dtype in double quotes", found: "'3'")),
    .fields("shape no array", #""shape":1"#, .malformedHeader(byte: 22, expected: "'['", found: "'1'")),
    .fields("negative dimension", #""shape":[-1]"#, .malformedHeader(byte: 23, expected: shape, found: "'-'")),
    .fields("fractional dimension", #""shape":[1.0]"#, .malformedHeader(byte: 24, expected: shape, found: "'.'")),
    .fields("dimension with exponent", #""shape":[1e2]"#, .malformedHeader(byte: 24, expected: shape, found: "'e'")),
    .fields("leading zero", #""shape":[01]"#, .malformedHeader(byte: 23, expected: shape, found: "a leading zero")),
    .fields("plus sign", #""shape":[+1]"#, .malformedHeader(byte: 23, expected: shape, found: "'+'")),
    .fields("dimension in quotes", #""shape":["1"]"#, .malformedHeader(byte: 23, expected: shape, found: "'\"'")),
    .fields("dimension above Int.max", #""shape":[9223372036854775808]"#, .malformedHeader(byte: 23, expected: shape, found: "a larger number")),
    .fields("dimension above 2^64", #""shape":[1,18446744073709551617]"#, .malformedHeader(byte: 25, expected: shape, found: "a larger number")),
    .fields("comma at the end of shape", #""shape":[1,]"#, .malformedHeader(byte: 25, expected: shape, found: "']'")),
    .fields("unclosed shape", #""shape":[1"#, .malformedHeader(byte: 24, expected: "',' or ']'", found: "'}'")),
    .fields("one offset", #""data_offsets":[0]"#, .malformedHeader(byte: 31, expected: "','", found: "']'")),
    .fields("three offsets", #""data_offsets":[0,4,8]"#, .malformedHeader(byte: 33, expected: "']'", found: "','")),
    .fields("negative offset", #""data_offsets":[-4,0]"#, .malformedHeader(byte: 30, expected: MalformedHeader.integer("the begin of data_offsets"), found: "'-'")),
    .fields("fractional offset", #""data_offsets":[0,4.5]"#, .malformedHeader(byte: 33, expected: MalformedHeader.integer("the end of data_offsets"), found: "'.'")),
    .fields("offset above Int.max", #""data_offsets":[0,9223372036854775808]"#, .malformedHeader(byte: 32, expected: MalformedHeader.integer("the end of data_offsets"), found: "a larger number")),
    .init("metadata no object", #"{"__metadata__":"x"}"#, data: 0, tensor: nil, .malformedHeader(byte: 24, expected: "'{'", found: "'\"'")),
    .init("metadata value no string", #"{"__metadata__":{"k":1}}"#, data: 0, tensor: nil, .malformedHeader(byte: 29, expected: "a metadata value in double quotes", found: "'1'")),
    .init("metadata value nested", #"{"__metadata__":{"k":{}}}"#, data: 0, tensor: nil, .malformedHeader(byte: 29, expected: "a metadata value in double quotes", found: "'{'")),
    .init("duplicate metadata key", #"{"__metadata__":{"k":"1","k":"2"}}"#, data: 0, tensor: nil, .duplicateKey("k", byte: 33)),
    .init("duplicate metadata", #"{"__metadata__":{},"__metadata__":{}}"#, data: 0, tensor: nil, .duplicateKey("__metadata__", byte: 27)),
  ]

  static let layout: [MalformedHeader] = [
    .fields("begin after end", #""dtype":"F32","shape":[1],"data_offsets":[4,0]"#, .reversedOffsets(begin: 4, end: 0)),
    .fields("end beyond the data", #""dtype":"F32","shape":[2],"data_offsets":[0,8]"#, .beyondData(end: 8, available: 4)),
    .fields("end far beyond the data", #""dtype":"F32","shape":[1],"data_offsets":[0,9223372036854775807]"#, .beyondData(end: Int.max, available: 4)),
    .fields("too few bytes", #""dtype":"F32","shape":[2],"data_offsets":[0,4]"#, .sizeMismatch(dtype: .float32, shape: [2], expected: 8, found: 4)),
    .fields("too many bytes", #""dtype":"U8","shape":[3],"data_offsets":[0,4]"#, .sizeMismatch(dtype: .uint8, shape: [3], expected: 3, found: 4)),
    .fields("bytes for an empty tensor", #""dtype":"U8","shape":[4,0],"data_offsets":[0,4]"#, .sizeMismatch(dtype: .uint8, shape: [4, 0], expected: 0, found: 4)),
    .fields("size overflow", #""dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,4]"#, .unrepresentableSize(dtype: .uint8, shape: [4_294_967_296, 4_294_967_296])),
    // The product is 2^64 + 4 elements in exact arithmetic and 4 when it wraps.
    .fields("size that wraps to the right one", #""dtype":"U8","shape":[4,4611686018427387905],"data_offsets":[0,4]"#, .unrepresentableSize(dtype: .uint8, shape: [4, 4_611_686_018_427_387_905])),
    .fields("half a byte", #""dtype":"F4","shape":[7],"data_offsets":[0,4]"#, .unrepresentableSize(dtype: .float4, shape: [7])),
    .fields("hole at the start", #""dtype":"U8","shape":[3],"data_offsets":[1,4]"#, .hole(begin: 1, expected: 0)),
    .init("bytes left over", #"{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}"#, tensor: nil, .unclaimedBytes(from: 3, available: 4)),
    .init("bytes without tensors", "{}", tensor: nil, .unclaimedBytes(from: 0, available: 4)),
    .init("overlap", #"{"b":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}"#, .overlap(begin: 2, expected: 3)),
    .init("same bytes twice", #"{"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}}"#, .overlap(begin: 0, expected: 4)),
    .init("empty tensor inside another", #"{"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}}"#, .overlap(begin: 2, expected: 4)),
    .init("hole in the middle", #"{"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}"#, .hole(begin: 2, expected: 1)),
  ]

  @Test(arguments: syntax + fields + layout) func refused(_ malformed: MalformedHeader) {
    let bytes = safetensorsBytes(header: malformed.header, dataByteCount: malformed.dataByteCount)
    let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(bytes: bytes) }
    #expect(error?.reason == malformed.reason)
    #expect(error?.tensor == malformed.tensor)
    #expect(error.map { "\($0)" }?.contains("\n") == false)
  }

  @Test(arguments: 0..<8) func truncatedLength(byteCount: Int) {
    let bytes = [UInt8](repeating: 0, count: byteCount)
    #expect(throws: SafetensorsError(reason: .truncatedLength(byteCount: byteCount))) {
      try SafetensorsFile(bytes: bytes)
    }
  }

  @Test func lengthBeyondTheFileAndTheLimit() {
    let limit = 100_000_000
    for (length, reason) in [
      (3, .headerBeyondEnd(byteCount: 3, available: 2)),
      (UInt64(limit), .headerBeyondEnd(byteCount: limit, available: 2)),
      (UInt64(limit) + 1, .headerTooLong(byteCount: UInt64(limit) + 1, limit: limit)),
      (UInt64.max, .headerTooLong(byteCount: UInt64.max, limit: limit)),
    ] as [(UInt64, SafetensorsError.Reason)] {
      let prefix = (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
      #expect(throws: SafetensorsError(reason: reason)) {
        try SafetensorsFile(bytes: prefix + Array("{}".utf8))
      }
    }
  }

  @Test func description() {
    let beyond = SafetensorsError(
      path: "batch.safetensors", tensor: "input",
      reason: .beyondData(end: 4096, available: 2048))
    #expect(
      "\(beyond)"
        == #"batch.safetensors: tensor "input": data_offsets end 4096 lies beyond the 2048 bytes of data"#
    )
    let hostile = SafetensorsError(
      tensor: "a\n\u{1B}[2J\u{202E}" + String(repeating: "x", count: 1000),
      reason: .unrepresentableSize(dtype: .uint8, shape: Array(repeating: 1, count: 1000)))
    let text = "\(hostile)"
    #expect(text.hasPrefix(#"safetensors bytes: tensor "a\n\u{1B}[2J\u{202E}xxx"#), "\(text)")
    #expect(text.count < 400 && text.contains("… 1000 dimensions"))
  }
}
