extension Reference {
  /// The binary cross-entropy of each logit x with its target y: `−(P · y · log σ(x) + (1 − y) · log(1 − σ(x)))`, σ(x) the
  /// logistic function `1 / (1 + e^−x)`.
  ///
  /// - Parameters:
  ///   - targets: y, one a logit.
  ///   - positive: P, one a logit; 1 when absent.
  ///   - losses: one a logit.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func binaryCrossEntropies<T: ReferenceScalar>(
    _ logits: [T], targets: [T], positive: [T]? = nil, into losses: inout [T]
  ) {
    requireBinary(logits.count, targets, positive, of: "binaryCrossEntropies")
    requireCount(losses.count, logits.count, "losses", of: "binaryCrossEntropies")
    for i in logits.indices {
      // −log σ(x) = log(1 + e^−x), and 1 − σ(x) = σ(−x).
      let (yes, no) = (T.log(1 + T.exp(-logits[i])), T.log(1 + T.exp(logits[i])))
      losses[i] = (positive?[i] ?? 1) * targets[i] * yes + (1 - targets[i]) * no
    }
  }

  /// The binary cross-entropy of each logit, as a new array.
  public static func binaryCrossEntropies<T: ReferenceScalar>(
    _ logits: [T], targets: [T], positive: [T]? = nil
  ) -> [T] {
    array(logits.count, of: 0) {
      binaryCrossEntropies(logits, targets: targets, positive: positive, into: &$0)
    }
  }

  /// The derivative of each loss by its logit: `(1 − y) · σ(x) − P · y · (1 − σ(x))`.
  ///
  /// - Parameter result: one a logit.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func binaryCrossEntropySlopes<T: ReferenceScalar>(
    _ logits: [T], targets: [T], positive: [T]? = nil, into result: inout [T]
  ) {
    requireBinary(logits.count, targets, positive, of: "binaryCrossEntropySlopes")
    requireCount(result.count, logits.count, "result", of: "binaryCrossEntropySlopes")
    for i in logits.indices {
      let probability = 1 / (1 + T.exp(-logits[i]))
      result[i] =
        (1 - targets[i]) * probability - (positive?[i] ?? 1) * targets[i] * (1 - probability)
    }
  }

  /// The derivative of each loss by its logit, as a new array.
  public static func binaryCrossEntropySlopes<T: ReferenceScalar>(
    _ logits: [T], targets: [T], positive: [T]? = nil
  ) -> [T] {
    array(logits.count, of: 0) {
      binaryCrossEntropySlopes(logits, targets: targets, positive: positive, into: &$0)
    }
  }
}

private func requireBinary<T>(_ count: Int, _ targets: [T], _ positive: [T]?, of operation: String) {
  requireCount(targets.count, count, "targets", of: operation)
  if let positive { requireCount(positive.count, count, "positive", of: operation) }
}
