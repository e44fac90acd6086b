import Foundation

/// The tensors of a safetensors file, checked as a whole when it is opened.
///
/// After `init` every entry's bytes are known to lie in the file, to fit its shape and type, and
/// to be shared with no other entry; values are decoded when asked for.
///
/// Memory: the file's bytes are held as long as the value is.
public struct SafetensorsFile: Sendable {
  /// One tensor of the file.
  public struct Entry: Sendable, Equatable {
    public let name: String
    public let dtype: SafetensorsDtype
    /// Row-major; empty for a single value.
    public let shape: [Int]
    /// Where the values lie, counted as in `data_offsets` from the end of the header.
    public let byteRange: Range<Int>

    /// The number of elements: the product of `shape`.
    public var count: Int {
      // The header's check bounds the product of the non-zero dimensions only when none is zero.
      shape.contains(0) ? 0 : shape.reduce(1, *)
    }
  }

  /// The path the file was read from, or nil for bytes in memory.
  public let path: String?
  private let header: SafetensorsHeader
  private let contents: Data
  private let dataStart: Int

  /// Reads and checks the file at `path`, following symbolic links.
  ///
  /// - Throws: `SafetensorsError` when there is no regular file, it cannot be read, or it is malformed.
  public init(contentsOf path: String) throws(SafetensorsError) {
    let regularFile: RegularFile
    let prefixBytes: Data
    let fileByteCount: Int
    do throws(FileFailure) {
      let file = try RegularFile(path: path, to: "read")
      let prefix = try file.prefix(SafetensorsHeader.prefixByteCount)
      prefixBytes = prefix
      fileByteCount = file.existing?.byteCount ?? prefix.count
      regularFile = file
    } catch {
      throw SafetensorsError(error, path: path)
    }
    // A file of another kind is refused by its first bytes, before all of it is in memory.
    _ = try SafetensorsHeader.byteCount(
      prefix: prefixBytes, fileByteCount: max(fileByteCount, prefixBytes.count), path: path)
    let contents: Data
    do throws(FileFailure) {
      contents = try regularFile.contents()
    } catch {
      throw SafetensorsError(error, path: path)
    }
    try self.init(contents: contents, path: path)
  }

  /// Checks a file that is already in memory.
  ///
  /// - Throws: `SafetensorsError` when the bytes are malformed.
  public init(bytes: [UInt8]) throws(SafetensorsError) {
    try self.init(contents: Data(bytes), path: nil)
  }

  private init(contents: Data, path: String?) throws(SafetensorsError) {
    let headerByteCount = try SafetensorsHeader.byteCount(
      prefix: contents, fileByteCount: contents.count, path: path)
    dataStart = SafetensorsHeader.prefixByteCount + headerByteCount
    header = try SafetensorsHeader(
      parsing: Array(contents[SafetensorsHeader.prefixByteCount..<dataStart]),
      dataByteCount: contents.count - dataStart, path: path)
    self.contents = contents
    self.path = path
  }

  /// The free text of `__metadata__`; empty when the file has none.
  public var metadata: [String: String] { header.metadata }
  /// The tensors, in the order of the header.
  public var entries: [Entry] { header.entries }
  /// The tensors' names, in the order of the header.
  public var names: [String] { header.entries.map(\.name) }
  /// The number of tensors.
  public var count: Int { header.entries.count }

  /// The tensor called `name`, compared byte by byte, or nil.
  public func entry(named name: String) -> Entry? {
    header.positions[Array(name.utf8)].map { header.entries[$0] }
  }

  func requireEntry(_ name: String) throws(SafetensorsError) -> Entry {
    guard let entry = entry(named: name) else { throw error(name, .noSuchTensor) }
    return entry
  }

  func error(_ name: String, _ reason: SafetensorsError.Reason) -> SafetensorsError {
    SafetensorsError(path: path, tensor: name, reason: reason)
  }

  /// Calls `body` with the little-endian bytes of `entry`, at any alignment.
  func withBytes<R>(of entry: Entry, _ body: (Span<UInt8>) -> R) -> R {
    let range = entry.byteRange
    return body(
      contents.span.extracting(dataStart + range.lowerBound..<dataStart + range.upperBound))
  }
}
