extension Reference {
  /// The expected and the maximum calibration error over bins `(lower, upper]`, found by trying every bin on every row.
  ///
  /// - Parameters:
  ///   - upperBounds: of the bins, ascending; the first begins below 0.
  ///   - ignored: the label of positions that count for nothing.
  public static func calibrationErrors<T: ReferenceScalar>(
    _ logits: [T], labels: [Int], shape: ReferenceShape, upperBounds: [Double],
    ignoring ignored: Int? = nil
  ) -> (expected: Double, maximum: Double, counts: [Int]) {
    requireLabels(labels, ignoring: ignored, shape, of: "calibrationErrors")
    let probabilities = softmax(logits, shape: shape)
    let predictions = argmax(logits, shape: shape)
    let counted = (0..<shape.positions).filter { labels[$0] != ignored }
    var counts: [Int] = []
    var expected = 0.0
    var maximum = -Double.infinity
    for m in upperBounds.indices {
      let lower = m == 0 ? -Double.infinity : upperBounds[m - 1]
      let rows = counted.filter {
        let confidence = Double(probabilities[shape.index(position: $0, class: predictions[$0])])
        return confidence > lower && confidence <= upperBounds[m]
      }
      counts.append(rows.count)
      if rows.isEmpty { continue }
      let gap = rows.reduce(0.0) { sum, row in
        let confidence = Double(probabilities[shape.index(position: row, class: predictions[row])])
        return sum + (labels[row] == predictions[row] ? 1 : 0) - confidence
      }
      expected += Swift.max(gap, -gap)
      maximum = Swift.max(maximum, Swift.max(gap, -gap) / Double(rows.count))
    }
    return (expected / Double(counted.count), maximum, counts)
  }
}
