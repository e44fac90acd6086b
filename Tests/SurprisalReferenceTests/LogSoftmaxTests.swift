import SurprisalReference
import Testing

@Suite struct LogSoftmaxTests {
  @Test func printedLogProbabilities() {
    expectPrinted(
      Reference.logSoftmax(ExampleA.logits, shape: ExampleA.shape),
      [
        -2.460773489, -1.460773489, -0.460773489, -2.960773489, -3.306672823, -2.056672823,
        -2.306672823,
        -0.306672823, -0.124678275, -7.124678275, -2.624678275, -3.124678275,
      ], decimals: 9)
  }

  @Test func infinitiesAndNaN() {
    let inf = Double.infinity
    let row = ReferenceShape(outer: 1, classes: 4)
    expectPrinted(
      Reference.logSoftmax([0, -inf, 1, 2], shape: row),
      [-2.407605964, -inf, -1.407605964, -0.407605964],
      decimals: 9)
    let allNaN = [Double](repeating: .nan, count: 4)
    expectSame(Reference.logSoftmax([-inf, -inf, -inf, -inf], shape: row), allNaN)
    expectSame(Reference.logSoftmax([0, inf, 1, -inf], shape: row), allNaN)
    expectSame(Reference.logSoftmax([0, 1, .nan, 2], shape: row), allNaN)
    expectSame(Reference.logSoftmax([.nan, 1, 0, 2], shape: row), allNaN)
    expectSame(Reference.logSoftmax([-inf, 0, -inf, -inf], shape: row), [-inf, 0, -inf, -inf])
  }

  @Test func aBadRowSpoilsNoOther() {
    let result = Reference.logSoftmax([.nan, 1, 0, 0], shape: ReferenceShape(outer: 2, classes: 2))
    #expect(result[0].isNaN && result[1].isNaN)
    expectPrinted(Array(result[2...]), [-0.693147180559945, -0.693147180559945], decimals: 14)
  }

  @Test func emptyShapesGiveNothing() {
    #expect(Reference.logSoftmax([Double](), shape: ReferenceShape(outer: 4, classes: 0)).isEmpty)
    #expect(Reference.logSoftmax([Double](), shape: ReferenceShape(outer: 0, classes: 3)).isEmpty)
    #expect(
      Reference.logSoftmax([Double](), shape: ReferenceShape(outer: 2, classes: 3, inner: 0))
        .isEmpty)
  }

  /// An inner axis is the same rows in another order.
  @Test func innerAxisIsATransposition() {
    var random = SplitMix64(seed: 1)
    let (outer, classes, inner) = (2, 5, 3)
    let shape = ReferenceShape(outer: outer, classes: classes, inner: inner)
    let x = random.uniform(shape.count)
    var rows: [Double] = []
    for position in 0..<shape.positions {
      for c in 0..<classes { rows.append(x[shape.index(position: position, class: c)]) }
    }
    let expected = Reference.logSoftmax(
      rows, shape: ReferenceShape(outer: shape.positions, classes: classes))
    let result = Reference.logSoftmax(x, shape: shape)
    for position in 0..<shape.positions {
      for c in 0..<classes {
        #expect(
          result[shape.index(position: position, class: c)] == expected[position * classes + c])
      }
    }
  }

  @Test func gradient() {
    var random = SplitMix64(seed: 2)
    let shape = ReferenceShape(outer: 2, classes: 4, inner: 3)
    let (x, g) = (random.uniform(shape.count), random.uniform(shape.count))
    let gradient = Reference.logSoftmaxGradient(
      logProbabilities: Reference.logSoftmax(x, shape: shape), upstream: g, shape: shape)
    expectGradient(gradient, at: x) { inner(g, Reference.logSoftmax($0, shape: shape)) }
  }

  /// Three roundings, two of them of numbers up to |x| + log C ≈ 8, so at most two units of 2⁻²⁰ in all.
  @Test func floatFollowsDouble() {
    var random = SplitMix64(seed: 3)
    let shape = ReferenceShape(outer: 7, classes: 11)
    let x = random.uniform(shape.count).map { Float($0) }
    let double = Reference.logSoftmax(x.map { Double($0) }, shape: shape)
    let float = Reference.logSoftmax(x, shape: shape)
    #expect(float.count == double.count)
    for (a, b) in zip(float, double) { #expect(abs(Double(a) - b) <= 0x1p-19) }
  }
}

@Suite struct SoftmaxTests {
  @Test func probabilitiesAreExponentialsOfLogProbabilities() {
    let p = Reference.softmax(ExampleA.logits, shape: ExampleA.shape)
    let lp = Reference.logSoftmax(ExampleA.logits, shape: ExampleA.shape)
    #expect(p.count == lp.count)
    for (a, b) in zip(p, lp) { #expect(abs(a - Double.exp(b)) <= 1e-15) }
  }

  @Test func infinitiesAndNaN() {
    let inf = Double.infinity
    let row = ReferenceShape(outer: 1, classes: 3)
    expectSame(Reference.softmax([-inf, 2, -inf], shape: row), [0, 1, 0])
    expectSame(Reference.softmax([-inf, -inf, -inf], shape: row), [.nan, .nan, .nan])
    expectSame(Reference.softmax([0, inf, 0], shape: row), [.nan, .nan, .nan])
    expectSame(Reference.softmax([0, .nan, 0], shape: row), [.nan, .nan, .nan])
  }

  @Test func gradient() {
    var random = SplitMix64(seed: 4)
    let shape = ReferenceShape(outer: 2, classes: 4, inner: 3)
    let (x, g) = (random.uniform(shape.count), random.uniform(shape.count))
    let gradient = Reference.softmaxGradient(
      probabilities: Reference.softmax(x, shape: shape), upstream: g, shape: shape)
    expectGradient(gradient, at: x) { inner(g, Reference.softmax($0, shape: shape)) }
  }
}

@Suite struct LogSumExpTests {
  @Test func printedValues() {
    expectPrinted(
      Reference.logSumExp(ExampleA.logits, shape: ExampleA.shape),
      [3.460773489, 2.306672823, 4.124678275],
      decimals: 9)
  }

  @Test func infinitiesAndNaN() {
    let inf = Double.infinity
    let rows = ReferenceShape(outer: 6, classes: 2)
    expectSame(
      Reference.logSumExp(
        [-inf, -inf, 0, inf, inf, .nan, .nan, -inf, -inf, inf, -inf, 3], shape: rows),
      [-inf, inf, .nan, .nan, inf, 3])
    expectSame(
      Reference.logSumExp([Double](), shape: ReferenceShape(outer: 4, classes: 0)),
      [-inf, -inf, -inf, -inf])
  }

  @Test func gradient() {
    var random = SplitMix64(seed: 5)
    let shape = ReferenceShape(outer: 2, classes: 4, inner: 3)
    let (x, g) = (random.uniform(shape.count), random.uniform(shape.positions))
    expectGradient(Reference.logSumExpGradient(logits: x, upstream: g, shape: shape), at: x) {
      inner(g, Reference.logSumExp($0, shape: shape))
    }
  }
}
