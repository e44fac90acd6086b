import Foundation
import Surprisal

/// A CSV file as tables of some rows each: for one that is larger than memory, or comes from a pipe.
///
/// Memory: a piece of the source, the row that it cuts, and its numbers.
public struct CSVReader<Scalar: Surprisal.Scalar> {
  /// Rows longer than this are refused: a file without line breaks must not take all memory.
  private static var longestRow: Int { 1 << 28 }
  private static var pieceByteCount: Int { 1 << 22 }

  /// Appends the next bytes; false at the end.
  private let append: (inout [UInt8]) throws -> Bool
  private var parser: CSVParser<Scalar>
  private var buffer: [UInt8] = []
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
    self.init(CSVParser(path: path, labels: labels, header: header, missing: missing, classNames: classNames)) { buffer in
      guard let bytes = try piece() else { return false }
      buffer += bytes
      return !bytes.isEmpty
    }
  }

  /// Reads standard input, say.
  public init(
    _ handle: FileHandle, path: String? = nil, labels: LabelSource = .automatic, header: CSVHeader = .automatic,
    missing: MissingValues = .refused, classNames: [String] = []
  ) {
    self.init(CSVParser(path: path, labels: labels, header: header, missing: missing, classNames: classNames)) { buffer in
      guard let bytes = try handle.read(upToCount: Self.pieceByteCount) else { return false }
      buffer += bytes
      return !bytes.isEmpty
    }
  }

  private init(_ parser: CSVParser<Scalar>, append: @escaping (inout [UInt8]) throws -> Bool) {
    (self.parser, self.append) = (parser, append)
  }

  /// The next rows, at least one; nil at the end.
  ///
  /// - Throws: `CSVError` as `Table`; when there is no row at all, too.
  public mutating func next() throws(CSVError) -> Table<Scalar>? {
    while !isAtEnd {
      let before = buffer.count, isLast: Bool
      do { isLast = try !append(&buffer) } catch {
        let path = parser.path ?? "CSV"
        throw CSVError(FileFailure("read", error), path: path)
      }
      // Without a line's end there can be no row.
      if !isLast, !buffer[before...].contains(UInt8(ascii: "\n")) {
        if buffer.count > Self.longestRow { throw CSVError(path: parser.path, reason: .rowTooLong(limit: Self.longestRow)) }
        continue
      }
      isAtEnd = isLast
      // Out of the reader, whose parser changes itself meanwhile.
      var text: [UInt8] = []
      swap(&text, &buffer)
      defer { buffer = text }
      let (rows, consumed) = try parser.take(text.span, isLast: isLast)
      text.removeSubrange(..<consumed)
      if text.count > Self.longestRow { throw CSVError(path: parser.path, reason: .rowTooLong(limit: Self.longestRow)) }
      guard let rows else { continue }
      isEmpty = false
      return Table(
        features: Tensor(shape: [rows.count, parser.featureCount], mapped: rows.values), featureNames: parser.featureNames,
        classNames: parser.classes.names, classes: parser.hasLabels ? rows.classes : nil, missingCount: rows.missingCount)
    }
    if isEmpty { throw CSVError(path: parser.path, reason: .empty(missing: "rows")) }
    return nil
  }
}
