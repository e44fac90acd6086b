extension Reference {
  /// The log-probabilities of logits: `y = (x − m) − log Σ exp(x − m)` along the classes.
  ///
  /// - Shapes: `outer × classes × inner` → the same.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func logSoftmax<T: ReferenceScalar>(
    _ logits: [T], shape: ReferenceShape, into result: inout [T]
  ) {
    requireCount(logits.count, shape.count, "logits", of: "logSoftmax")
    requireCount(result.count, shape.count, "result", of: "logSoftmax")
    for position in 0..<shape.positions {
      let start = shape.start(of: position)
      let row = RowNormaliser(logits, start: start, shape)
      for c in 0..<shape.classes {
        let at = start + c * shape.inner
        result[at] = row.logProbability(logits[at])
      }
    }
  }

  /// The log-probabilities of logits, as a new array.
  public static func logSoftmax<T: ReferenceScalar>(_ logits: [T], shape: ReferenceShape) -> [T] {
    array(shape.count, of: 0) { logSoftmax(logits, shape: shape, into: &$0) }
  }

  /// The gradient with respect to the logits: `dx = dy − exp(y) · Σ dy` along the classes.
  ///
  /// - Parameters:
  ///   - logProbabilities: y, what `logSoftmax` returned; `outer × classes × inner`.
  ///   - upstream: dy, of the same shape.
  ///   - result: dx, of the same shape.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func logSoftmaxGradient<T: ReferenceScalar>(
    logProbabilities: [T], upstream: [T], shape: ReferenceShape,
    into result: inout [T]
  ) {
    requireCount(logProbabilities.count, shape.count, "logProbabilities", of: "logSoftmaxGradient")
    requireCount(upstream.count, shape.count, "upstream", of: "logSoftmaxGradient")
    requireCount(result.count, shape.count, "result", of: "logSoftmaxGradient")
    for position in 0..<shape.positions {
      let start = shape.start(of: position)
      var sum: T = 0
      for c in 0..<shape.classes { sum += upstream[start + c * shape.inner] }
      for c in 0..<shape.classes {
        let at = start + c * shape.inner
        result[at] = upstream[at] - T.exp(logProbabilities[at]) * sum
      }
    }
  }

  /// The gradient with respect to the logits, as a new array.
  public static func logSoftmaxGradient<T: ReferenceScalar>(
    logProbabilities: [T], upstream: [T], shape: ReferenceShape
  ) -> [T] {
    array(shape.count, of: 0) {
      logSoftmaxGradient(
        logProbabilities: logProbabilities, upstream: upstream, shape: shape, into: &$0)
    }
  }
}
