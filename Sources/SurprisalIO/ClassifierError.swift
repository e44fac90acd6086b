import Surprisal
import SurprisalKernels

/// Why a classifier's file could not be read or written.
public enum ClassifierError: Error, Equatable, Sendable, CustomStringConvertible {
  case safetensors(SafetensorsError)
  /// The file has no text of this package's in its metadata.
  case noClassifier(path: String?)
  /// That text is not what this package writes.
  case metadata(path: String?, found: String, expected: String)
  case missing(path: String?, parameter: String, shape: [Int])
  case shape(path: String?, parameter: String, found: [Int], expected: [Int])
  case unexpected(path: String?, tensor: String)

  public var description: String {
    func place(_ path: String?) -> String { path ?? "safetensors" }
    return switch self {
    case .safetensors(let error): error.description
    case .noClassifier(let path):
      "\(place(path)): no classifier, expected a file that `surprisal train` has written (metadata \"surprisal\")"
    case .metadata(let path, let found, let expected): "\(place(path)): metadata \"surprisal\": \(found), expected \(expected)"
    case .missing(let path, let parameter, let shape): "\(place(path)): no tensor \"\(parameter)\", expected one of shape \(shape)"
    case .shape(let path, let parameter, let found, let expected):
      "\(place(path)): tensor \"\(parameter)\" of shape \(found), expected \(expected)"
    case .unexpected(let path, let tensor): "\(place(path)): tensor \(SafetensorsError.quoted(tensor)) belongs to no parameter"
    }
  }
}

extension Model where Scalar == Float {
  /// Takes the parameters' values from a file, under their names.
  ///
  /// - Parameter prefix: before each name; of the file's tensors, others are not looked at. Without one, each must be a
  ///   parameter.
  /// - Throws: `ClassifierError` naming the tensor that is missing, of another shape or one too many; the model is then as it
  ///   was.
  public mutating func load(_ file: SafetensorsFile, prefix: String = "") throws(ClassifierError) {
    let parameters = parameters
    var values: [Tensor<Float>] = []
    for (name, value) in parameters {
      guard let entry = file.entry(named: prefix + name) else {
        throw .missing(path: file.path, parameter: prefix + name, shape: value.shape)
      }
      guard entry.shape == value.shape else {
        throw .shape(path: file.path, parameter: prefix + name, found: entry.shape, expected: value.shape)
      }
      do { values.append(try file.tensor(of: prefix + name, as: Float.self)) } catch { throw .safetensors(error) }
    }
    if prefix.isEmpty {
      let known = Set(parameters.map(\.name))
      if let other = file.names.first(where: { !known.contains($0) }) { throw .unexpected(path: file.path, tensor: other) }
    }
    var next = 0
    forEachParameter { _, parameter in
      parameter = values[next]
      next += 1
    }
  }
}

extension SafetensorsWriter {
  /// Adds all parameters of a model, under their names.
  ///
  /// - Throws: `SafetensorsError` as `add`.
  public mutating func add(_ model: some Model<Float>, prefix: String = "") throws(SafetensorsError) {
    for (name, value) in model.parameters { try add(prefix + name, shape: value.shape, values: value.scalars) }
  }
}
