/// How the losses of the positions become one number.
public enum ReferenceReduction: Sendable, CaseIterable {
  /// Their sum.
  case sum
  /// Their mean: over the weights of the labels that are not ignored for class labels, over the positions for class
  /// probabilities.
  case mean
}

/// What arrives at a loss from above, and with it how the loss was reduced.
public enum ReferenceUpstream<T: ReferenceScalar>: Sendable {
  /// No reduction: one derivative a position.
  case positions([T])
  /// The derivative of the sum.
  case sum(T)
  /// The derivative of the mean.
  case mean(T)

  /// The derivative that reaches the loss of `position` when a mean divides by `divisor`.
  @inline(__always)
  func scale(at position: Int, divisor: Double) -> T {
    switch self {
    case .positions(let each): each[position]
    case .sum(let whole): whole
    case .mean(let whole): T(Double(whole) / divisor)
    }
  }

  /// Stops the program unless there is one derivative a position, where there is one each.
  func require(_ shape: ReferenceShape, of operation: String) {
    if case .positions(let each) = self {
      requireCount(each.count, shape.positions, "upstream", of: operation)
    }
  }
}

/// Z, what the mean over class labels divides by: the weights of the labels that are not ignored.
func totalWeight<T: ReferenceScalar>(_ labels: [Int], _ weights: [T]?, ignoring ignored: Int?)
  -> Double
{
  var total = 0.0
  for label in labels where label != ignored { total += weights.map { Double($0[label]) } ?? 1 }
  return total
}
