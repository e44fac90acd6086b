import SurprisalReference
import Testing

@Suite struct DegenerateInputTests {
  let nothing: [Double] = []

  @Test(arguments: [
    ReferenceShape(outer: 0, classes: 3), ReferenceShape(outer: 2, classes: 4, inner: 0),
    ReferenceShape(outer: 0, classes: 0),
  ])
  func noPositions(shape: ReferenceShape) {
    let weights = [Double](repeating: 2, count: shape.classes)
    for smoothing in [0, 0.1] {
      #expect(
        Reference.crossEntropies(
          nothing, labels: [], shape: shape, weights: weights, labelSmoothing: smoothing
        ).isEmpty)
      func loss(_ reduction: ReferenceReduction) -> [Double] {
        [
          Reference.crossEntropy(
            nothing, labels: [], shape: shape, labelSmoothing: smoothing, reduction: reduction),
          Reference.crossEntropy(
            nothing, probabilities: nothing, shape: shape, labelSmoothing: smoothing,
            reduction: reduction),
        ]
      }
      expectSame(loss(.sum), [0, 0])
      expectSame(loss(.mean), [.nan, .nan])
      #expect(
        Reference.crossEntropyGradient(nothing, labels: [], shape: shape, labelSmoothing: smoothing)
          .isEmpty)
    }
  }

  @Test(arguments: [nil, ExampleA.weights], [0, 0.1])
  func everyLabelIgnored(weights: [Double]?, smoothing: Double) {
    let labels = [7, 7, 7]
    func loss(_ reduction: ReferenceReduction) -> Double {
      Reference.crossEntropy(
        ExampleA.logits, labels: labels, shape: ExampleA.shape, weights: weights, ignoring: 7,
        labelSmoothing: smoothing, reduction: reduction)
    }
    expectSame(
      Reference.crossEntropies(
        ExampleA.logits, labels: labels, shape: ExampleA.shape, weights: weights, ignoring: 7,
        labelSmoothing: smoothing), [0, 0, 0])
    expectSame([loss(.sum), loss(.mean)], [0, .nan])
    expectSame(
      Reference.crossEntropyGradient(
        ExampleA.logits, labels: labels, shape: ExampleA.shape, weights: weights, ignoring: 7,
        labelSmoothing: smoothing), [Double](repeating: 0, count: 12))
    expectSame(
      Reference.crossEntropyWeightGradient(
        ExampleA.logits, labels: labels, shape: ExampleA.shape, weights: ExampleA.weights,
        ignoring: 7,
        labelSmoothing: smoothing), [0, 0, 0, 0])
  }

  /// Only class 1 weighs anything, and nothing is labelled 1: smoothing alone survives, and no mean exists.
  @Test func totalWeightZero() {
    let weights = [0.0, 1, 0, 0]
    func losses(_ smoothing: Double) -> [Double] {
      Reference.crossEntropies(
        ExampleA.logits, labels: ExampleA.labels, shape: ExampleA.shape, weights: weights,
        labelSmoothing: smoothing)
    }
    func loss(_ smoothing: Double, _ reduction: ReferenceReduction) -> Double {
      Reference.crossEntropy(
        ExampleA.logits, labels: ExampleA.labels, shape: ExampleA.shape, weights: weights,
        labelSmoothing: smoothing, reduction: reduction)
    }
    expectSame(losses(0), [0, 0, 0])
    expectPrinted([losses(0.1)[0], loss(0.1, .sum)], [0.036519337, 0.266053115], decimals: 9)
    expectSame([loss(0, .sum), loss(0, .mean), loss(0.1, .mean)], [0, .nan, .nan])
    let gradient = Reference.crossEntropyGradient(
      ExampleA.logits, labels: ExampleA.labels, shape: ExampleA.shape, weights: weights)
    expectSame(gradient, [Double](repeating: .nan, count: 12))
  }

  @Test func negativeWeights() {
    let weights = ExampleA.weights.map { -$0 }
    func loss(_ reduction: ReferenceReduction) -> Double {
      Reference.crossEntropy(
        ExampleA.logits, labels: ExampleA.labels, shape: ExampleA.shape, weights: weights,
        reduction: reduction)
    }
    expectPrinted([loss(.sum), loss(.mean)], [-3.125666213617, 1.389184983830], decimals: 12)
  }

  @Test func noClasses() {
    let shape = ReferenceShape(outer: 2, classes: 0)
    for smoothing in [0, 0.1] {
      expectSame(
        Reference.crossEntropies(
          nothing, labels: [5, 5], shape: shape, ignoring: 5, labelSmoothing: smoothing),
        [0, 0])
      func loss(_ reduction: ReferenceReduction) -> Double {
        Reference.crossEntropy(
          nothing, labels: [5, 5], shape: shape, ignoring: 5, labelSmoothing: smoothing,
          reduction: reduction)
      }
      expectSame([loss(.sum), loss(.mean)], [0, .nan])
    }
    let losses = Reference.crossEntropies(nothing, probabilities: nothing, shape: shape)
    expectSame(losses, [0, 0])
    #expect(losses.allSatisfy { $0.sign == .minus })
    #expect(
      Reference.crossEntropy(nothing, probabilities: nothing, shape: shape, reduction: .sum) == 0)
    #expect(Reference.crossEntropy(nothing, probabilities: nothing, shape: shape).isNaN)
  }

  @Test func oneClass() {
    let shape = ReferenceShape(outer: 2, classes: 1)
    for smoothing in [0, 0.1] {
      expectSame(
        Reference.crossEntropies(
          [3.5, -1e9], labels: [0, 0], shape: shape, labelSmoothing: smoothing), [0, 0])
      #expect(
        Reference.crossEntropy(
          [3.5, -1e9], labels: [0, 0], shape: shape, labelSmoothing: smoothing) == 0)
    }
  }
}

@Suite struct NonFiniteInputTests {
  let inf = Double.infinity
  let row = ReferenceShape(outer: 1, classes: 3)

  @Test func impossibleLabel() {
    expectSame(Reference.crossEntropies([-inf, 0, 0], labels: [0], shape: row), [inf])
    expectSame(
      Reference.crossEntropyGradient([-inf, 0, 0], labels: [0], shape: row), [-1, 0.5, 0.5])
  }

  @Test func impossibleOtherClass() {
    expectPrinted(
      Reference.crossEntropies([0, -inf, 0], labels: [0], shape: row), [0.693147180559945],
      decimals: 14)
    expectSame(
      Reference.crossEntropies([0, -inf, 0], labels: [0], shape: row, labelSmoothing: 0.1), [inf])
    let gradient = Reference.crossEntropyGradient(
      [0, -inf, 0], labels: [0], shape: row, labelSmoothing: 0.1)
    expectPrinted(
      gradient, [-0.9 * 0.5 + 0.1 * (0.5 - 1.0 / 3), -0.1 / 3, 0.9 * 0.5 + 0.1 * (0.5 - 1.0 / 3)],
      decimals: 14)
  }

  @Test func probabilityZeroOfAnImpossibleClass() {
    let (x, p) = ([0, -inf, 0], [0.5, 0, 0.5])
    expectPrinted(
      Reference.crossEntropies(x, probabilities: p, shape: row), [0.693147180559945], decimals: 14)
    expectPrinted(
      [Reference.crossEntropy(x, probabilities: p, shape: row)], [0.693147180559945], decimals: 14)
    expectSame(Reference.crossEntropyGradient(x, probabilities: p, shape: row), [0, 0, 0])
    expectPrinted(
      Reference.crossEntropyWeightGradient(x, probabilities: p, shape: row),
      [0.346573590279973, 0, 0.346573590279973], decimals: 14)
    expectSame(
      Reference.crossEntropies(x, probabilities: p, shape: row, labelSmoothing: 0.1), [inf])
    expectSame(
      Reference.crossEntropies([0, .nan, 0], probabilities: p, shape: row), [.nan])
  }

  @Test func weightZeroOfAnImpossibleLabel() {
    expectSame(
      Reference.crossEntropies([-inf, 0, 0], labels: [0], shape: row, weights: [0, 1, 1]), [.nan])
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity])
  func ignoredRowsCountForNothing(value: Double) {
    let shape = ReferenceShape(outer: 2, classes: 3)
    let x = [value, value, 1, 1, 2, 3]
    let labels = [-100, 2]
    for smoothing in [0, 0.1] {
      func loss(_ x: [Double], _ labels: [Int], _ shape: ReferenceShape) -> Double {
        Reference.crossEntropy(
          x, labels: labels, shape: shape, ignoring: -100, labelSmoothing: smoothing)
      }
      #expect(loss(x, labels, shape) == loss([1, 2, 3], [2], row))
      let gradient = Reference.crossEntropyGradient(
        x, labels: labels, shape: shape, ignoring: -100, labelSmoothing: smoothing)
      expectSame(Array(gradient[..<3]), [0, 0, 0])
      expectSame(
        Array(gradient[3...]),
        Reference.crossEntropyGradient(
          [1, 2, 3], labels: [2], shape: row, labelSmoothing: smoothing))
    }
    expectSame(Reference.nllLosses(x, labels: labels, shape: shape, ignoring: -100), [0, -3])
  }

  @Test func hugeFloats() {
    let pair = ReferenceShape(outer: 1, classes: 2)
    expectSame(
      Reference.crossEntropies([3e38, -3e38] as [Float], labels: [1], shape: pair), [.infinity])
    expectSame(
      Reference.crossEntropyGradient([3e38, -3e38] as [Float], labels: [1], shape: pair), [1, -1])
    expectSame(
      Reference.crossEntropies([1e4, 0, -1e4] as [Float], labels: [2], shape: row), [20000])
  }
}
