/// A parsed safetensors header whose tensors have been checked to tile the data exactly.
struct SafetensorsHeader: Sendable {
  /// The limit of the reference implementation.
  static let byteLimit = 100_000_000
  /// The header's length stands before it, as a little-endian 64-bit integer.
  static let prefixByteCount = 8

  private(set) var metadata: [String: String] = [:]
  private(set) var entries: [SafetensorsFile.Entry] = []
  // String compares by canonical equivalence, the format by bytes.
  private(set) var positions: [[UInt8]: Int] = [:]

  /// The length of the header, checked against the format's limit and `fileByteCount`.
  ///
  /// - Parameter prefix: the first bytes of the file, 8 of them unless the file is shorter.
  static func byteCount(
    prefix: some Sequence<UInt8>, fileByteCount: Int, path: String?
  ) throws(SafetensorsError) -> Int {
    guard fileByteCount >= prefixByteCount else {
      throw SafetensorsError(path: path, reason: .truncatedLength(byteCount: fileByteCount))
    }
    var length: UInt64 = 0
    for (index, byte) in prefix.prefix(prefixByteCount).enumerated() {
      length |= UInt64(byte) << (8 * index)
    }
    guard length <= byteLimit else {
      throw SafetensorsError(
        path: path, reason: .headerTooLong(byteCount: length, limit: byteLimit))
    }
    let available = fileByteCount - prefixByteCount
    guard length <= available else {
      throw SafetensorsError(
        path: path, reason: .headerBeyondEnd(byteCount: Int(length), available: available))
    }
    return Int(length)
  }

  /// Parses the JSON in `bytes`, which is followed by `dataByteCount` bytes of tensors.
  init(parsing bytes: [UInt8], dataByteCount: Int, path: String?) throws(SafetensorsError) {
    var cursor = try HeaderCursor(bytes, base: Self.prefixByteCount, path: path)
    // The format has no whitespace before the object, only after it.
    guard cursor.next == UInt8(ascii: "{") else {
      throw cursor.unexpected("'{' at the start of the header")
    }
    try cursor.expect("{")
    var hasMetadata = false
    if !cursor.skip("}") {
      repeat {
        cursor.tensor = nil
        cursor.skipWhitespace()
        let keyByte = cursor.byte
        let name = try cursor.string("a tensor name")
        let key = Array(name.utf8)
        let isMetadata = key.elementsEqual("__metadata__".utf8)
        if isMetadata ? hasMetadata : positions[key] != nil {
          throw cursor.error(.duplicateKey(name, byte: keyByte))
        }
        try cursor.expect(":")
        if isMetadata {
          hasMetadata = true
          metadata = try Self.metadata(&cursor)
        } else {
          cursor.tensor = name
          positions[key] = entries.count
          entries.append(try Self.entry(name, &cursor, dataByteCount: dataByteCount))
        }
      } while cursor.skip(",")
      cursor.tensor = nil
      if !cursor.skip("}") { throw cursor.unexpected("',' or '}'") }
    }
    cursor.skipPadding()
    if !cursor.isAtEnd { throw cursor.unexpected("only spaces after the header's object") }
    try checkTiling(dataByteCount: dataByteCount, path: path)
  }

  private static func metadata(
    _ cursor: inout HeaderCursor
  ) throws(SafetensorsError) -> [String: String] {
    var metadata: [String: String] = [:]
    try cursor.expect("{")
    if cursor.skip("}") { return metadata }
    repeat {
      cursor.skipWhitespace()
      let keyByte = cursor.byte
      let key = try cursor.string("a metadata key")
      try cursor.expect(":")
      let value = try cursor.string("a metadata value")
      if metadata.updateValue(value, forKey: key) != nil {
        throw cursor.error(.duplicateKey(key, byte: keyByte))
      }
    } while cursor.skip(",")
    if !cursor.skip("}") { throw cursor.unexpected("',' or '}'") }
    return metadata
  }

  private static func entry(
    _ name: String, _ cursor: inout HeaderCursor, dataByteCount: Int
  ) throws(SafetensorsError) -> SafetensorsFile.Entry {
    var dtype: SafetensorsDtype?
    var shape: [Int]?
    var offsets: (begin: Int, end: Int)?
    try cursor.expect("{")
    if !cursor.skip("}") {
      repeat {
        cursor.skipWhitespace()
        let keyByte = cursor.byte
        let key = try cursor.string("a field name")
        try cursor.expect(":")
        let isDuplicate =
          switch key {
          case "dtype": dtype != nil
          case "shape": shape != nil
          case "data_offsets": offsets != nil
          default: throw cursor.error(.unknownField(key, byte: keyByte))
          }
        if isDuplicate { throw cursor.error(.duplicateKey(key, byte: keyByte)) }
        switch key {
        case "dtype": dtype = try Self.dtype(&cursor)
        case "shape": shape = try cursor.integers("a dimension of shape")
        default: offsets = try Self.offsets(&cursor)
        }
      } while cursor.skip(",")
      if !cursor.skip("}") { throw cursor.unexpected("',' or '}'") }
    }
    guard let dtype else { throw cursor.error(.missingField("dtype", byte: cursor.byte)) }
    guard let shape else { throw cursor.error(.missingField("shape", byte: cursor.byte)) }
    guard let (begin, end) = offsets else {
      throw cursor.error(.missingField("data_offsets", byte: cursor.byte))
    }
    guard begin <= end else { throw cursor.error(.reversedOffsets(begin: begin, end: end)) }
    guard end <= dataByteCount else {
      throw cursor.error(.beyondData(end: end, available: dataByteCount))
    }
    guard let size = dtype.byteCount(ofShape: shape) else {
      throw cursor.error(.unrepresentableSize(dtype: dtype, shape: shape))
    }
    guard size == end - begin else {
      throw cursor.error(
        .sizeMismatch(dtype: dtype, shape: shape, expected: size, found: end - begin))
    }
    return SafetensorsFile.Entry(name: name, dtype: dtype, shape: shape, byteRange: begin..<end)
  }

  private static func dtype(
    _ cursor: inout HeaderCursor
  ) throws(SafetensorsError) -> SafetensorsDtype {
    cursor.skipWhitespace()
    let byte = cursor.byte
    let name = try cursor.string("the dtype")
    guard let dtype = SafetensorsDtype(rawValue: name) else {
      throw cursor.error(.unknownDtype(name, byte: byte))
    }
    return dtype
  }

  private static func offsets(
    _ cursor: inout HeaderCursor
  ) throws(SafetensorsError) -> (begin: Int, end: Int) {
    try cursor.expect("[")
    let begin = try cursor.integer("the begin of data_offsets")
    try cursor.expect(",")
    let end = try cursor.integer("the end of data_offsets")
    try cursor.expect("]")
    return (begin, end)
  }

  /// Every byte of the data belongs to exactly one tensor, as the reference implementation demands.
  private func checkTiling(dataByteCount: Int, path: String?) throws(SafetensorsError) {
    let ordered = entries.sorted {
      ($0.byteRange.lowerBound, $0.byteRange.upperBound)
        < ($1.byteRange.lowerBound, $1.byteRange.upperBound)
    }
    var expected = 0
    for entry in ordered {
      let begin = entry.byteRange.lowerBound
      if begin != expected {
        throw SafetensorsError(
          path: path, tensor: entry.name,
          reason: begin < expected
            ? .overlap(begin: begin, expected: expected) : .hole(begin: begin, expected: expected))
      }
      expected = entry.byteRange.upperBound
    }
    if expected != dataByteCount {
      throw SafetensorsError(
        path: path, reason: .unclaimedBytes(from: expected, available: dataByteCount))
    }
  }
}
