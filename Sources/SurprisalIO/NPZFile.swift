import FoundationEssentials
import Surprisal
import SurprisalCodecs
import SurprisalKernels

/// Arrays by their names, as `numpy.savez` and `numpy.savez_compressed` write them.
///
/// Memory: mapped; a stored array stays on the disk until it is looked at, of a deflated one all is restored when it is
/// asked for. Checksums are checked then, too. Source: PKWARE, "APPNOTE.TXT — .ZIP File Format Specification", 6.3.10.
public struct NPZFile: Sendable {
  private struct Member {
    let name: String
    let method: UInt16
    let isEncrypted: Bool
    let checksum: UInt32
    let compressed, size, header: Int
  }

  public let path: String?
  private let contents: FileContents
  private let members: [Member]

  /// The arrays' names, without `.npy`, in the order of the file.
  public var keys: [String] { members.map { Self.key($0.name) } }

  private static func key(_ name: String) -> String { name.hasSuffix(".npy") ? String(name.dropLast(4)) : name }

  /// - Throws: `NPZError` when there is no regular file, it cannot be read, or it is malformed.
  public init(contentsOf path: String) throws(NPZError) {
    let mapping: FileMapping
    do throws(FileFailure) { mapping = try RegularFile(path: path, to: "read").mapping() } catch {
      throw NPZError(error, path: path)
    }
    try self.init(.mapped(mapping), path: path)
  }

  public init(bytes: [UInt8]) throws(NPZError) { try self.init(.restored(bytes), path: nil) }

  init(_ contents: FileContents, path: String?) throws(NPZError) {
    (self.contents, self.path) = (contents, path)
    let count = contents.byteCount
    members = try contents.withSpan(0..<count) { (bytes) throws(NPZError) in
      do throws(NPZError.Reason) { return try Self.members(bytes) } catch { throw NPZError(path: path, reason: error) }
    }
    var seen: Set<String> = []
    for member in members where !seen.insert(Self.key(member.name)).inserted {
      throw NPZError(path: path, member: member.name, reason: .duplicateMember)
    }
  }

  /// The array called `key`.
  ///
  /// - Throws: `TableError` of the zip file or of the NPY file in it.
  public func array(named key: String) throws(TableError) -> NPYFile {
    guard let member = members.first(where: { Self.key($0.name) == key }) else {
      throw .npz(NPZError(path: path, member: key, reason: .noSuchMember(keys: keys)))
    }
    let bytes: (contents: FileContents, range: Range<Int>)
    do throws(NPZError.Reason) { bytes = try restored(member) } catch {
      throw .npz(NPZError(path: path, member: member.name, reason: error))
    }
    do throws(NPYError) {
      return try NPYFile(bytes.contents, bytes.range, path: path, member: member.name)
    } catch { throw .npy(error) }
  }

  private func restored(_ member: Member) throws(NPZError.Reason) -> (FileContents, Range<Int>) {
    if member.isEncrypted { throw .encrypted }
    guard member.method == 0 || member.method == 8 else { throw .method(member.method) }
    if let found = contents.shortenedByteCount { throw .shortened(byteCount: contents.byteCount, found: found) }
    let start = try contents.withSpan(0..<contents.byteCount) { (bytes) throws(NPZError.Reason) in
      try Self.dataStart(member, bytes)
    }
    guard start <= contents.byteCount, member.compressed <= contents.byteCount - start else {
      throw .record("\(member.compressed) bytes of data", byte: start)
    }
    let range = start..<start + member.compressed
    if member.method == 0 {
      guard member.compressed == member.size else { throw .sizeMismatch(expected: member.size, found: member.compressed) }
      try check(contents.withSpan(range) { Inflater.crc32($0) }, member)
      return (contents, range)
    }
    let output = try contents.withSpan(range) { (bytes) throws(NPZError.Reason) in
      var output: [UInt8] = [], isWhole = false
      do throws(Inflater.Failure) {
        let inflater = try Inflater(.deflate)
        var used = 0
        // One byte more than promised, to see that there is none.
        while !inflater.isAtEnd, output.count <= member.size {
          let before = output.count
          let taken = try inflater.take(bytes.extracting(droppingFirst: used), into: &output, limit: member.size + 1 - output.count)
          used += taken
          if taken == 0, output.count == before { break }
        }
        isWhole = inflater.isAtEnd && output.count == member.size && used == bytes.count
      } catch let failure {
        switch failure {
        case .malformed(let problem, let byte): throw NPZError.Reason.malformed(problem: problem, byte: byte)
        case .outOfMemory: throw .outOfMemory
        }
      }
      if !isWhole { throw .sizeMismatch(expected: member.size, found: output.count) }
      return output
    }
    try check(Inflater.crc32(output.span), member)
    return (.restored(output), 0..<output.count)
  }

  private func check(_ found: UInt32, _ member: Member) throws(NPZError.Reason) {
    if found != member.checksum { throw .checksum(expected: member.checksum, found: found) }
  }

  private static func dataStart(_ member: Member, _ bytes: Span<UInt8>) throws(NPZError.Reason) -> Int {
    let record = ZipRecord(bytes: bytes, start: member.header)
    guard record.has(30), record.uint32(0) == 0x0403_4B50 else { throw .record("local header", byte: member.header) }
    return member.header + 30 + record.uint16(26) + record.uint16(28)
  }

  private static func members(_ bytes: Span<UInt8>) throws(NPZError.Reason) -> [Member] {
    // The end's record may have a comment of 16 bits of length after it.
    var end: Int?
    var place = bytes.count - 22
    while place >= 0, place >= bytes.count - 22 - 0xFFFF {
      let record = ZipRecord(bytes: bytes, start: place)
      if record.uint32(0) == 0x0605_4B50, record.uint16(20) == bytes.count - 22 - place {
        end = place
        break
      }
      place -= 1
    }
    guard let end else { throw .notZip(byteCount: bytes.count) }
    let record = ZipRecord(bytes: bytes, start: end)
    var count = record.uint16(10), size = record.uint32(12), start = record.uint32(16)
    if count == 0xFFFF || size == 0xFFFF_FFFF || start == 0xFFFF_FFFF {
      let locator = ZipRecord(bytes: bytes, start: end - 20)
      guard end >= 20, locator.uint32(0) == 0x0706_4B50, let place = locator.uint64(8) else {
        throw .record("zip64 locator", byte: max(0, end - 20))
      }
      let large = ZipRecord(bytes: bytes, start: place)
      guard large.has(56), large.uint32(0) == 0x0606_4B50, let members = large.uint64(32), let byteCount = large.uint64(40),
        let first = large.uint64(48)
      else { throw .record("zip64 end of the directory", byte: place) }
      (count, size, start) = (members, byteCount, first)
    }
    guard start <= end, size <= end - start else { throw .record("directory of \(size) bytes", byte: start) }
    var members: [Member] = []
    for _ in 0..<count {
      let record = ZipRecord(bytes: bytes, start: start)
      guard record.has(46), record.uint32(0) == 0x0201_4B50 else { throw .record("entry of the directory", byte: start) }
      let nameLength = record.uint16(28), extraLength = record.uint16(30), length = 46 + nameLength + extraLength + record.uint16(32)
      guard start + length <= end else { throw .record("entry of the directory", byte: start) }
      var name: [UInt8] = []
      for i in 0..<nameLength { name.append(bytes[start + 46 + i]) }
      guard let text = String(validating: name, as: UTF8.self) else { throw .nameNotUTF8(byte: start + 46) }
      var sizes = [record.uint32(24), record.uint32(20), record.uint32(42)]
      try widen(&sizes, ZipRecord(bytes: bytes, start: start + 46 + nameLength), extraLength)
      members.append(
        Member(
          name: text, method: UInt16(record.uint16(10)), isEncrypted: record.uint16(8) & 1 == 1,
          checksum: UInt32(record.uint32(16)), compressed: sizes[1], size: sizes[0], header: sizes[2]))
      start += length
    }
    return members
  }

  /// Sizes that are 2³² − 1 in the directory stand in its extra field, in this order.
  private static func widen(_ sizes: inout [Int], _ extra: ZipRecord, _ length: Int) throws(NPZError.Reason) {
    if !sizes.contains(0xFFFF_FFFF) { return }
    var place = 0
    while place + 4 <= length {
      let kind = extra.uint16(place), byteCount = extra.uint16(place + 2)
      guard place + 4 + byteCount <= length else { break }
      if kind == 1 {
        var offset = place + 4
        for i in sizes.indices where sizes[i] == 0xFFFF_FFFF {
          guard offset + 8 <= place + 4 + byteCount, let value = extra.uint64(offset) else {
            throw .record("zip64 size", byte: extra.start + offset)
          }
          sizes[i] = value
          offset += 8
        }
        return
      }
      place += 4 + byteCount
    }
    // A member of exactly that size needs no extra field.
  }
}

extension NPZError.Reason: Error {}

/// Little-endian fields of a record that begins at `start`.
private struct ZipRecord: ~Escapable {
  let bytes: Span<UInt8>
  let start: Int

  @_lifetime(copy bytes)
  init(bytes: Span<UInt8>, start: Int) { (self.bytes, self.start) = (bytes, start) }

  func has(_ count: Int) -> Bool { start >= 0 && start <= bytes.count && count <= bytes.count - start }
  func uint16(_ place: Int) -> Int { integer(place, 2) }
  func uint32(_ place: Int) -> Int { integer(place, 4) }
  /// nil when Int cannot hold it.
  func uint64(_ place: Int) -> Int? {
    guard has(place + 8) else { return nil }
    let high = integer(place + 4, 4)
    return high < 1 << 31 ? high << 32 | integer(place, 4) : nil
  }

  /// 0 where the bytes end before.
  private func integer(_ place: Int, _ width: Int) -> Int {
    guard has(place + width) else { return 0 }
    var value = 0
    for i in 0..<width { value |= Int(bytes[start + place + i]) << (8 * i) }
    return value
  }
}
