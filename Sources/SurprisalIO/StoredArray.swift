import Surprisal
import SurprisalCodecs
import SurprisalKernels

/// The numbers of an array where they lie in a file.
struct StoredArray: Sendable {
  let contents: FileContents
  /// Of the first number.
  let start: Int
  let element: StoredElement
  let isBigEndian: Bool
  /// Whether neighbours in memory differ in the first index, as in Fortran, and not in the last.
  let isColumnMajor: Bool
  let shape: [Int]

  /// The bytes that an array occupies, nil when `Int` cannot count them.
  static func byteCount(shape: [Int], element: StoredElement) -> Int? {
    // A zero anywhere makes the array empty, whatever the others multiply to.
    if shape.contains(0) { return 0 }
    var bytes = element.byteCount
    for size in shape {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: size)
      if overflow || size < 0 { return nil }
      bytes = product
    }
    return bytes
  }

  var count: Int { shape.contains(0) ? 0 : shape.reduce(1, *) }
  /// The first axis; a single number is one row.
  var rowCount: Int { shape.first ?? 1 }
  var columnCount: Int { shape.contains(0) ? 0 : shape.dropFirst().reduce(1, *) }

  /// Places of a row's numbers after its first, the last index running fastest.
  private var layout: StoredLayout {
    var offsets = [0], stride = isColumnMajor ? rowCount : 1
    if isColumnMajor {
      for size in shape.dropFirst() {
        offsets = offsets.flatMap { offset in (0..<size).map { offset + $0 * stride } }
        stride *= size
      }
    } else {
      offsets = Array(0..<columnCount)
    }
    return StoredLayout(
      element: element, isBigEndian: isBigEndian, rowStride: isColumnMajor ? 1 : columnCount, columnOffsets: offsets)
  }

  /// Some rows, row-major, each number to the nearest of `Scalar`.
  func rows<Scalar: Surprisal.Scalar>(_ rows: Range<Int>, as type: Scalar.Type) -> Buffer<Scalar> {
    if count == 0 { return Buffer(uninitialized: 0) }
    return contents.withSpan(start..<start + count * element.byteCount) { layout.rows(rows, of: $0, as: type) }
  }

  /// All of it in its own shape; of a mapped file, where type and alignment allow, without a copy.
  func tensor<Scalar: Surprisal.Scalar>(shape: [Int], as type: Scalar.Type) -> Tensor<Scalar> {
    #if _endian(little)
      if case .mapped(let mapping) = contents, !isColumnMajor || self.shape.count < 2, !isBigEndian,
        element == (type == Float.self ? .float32 : .float64),
        let elements = mapping.buffer(of: type, at: start, count: count)
      {
        return Tensor(shape: shape, mapped: elements)
      }
    #endif
    return Tensor(shape: shape, mapped: rows(0..<rowCount, as: type))
  }

  /// The whole numbers of an array of one number a row; a place and what is there when it is none.
  func integers() -> Result<[Int], NotWhole> {
    var result: [Int] = []
    result.reserveCapacity(count)
    if element.isFloatingPoint {
      let values = rows(0..<rowCount, as: Double.self)
      for row in 0..<values.count {
        guard let value = Int(exactly: values.span[row]) else {
          return .failure(NotWhole(row: row, value: "\(values.span[row])"))
        }
        result.append(value)
      }
      return .success(result)
    }
    return contents.withSpan(start..<start + count * element.byteCount) { bytes in
      let width = element.byteCount
      for row in 0..<count {
        var bits: UInt64 = 0
        for byte in 0..<width { bits = bits << 8 | UInt64(bytes[row * width + (isBigEndian ? byte : width - 1 - byte)]) }
        switch element {
        case .int8: result.append(Int(Int8(truncatingIfNeeded: bits)))
        case .int16: result.append(Int(Int16(truncatingIfNeeded: bits)))
        case .int32: result.append(Int(Int32(truncatingIfNeeded: bits)))
        case .int64: result.append(Int(truncatingIfNeeded: bits))
        default:
          guard let value = Int(exactly: bits) else { return .failure(NotWhole(row: row, value: "\(bits)")) }
          result.append(value)
        }
      }
      return .success(result)
    }
  }

  struct NotWhole: Error {
    let row: Int
    let value: String
  }
}
