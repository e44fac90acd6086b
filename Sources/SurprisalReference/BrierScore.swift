extension Reference {
  /// The mean over the labels that count of `Σ (p_c − [c = y])²`. NaN of none.
  ///
  /// Accumulated in Double, in the order of the positions.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func brierScore<T: ReferenceScalar>(
    _ logits: [T], labels: [Int], shape: ReferenceShape, ignoring ignored: Int? = nil
  ) -> Double {
    requireLabels(labels, ignoring: ignored, shape, of: "brierScore")
    let probabilities = softmax(logits, shape: shape)
    var total = 0.0
    var count = 0
    for position in 0..<shape.positions where labels[position] != ignored {
      count += 1
      for c in 0..<shape.classes {
        let p = Double(probabilities[shape.index(position: position, class: c)])
        let difference = p - (c == labels[position] ? 1 : 0)
        total += difference * difference
      }
    }
    return total / Double(count)
  }
}
