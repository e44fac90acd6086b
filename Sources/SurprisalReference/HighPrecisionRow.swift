/// One row of logits with everything a classification loss makes of it, to about 100 bits: what the accuracy of
/// every implementation is measured against.
///
/// With m the maximum, first found at class a, and `R = Σ exp(x_j − m)` over all classes but a:
/// log-sum-exp `m + log1p(R)`, log-probability `(x_j − m) − log1p(R)`, probability `exp(x_j − m) / (1 + R)`,
/// loss `(m − x_y) + log1p(R)`. Differences of logits are exact. Every sum is of terms of one sign, except in
/// ``logSumExp``, so relative errors stay below `(C + 32) · 2⁻¹⁰⁴` for C classes.
///
/// −∞ is an impossible class, of probability exactly 0. A row that holds NaN or +∞, or nothing but −∞, has NaN
/// log-probabilities, probabilities, losses and gradients.
public struct HighPrecisionRow: Sendable {
  /// The logits, widened exactly.
  public let logits: [Double]
  /// The first class of the maximum; nil in a row without a distribution.
  public let argmax: Int?
  /// R, the sum of `exp(x_j − m)` over all classes but ``argmax``.
  public let excess: ScaledDoubleDouble
  /// `log1p(R)`.
  public let logExcess: ScaledDoubleDouble
  /// `m + log1p(R)`; −∞ of nothing but −∞, +∞ with a +∞, NaN with a NaN.
  ///
  /// Where m and log1p(R) cancel, the error is 2⁻¹⁰⁰ of them, not of their sum.
  public let logSumExp: ScaledDoubleDouble

  /// `exp(x_j − m)` of every class; empty in a row without a distribution.
  private let exponentials: [ScaledDoubleDouble]

  /// The row of the given logits.
  public init<T: ReferenceScalar>(_ logits: [T]) {
    self.logits = logits.map { Double($0) }
    let maximum = self.logits.max() ?? -.infinity
    guard maximum.isFinite, !self.logits.contains(where: \.isNaN),
      let argmax = self.logits.firstIndex(of: maximum)
    else {
      self.argmax = nil
      excess = .nan
      logExcess = .nan
      exponentials = []
      // `max()` passes over a NaN that does not come first.
      logSumExp = self.logits.contains(where: \.isNaN) ? .nan : ScaledDoubleDouble(maximum)
      return
    }
    self.argmax = argmax
    exponentials = self.logits.map { DoubleDouble(sum: $0, -maximum).exponential }
    excess = Self.sum(exponentials, except: argmax)
    logExcess = excess.log1p
    logSumExp = ScaledDoubleDouble(maximum) + logExcess
  }

  /// The probabilities: `exp(x_j − m) / (1 + R)`.
  public var probabilities: [ScaledDoubleDouble] {
    guard argmax != nil else { return logits.map { _ in .nan } }
    let total = ScaledDoubleDouble(1.0) + excess
    return exponentials.map { $0 / total }
  }

  /// The log-probabilities: `(x_j − m) − log1p(R)`.
  public var logProbabilities: [ScaledDoubleDouble] {
    logits.indices.map { -loss(of: $0) }
  }

  /// The loss of a label: `(m − x_y) + log1p(R)`, +∞ of an impossible class.
  public func loss(of label: Int) -> ScaledDoubleDouble {
    requireClass(label, of: "HighPrecisionRow.loss")
    guard let argmax else { return .nan }
    return Self.difference(logits[argmax], logits[label]) + logExcess
  }

  /// The entropy: `Σ p_j · (−log p_j)`, to which an impossible class adds 0.
  public var entropy: ScaledDoubleDouble {
    guard argmax != nil else { return .nan }
    var sum = ScaledDoubleDouble.zero
    for (label, p) in probabilities.enumerated() where !p.isZero { sum += p * loss(of: label) }
    return sum
  }

  /// The gradient of the loss of a label with respect to the logits: `p_j` at the other classes and minus their sum at
  /// the label.
  public func gradient(of label: Int) -> [ScaledDoubleDouble] {
    requireClass(label, of: "HighPrecisionRow.gradient")
    guard let argmax else { return logits.map { _ in .nan } }
    var gradient = probabilities
    let others = label == argmax ? excess : Self.sum(exponentials, except: label)
    gradient[label] = -(others / (ScaledDoubleDouble(1.0) + excess))
    return gradient
  }

  /// `a − b`, exactly, also where it overflows `Double`.
  private static func difference(_ a: Double, _ b: Double) -> ScaledDoubleDouble {
    let difference = DoubleDouble(sum: a, -b)
    if difference.isInfinite, a.isFinite, b.isFinite {
      // Quarters of numbers this large are exact.
      return ScaledDoubleDouble(DoubleDouble(sum: a / 4, -b / 4), exponent: 2)
    }
    return ScaledDoubleDouble(difference)
  }

  private static func sum(_ terms: [ScaledDoubleDouble], except skipped: Int) -> ScaledDoubleDouble
  {
    var total = ScaledDoubleDouble.zero
    for (index, term) in terms.enumerated() where index != skipped { total += term }
    return total
  }

  private func requireClass(_ label: Int, of operation: String) {
    guard logits.indices.contains(label) else {
      fatalError("\(operation): label \(label), expected 0..<\(logits.count)")
    }
  }
}
