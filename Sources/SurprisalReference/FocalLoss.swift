extension Reference {
  /// The focal loss of each label: `−w[y] · (1 − p[y])^γ · log p[y]`, p the softmax of the logits, and 0 where the label
  /// is ignored.
  ///
  /// - Parameters:
  ///   - logits: `outer × classes × inner`.
  ///   - labels: y, one a position.
  ///   - weights: w, one a class; 1 when absent.
  ///   - ignored: the label of positions that count for nothing, whatever they hold.
  ///   - losses: one a position.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func focalLosses<T: ReferenceScalar>(
    _ logits: [T], labels: [Int], shape: ReferenceShape, gamma: Double, weights: [T]? = nil,
    ignoring ignored: Int? = nil, into losses: inout [T]
  ) {
    labelLosses(
      logits, labels: labels, shape: shape, weights: weights, ignoring: ignored, of: "focalLosses", into: &losses
    ) { lp in
      -T.pow(1 - T.exp(lp), T(gamma)) * lp
    }
  }

  /// The focal loss of each label, as a new array of one a position.
  public static func focalLosses<T: ReferenceScalar>(
    _ logits: [T], labels: [Int], shape: ReferenceShape, gamma: Double, weights: [T]? = nil,
    ignoring ignored: Int? = nil
  ) -> [T] {
    array(shape.positions, of: 0) {
      focalLosses(
        logits, labels: labels, shape: shape, gamma: gamma, weights: weights, ignoring: ignored,
        into: &$0)
    }
  }

  /// The gradient with respect to the logits:
  /// `dx[c] = g · w[y] · ((1 − p[y])^γ − γ · p[y] · log p[y] · (1 − p[y])^(γ − 1)) · (p[c] − [c = y])`.
  ///
  /// - Parameter result: `outer × classes × inner`.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func focalLossGradient<T: ReferenceScalar>(
    _ logits: [T], labels: [Int], shape: ReferenceShape, gamma: Double, weights: [T]? = nil,
    ignoring ignored: Int? = nil, upstream: ReferenceUpstream<T> = .mean(1),
    into result: inout [T]
  ) {
    labelLossGradient(
      logits, labels: labels, shape: shape, weights: weights, ignoring: ignored, upstream: upstream,
      of: "focalLossGradient", into: &result
    ) { lp in
      let p = T.exp(lp)
      return T.pow(1 - p, T(gamma)) - T(gamma) * p * lp * T.pow(1 - p, T(gamma) - 1)
    }
  }

  /// The gradient with respect to the logits, as a new array.
  public static func focalLossGradient<T: ReferenceScalar>(
    _ logits: [T], labels: [Int], shape: ReferenceShape, gamma: Double, weights: [T]? = nil,
    ignoring ignored: Int? = nil, upstream: ReferenceUpstream<T> = .mean(1)
  ) -> [T] {
    array(shape.count, of: 0) {
      focalLossGradient(
        logits, labels: labels, shape: shape, gamma: gamma, weights: weights, ignoring: ignored,
        upstream: upstream, into: &$0)
    }
  }
}

extension HighPrecisionRow {
  /// `(1 − p)^γ · s` of a label of surprisal s, and its derivative times γ's: `(1 − p)^γ · (1 + γ · p · s / (1 − p))`,
  /// to 2⁻⁹⁰ where 1 − p is above 1e-290.
  public func focal(of label: Int, gamma: Double) -> (
    loss: ScaledDoubleDouble, gradient: [ScaledDoubleDouble]
  ) {
    let slopes = gradient(of: label)
    let (s, q) = (loss(of: label), -slopes[label])
    let power = (q.doubleDouble.logarithm * gamma).exponential
    let factor =
      power
      * (ScaledDoubleDouble(1.0) + ScaledDoubleDouble(gamma) * probabilities[label] * s / q)
    return (power * s, slopes.map { factor * $0 })
  }
}
