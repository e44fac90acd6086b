extension Reference {
  /// The part of the labels that count which are among the k largest elements of their rows, as `topK` orders them.
  public static func topKAccuracy<T: ReferenceScalar>(
    _ logits: [T], k: Int, labels: [Int], shape: ReferenceShape, ignoring ignored: Int? = nil
  ) -> Double {
    requireLabels(labels, ignoring: ignored, shape, of: "topKAccuracy")
    let chosen = topK(logits, k: k, shape: shape).indices
    let topShape = ReferenceShape(outer: shape.outer, classes: k, inner: shape.inner)
    var hits = 0
    var count = 0
    for position in 0..<shape.positions where labels[position] != ignored {
      count += 1
      let places = (0..<k).map { chosen[topShape.index(position: position, class: $0)] }
      if places.contains(labels[position]) { hits += 1 }
    }
    return Double(hits) / Double(count)
  }
}
