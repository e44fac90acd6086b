import FoundationEssentials
import Surprisal
import SurprisalCodecs
import SurprisalKernels

/// Why an IDX file could not be read: where, what was found, what was expected.
public struct IDXError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The path as the caller gave it, or nil for bytes in memory.
  public let path: String?
  public let reason: Reason

  public enum Reason: Equatable, Sendable {
    case file(operation: String, problem: String)
    case notRegularFile(kind: String)
    case shortened(byteCount: Int, found: Int)
    /// The first two bytes are not 0.
    case notIDX
    case type(UInt8)
    /// The file ends within its header.
    case truncatedHeader(byteCount: Int, expected: Int)
    case unrepresentableSize(shape: [Int])
    case sizeMismatch(shape: [Int], expected: Int, found: Int)
    /// gzip's bytes are malformed; `byte` counts from the start of the file.
    case malformed(problem: String, byte: Int)
    /// gzip's bytes end before their end.
    case truncatedGzip(byteCount: Int)
    /// Bytes follow gzip's end.
    case bytesAfterGzip(byte: Int)
    case outOfMemory
  }

  public init(path: String? = nil, reason: Reason) { (self.path, self.reason) = (path, reason) }

  init(_ failure: FileFailure, path: String) {
    switch failure {
    case .operation(let operation, let problem): self.init(path: path, reason: .file(operation: operation, problem: problem))
    case .notRegularFile(let kind): self.init(path: path, reason: .notRegularFile(kind: kind))
    }
  }

  public var description: String { "\(path ?? "IDX bytes"): \(reason)" }
}

extension IDXError.Reason: CustomStringConvertible {
  public var description: String {
    switch self {
    case .file(let operation, let problem): "cannot \(operation): \(problem)"
    case .notRegularFile(let kind): "is \(kind), expected a regular file"
    case .shortened(let byteCount, let found):
      "the file has \(found) bytes now, expected the \(byteCount) that it was opened with"
    case .notIDX: "the first two bytes are not 0, expected IDX's or gzip's"
    case .type(let type):
      "element type 0x\(String(type, radix: 16)) at byte 2, expected 0x8 (unsigned byte), 0x9 (byte), 0xb (short), 0xc (int), 0xd (float) or 0xe (double)"
    case .truncatedHeader(let byteCount, let expected): "ends after \(byteCount) bytes, expected \(expected) of header"
    case .unrepresentableSize(let shape): "shape \(shape.prefix(16)) has no size in bytes within \(Int.max)"
    case .sizeMismatch(let shape, let expected, let found):
      "\(found) bytes after the header, expected \(expected) for shape \(shape.prefix(16))"
    case .malformed(let problem, let byte): "\(problem) at byte \(byte), expected gzip's bytes"
    case .truncatedGzip(let byteCount): "gzip's bytes end after \(byteCount), expected their end and checksum"
    case .bytesAfterGzip(let byte): "bytes after the end of gzip's at byte \(byte), expected none"
    case .outOfMemory: "not enough memory to restore it"
    }
  }
}

/// An array in the format of the MNIST data, compressed by gzip or not.
///
/// Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", 1998. Memory: mapped; of a
/// compressed file all is restored.
public struct IDXFile: Sendable {
  let array: StoredArray

  public var shape: [Int] { array.shape }

  /// - Throws: `IDXError` when there is no regular file, it cannot be read, or it is malformed.
  public init(contentsOf path: String) throws(IDXError) {
    let mapping: FileMapping
    do throws(FileFailure) { mapping = try RegularFile(path: path, to: "read").mapping() } catch {
      throw IDXError(error, path: path)
    }
    try self.init(.mapped(mapping), path: path)
  }

  public init(bytes: [UInt8]) throws(IDXError) { try self.init(.restored(bytes), path: nil) }

  init(_ contents: FileContents, path: String?) throws(IDXError) {
    do throws(IDXError.Reason) {
      let isCompressed = contents.array(0..<min(2, contents.byteCount)) == Gzip.magic
      let contents = isCompressed ? FileContents.restored(try Gzip.restored(contents)) : contents
      array = try Self.array(contents)
    } catch { throw IDXError(path: path, reason: error) }
  }

  private static func array(_ contents: FileContents) throws(IDXError.Reason) -> StoredArray {
    let count = contents.byteCount
    let magic = contents.array(0..<min(4, count))
    guard magic.prefix(2).allSatisfy({ $0 == 0 }) else { throw .notIDX }
    guard magic.count == 4 else { throw .truncatedHeader(byteCount: count, expected: 4) }
    let elements: [UInt8: StoredElement] = [
      0x08: .uint8, 0x09: .int8, 0x0B: .int16, 0x0C: .int32, 0x0D: .float32, 0x0E: .float64,
    ]
    guard let element = elements[magic[2]] else { throw .type(magic[2]) }
    let start = 4 + 4 * Int(magic[3])
    guard count >= start else { throw .truncatedHeader(byteCount: count, expected: start) }
    let sizes = contents.array(4..<start)
    let shape = (0..<Int(magic[3])).map { axis in
      sizes[4 * axis..<4 * axis + 4].reduce(0) { $0 << 8 | Int($1) }
    }
    guard let byteCount = StoredArray.byteCount(shape: shape, element: element) else { throw .unrepresentableSize(shape: shape) }
    guard byteCount == count - start else {
      throw .sizeMismatch(shape: shape, expected: byteCount, found: count - start)
    }
    return StoredArray(
      contents: contents, start: start, element: element, isBigEndian: true, isColumnMajor: false, shape: shape)
  }

  /// The array, each number to the nearest of `Scalar`.
  public func tensor<Scalar: Surprisal.Scalar>(as type: Scalar.Type) -> Tensor<Scalar> {
    array.tensor(shape: array.shape, as: type)
  }
}

extension IDXError.Reason: Error {}

enum Gzip {
  static let magic: [UInt8] = [0x1F, 0x8B]

  /// What one or several gzip files in a row hold.
  static func restored(_ contents: FileContents) throws(IDXError.Reason) -> [UInt8] {
    try contents.withSpan(0..<contents.byteCount) { (bytes) throws(IDXError.Reason) in
      var output: [UInt8] = [], used = 0
      while used < bytes.count {
        let isMore = bytes.count - used >= 2 && bytes[used] == magic[0] && bytes[used + 1] == magic[1]
        guard isMore || used == 0 else { throw .bytesAfterGzip(byte: used) }
        let start = used
        var isWhole = false
        do throws(Inflater.Failure) {
          let inflater = try Inflater(.gzip)
          while !inflater.isAtEnd {
            let before = output.count
            let taken = try inflater.take(bytes.extracting(droppingFirst: used), into: &output, limit: .max)
            used += taken
            if taken == 0, output.count == before { break }
          }
          isWhole = inflater.isAtEnd
        } catch let failure {
          switch failure {
          case .malformed(let problem, let byte): throw IDXError.Reason.malformed(problem: problem, byte: start + byte)
          case .outOfMemory: throw .outOfMemory
          }
        }
        if !isWhole { throw .truncatedGzip(byteCount: bytes.count) }
      }
      return output
    }
  }
}
