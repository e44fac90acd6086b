/// Collects tensors and writes them as a safetensors file.
///
/// The layout is that of the reference implementation: tensors by descending element type, then by
/// name; a header padded with spaces to a multiple of 8 bytes. Metadata is sorted by key, so the
/// same contents give the same bytes.
///
/// Memory: the arrays are shared, not copied; `write(to:)` encodes a piece at a time.
public struct SafetensorsWriter: Sendable {
  private struct Tensor: Sendable {
    let name: String
    let dtype: SafetensorsDtype
    let shape: [Int]
    let count: Int
    let byteCount: Int
    /// The little-endian bytes of a range of elements.
    let encode: @Sendable (Range<Int>) -> [UInt8]
  }

  /// The free text of `__metadata__`, left out when empty.
  public var metadata: [String: String]
  private var tensors: [Tensor] = []
  private var names: Set<[UInt8]> = []

  public init(metadata: [String: String] = [:]) {
    self.metadata = metadata
  }

  /// Adds a tensor.
  ///
  /// - Parameter values: row-major, as many as the product of `shape`; the empty shape holds one.
  /// - Throws: `SafetensorsError` when the name is taken or reserved, a dimension is negative, or
  ///   the number of values is not that of the shape.
  public mutating func add<Element: SafetensorsElement>(
    _ name: String, shape: [Int], values: [Element]
  ) throws(SafetensorsError) {
    func error(_ reason: SafetensorsError.Reason) -> SafetensorsError {
      SafetensorsError(tensor: name, reason: reason)
    }
    let key = Array(name.utf8)
    if key.elementsEqual("__metadata__".utf8) {
      throw error(.unusableName(expected: "one other than the format's own __metadata__"))
    }
    if names.contains(key) { throw error(.unusableName(expected: "each name once")) }
    if let axis = shape.firstIndex(where: { $0 < 0 }) {
      throw error(.negativeDimension(axis: axis, value: shape[axis]))
    }
    let dtype = Element.safetensorsDtype
    guard let byteCount = dtype.byteCount(ofShape: shape) else {
      throw error(.unrepresentableSize(dtype: dtype, shape: shape))
    }
    let width = dtype.bitWidth / 8
    guard values.count == byteCount / width else {
      throw error(
        .valueCountMismatch(shape: shape, expected: byteCount / width, found: values.count))
    }
    names.insert(key)
    tensors.append(
      Tensor(
        name: name, dtype: dtype, shape: shape, count: values.count, byteCount: byteCount
      ) { range in
        Element.safetensorsBytes(of: values[range])
      })
  }

  /// The whole file.
  public func bytes() -> [UInt8] {
    let ordered = layout()
    var bytes = head(ordered)
    for tensor in ordered { bytes += tensor.encode(0..<tensor.count) }
    return bytes
  }

  /// Writes the file so that `path` holds either what it held before or all of the new file.
  ///
  /// The bytes go to a temporary file in the same folder, which takes the place of `path` once they
  /// are on the disk. A symbolic link stays and its target is replaced. An existing file keeps its
  /// permissions; a new one gets those the process's umask leaves.
  ///
  /// - Throws: `SafetensorsError` naming the path and the operating system's reason; the temporary
  ///   file is gone and `path` untouched, unless only the folder could not be flushed at the end.
  public func write(to path: String) throws(SafetensorsError) {
    let ordered = layout()
    do throws(FileFailure) {
      try AtomicFile.write(to: path) { write in
        try write(head(ordered))
        for tensor in ordered {
          // Large enough that calls do not cost, small enough to stay out of the memory bill.
          let step = 1 << 20
          for start in stride(from: 0, to: tensor.count, by: step) {
            try write(tensor.encode(start..<min(start + step, tensor.count)))
          }
        }
      }
    } catch {
      throw SafetensorsError(error, path: path)
    }
  }

  private func layout() -> [Tensor] {
    let rank = Dictionary(
      uniqueKeysWithValues: zip(SafetensorsDtype.allCases, SafetensorsDtype.allCases.indices))
    return tensors.sorted { first, second in
      if first.dtype != second.dtype {
        return rank[first.dtype, default: 0] > rank[second.dtype, default: 0]
      }
      return first.name.utf8.lexicographicallyPrecedes(second.name.utf8)
    }
  }

  /// The header and the length before it.
  private func head(_ ordered: [Tensor]) -> [UInt8] {
    var fields: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        .map { "\(Self.json($0.key)):\(Self.json($0.value))" }
      fields.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
    }
    var begin = 0
    for tensor in ordered {
      let end = begin + tensor.byteCount
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      fields.append(
        "\(Self.json(tensor.name)):{\"dtype\":\"\(tensor.dtype.rawValue)\",\"shape\":[\(shape)],\"data_offsets\":[\(begin),\(end)]}"
      )
      begin = end
    }
    var header = Array("{\(fields.joined(separator: ","))}".utf8)
    while !header.count.isMultiple(of: 8) { header.append(UInt8(ascii: " ")) }
    let length = UInt64(header.count)
    return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + header
  }

  /// `text` as a JSON string, escaped as the reference implementation does.
  private static func json(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\u{8}": result += "\\b"
      case "\u{C}": result += "\\f"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\u{0}"..<" ":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
