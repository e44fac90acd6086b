import FoundationEssentials
import Surprisal
import SurprisalCodecs
import SurprisalKernels

/// An array of numbers in NumPy's file format.
///
/// Memory: of a file, mapped; its bytes come from the disk when they are looked at. What `SafetensorsFile.init(mapping:)`
/// says of files that become shorter holds here as well.
public struct NPYFile: Sendable {
  let array: StoredArray

  public var shape: [Int] { array.shape }

  /// - Throws: `NPYError` when there is no regular file, it cannot be read, or it is malformed.
  public init(contentsOf path: String) throws(NPYError) {
    let mapping: FileMapping
    do throws(FileFailure) { mapping = try RegularFile(path: path, to: "read").mapping() } catch {
      throw NPYError(error, path: path)
    }
    try self.init(.mapped(mapping), path: path, member: nil)
  }

  public init(bytes: [UInt8]) throws(NPYError) {
    try self.init(.restored(bytes), path: nil, member: nil)
  }

  /// - Parameter range: the part of `contents` that is the file.
  init(_ contents: FileContents, _ range: Range<Int>? = nil, path: String?, member: String?) throws(NPYError) {
    let range = range ?? 0..<contents.byteCount
    func error(_ reason: NPYError.Reason) -> NPYError { NPYError(path: path, member: member, reason: reason) }
    let prefix = contents.array(range.lowerBound..<min(range.upperBound, range.lowerBound + NPYHeader.longestPrefix))
    let (headerStart, dataStart) = try NPYHeader.dataStart(prefix: prefix, fileByteCount: range.count, error)
    let header = try NPYHeader(
      parsing: contents.array(range.lowerBound + headerStart..<range.lowerBound + dataStart), base: headerStart, error)
    guard let byteCount = StoredArray.byteCount(shape: header.shape, element: header.element) else {
      throw error(.unrepresentableSize(shape: header.shape))
    }
    guard byteCount == range.count - dataStart else {
      throw error(
        .sizeMismatch(shape: header.shape, dtype: header.descr, expected: byteCount, found: range.count - dataStart))
    }
    array = StoredArray(
      contents: contents, start: range.lowerBound + dataStart, element: header.element, isBigEndian: header.isBigEndian,
      isColumnMajor: header.isColumnMajor, shape: header.shape)
  }

  /// The array, each number to the nearest of `Scalar`; without a copy where the file has them in this machine's form.
  public func tensor<Scalar: Surprisal.Scalar>(as type: Scalar.Type) -> Tensor<Scalar> {
    array.tensor(shape: array.shape, as: type)
  }

  /// Writes a tensor so that `path` holds either what it held before or all of the new file.
  ///
  /// - Throws: `NPYError` as `SafetensorsWriter.write(to:)`.
  public static func write<Scalar: Surprisal.Scalar & SafetensorsElement>(
    _ tensor: Tensor<Scalar>, to path: String
  ) throws(NPYError) {
    try write(tensor.scalars, shape: tensor.shape, to: path)
  }

  /// Writes numbers in row-major order: floating point, integers or truth values.
  public static func write<Element: SafetensorsElement>(
    _ values: [Element], shape: [Int], to path: String
  ) throws(NPYError) {
    let head = try head(of: values, shape: shape, path: path)
    do throws(FileFailure) {
      try AtomicFile.write(to: path) { write in
        try write(head)
        let step = 1 << 20
        for start in stride(from: 0, to: values.count, by: step) {
          try write(Element.safetensorsBytes(of: values[start..<min(start + step, values.count)]))
        }
      }
    } catch { throw NPYError(error, path: path) }
  }

  /// The whole file.
  public static func bytes<Element: SafetensorsElement>(of values: [Element], shape: [Int]) throws(NPYError) -> [UInt8] {
    try head(of: values, shape: shape, path: nil) + Element.safetensorsBytes(of: values[...])
  }

  private static func head<Element: SafetensorsElement>(
    of values: [Element], shape: [Int], path: String?
  ) throws(NPYError) -> [UInt8] {
    guard let element = Element.safetensorsDtype.stored, let descr = NPYHeader.descr(element) else {
      throw NPYError(path: path, reason: .dtype("\(Element.self)"))
    }
    guard let byteCount = StoredArray.byteCount(shape: shape, element: element) else {
      throw NPYError(path: path, reason: .unrepresentableSize(shape: shape))
    }
    guard byteCount / element.byteCount == values.count, shape.allSatisfy({ $0 >= 0 }) else {
      throw NPYError(path: path, reason: .valueCountMismatch(shape: shape, found: values.count))
    }
    let sizes = shape.map { "\($0)" }.joined(separator: ", ") + (shape.count == 1 ? "," : "")
    var dictionary = Array("{'descr': '\(descr)', 'fortran_order': False, 'shape': (\(sizes)), }".utf8)
    let isLong = dictionary.count > 0xFF00, prefix = isLong ? 12 : 10
    // The numbers begin at a multiple of 64, as NumPy's.
    while !(prefix + dictionary.count + 1).isMultiple(of: 64) { dictionary.append(UInt8(ascii: " ")) }
    dictionary.append(UInt8(ascii: "\n"))
    let length = (0..<(isLong ? 4 : 2)).map { UInt8(truncatingIfNeeded: dictionary.count >> (8 * $0)) }
    return NPYHeader.magic + [isLong ? 2 : 1, 0] + length + dictionary
  }
}

extension SafetensorsDtype {
  /// The same type among those of plain numbers, if it is one.
  var stored: StoredElement? {
    switch self {
    case .bool: .bool
    case .uint8: .uint8
    case .int8: .int8
    case .int16: .int16
    case .uint16: .uint16
    case .float16: .float16
    case .bfloat16: .bfloat16
    case .int32: .int32
    case .uint32: .uint32
    case .float32: .float32
    case .float64: .float64
    case .int64: .int64
    case .uint64: .uint64
    default: nil
    }
  }
}
