import Glibc

/// What the cross-entropy of PyTorch has not, by the formulas: soft cap, temperature, masked classes, z-loss and row weights.
public struct ReferenceCrossEntropy {
  /// One a class.
  public var weights: [Double]?
  public var labelSmoothing = 0.0
  public var maskedClasses: Set<Int> = []
  public var softCap: Double?
  public var temperature = 1.0
  public var zLoss = 0.0

  public init() {}

  /// The loss of one row and its gradient: with `z_c = x_c/τ`, of a cap c `c·tanh(x_c/c)/τ`, −∞ of a masked class,
  /// `a_c = w_c·((1−ε)·q_c + ε/C′)`, without ε/C′ of the masked,
  /// `L = Σ a_c·(lse z − z_c) + λ·(lse z)²` and `dL/dx_c = (p_c·(Σa + 2λ·lse z) − a_c)/τ`, times
  /// `1/cosh²(x_c/c)` with a cap.
  ///
  /// - Parameters:
  ///   - row: the logits x.
  ///   - target: q, 1 at the label for an index.
  public func lossAndGradient(_ row: [Double], target: [Double]) -> (loss: Double, gradient: [Double]) {
    let classes = row.indices
    let z = classes.map { maskedClasses.contains($0) ? -Double.infinity : capped(row[$0]) / temperature }
    let largest = z.max() ?? -.infinity
    let sum = z.reduce(0) { $0 + exp($1 - largest) }
    let logSumExp = largest + log(sum)
    let share = labelSmoothing / Double(row.count - maskedClasses.count)
    let a = classes.map { c in
      (weights?[c] ?? 1) * ((1 - labelSmoothing) * target[c] + (maskedClasses.contains(c) ? 0 : share))
    }
    let total = a.reduce(0, +)
    var loss = zLoss * logSumExp * logSumExp
    for c in classes where a[c] != 0 { loss += a[c] * (logSumExp - z[c]) }
    let gradient = classes.map { c in
      (exp(z[c] - logSumExp) * (total + 2 * zLoss * logSumExp) - a[c]) / temperature * slope(row[c])
    }
    return (loss, gradient)
  }

  private func capped(_ x: Double) -> Double { softCap.map { $0 * tanh(x / $0) } ?? x }

  private func slope(_ x: Double) -> Double { softCap.map { 1 / (cosh(x / $0) * cosh(x / $0)) } ?? 1 }
}
