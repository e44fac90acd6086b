extension Reference {
  /// The logarithm of the sum of exponentials along the classes: `m + log Σ exp(x − m)`.
  ///
  /// A row without classes, and one of nothing but −∞, gives −∞; a row with +∞ gives +∞; NaN wins over both.
  ///
  /// - Shapes: `outer × classes × inner` → one a position.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func logSumExp<T: ReferenceScalar>(
    _ logits: [T], shape: ReferenceShape, into result: inout [T]
  ) {
    requireCount(logits.count, shape.count, "logits", of: "logSumExp")
    requireCount(result.count, shape.positions, "result", of: "logSumExp")
    for position in 0..<shape.positions {
      let start = shape.start(of: position)
      var maximum = -T.infinity
      var isNaN = false
      for c in 0..<shape.classes {
        let x = logits[start + c * shape.inner]
        if x > maximum { maximum = x }
        if x.isNaN { isNaN = true }
      }
      if isNaN {
        result[position] = .nan
      } else if maximum.isInfinite {
        result[position] = maximum
      } else {
        var sum: T = 0
        for c in 0..<shape.classes { sum += T.exp(logits[start + c * shape.inner] - maximum) }
        result[position] = maximum + T.log(sum)
      }
    }
  }

  /// The logarithm of the sum of exponentials along the classes, as a new array of one a position.
  public static func logSumExp<T: ReferenceScalar>(_ logits: [T], shape: ReferenceShape) -> [T] {
    array(shape.positions, of: 0) { logSumExp(logits, shape: shape, into: &$0) }
  }

  /// The gradient with respect to the logits: `dx = dy · softmax(x)`.
  ///
  /// - Parameters:
  ///   - logits: x, `outer × classes × inner`.
  ///   - upstream: dy, one a position.
  ///   - result: dx, of the shape of the logits.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func logSumExpGradient<T: ReferenceScalar>(
    logits: [T], upstream: [T], shape: ReferenceShape, into result: inout [T]
  ) {
    requireCount(upstream.count, shape.positions, "upstream", of: "logSumExpGradient")
    softmax(logits, shape: shape, into: &result)
    for position in 0..<shape.positions {
      let start = shape.start(of: position)
      for c in 0..<shape.classes { result[start + c * shape.inner] *= upstream[position] }
    }
  }

  /// The gradient with respect to the logits, as a new array.
  public static func logSumExpGradient<T: ReferenceScalar>(
    logits: [T], upstream: [T], shape: ReferenceShape
  ) -> [T] {
    array(shape.count, of: 0) {
      logSumExpGradient(logits: logits, upstream: upstream, shape: shape, into: &$0)
    }
  }
}
