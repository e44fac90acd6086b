extension Reference {
  /// The probabilities of logits: `p = exp(x − m) / Σ exp(x − m)` along the classes.
  ///
  /// - Shapes: `outer × classes × inner` → the same.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func softmax<T: ReferenceScalar>(
    _ logits: [T], shape: ReferenceShape, into result: inout [T]
  ) {
    requireCount(logits.count, shape.count, "logits", of: "softmax")
    requireCount(result.count, shape.count, "result", of: "softmax")
    for position in 0..<shape.positions {
      let start = shape.start(of: position)
      var maximum = -T.infinity
      for c in 0..<shape.classes {
        let x = logits[start + c * shape.inner]
        if x > maximum { maximum = x }
      }
      var sum: T = 0
      for c in 0..<shape.classes {
        let at = start + c * shape.inner
        let e = T.exp(logits[at] - maximum)
        result[at] = e
        sum += e
      }
      for c in 0..<shape.classes { result[start + c * shape.inner] /= sum }
    }
  }

  /// The probabilities of logits, as a new array.
  public static func softmax<T: ReferenceScalar>(_ logits: [T], shape: ReferenceShape) -> [T] {
    array(shape.count, of: 0) { softmax(logits, shape: shape, into: &$0) }
  }

  /// The gradient with respect to the logits: `dx = p · (dp − Σ dp · p)` along the classes.
  ///
  /// - Parameters:
  ///   - probabilities: p, what `softmax` returned; `outer × classes × inner`.
  ///   - upstream: dp, of the same shape.
  ///   - result: dx, of the same shape.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func softmaxGradient<T: ReferenceScalar>(
    probabilities: [T], upstream: [T], shape: ReferenceShape,
    into result: inout [T]
  ) {
    requireCount(probabilities.count, shape.count, "probabilities", of: "softmaxGradient")
    requireCount(upstream.count, shape.count, "upstream", of: "softmaxGradient")
    requireCount(result.count, shape.count, "result", of: "softmaxGradient")
    for position in 0..<shape.positions {
      let start = shape.start(of: position)
      var sum: T = 0
      for c in 0..<shape.classes {
        let at = start + c * shape.inner
        sum += upstream[at] * probabilities[at]
      }
      for c in 0..<shape.classes {
        let at = start + c * shape.inner
        result[at] = probabilities[at] * (upstream[at] - sum)
      }
    }
  }

  /// The gradient with respect to the logits, as a new array.
  public static func softmaxGradient<T: ReferenceScalar>(
    probabilities: [T], upstream: [T], shape: ReferenceShape
  ) -> [T] {
    array(shape.count, of: 0) {
      softmaxGradient(
        probabilities: probabilities, upstream: upstream, shape: shape, into: &$0)
    }
  }
}
