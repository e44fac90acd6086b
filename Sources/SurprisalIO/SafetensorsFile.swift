import FoundationEssentials
import SurprisalKernels

/// A file as memory.
public typealias FileMapping = SurprisalKernels.FileMapping

/// The tensors of a safetensors file, checked as a whole when it is opened.
///
/// After `init` every entry's bytes are known to lie in the file, to fit its shape and type, and
/// to be shared with no other entry; values are decoded when asked for.
///
/// Memory: the file's bytes are held as long as the value is; of a mapped file they stay on the disk until they are looked
/// at.
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
  let contents: FileContents
  let dataStart: Int

  /// Reads and checks the file at `path`, following symbolic links.
  ///
  /// - Throws: `SafetensorsError` when there is no regular file, it cannot be read, or it is malformed.
  public init(contentsOf path: String) throws(SafetensorsError) {
    let regularFile = try Self.regularFile(path)
    let contents: Data
    do throws(FileFailure) {
      contents = try regularFile.contents()
    } catch {
      throw SafetensorsError(error, path: path)
    }
    try self.init(.copied(contents), path: path)
  }

  /// Checks the file at `path`, following symbolic links, without reading its tensors: their bytes come from the disk when
  /// they are asked for, and `tensor(of:as:)` copies none that may be used where they lie.
  ///
  /// The file must not become shorter as long as it is read. Whoever asks for a tensor of one that has gets an error; when it
  /// happens while values are being read, the system ends the program with SIGBUS, of which
  /// `FileMapping.endWhenTruncated(status:)` makes a message and an exit status. A file that is replaced, as
  /// `SafetensorsWriter` does, stays as it was for who has it mapped.
  ///
  /// - Throws: as `init(contentsOf:)`.
  public init(mapping path: String) throws(SafetensorsError) {
    let regularFile = try Self.regularFile(path)
    let mapping: FileMapping
    do throws(FileFailure) {
      mapping = try regularFile.mapping()
    } catch {
      throw SafetensorsError(error, path: path)
    }
    try self.init(.mapped(mapping), path: path)
  }

  /// A regular file whose first bytes are no other kind's.
  private static func regularFile(_ path: String) throws(SafetensorsError) -> RegularFile {
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
    return regularFile
  }

  /// Checks a file that is already in memory.
  ///
  /// - Throws: `SafetensorsError` when the bytes are malformed.
  public init(bytes: [UInt8]) throws(SafetensorsError) {
    try self.init(.copied(Data(bytes)), path: nil)
  }

  private init(_ contents: FileContents, path: String?) throws(SafetensorsError) {
    let byteCount = contents.byteCount
    let headerByteCount = try SafetensorsHeader.byteCount(
      prefix: contents.array(0..<min(byteCount, SafetensorsHeader.prefixByteCount)), fileByteCount: byteCount,
      path: path)
    dataStart = SafetensorsHeader.prefixByteCount + headerByteCount
    header = try SafetensorsHeader(
      parsing: contents.array(SafetensorsHeader.prefixByteCount..<dataStart),
      dataByteCount: byteCount - dataStart, path: path)
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
    if case .mapped(let mapping) = contents, !mapping.isWhole {
      throw error(
        name, .shortened(byteCount: mapping.byteCount, found: mapping.currentByteCount ?? 0))
    }
    return entry
  }

  func error(_ name: String, _ reason: SafetensorsError.Reason) -> SafetensorsError {
    SafetensorsError(path: path, tensor: name, reason: reason)
  }

  /// Calls `body` with the little-endian bytes of `entry`, at any alignment.
  func withBytes<R>(of entry: Entry, _ body: (Span<UInt8>) -> R) -> R {
    let range = entry.byteRange
    return contents.withSpan(
      dataStart + range.lowerBound..<dataStart + range.upperBound, body)
  }

  /// The elements of `entry` where they lie, or nil when they are no memory of this machine's numbers: not mapped, not
  /// aligned, or of the other byte order.
  func elements<Element>(of entry: Entry, as type: Element.Type) -> Buffer<Element>? {
    #if _endian(little)
      guard case .mapped(let mapping) = contents else { return nil }
      return mapping.buffer(of: type, at: dataStart + entry.byteRange.lowerBound, count: entry.count)
    #else
      return nil
    #endif
  }
}
