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
    labelLosses(
      logits, labels: labels, shape: shape, weights: weights, ignoring: ignored, of: "polyLosses", into: &losses
    ) { lp in
      T(epsilon) * (1 - T.exp(lp)) - lp
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
    labelLossGradient(
      logits, labels: labels, shape: shape, weights: weights, ignoring: ignored, upstream: upstream,
      of: "polyLossGradient", into: &result
    ) { lp in
      1 + T(epsilon) * T.exp(lp)
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
  /// `s + ε · (1 − p)` of a label of surprisal s, and its gradient, to 2⁻⁹⁰ for ε ≥ −1.
  public func poly(of label: Int, epsilon: Double) -> (
    loss: ScaledDoubleDouble, gradient: [ScaledDoubleDouble]
  ) {
    let slopes = gradient(of: label)
    let (s, q, e) = (loss(of: label), -slopes[label], ScaledDoubleDouble(epsilon))
    let rest = ScaledDoubleDouble(1 + epsilon)
    // s = −log(1 − q) = q + q²/2 + …, and 1 + ε·p = (1 + ε) − ε·q. Where q is small, s − q would cancel.
    var excess = s - q
    if q.doubleDouble.high < 0x1p-8 {
      // Terms down to 2⁻¹⁰⁴ of the first.
      excess = .zero
      for k in stride(from: 16.0, through: 2, by: -1) {
        excess = q * (excess + ScaledDoubleDouble(1.0) / ScaledDoubleDouble(k))
      }
      excess = q * excess
    }
    let factor = rest - e * q
    return (excess + rest * q, slopes.map { factor * $0 })
  }
}
