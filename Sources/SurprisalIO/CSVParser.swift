import Surprisal
import SurprisalCodecs

/// A CSV file on its way to a table: what the first row has settled, and where the next begins.
struct CSVParser<Scalar: Surprisal.Scalar> {
  let path: String?
  let labels: LabelSource
  let header: CSVHeader
  let missing: MissingValues
  /// The labels seen so far, in the order in which they were first seen.
  private(set) var classes: CSVClasses
  private(set) var featureNames: [String] = []
  private(set) var hasLabels = false
  /// One a column, empty before the first row.
  private var roles: [CSVRole] = []
  /// One a column, empty without a header.
  private var names: [String] = []
  /// Of the next byte, counted from 1.
  private var line = 1
  private var isAtStart = true

  init(path: String?, labels: LabelSource, header: CSVHeader, missing: MissingValues, classNames: [String] = []) {
    (self.path, self.labels, self.header, self.missing) = (path, labels, header, missing)
    classes = CSVClasses(names: classNames)
  }

  var featureCount: Int { roles.count { $0 == .number } }

  /// The whole rows of `bytes`, which follow those consumed before.
  ///
  /// - Returns: the rows, nil where there are none, and how many bytes they took.
  mutating func take(_ bytes: Span<UInt8>, isLast: Bool) throws(CSVError) -> (rows: CSVRows<Scalar>?, consumed: Int) {
    var start = 0
    if isAtStart {
      if bytes.count < 3, !isLast { return (nil, 0) }
      if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF { start = 3 }
    }
    if roles.isEmpty {
      let first: (fields: [[UInt8]], lineFeeds: Int, end: Int)?
      do throws(CSVText.Problem) {
        first = try CSVText.firstRow(bytes.extracting(droppingFirst: start), isLast: isLast)
      } catch { throw self.error(error) }
      guard let first else {
        if isLast { throw CSVError(path: path, reason: .empty(missing: "rows")) }
        return (nil, 0)
      }
      if try settle(first.fields) {
        start += first.end
        line += first.lineFeeds
      }
      isAtStart = false
    }
    let rows: CSVRows<Scalar>
    do throws(CSVText.Problem) {
      rows = try CSVText.rows(
        bytes.extracting(droppingFirst: start), isLast: isLast, roles: roles, keepsMissing: missing == .kept, classes: &classes,
        as: Scalar.self)
    } catch { throw self.error(error) }
    line += rows.lineFeeds
    return (rows.count > 0 ? rows : nil, start + rows.consumed)
  }

  private func error(_ problem: CSVText.Problem) -> CSVError {
    CSVError(problem, path: path, line: line, name: { name(ofColumn: $0) }, columns: roles.count)
  }

  private func name(ofColumn column: Int) -> String? {
    if names.isEmpty { return roles.isEmpty ? nil : "\(column)" }
    // A row may have more fields than the first.
    return column < names.count ? names[column] : nil
  }

  /// Learns from the first row what the columns are; returns whether it was the header.
  private mutating func settle(_ fields: [[UInt8]]) throws(CSVError) -> Bool {
    var texts: [String] = []
    for field in fields {
      guard let text = String(validating: field, as: UTF8.self) else {
        throw CSVError(path: path, line: line, reason: .invalidUTF8)
      }
      texts.append(text)
    }
    let place = try self.place(of: texts)
    let isHeader = try isHeader(fields, texts, label: place)
    if !isHeader, case .named(let name) = labels { throw CSVError(path: path, column: name, reason: .noHeader) }
    if isHeader {
      var seen: Set<String> = []
      for name in texts where !seen.insert(name).inserted {
        throw CSVError(path: path, column: name, reason: .duplicateColumn)
      }
      if case .named(let name) = labels, place == nil {
        throw CSVError(path: path, column: name, reason: .noSuchColumn(names: texts))
      }
    }
    if place != nil, texts.count == 1 {
      throw CSVError(path: path, column: isHeader ? texts[0] : nil, reason: .noFeatures)
    }
    let isUsed = isHeader || !isNamed
    roles = [CSVRole](repeating: .number, count: texts.count)
    if let place, isUsed {
      roles[place] = .label
      hasLabels = true
    }
    if isHeader {
      names = texts
      featureNames = texts.indices.filter { roles[$0] == .number }.map { texts[$0] }
    }
    return isHeader
  }

  /// Whether the labels are found by a name.
  private var isNamed: Bool {
    switch labels {
    case .automatic, .named, .ifNamed: true
    case .none, .column, .file: false
    }
  }

  /// The labels' column, as far as the first row tells.
  private func place(of texts: [String]) throws(CSVError) -> Int? {
    switch labels {
    case .none, .file: return nil
    case .automatic: return LabelSource.usualNames.lazy.compactMap { texts.firstIndex(of: $0) }.first
    case .named(let name), .ifNamed(let name): return texts.firstIndex(of: name)
    case .column(let column):
      let place = column < 0 ? column + texts.count : column
      guard texts.indices.contains(place) else {
        throw CSVError(path: path, reason: .noSuchPlace(column, columns: texts.count))
      }
      return place
    }
  }

  private func isHeader(_ fields: [[UInt8]], _ texts: [String], label: Int?) throws(CSVError) -> Bool {
    switch header {
    case .present: return true
    case .absent: return false
    case .automatic:
      if isNamed, label != nil { return true }
      let others = fields.indices.filter { $0 != label }
      var numbers: [Int] = [], isText = false
      for place in others {
        let field = fields[place]
        if DecimalNumber.double(field.span) != nil {
          numbers.append(place)
        } else if !DecimalNumber.isMissing(field.span) {
          isText = true
        }
      }
      guard let number = numbers.first else { return isText }
      if isText, case .named = labels { return true }
      if isText { throw CSVError(path: path, line: line, reason: .unclearHeader(number: texts[number])) }
      return false
    }
  }
}
