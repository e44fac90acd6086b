import FoundationEssentials
import Surprisal
import SurprisalCodecs
public import SystemPackage

/// A CSV file as tables of some rows each: for one that is larger than memory, or comes from a pipe.
///
/// Memory: a piece's numbers and, of what is no file, the piece and the row that it cuts.
public struct CSVReader<Scalar: Surprisal.Scalar> {
  /// Rows longer than this are refused: a file without line breaks must not take all memory.
  private static var longestRow: Int { 1 << 28 }
  /// A quarter of a million numbers or so: enough for the threads to share, few enough for their caches.
  private static var usualPieceByteCount: Int { 1 << 22 }

  private enum Source {
    /// Appends the next bytes; false at the end.
    case stream((inout [UInt8]) throws -> Bool)
    case file(FileContents)
  }

  private let source: Source
  private var parser: CSVParser<Scalar>
  /// Of a stream: the row that was cut.
  private var buffer: [UInt8] = []
  /// Of a file: where the next row begins, and how much of it is looked at.
  private var position = 0
  private var pieceByteCount = Self.usualPieceByteCount
  private var isAtEnd = false
  private var isEmpty = true

  /// - Parameters:
  ///   - path: what errors call the source.
  ///   - classNames: those that are known before, a trained model's; further ones get the numbers after.
  ///   - piece: the next bytes, nil at the end. Each call returns the rows that they complete, however few they are.
  public init(
    path: String? = nil, labels: LabelSource = .automatic, header: CSVHeader = .automatic, missing: MissingValues = .refused,
    classNames: [String] = [], piece: @escaping () throws -> [UInt8]?
  ) {
    parser = CSVParser(path: path, labels: labels, header: header, missing: missing, classNames: classNames)
    source = .stream { buffer in
      guard let bytes = try piece() else { return false }
      buffer += bytes
      return !bytes.isEmpty
    }
  }

  /// Reads standard input, say, whose rows come as soon as they are there.
  public init(
    _ file: FileDescriptor, path: String? = nil, labels: LabelSource = .automatic, header: CSVHeader = .automatic,
    missing: MissingValues = .refused, classNames: [String] = []
  ) {
    parser = CSVParser(path: path, labels: labels, header: header, missing: missing, classNames: classNames)
    source = .stream { buffer in
      let bytes = try file.bytes(upTo: Self.usualPieceByteCount)
      buffer += bytes
      return !bytes.isEmpty
    }
  }

  /// Reads a regular file where it lies, as long as it is now.
  ///
  /// - Throws: `CSVError` when it cannot be opened.
  public init(
    contentsOf path: String, labels: LabelSource = .automatic, header: CSVHeader = .automatic,
    missing: MissingValues = .refused, classNames: [String] = []
  ) throws(CSVError) {
    try self.init(
      contentsOf: path, labels: labels, header: header, missing: missing, classNames: classNames,
      pieceByteCount: Self.usualPieceByteCount)
  }

  init(
    contentsOf path: String, labels: LabelSource, header: CSVHeader, missing: MissingValues, classNames: [String],
    pieceByteCount: Int
  ) throws(CSVError) {
    do throws(FileFailure) {
      source = .file(.mapped(try RegularFile(path: path, to: "read").mapping()))
    } catch { throw CSVError(error, path: path) }
    parser = CSVParser(path: path, labels: labels, header: header, missing: missing, classNames: classNames)
    self.pieceByteCount = pieceByteCount
  }

  /// The next rows, at least one; nil at the end.
  ///
  /// - Throws: `CSVError` as `Table`; when there is no row at all, too.
  public mutating func next() throws(CSVError) -> Table<Scalar>? {
    while !isAtEnd {
      let rows: CSVRows<Scalar>?
      switch source {
      case .stream(let append): rows = try take(append)
      case .file(let contents): rows = try take(contents)
      }
      guard let rows else { continue }
      isEmpty = false
      return Table(
        features: Tensor(shape: [rows.count, parser.featureCount], mapped: rows.values), featureNames: parser.featureNames,
        classNames: parser.classes.names, classes: parser.hasLabels ? rows.classes : nil, missingCount: rows.missingCount)
    }
    if isEmpty { throw CSVError(path: parser.path, reason: .empty(missing: "rows")) }
    return nil
  }

  private mutating func take(_ append: (inout [UInt8]) throws -> Bool) throws(CSVError) -> CSVRows<Scalar>? {
    let before = buffer.count, isLast: Bool
    do { isLast = try !append(&buffer) } catch { throw CSVError(FileFailure("read", error), path: parser.path ?? "CSV") }
    // Without a line's end there can be no row.
    if !isLast, !buffer[before...].contains(UInt8(ascii: "\n")) {
      try requireShorterRow(than: buffer.count)
      return nil
    }
    isAtEnd = isLast
    // Out of the reader, whose parser changes itself meanwhile.
    var text: [UInt8] = []
    swap(&text, &buffer)
    defer { buffer = text }
    let (rows, consumed) = try parser.take(text.span, isLast: isLast)
    text.removeSubrange(..<consumed)
    try requireShorterRow(than: text.count)
    return rows
  }

  private mutating func take(_ contents: FileContents) throws(CSVError) -> CSVRows<Scalar>? {
    let end = min(contents.byteCount, position + pieceByteCount), isLast = end == contents.byteCount
    var parser = self.parser
    let (rows, consumed) = try contents.parsed(position..<end, path: parser.path) { (bytes) throws(CSVError) in
      try parser.take(bytes, isLast: isLast)
    }
    self.parser = parser
    isAtEnd = isLast
    position += consumed
    if consumed == 0, !isLast {
      try requireShorterRow(than: pieceByteCount)
      pieceByteCount *= 2
    }
    return rows
  }

  private func requireShorterRow(than count: Int) throws(CSVError) {
    if count > Self.longestRow { throw CSVError(path: parser.path, reason: .rowTooLong(limit: Self.longestRow)) }
  }
}
