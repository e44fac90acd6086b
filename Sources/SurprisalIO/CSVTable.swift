import Foundation

/// A CSV file with a header, one column of labels and numbers in all the others.
///
/// Labels are text, whatever they look like; every other field must be a finite number. Memory: the numbers, a class index
/// a row, and a piece of the file at a time.
public struct CSVTable: Sendable, Equatable {
  /// The header's names but the labels'.
  public let featureNames: [String]
  /// rows × features.
  public let features: [Double]
  /// The distinct labels: by value when all are numbers, otherwise by their bytes.
  public let classNames: [String]
  /// The class of each row, an index of `classNames`.
  public let classes: [Int]

  public var rowCount: Int { classes.count }

  private static let pieceByteCount = 1 << 20

  /// Reads the file at `path`, following symbolic links.
  ///
  /// - Throws: `CSVError` when there is no regular file, it cannot be read, or it is malformed; it names line and column.
  public init(contentsOf path: String, labels: String) throws(CSVError) {
    var parser = CSVTableParser(labels: labels)
    do throws(FileFailure) {
      let file = try RegularFile(path: path, to: "read")
      do {
        let handle = try FileHandle(forReadingFrom: file.url)
        defer { try? handle.close() }
        while let piece = try handle.read(upToCount: Self.pieceByteCount), !piece.isEmpty {
          parser.take([UInt8](piece))
          if parser.failure != nil { break }
        }
      } catch {
        throw FileFailure("read", error)
      }
    } catch {
      throw CSVError(error, path: path)
    }
    self = try parser.table(path: path)
  }

  /// Reads a file that is already in memory.
  public init(contents: [UInt8], labels: String) throws(CSVError) {
    var parser = CSVTableParser(labels: labels)
    parser.take(contents)
    self = try parser.table(path: nil)
  }

  init(featureNames: [String], features: [Double], classNames: [String], classes: [Int]) {
    (self.featureNames, self.features) = (featureNames, features)
    (self.classNames, self.classes) = (classNames, classes)
  }
}

/// The table as it grows.
private struct CSVTableParser {
  private var fields = CSVFields()
  private var rows: Rows
  private(set) var failure: CSVError.Located?

  init(labels: String) { rows = Rows(labels: labels) }

  /// After a failure, nothing more is taken.
  mutating func take(_ bytes: [UInt8]) {
    if failure != nil { return }
    do { try fields.take(bytes, &rows) } catch { failure = error }
  }

  mutating func table(path: String?) throws(CSVError) -> CSVTable {
    if failure == nil {
      do { try fields.finish(&rows) } catch { failure = error }
    }
    if let problem = rows.headerProblem { throw CSVError(path: path, column: problem.name, reason: problem.reason) }
    if let failure {
      throw CSVError(
        path: path, line: failure.line, column: failure.field.flatMap { rows.name(ofField: $0) },
        reason: failure.reason)
    }
    if let missing = rows.missing { throw CSVError(path: path, reason: missing) }
    return rows.table()
  }
}

private struct Rows: CSVFields.Receiver {
  let labels: String
  private var names: [String] = []
  private var labelField = 0
  private var isHeader = true
  private(set) var headerProblem: (name: String, reason: CSVError.Reason)?
  private var features: [Double] = []
  private var classes: [Int] = []
  private var classOfLabel: [String: Int] = [:]
  private var labelsSeen: [String] = []

  init(labels: String) { self.labels = labels }

  func name(ofField field: Int) -> String? { names.indices.contains(field) && !isHeader ? names[field] : nil }

  var missing: CSVError.Reason? {
    isHeader ? .empty(missing: "header") : headerProblem == nil && classes.isEmpty ? .empty(missing: "rows") : nil
  }

  mutating func field(_ bytes: [UInt8], number: Int, line: Int) throws(CSVError.Located) {
    if isHeader {
      names.append(try text(bytes, number, line))
      return
    }
    // Its count is refused at the row's end.
    guard number < names.count, headerProblem == nil else { return }
    if number == labelField {
      let label = try text(bytes, number, line)
      if label.isEmpty { throw .init(line: line, field: number, .missingValue(expected: "a label")) }
      if let known = classOfLabel[label] {
        classes.append(known)
      } else {
        classOfLabel[label] = labelsSeen.count
        classes.append(labelsSeen.count)
        labelsSeen.append(label)
      }
    } else {
      features.append(try DecimalNumber.parse(bytes, number, line))
    }
  }

  mutating func endOfRow(fields: Int, line: Int) throws(CSVError.Located) {
    if isHeader {
      isHeader = false
      checkHeader()
    } else if fields != names.count {
      throw .init(line: line, field: nil, .fieldCount(found: fields, expected: names.count))
    }
  }

  private mutating func checkHeader() {
    var seen: Set<String> = []
    for name in names where !seen.insert(name).inserted {
      headerProblem = (name, .duplicateColumn)
      return
    }
    guard let place = names.firstIndex(of: labels) else {
      headerProblem = (labels, .noSuchColumn(names: names))
      return
    }
    labelField = place
    if names.count == 1 { headerProblem = (labels, .noFeatures) }
  }

  private func text(_ bytes: [UInt8], _ number: Int, _ line: Int) throws(CSVError.Located) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .init(line: line, field: number, .invalidUTF8)
    }
    return text
  }

  func table() -> CSVTable {
    let numbers = labelsSeen.map { Double($0) }
    let order = labelsSeen.indices.sorted { a, b in
      if numbers.allSatisfy({ $0?.isFinite == true }), let x = numbers[a], let y = numbers[b], x != y { return x < y }
      return labelsSeen[a].utf8.lexicographicallyPrecedes(labelsSeen[b].utf8)
    }
    var place = [Int](repeating: 0, count: order.count)
    for (new, old) in order.enumerated() { place[old] = new }
    var featureNames = names
    featureNames.remove(at: labelField)
    return CSVTable(
      featureNames: featureNames, features: features, classNames: order.map { labelsSeen[$0] },
      classes: classes.map { place[$0] })
  }
}

private enum DecimalNumber {
  /// Powers of ten that a Double holds exactly.
  private static let powers: [Double] = {
    var powers = [1.0]
    for _ in 1...22 { powers.append(powers[powers.count - 1] * 10) }
    return powers
  }()

  /// A number with blanks around it or none.
  ///
  /// Of up to 15 digits and a small exponent both the digits' number and the power of ten are exact, so that one division
  /// or product rounds once; everything else is the standard library's.
  static func parse(_ bytes: [UInt8], _ field: Int, _ line: Int) throws(CSVError.Located) -> Double {
    func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
    var start = 0, end = bytes.count
    while start < end, isBlank(bytes[start]) { start += 1 }
    while end > start, isBlank(bytes[end - 1]) { end -= 1 }
    if start == end { throw .init(line: line, field: field, .missingValue(expected: "a number")) }
    if let value = short(bytes[start..<end]) { return value }
    let text = String(decoding: bytes[start..<end], as: UTF8.self)
    guard let value = Double(text) else { throw .init(line: line, field: field, .notANumber(text)) }
    if !value.isFinite { throw .init(line: line, field: field, .notFinite(text)) }
    return value
  }

  private static func short(_ bytes: ArraySlice<UInt8>) -> Double? {
    var digits = 0, count = 0, decimals = 0, isFraction = false, isNegative = false
    for (place, byte) in bytes.enumerated() {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        digits = digits * 10 + Int(byte - UInt8(ascii: "0"))
        count += 1
        if isFraction { decimals += 1 }
        if count > 15 { return nil }
      case UInt8(ascii: ".") where !isFraction: isFraction = true
      case UInt8(ascii: "-") where place == 0: isNegative = true
      default: return nil
      }
    }
    if count == 0 { return nil }
    let value = Double(digits) / powers[decimals]
    return isNegative ? -value : value
  }
}
