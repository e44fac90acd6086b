extension Reference {
  /// The temperature at which the mean negative log-likelihood of the labels is least, by halving an interval of its
  /// inverse from 2⁻⁴⁰ to 2⁴⁰ until it cannot be halved. The optimum must lie within.
  public static func temperature<T: ReferenceScalar>(
    _ logits: [T], labels: [Int], shape: ReferenceShape, ignoring ignored: Int? = nil
  ) -> Double {
    requireLabels(labels, ignoring: ignored, shape, of: "temperature")
    func slope(_ beta: Double) -> Double {
      let p = softmax(logits.map { Double($0) * beta }, shape: shape)
      var slope = 0.0
      for position in 0..<shape.positions where labels[position] != ignored {
        for c in 0..<shape.classes {
          let at = shape.index(position: position, class: c)
          let own = shape.index(position: position, class: labels[position])
          if p[at] > 0 { slope += p[at] * (Double(logits[at]) - Double(logits[own])) }
        }
      }
      return slope
    }
    var (low, high) = (0x1p-40, 0x1p40)
    while true {
      let middle = (low * high).squareRoot()
      guard middle > low, middle < high else { return 1 / middle }
      if slope(middle) < 0 { low = middle } else { high = middle }
    }
  }
}
