extension Reference {
  /// The negative log-likelihood of each label: `−w[y] · lp[y]`, and 0 where the label is ignored.
  ///
  /// - Parameters:
  ///   - logProbabilities: lp, `outer × classes × inner`; any numbers are accepted.
  ///   - labels: y, one a position.
  ///   - weights: w, one a class; 1 when absent.
  ///   - ignored: the label of positions that count for nothing, whatever they hold.
  ///   - losses: one a position.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func nllLosses<T: ReferenceScalar>(
    _ logProbabilities: [T], labels: [Int], shape: ReferenceShape,
    weights: [T]? = nil, ignoring ignored: Int? = nil, into losses: inout [T]
  ) {
    requireCount(logProbabilities.count, shape.count, "logProbabilities", of: "nllLosses")
    requireCount(losses.count, shape.positions, "losses", of: "nllLosses")
    requireLabels(labels, ignoring: ignored, shape, of: "nllLosses")
    requireWeights(weights, shape, of: "nllLosses")
    for position in 0..<shape.positions {
      let label = labels[position]
      if label == ignored {
        losses[position] = 0
      } else {
        let weight = weights?[label] ?? 1
        losses[position] = -weight * logProbabilities[shape.index(position: position, class: label)]
      }
    }
  }

  /// The negative log-likelihood of each label, as a new array of one a position.
  public static func nllLosses<T: ReferenceScalar>(
    _ logProbabilities: [T], labels: [Int], shape: ReferenceShape,
    weights: [T]? = nil, ignoring ignored: Int? = nil
  ) -> [T] {
    array(shape.positions, of: 0) {
      nllLosses(
        logProbabilities, labels: labels, shape: shape, weights: weights, ignoring: ignored,
        into: &$0)
    }
  }

  /// The negative log-likelihood, reduced. The mean of nothing is NaN.
  ///
  /// Accumulated in Double, in the order of the positions.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func nllLoss<T: ReferenceScalar>(
    _ logProbabilities: [T], labels: [Int], shape: ReferenceShape,
    weights: [T]? = nil, ignoring ignored: Int? = nil, reduction: ReferenceReduction = .mean
  ) -> T {
    requireCount(logProbabilities.count, shape.count, "logProbabilities", of: "nllLoss")
    requireLabels(labels, ignoring: ignored, shape, of: "nllLoss")
    requireWeights(weights, shape, of: "nllLoss")
    var total = 0.0
    for position in 0..<shape.positions where labels[position] != ignored {
      let label = labels[position]
      let weight = weights?[label] ?? 1
      total += Double(-weight * logProbabilities[shape.index(position: position, class: label)])
    }
    switch reduction {
    case .sum: return T(total)
    case .mean: return T(total / totalWeight(labels, weights, ignoring: ignored))
    }
  }

  /// The gradient with respect to the log-probabilities: `−w[y] · g` at the label, 0 elsewhere, g the upstream
  /// derivative divided by the total weight under the mean.
  ///
  /// - Parameter result: `outer × classes × inner`.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func nllLossGradient<T: ReferenceScalar>(
    labels: [Int], shape: ReferenceShape, weights: [T]? = nil, ignoring ignored: Int? = nil,
    upstream: ReferenceUpstream<T> = .mean(1), into result: inout [T]
  ) {
    requireCount(result.count, shape.count, "result", of: "nllLossGradient")
    requireLabels(labels, ignoring: ignored, shape, of: "nllLossGradient")
    requireWeights(weights, shape, of: "nllLossGradient")
    upstream.require(shape, of: "nllLossGradient")
    let divisor = totalWeight(labels, weights, ignoring: ignored)
    for at in result.indices { result[at] = 0 }
    for position in 0..<shape.positions where labels[position] != ignored {
      let label = labels[position]
      let weight = weights?[label] ?? 1
      let scale = upstream.scale(at: position, divisor: divisor)
      result[shape.index(position: position, class: label)] = -weight * scale
    }
  }

  /// The gradient with respect to the log-probabilities, as a new array.
  public static func nllLossGradient<T: ReferenceScalar>(
    labels: [Int], shape: ReferenceShape, weights: [T]? = nil, ignoring ignored: Int? = nil,
    upstream: ReferenceUpstream<T> = .mean(1)
  ) -> [T] {
    array(shape.count, of: 0) {
      nllLossGradient(
        labels: labels, shape: shape, weights: weights, ignoring: ignored, upstream: upstream,
        into: &$0)
    }
  }
}
