extension Reference {
  /// One step of Adam with decoupled weight decay, as PyTorch's AdamW defines it.
  ///
  /// `p ← p·(1 − learningRate·weightDecay)`, `m ← m + (1−β₁)·(g − m)`, `v ← β₂·v + (1−β₂)·g²`,
  /// `p ← p − learningRate/(1−β₁ᵗ) · m/(√v/√(1−β₂ᵗ) + epsilon)`.
  ///
  /// - Parameters:
  ///   - parameters: p, updated in place.
  ///   - gradient: g, as many elements.
  ///   - first: m, 0 before the first step; updated in place.
  ///   - second: v, likewise.
  ///   - powers: β₁ᵗ and β₂ᵗ.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func adamWStep<T: ReferenceScalar>(
    _ parameters: inout [T], gradient: [T], first: inout [T], second: inout [T], powers: (first: Double, second: Double),
    learningRate: Double, betas: (first: Double, second: Double) = (0.9, 0.999), epsilon: Double = 1e-8,
    weightDecay: Double
  ) {
    requireCount(gradient.count, parameters.count, "gradient", of: "adamWStep")
    requireCount(first.count, parameters.count, "first", of: "adamWStep")
    requireCount(second.count, parameters.count, "second", of: "adamWStep")
    let rate = T(learningRate / (1 - powers.first)), root = T((1 - powers.second).squareRoot())
    for at in parameters.indices {
      let g = gradient[at]
      first[at] += T(1 - betas.first) * (g - first[at])
      second[at] = T(betas.second) * second[at] + T(1 - betas.second) * g * g
      parameters[at] *= T(1 - learningRate * weightDecay)
      parameters[at] -= rate * first[at] / (second[at].squareRoot() / root + T(epsilon))
    }
  }
}
