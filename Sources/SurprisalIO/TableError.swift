/// Why a table could not be read: what its format says, or what the table lacks.
public enum TableError: Error, Equatable, Sendable, CustomStringConvertible {
  case csv(CSVError)
  case npy(NPYError)
  case npz(NPZError)
  case idx(IDXError)
  case safetensors(SafetensorsError)
  /// No array has the name, or one of the names that `expected` lists.
  case noArray(path: String, expected: [String], keys: [String])
  /// Features need rows, and something in each.
  case featureShape(path: String, array: String?, shape: [Int])
  /// Labels are one a row.
  case labelShape(path: String, array: String?, shape: [Int])
  case labelCount(path: String, found: Int, rows: Int)
  case labelType(path: String, array: String?, found: String)
  case label(path: String, array: String?, value: String, row: Int)
  /// NaN, where no value may be missing, or an infinity.
  case notFinite(path: String, array: String?, value: String, row: Int, column: Int)
  /// The file's labels are asked for in a way that only other files have.
  case labelSource(path: String, found: String, expected: String)
  case unknownClass(String, row: Int, expected: [String])
  case noLabels

  public var description: String {
    func place(_ path: String, _ array: String?) -> String {
      path + (array.map { ": array \(SafetensorsError.quoted($0))" } ?? "")
    }
    func list(_ names: [String]) -> String {
      names.prefix(16).map(SafetensorsError.quoted).joined(separator: ", ")
        + (names.count > 16 ? ", … \(names.count) in all" : "")
    }
    return switch self {
    case .csv(let error): error.description
    case .npy(let error): error.description
    case .npz(let error): error.description
    case .idx(let error): error.description
    case .safetensors(let error): error.description
    case .noArray(let path, let expected, let keys):
      "\(path): no array \(expected.map(SafetensorsError.quoted).joined(separator: " or ")), expected one of \(keys.isEmpty ? "none: the file is empty" : list(keys))"
    case .featureShape(let path, let array, let shape):
      "\(place(path, array)): features of shape \(shape), expected rows × features, at least one of each"
    case .labelShape(let path, let array, let shape): "\(place(path, array)): labels of shape \(shape), expected one a row"
    case .labelCount(let path, let found, let rows): "\(path): \(found) labels, expected \(rows), one a row"
    case .labelType(let path, let array, let found): "\(place(path, array)): labels of type \(found), expected whole numbers"
    case .label(let path, let array, let value, let row):
      "\(place(path, array)): label \(value) of row \(row), expected a whole number"
    case .notFinite(let path, let array, let value, let row, let column):
      "\(place(path, array)): \(value) at row \(row), column \(column), expected a finite number"
    case .labelSource(let path, let found, let expected): "\(path): labels by \(found), expected \(expected)"
    case .unknownClass(let name, let row, let expected):
      "label \(SafetensorsError.quoted(name)) of row \(row), expected one of \(list(expected))"
    case .noLabels: "no labels, expected one a row"
    }
  }
}
