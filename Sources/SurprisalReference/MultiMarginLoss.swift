extension Reference {
  /// The multi-class margin loss of each label: `w[y] / C · Σ max(0, margin − x[y] + x[c])^p` over the other classes, and 0
  /// where the label is ignored.
  ///
  /// - Parameters:
  ///   - scores: x, `outer × classes × inner`.
  ///   - labels: y, one a position.
  ///   - p: 1 or 2.
  ///   - weights: w, one a class; 1 when absent.
  ///   - ignored: the label of positions that count for nothing, whatever they hold.
  ///   - losses: one a position.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func multiMarginLosses<T: ReferenceScalar>(
    _ scores: [T], labels: [Int], shape: ReferenceShape, p: Int = 1, margin: T = 1,
    weights: [T]? = nil, ignoring ignored: Int? = nil, into losses: inout [T]
  ) {
    requireCount(scores.count, shape.count, "scores", of: "multiMarginLosses")
    requireCount(losses.count, shape.positions, "losses", of: "multiMarginLosses")
    requireLabels(labels, ignoring: ignored, shape, of: "multiMarginLosses")
    requireWeights(weights, shape, of: "multiMarginLosses")
    for position in 0..<shape.positions {
      let label = labels[position]
      losses[position] = 0
      if label == ignored { continue }
      var sum: T = 0
      for c in 0..<shape.classes where c != label {
        let z =
          margin - scores[shape.index(position: position, class: label)]
          + scores[shape.index(position: position, class: c)]
        if z > 0 { sum += p == 1 ? z : z * z }
      }
      losses[position] = (weights?[label] ?? 1) * sum / T(shape.classes)
    }
  }

  /// The multi-class margin loss of each label, as a new array of one a position.
  public static func multiMarginLosses<T: ReferenceScalar>(
    _ scores: [T], labels: [Int], shape: ReferenceShape, p: Int = 1, margin: T = 1,
    weights: [T]? = nil, ignoring ignored: Int? = nil
  ) -> [T] {
    array(shape.positions, of: 0) {
      multiMarginLosses(
        scores, labels: labels, shape: shape, p: p, margin: margin, weights: weights,
        ignoring: ignored, into: &$0)
    }
  }

  /// The gradient with respect to the scores: with `h[c] = p · z[c]^(p − 1)` where `z[c] = margin − x[y] + x[c]` is positive and
  /// 0 elsewhere, `dx[c] = g · w[y] / C · h[c]` and `dx[y] = −g · w[y] / C · Σ h[c]` over the other classes. A mean divides by
  /// the number of labels that are not ignored, whatever their weights.
  ///
  /// - Parameter result: `outer × classes × inner`.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func multiMarginLossGradient<T: ReferenceScalar>(
    _ scores: [T], labels: [Int], shape: ReferenceShape, p: Int = 1, margin: T = 1,
    weights: [T]? = nil, ignoring ignored: Int? = nil, upstream: ReferenceUpstream<T> = .mean(1),
    into result: inout [T]
  ) {
    requireCount(scores.count, shape.count, "scores", of: "multiMarginLossGradient")
    requireCount(result.count, shape.count, "result", of: "multiMarginLossGradient")
    requireLabels(labels, ignoring: ignored, shape, of: "multiMarginLossGradient")
    requireWeights(weights, shape, of: "multiMarginLossGradient")
    upstream.require(shape, of: "multiMarginLossGradient")
    let divisor = totalWeight(labels, [T]?.none, ignoring: ignored)
    for at in result.indices { result[at] = 0 }
    for position in 0..<shape.positions where labels[position] != ignored {
      let label = labels[position], own = shape.index(position: position, class: label)
      let scale =
        upstream.scale(at: position, divisor: divisor) * (weights?[label] ?? 1) / T(shape.classes)
      var sum: T = 0
      for c in 0..<shape.classes where c != label {
        let at = shape.index(position: position, class: c), z = margin - scores[own] + scores[at]
        if z <= 0 { continue }
        let h = p == 1 ? 1 : 2 * z
        sum += h
        result[at] = scale * h
      }
      result[own] = -scale * sum
    }
  }

  /// The gradient with respect to the scores, as a new array.
  public static func multiMarginLossGradient<T: ReferenceScalar>(
    _ scores: [T], labels: [Int], shape: ReferenceShape, p: Int = 1, margin: T = 1,
    weights: [T]? = nil, ignoring ignored: Int? = nil, upstream: ReferenceUpstream<T> = .mean(1)
  ) -> [T] {
    array(shape.count, of: 0) {
      multiMarginLossGradient(
        scores, labels: labels, shape: shape, p: p, margin: margin, weights: weights,
        ignoring: ignored, upstream: upstream, into: &$0)
    }
  }
}
