extension Reference {
  /// The terms of the Kullback–Leibler divergence: `t · (log t − x)`, or `e^t · (t − x)` of logarithmic targets, and 0 where
  /// the target is impossible.
  ///
  /// - Parameters:
  ///   - logProbabilities: x.
  ///   - targets: t, one an element.
  ///   - areLogarithms: whether the targets are.
  ///   - terms: one an element.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func divergenceTerms<T: ReferenceScalar>(
    _ logProbabilities: [T], targets: [T], areLogarithms: Bool, into terms: inout [T]
  ) {
    requireCount(targets.count, logProbabilities.count, "targets", of: "divergenceTerms")
    requireCount(terms.count, logProbabilities.count, "terms", of: "divergenceTerms")
    for i in targets.indices {
      let probability = areLogarithms ? T.exp(targets[i]) : targets[i]
      let logarithm = areLogarithms ? targets[i] : T.log(targets[i])
      terms[i] = probability == 0 ? 0 : probability * (logarithm - logProbabilities[i])
    }
  }

  /// The terms of the Kullback–Leibler divergence, as a new array.
  public static func divergenceTerms<T: ReferenceScalar>(
    _ logProbabilities: [T], targets: [T], areLogarithms: Bool
  ) -> [T] {
    array(targets.count, of: 0) {
      divergenceTerms(
        logProbabilities, targets: targets, areLogarithms: areLogarithms, into: &$0)
    }
  }
}
