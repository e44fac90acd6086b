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
}
