extension Reference {
  /// The Poly-1 loss of each label: `w[y] · (−log p[y] + ε · (1 − p[y]))`, p the softmax of the logits, and 0 where the
  /// label is ignored.
  ///
  /// - Parameters:
  ///   - logits: `outer × classes × inner`.
  ///   - labels: y, one a position.
  ///   - weights: w, one a class; 1 when absent.
  ///   - ignored: the label of positions that count for nothing, whatever they hold.
  ///   - losses: one a position.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func polyLosses<T: ReferenceScalar>(
    _ logits: [T], labels: [Int], shape: ReferenceShape, epsilon: Double, weights: [T]? = nil,
    ignoring ignored: Int? = nil, into losses: inout [T]
  ) {
    requireCount(logits.count, shape.count, "logits", of: "polyLosses")
    requireCount(losses.count, shape.positions, "losses", of: "polyLosses")
    requireLabels(labels, ignoring: ignored, shape, of: "polyLosses")
    requireWeights(weights, shape, of: "polyLosses")
    for position in 0..<shape.positions {
      let label = labels[position]
      if label == ignored {
        losses[position] = 0
      } else {
        let row = RowNormaliser(logits, start: shape.start(of: position), shape)
        let lp = row.logProbability(logits[shape.index(position: position, class: label)])
        losses[position] = (weights?[label] ?? 1) * (T(epsilon) * (1 - T.exp(lp)) - lp)
      }
    }
  }

  /// The Poly-1 loss of each label, as a new array of one a position.
  public static func polyLosses<T: ReferenceScalar>(
    _ logits: [T], labels: [Int], shape: ReferenceShape, epsilon: Double, weights: [T]? = nil,
    ignoring ignored: Int? = nil
  ) -> [T] {
    array(shape.positions, of: 0) {
      polyLosses(
        logits, labels: labels, shape: shape, epsilon: epsilon, weights: weights,
        ignoring: ignored, into: &$0)
    }
  }

  /// The gradient with respect to the logits: `dx[c] = g · w[y] · (1 + ε · p[y]) · (p[c] − [c = y])`.
  ///
  /// - Parameter result: `outer × classes × inner`.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func polyLossGradient<T: ReferenceScalar>(
    _ logits: [T], labels: [Int], shape: ReferenceShape, epsilon: Double, weights: [T]? = nil,
    ignoring ignored: Int? = nil, upstream: ReferenceUpstream<T> = .mean(1),
    into result: inout [T]
  ) {
    requireCount(logits.count, shape.count, "logits", of: "polyLossGradient")
    requireCount(result.count, shape.count, "result", of: "polyLossGradient")
    requireLabels(labels, ignoring: ignored, shape, of: "polyLossGradient")
    requireWeights(weights, shape, of: "polyLossGradient")
    upstream.require(shape, of: "polyLossGradient")
    let divisor = totalWeight(labels, weights, ignoring: ignored)
    for at in result.indices { result[at] = 0 }
    for position in 0..<shape.positions where labels[position] != ignored {
      let label = labels[position]
      let row = RowNormaliser(logits, start: shape.start(of: position), shape)
      let lp = row.logProbability(logits[shape.index(position: position, class: label)])
      let scale = upstream.scale(at: position, divisor: divisor) * (weights?[label] ?? 1)
      for c in 0..<shape.classes {
        let at = shape.index(position: position, class: c)
        let probability = T.exp(row.logProbability(logits[at]))
        result[at] = scale * (1 + T(epsilon) * T.exp(lp)) * (probability - (c == label ? 1 : 0))
      }
    }
  }

  /// The gradient with respect to the logits, as a new array.
  public static func polyLossGradient<T: ReferenceScalar>(
    _ logits: [T], labels: [Int], shape: ReferenceShape, epsilon: Double, weights: [T]? = nil,
    ignoring ignored: Int? = nil, upstream: ReferenceUpstream<T> = .mean(1)
  ) -> [T] {
    array(shape.count, of: 0) {
      polyLossGradient(
        logits, labels: labels, shape: shape, epsilon: epsilon, weights: weights,
        ignoring: ignored, upstream: upstream, into: &$0)
    }
  }
}

extension HighPrecisionRow {
  /// `s + ε · (1 − p)` of a label of surprisal s, and its gradient, to 2⁻⁹⁰ for ε ≥ 0.
  public func poly(of label: Int, epsilon: Double) -> (
    loss: ScaledDoubleDouble, gradient: [ScaledDoubleDouble]
  ) {
    let slopes = gradient(of: label)
    let e = ScaledDoubleDouble(epsilon)
    let factor = ScaledDoubleDouble(1.0) + e * probabilities[label]
    return (loss(of: label) - e * slopes[label], slopes.map { factor * $0 })
  }
}
