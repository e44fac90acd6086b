import Foundation
import Surprisal

/// A CSV file as tables of some rows each: for one that is larger than memory, or comes from a pipe.
///
/// Memory: a piece of the source, the row that it cuts, and its numbers.
public struct CSVReader<Scalar: Surprisal.Scalar> {
  /// Rows longer than this are refused: a file without line breaks must not take all memory.
  private static var longestRow: Int { 1 << 28 }
  private static var pieceByteCount: Int { 1 << 22 }

  private let piece: () throws -> [UInt8]?
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
    parser = CSVParser(path: path, labels: labels, header: header, missing: missing, classNames: classNames)
    self.piece = piece
  }

  /// Reads standard input, say.
  public init(
    _ handle: FileHandle, path: String? = nil, labels: LabelSource = .automatic, header: CSVHeader = .automatic,
    missing: MissingValues = .refused, classNames: [String] = []
  ) {
    self.init(path: path, labels: labels, header: header, missing: missing, classNames: classNames) {
      try handle.read(upToCount: Self.pieceByteCount).map { [UInt8]($0) }
    }
  }

  /// The next rows, at least one; nil at the end.
  ///
  /// - Throws: `CSVError` as `Table`; when there is no row at all, too.
  public mutating func next() throws(CSVError) -> Table<Scalar>? {
    while !isAtEnd {
      let bytes: [UInt8]?
      do { bytes = try piece() } catch {
        let path = parser.path ?? "CSV"
        throw CSVError(FileFailure("read", error), path: path)
      }
      let isLast = bytes?.isEmpty ?? true
      if let bytes { buffer += bytes }
      // Without a line's end there can be no row.
      if !isLast, bytes?.contains(UInt8(ascii: "\n")) != true {
        if buffer.count > Self.longestRow { throw CSVError(path: parser.path, reason: .rowTooLong(limit: Self.longestRow)) }
        continue
      }
      isAtEnd = isLast
      let whole = buffer
      let (rows, consumed) = try parser.take(whole.span, isLast: isLast)
      buffer = Array(whole[consumed...])
      if buffer.count > Self.longestRow { throw CSVError(path: parser.path, reason: .rowTooLong(limit: Self.longestRow)) }
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
