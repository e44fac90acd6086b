import Surprisal
import SurprisalKernels

/// What a layer of a classifier's file is, without its numbers.
public enum LayerKind: Codable, Sendable, Equatable {
  public enum Activation: String, Codable, Sendable, CaseIterable {
    case relu, gelu, tanh, sigmoid, silu
    /// PyTorch's `GELU(approximate="tanh")`.
    case geluTanh = "gelu-tanh"
  }

  case linear(inputs: Int, outputs: Int)
  case activation(Activation)
  case dropout(probability: Double)
  case layerNorm(features: Int, epsilon: Double)

  /// A layer of this kind with random numbers.
  ///
  /// Stops the program where the layer does: `problem` asks first.
  public func layer(using generator: inout some RandomNumberGenerator) -> any Layer<Float> {
    switch self {
    case .linear(let inputs, let outputs): Linear<Float>(inputs, outputs, using: &generator)
    case .activation(.relu): ReLU<Float>()
    case .activation(.gelu): GELU<Float>()
    case .activation(.geluTanh): GELU<Float>(approximation: .tanh)
    case .activation(.tanh): Tanh<Float>()
    case .activation(.sigmoid): Sigmoid<Float>()
    case .activation(.silu): SiLU<Float>()
    case .dropout(let probability): Dropout<Float>(probability)
    case .layerNorm(let features, let epsilon): LayerNorm<Float>(features, epsilon: epsilon)
    }
  }

  /// A layer of this kind whose numbers are to be read: zeros, where random ones would take longer than the reading.
  func blankLayer() -> any Layer<Float> {
    if case .linear(let inputs, let outputs) = self {
      return Linear<Float>(weight: .zeros([outputs, inputs]), bias: .zeros([outputs]))
    }
    var none = SplitMix64(seed: 0)
    return layer(using: &none)
  }

  /// Why there is no such layer, or why it does not follow one of `width` outputs; otherwise the width that it leaves.
  func width(after width: Int) -> Result<Int, Problem> {
    switch self {
    case .linear(let inputs, let outputs):
      guard inputs == width, (1...1 << 24).contains(outputs) else {
        return .failure(Problem("linear of \(inputs) inputs and \(outputs) outputs after \(width)"))
      }
      return .success(outputs)
    case .activation: return .success(width)
    case .dropout(let probability):
      return (0...1).contains(probability) ? .success(width) : .failure(Problem("dropout of probability \(probability)"))
    case .layerNorm(let features, let epsilon):
      guard features == width, epsilon >= 0, epsilon.isFinite else {
        return .failure(Problem("layer norm of \(features) features and epsilon \(epsilon) after \(width)"))
      }
      return .success(width)
    }
  }

  struct Problem: Error {
    let text: String
    init(_ text: String) { self.text = text }
  }
}
