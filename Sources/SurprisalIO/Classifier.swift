import FoundationEssentials
import Surprisal
import SurprisalKernels

/// A trained network with all that is needed to use it on rows of a file: what the features and the classes are called, how
/// the features are standardised, and the temperature that its logits are divided by.
///
/// Its file is a safetensors file whose tensors have the names and layouts of a `torch.nn.Sequential` with the same layers,
/// so that `load_state_dict(safetensors.torch.load_file(path))` takes them; everything else is JSON in the metadata, under
/// `surprisal`.
public struct Classifier: Sendable {
  public var model: Sequential<Float>
  public let layers: [LayerKind]
  /// One an output.
  public let classNames: [String]
  /// One an input; empty when the data had none.
  public let featureNames: [String]
  /// What the column of labels was called.
  public let labelName: String?
  public let standardisation: Standardisation?
  /// Whether a missing feature is taken for its mean.
  public let imputes: Bool
  /// The rows of its data that it was not trained on.
  public let heldOut: HeldOut?
  public var temperature: Double

  /// Which rows of a file were held out: `Labels.stratifiedSplit` of its labels gives them again.
  public struct HeldOut: Codable, Sendable, Equatable {
    public let part: Double
    /// Of a `SplitMix64`.
    public let seed: UInt64
    /// Of the file.
    public let rowCount: Int

    public init(part: Double, seed: UInt64, rowCount: Int) { (self.part, self.seed, self.rowCount) = (part, seed, rowCount) }
  }

  /// An untrained classifier.
  ///
  /// Stops the program when the layers do not lead from the features to the classes.
  public init(
    _ layers: [LayerKind], features: Int, featureNames: [String] = [], classNames: [String], labelName: String? = nil,
    standardisation: Standardisation? = nil, imputes: Bool = false, heldOut: HeldOut? = nil, using generator: inout some RandomNumberGenerator
  ) {
    let text = Text(
      version: Text.version, layers: layers, features: features, classNames: classNames, featureNames: featureNames,
      labelName: labelName, mean: standardisation?.mean, deviation: standardisation?.deviation, imputes: imputes,
      heldOut: heldOut, temperature: 1)
    if let problem = text.problem { fatalError("Classifier: \(problem.found); expected \(problem.expected)") }
    self.init(text, text.layers.map { $0.layer(using: &generator) })
  }

  private init(_ text: Text, _ layers: [any Layer<Float>]) {
    model = Sequential(layers)
    (self.layers, classNames, featureNames, labelName) = (text.layers, text.classNames, text.featureNames, text.labelName)
    if let mean = text.mean, let deviation = text.deviation {
      standardisation = Standardisation(mean: mean, deviation: deviation)
    } else {
      standardisation = nil
    }
    (imputes, heldOut, temperature) = (text.imputes, text.heldOut, text.temperature)
  }

  /// Inputs of the network.
  public var featureCount: Int {
    for case .linear(let inputs, _) in layers { return inputs }
    return classNames.count
  }

  /// The logits of rows as a file has them, over the temperature.
  ///
  /// - Shapes: rows × features → rows × classes; another number of features stops the program.
  public func logits(_ features: Tensor<Float>) -> Tensor<Float> { scaled(model(standardisation.map { $0(features) } ?? features)) }

  /// Those of some rows.
  package func logits(_ features: Tensor<Float>, rows: Range<Int>) -> Tensor<Float> {
    scaled(model(standardisation.map { $0.standardised(features, rows: rows) } ?? features.rows(rows)))
  }

  private func scaled(_ logits: Tensor<Float>) -> Tensor<Float> { temperature == 1 ? logits : logits / Float(temperature) }

  /// Reads a file that `write` has written, or the metadata of one with the weights of another program.
  ///
  /// - Throws: `ClassifierError`.
  public init(contentsOf path: String) throws(ClassifierError) {
    let file: SafetensorsFile
    do { file = try SafetensorsFile(contentsOf: path) } catch { throw .safetensors(error) }
    guard let json = file.metadata["surprisal"] else { throw .noClassifier(path: path) }
    try self.init(metadata: json, path: path)
    try model.load(file)
  }

  /// One by the text of `metadata`, whose weights are 0.
  public init(metadata json: String, path: String? = nil) throws(ClassifierError) {
    let text: Text
    do { text = try JSONDecoder().decode(Text.self, from: Data(json.utf8)) } catch {
      throw .metadata(path: path, found: "no JSON of a classifier", expected: "what `surprisal train` writes")
    }
    if let problem = text.problem { throw .metadata(path: path, found: problem.found, expected: problem.expected) }
    self.init(text, text.layers.map { $0.blankLayer() })
  }

  /// What the file's metadata holds, without the weights.
  public var metadata: String {
    let text = Text(
      version: Text.version, layers: layers, features: featureCount, classNames: classNames, featureNames: featureNames,
      labelName: labelName, mean: standardisation?.mean, deviation: standardisation?.deviation, imputes: imputes,
      heldOut: heldOut, temperature: temperature)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do { return String(decoding: try encoder.encode(text), as: UTF8.self) } catch {
      fatalError("Classifier: its own metadata: \(error)")
    }
  }

  /// Writes the file so that `path` holds either what it held before or all of the new file.
  ///
  /// - Throws: `ClassifierError`.
  public func write(to path: String) throws(ClassifierError) {
    // PyTorch's readers ask for the format.
    var writer = SafetensorsWriter(metadata: ["format": "pt", "surprisal": metadata])
    do {
      try writer.add(model)
      try writer.write(to: path)
    } catch { throw .safetensors(error) }
  }

  /// The metadata's JSON.
  private struct Text: Codable {
    static let version = 1

    let version: Int
    let layers: [LayerKind]
    let features: Int
    let classNames, featureNames: [String]
    let labelName: String?
    let mean, deviation: [Double]?
    let imputes: Bool
    let heldOut: HeldOut?
    let temperature: Double

    var problem: (found: String, expected: String)? {
      if version != Self.version { return ("version \(version)", "\(Self.version)") }
      if features < 1 { return ("\(features) features", "at least 1") }
      var width = features
      for layer in layers {
        switch layer.width(after: width) {
        case .success(let next): width = next
        case .failure(let problem): return (problem.text, "a layer that takes what the one before it gives")
        }
      }
      if width != classNames.count { return ("\(width) outputs and \(classNames.count) classes", "one a class") }
      if !featureNames.isEmpty, featureNames.count != features {
        return ("\(featureNames.count) names of \(features) features", "one a feature, or none")
      }
      if let heldOut, !(heldOut.part > 0 && heldOut.part < 1) { return ("held-out part \(heldOut.part)", "one between 0 and 1") }
      if !(temperature > 0 && temperature.isFinite) { return ("temperature \(temperature)", "a finite number above 0") }
      if (mean == nil) != (deviation == nil) { return ("a mean or a deviation alone", "both or neither") }
      if let mean, let deviation {
        if mean.count != features || deviation.count != features {
          return ("\(mean.count) means and \(deviation.count) deviations", "\(features) of each")
        }
        if !mean.allSatisfy(\.isFinite) || !deviation.allSatisfy({ $0 > 0 && $0.isFinite }) {
          return ("a mean or deviation out of range", "finite means, and finite deviations above 0")
        }
      }
      return nil
    }
  }
}
