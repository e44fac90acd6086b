extension Reference {
  /// The entropies along the classes: `−Σ p · log p`, where an impossible class adds 0. NaN in a row without a
  /// distribution.
  ///
  /// - Shapes: `outer × classes × inner` → one a position.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func entropies<T: ReferenceScalar>(
    _ logits: [T], shape: ReferenceShape, into result: inout [T]
  ) {
    requireCount(logits.count, shape.count, "logits", of: "entropies")
    requireCount(result.count, shape.positions, "result", of: "entropies")
    for position in 0..<shape.positions {
      let start = shape.start(of: position)
      let row = RowNormaliser(logits, start: start, shape)
      var sum: T = shape.classes == 0 ? .nan : 0
      for c in 0..<shape.classes {
        let logProbability = row.logProbability(logits[start + c * shape.inner])
        let probability = T.exp(logProbability)
        if probability != 0 { sum -= probability * logProbability }
      }
      result[position] = sum
    }
  }

  /// The entropies along the classes, as a new array of one a position.
  public static func entropies<T: ReferenceScalar>(_ logits: [T], shape: ReferenceShape) -> [T] {
    array(shape.positions, of: 0) { entropies(logits, shape: shape, into: &$0) }
  }
}
