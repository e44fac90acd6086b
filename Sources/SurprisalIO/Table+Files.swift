import FoundationEssentials
import Surprisal
import SurprisalKernels

extension Table {
  /// Whether a file is none of the formats that their first bytes tell, and so read as CSV.
  ///
  /// - Throws: `TableError` when it cannot be read.
  public static func isCSV(fileAt path: String) throws(TableError) -> Bool {
    if case .csv = try FileFormat(ofFileAt: path) { return true }
    return false
  }

  /// Reads a file of any of the formats: NPY, NPZ, safetensors, IDX (compressed by gzip or not), which their first bytes tell,
  /// and CSV, which is every other.
  ///
  /// Arrays of more than two axes are rows of all that the first axis has.
  ///
  /// - Parameters:
  ///   - labels: where they are; by default where they usually are.
  ///   - header: whether the first row of a CSV file holds names.
  ///   - missing: whether a missing value is an error.
  /// - Throws: `TableError`, which names the file, the line or the array, what was found and what was expected.
  public init(
    contentsOf path: String, labels: LabelSource = .automatic, header: CSVHeader = .automatic, missing: MissingValues = .refused
  ) throws(TableError) {
    if case .file(let labelPath) = labels {
      let column = try LabelColumn(contentsOf: labelPath)
      self = try Table(contentsOf: path, labels: .none, header: header, missing: missing).with(column, path: labelPath)
      return
    }
    switch try FileFormat(ofFileAt: path) {
    case .csv(let mapping):
      do throws(CSVError) {
        try self.init(csv: .mapped(mapping), path: path, labels: labels, header: header, missing: missing)
      } catch { throw .csv(error) }
    case .npy(let file): try self.init(file.array, path: path, labels: labels, missing: missing)
    case .idx(let file): try self.init(file.array, path: path, labels: labels, missing: missing)
    case .npz(let file):
      let names = try Self.names(path: path, keys: file.keys, labels: labels)
      let features = try file.array(named: names.features).array
      let target: StoredArray? = if let name = names.labels { try file.array(named: name).array } else { nil }
      try self.init(
        features, target, path: path, featureArray: names.features, labelArray: names.labels, missing: missing)
    case .safetensors(let file):
      let names = try Self.names(path: path, keys: file.names, labels: labels)
      let features: StoredArray, target: StoredArray?
      do throws(SafetensorsError) {
        features = try file.array(of: names.features)
        target = if let name = names.labels { try file.array(of: name) } else { nil }
      } catch { throw .safetensors(error) }
      try self.init(
        features, target, path: path, featureArray: names.features, labelArray: names.labels, missing: missing)
    }
  }

  /// Which arrays are the features and the labels.
  private static func names(
    path: String, keys: [String], labels: LabelSource
  ) throws(TableError) -> (features: String, labels: String?) {
    let label: String?
    switch labels {
    case .automatic: label = LabelSource.usualNames.first { keys.contains($0) }
    case .named(let name):
      guard keys.contains(name) else { throw .noArray(path: path, expected: [name], keys: keys) }
      label = name
    case .ifNamed(let name): label = keys.contains(name) ? name : nil
    case .none, .file: label = nil
    case .column(let place):
      throw .labelSource(path: path, found: "column \(place)", expected: "the name of an array")
    }
    if let name = LabelSource.usualFeatureNames.first(where: { keys.contains($0) && $0 != label }) { return (name, label) }
    let others = keys.filter { $0 != label }
    guard others.count == 1 else { throw .noArray(path: path, expected: LabelSource.usualFeatureNames, keys: keys) }
    return (others[0], label)
  }

  /// One array, of which a column may be the labels.
  private init(_ array: StoredArray, path: String, labels: LabelSource, missing: MissingValues) throws(TableError) {
    switch labels {
    case .automatic, .ifNamed, .none, .file:
      try self.init(array, nil, path: path, featureArray: nil, labelArray: nil, missing: missing)
    case .named(let name):
      throw .labelSource(path: path, found: "name \(SafetensorsError.quoted(name))", expected: "a column's place or another file")
    case .column(let column):
      let columns = array.columnCount, place = column < 0 ? column + columns : column
      guard array.shape.count == 2, columns > 1, (0..<columns).contains(place), array.rowCount > 0 else {
        throw .labelSource(path: path, found: "column \(column)", expected: "a column of an array of 2 axes and 2 columns at least, found shape \(array.shape)")
      }
      let all = array.rows(0..<array.rowCount, as: Double.self)
      var values: [Int] = [], rest = Buffer<Scalar>(uninitialized: array.rowCount * (columns - 1)), next = 0
      var span = rest.mutableSpan
      for row in 0..<array.rowCount {
        for column in 0..<columns {
          let value = all.span[row * columns + column]
          if column == place {
            guard let label = Int(exactly: value) else { throw .label(path: path, array: nil, value: "\(value)", row: row) }
            values.append(label)
          } else {
            span[next] = Scalar(value)
            next += 1
          }
        }
      }
      let features = Tensor(shape: [array.rowCount, columns - 1], mapped: rest)
      let missingCount = try Self.check(features, path: path, array: nil, missing: missing)
      let column = LabelColumn(values)
      self.init(
        features: features, featureNames: [], labelsAsSeen: column.names, classes: column.classes, missingCount: missingCount)
    }
  }

  private init(
    _ features: StoredArray, _ target: StoredArray?, path: String, featureArray: String?, labelArray: String?,
    missing: MissingValues
  ) throws(TableError) {
    guard !features.shape.isEmpty, features.count > 0 else {
      throw .featureShape(path: path, array: featureArray, shape: features.shape)
    }
    let tensor = features.tensor(shape: [features.rowCount, features.columnCount], as: Scalar.self)
    let missingCount = features.element.isFloatingPoint
      ? try Self.check(tensor, path: path, array: featureArray, missing: missing) : 0
    guard let target else {
      self.init(features: tensor, missingCount: missingCount)
      return
    }
    let column = try LabelColumn(target, path: path, array: labelArray)
    guard column.classes.count == tensor.shape[0] else {
      throw .labelCount(path: path, found: column.classes.count, rows: tensor.shape[0])
    }
    self.init(
      features: tensor, featureNames: [], labelsAsSeen: column.names, classes: column.classes, missingCount: missingCount)
  }

  /// How many numbers are missing; the others are finite.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  private static func check(
    _ features: Tensor<Scalar>, path: String, array: String?, missing: MissingValues
  ) throws(TableError) -> Int {
    let values = features.span, columns = features.shape[1]
    var count = 0
    for place in values.indices where !values[place].isFinite {
      if values[place].isNaN, missing == .kept {
        count += 1
        continue
      }
      throw .notFinite(path: path, array: array, value: "\(values[place])", row: place / columns, column: place % columns)
    }
    return count
  }
}

extension LabelColumn {
  init(_ array: StoredArray, path: String, array name: String?) throws(TableError) {
    guard !array.shape.isEmpty, array.shape.dropFirst().allSatisfy({ $0 == 1 }) else {
      throw .labelShape(path: path, array: name, shape: array.shape)
    }
    switch array.integers() {
    case .success(let values): self.init(values)
    case .failure(let problem): throw .label(path: path, array: name, value: problem.value, row: problem.row)
    }
  }

  /// A file of labels alone.
  init(contentsOf path: String) throws(TableError) {
    switch try FileFormat(ofFileAt: path) {
    case .npy(let file): try self.init(file.array, path: path, array: nil)
    case .idx(let file): try self.init(file.array, path: path, array: nil)
    case .csv(let mapping):
      do throws(CSVError) { self = try CSVLabels.read(.mapped(mapping), path: path) } catch { throw .csv(error) }
    case .npz: throw .labelSource(path: path, found: "an NPZ file", expected: "CSV, NPY or IDX")
    case .safetensors: throw .labelSource(path: path, found: "a safetensors file", expected: "CSV, NPY or IDX")
    }
  }
}

extension SafetensorsFile {
  /// The tensor called `name` as numbers where they lie.
  func array(of name: String) throws(SafetensorsError) -> StoredArray {
    let entry = try requireEntry(name)
    guard let element = entry.dtype.stored else { throw error(name, .unsupportedConversion(dtype: entry.dtype, to: "numbers")) }
    return StoredArray(
      contents: contents, start: dataStart + entry.byteRange.lowerBound, element: element, isBigEndian: false,
      isColumnMajor: false, shape: entry.shape)
  }
}
