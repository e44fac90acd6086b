import FoundationEssentials
import Surprisal
import SurprisalCodecs
import SurprisalKernels

/// Rows of numbers, each with a class or none, whatever file they came from.
///
/// Shapes: rows × features. Numbers are the nearest of `Scalar` to the file's and finite; those that are missing are refused
/// or NaN, as the reader was told. Labels are text or whole numbers; the distinct ones are the classes.
public struct Table<Scalar: Surprisal.Scalar>: Sendable {
  /// rows × features; of a mapped file of the same type, the file's own memory.
  public let features: Tensor<Scalar>
  /// One a feature; empty when the file has none.
  public let featureNames: [String]
  /// The distinct labels: by value when all are numbers, otherwise by their bytes. Of a piece of a stream, as they were first
  /// seen. Empty without labels.
  public let classNames: [String]
  /// The class of each row, an index of `classNames`; nil without labels.
  public let classes: [Int]?
  /// Numbers that are missing, and NaN.
  public let missingCount: Int

  public var rowCount: Int { features.shape[0] }
  public var featureCount: Int { features.shape[1] }

  /// The classes as a loss takes them; nil without labels.
  public var labels: Labels? {
    guard let classes else { return nil }
    do { return try Labels(classes, classCount: classNames.count, ignoring: nil) } catch {
      fatalError("Table: its own classes: \(error)")
    }
  }

  /// The rows' classes as indices of `names`: those of the table that a model was trained on.
  ///
  /// - Throws: `TableError` when there are no labels, or a label is none of `names`.
  public func classes(among names: [String]) throws(TableError) -> [Int] {
    guard let classes else { throw TableError.noLabels }
    let places = Dictionary(zip(names, names.indices), uniquingKeysWith: { first, _ in first })
    let moved = classNames.map { places[$0] }
    var result: [Int] = []
    result.reserveCapacity(classes.count)
    for (row, number) in classes.enumerated() {
      guard let place = moved[number] else {
        throw TableError.unknownClass(classNames[number], row: row, expected: names)
      }
      result.append(place)
    }
    return result
  }

  /// Stops the program when the features are no table, or there is not one class a row.
  public init(
    features: Tensor<Scalar>, featureNames: [String] = [], classNames: [String] = [], classes: [Int]? = nil, missingCount: Int = 0
  ) {
    if features.rank != 2 || classes.map({ $0.count != features.shape[0] }) ?? false {
      fatalError("Table: features of shape \(features.shape), \(classes?.count ?? 0) classes; expected rows × features, and one a row")
    }
    (self.features, self.featureNames, self.missingCount) = (features, featureNames, missingCount)
    (self.classNames, self.classes) = (classNames, classes)
  }

  /// With labels in the order in which they were first seen put into their own.
  init(
    features: Tensor<Scalar>, featureNames: [String], labelsAsSeen names: [String], classes: [Int]?, missingCount: Int
  ) {
    guard let classes else {
      self.init(features: features, featureNames: featureNames, missingCount: missingCount)
      return
    }
    let numbers = names.map { Double($0) }
    let areNumbers = numbers.allSatisfy { $0?.isFinite == true }
    let order = names.indices.sorted { a, b in
      if areNumbers, let x = numbers[a], let y = numbers[b], x != y { return x < y }
      return names[a].utf8.lexicographicallyPrecedes(names[b].utf8)
    }
    var place = [Int](repeating: 0, count: order.count)
    for (new, old) in order.enumerated() { place[old] = new }
    self.init(
      features: features, featureNames: featureNames, classNames: order.map { names[$0] }, classes: classes.map { place[$0] },
      missingCount: missingCount)
  }

  /// Labels that another file holds.
  func with(_ labels: LabelColumn, path: String) throws(TableError) -> Table {
    guard labels.classes.count == rowCount else {
      throw TableError.labelCount(path: path, found: labels.classes.count, rows: rowCount)
    }
    return Table(
      features: features, featureNames: featureNames, labelsAsSeen: labels.names, classes: labels.classes,
      missingCount: missingCount)
  }
}

/// Labels in the order in which they were first seen.
struct LabelColumn {
  var names: [String] = []
  var classes: [Int] = []

  init(names: [String], classes: [Int]) { (self.names, self.classes) = (names, classes) }

  init(_ values: [Int]) {
    var numbers: [Int: Int] = [:]
    for value in values {
      let number = numbers[value] ?? names.count
      if number == names.count {
        numbers[value] = number
        names.append(String(value))
      }
      classes.append(number)
    }
  }
}

extension Table {
  /// Reads a CSV file that is already in memory.
  public init(
    csv contents: [UInt8], labels: LabelSource = .automatic, header: CSVHeader = .automatic, missing: MissingValues = .refused
  ) throws(CSVError) {
    try self.init(csv: .restored(contents), path: nil, labels: labels, header: header, missing: missing)
  }

  init(
    csv contents: FileContents, path: String?, labels: LabelSource, header: CSVHeader, missing: MissingValues
  ) throws(CSVError) {
    var parser = CSVParser<Scalar>(path: path, labels: labels, header: header, missing: missing)
    let rows = try contents.parsed(0..<contents.byteCount, path: path) { (bytes) throws(CSVError) in
      try parser.take(bytes, isLast: true).rows
    }
    guard let rows else { throw CSVError(path: path, reason: .empty(missing: "rows")) }
    self.init(
      features: Tensor(shape: [rows.count, parser.featureCount], mapped: rows.values), featureNames: parser.featureNames,
      labelsAsSeen: parser.classes.names, classes: parser.hasLabels ? rows.classes : nil, missingCount: rows.missingCount)
  }
}
