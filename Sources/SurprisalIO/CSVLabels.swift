import SurprisalCodecs

/// A CSV file of one column: a label a row.
enum CSVLabels {
  /// A name in the first row is one when every other label is a whole number and it is not.
  static func read(_ contents: FileContents, path: String?) throws(CSVError) -> LabelColumn {
    var classes = CSVClasses()
    let rows: CSVRows<Float>
    do throws(CSVText.Problem) {
      rows = try contents.withSpan(0..<contents.byteCount) { (bytes) throws(CSVText.Problem) in
        let hasMark = bytes.count >= 3 && bytes[0] == 0xEF && bytes[1] == 0xBB && bytes[2] == 0xBF
        return try CSVText.rows(
          bytes.extracting(droppingFirst: hasMark ? 3 : 0), isLast: true, roles: [.label], keepsMissing: false,
          classes: &classes, as: Float.self)
      }
    } catch { throw CSVError(error, path: path, line: 1, name: { "\($0)" }, columns: 1) }
    if let found = contents.shortenedByteCount {
      throw CSVError(path: path, reason: .shortened(byteCount: contents.byteCount, found: found))
    }
    if rows.count == 0 { throw CSVError(path: path, reason: .empty(missing: "rows")) }
    let isNamed = rows.classes[0] == 0 && Self.isName(classes.names)
      && !rows.classes.dropFirst().contains(0)
    if !isNamed { return LabelColumn(names: classes.names, classes: rows.classes) }
    return LabelColumn(names: Array(classes.names.dropFirst()), classes: rows.classes.dropFirst().map { $0 - 1 })
  }

  /// Whether the first of some labels is the column's name.
  private static func isName(_ names: [String]) -> Bool {
    if names.count > 1, LabelSource.usualNames.contains(names[0]) { return true }
    return names.count > 1 && Int(names[0]) == nil && names.dropFirst().allSatisfy { Int($0) != nil }
  }
}
