import SurprisalReference
import Testing

/// The loops of the losses beyond cross-entropy: numbers worked by hand, relations, and derivatives against differences.
@Suite struct FurtherLossTests {
  private let shape = ReferenceShape(outer: 2, classes: 4, inner: 3)
  private let labels = [3, 1, 0, 2, 1, 3]
  private let weights = [0.5, 2, 1.5, 0.25]

  private func logits() -> [Double] {
    var random = SplitMix64(seed: 9)
    return random.uniform(shape.count)
  }

  @Test func withoutTheirFactorsTheyAreCrossEntropy() {
    let x = logits()
    let plain = Reference.crossEntropies(x, labels: labels, shape: shape, weights: weights)
    expectPrinted(
      Reference.focalLosses(x, labels: labels, shape: shape, gamma: 0, weights: weights), plain,
      decimals: 14)
    expectPrinted(
      Reference.polyLosses(x, labels: labels, shape: shape, epsilon: 0, weights: weights), plain,
      decimals: 14)
  }

  @Test func halvesOfTwoClasses() {
    let two = ReferenceShape(outer: 1, classes: 2)
    let ln2 = 0.693147180559945
    expectPrinted(
      Reference.focalLosses([0, 0], labels: [1], shape: two, gamma: 2), [ln2 / 4], decimals: 14)
    expectPrinted(
      Reference.polyLosses([0, 0], labels: [1], shape: two, epsilon: 3), [ln2 + 1.5], decimals: 14)
    expectPrinted(
      Reference.multiMarginLosses([0.25, 0], labels: [1], shape: two, p: 2), [1.25 * 1.25 / 2],
      decimals: 14)
    expectPrinted(
      Reference.binaryCrossEntropies([0.0], targets: [0.25], positive: [2]), [1.25 * ln2],
      decimals: 14)
    expectPrinted(
      Reference.divergenceTerms([-ln2, -1.0], targets: [1, 0], areLogarithms: false), [ln2, 0],
      decimals: 14)
  }

  @Test(arguments: [0, 0.5, 1, 2.75, 5], [nil, 1])
  func focalGradient(gamma: Double, ignored: Int?) {
    expectGradient(
      Reference.focalLossGradient(
        logits(), labels: labels, shape: shape, gamma: gamma, weights: weights, ignoring: ignored,
        upstream: .sum(0.7)),
      at: logits()
    ) {
      0.7
        * Reference.focalLosses(
          $0, labels: labels, shape: shape, gamma: gamma, weights: weights, ignoring: ignored
        ).reduce(0, +)
    }
  }

  @Test(arguments: [-0.5, 0, 6], [nil, 1])
  func polyGradient(epsilon: Double, ignored: Int?) {
    expectGradient(
      Reference.polyLossGradient(
        logits(), labels: labels, shape: shape, epsilon: epsilon, weights: weights,
        ignoring: ignored, upstream: .sum(0.7)),
      at: logits()
    ) {
      0.7
        * Reference.polyLosses(
          $0, labels: labels, shape: shape, epsilon: epsilon, weights: weights, ignoring: ignored
        ).reduce(0, +)
    }
  }

  @Test(arguments: [1, 2], [nil, 1])
  func multiMarginGradient(p: Int, ignored: Int?) {
    expectGradient(
      Reference.multiMarginLossGradient(
        logits(), labels: labels, shape: shape, p: p, margin: 0.8, weights: weights,
        ignoring: ignored, upstream: .mean(0.7)),
      at: logits()
    ) {
      0.7
        * Reference.multiMarginLosses(
          $0, labels: labels, shape: shape, p: p, margin: 0.8, weights: weights, ignoring: ignored
        ).reduce(0, +) / Double(labels.count { $0 != ignored })
    }
  }

  @Test func binarySlopes() {
    var random = SplitMix64(seed: 3)
    let (y, positive) = (random.uniform(24, in: 0...1), random.uniform(24, in: 0.1...3))
    expectGradient(
      Reference.binaryCrossEntropySlopes(logits(), targets: y, positive: positive), at: logits()
    ) {
      Reference.binaryCrossEntropies($0, targets: y, positive: positive).reduce(0, +)
    }
  }

  /// The truths in double-double are the loops' where those lose nothing.
  @Test(arguments: [0, 0.5, 1, 2.75])
  func truthsAreTheLoopsOfEvenRows(factor: Double) {
    let row = ReferenceShape(outer: 1, classes: 5), x = [0.5, -1, 0.25, 1, -0.5]
    for label in 0..<5 {
      let (focal, poly) = (
        HighPrecisionRow(x).focal(of: label, gamma: factor),
        HighPrecisionRow(x).poly(of: label, epsilon: factor - 1)
      )
      expectPrinted(
        [focal.loss, poly.loss].map { $0.rounded(to: Double.self) },
        Reference.focalLosses(x, labels: [label], shape: row, gamma: factor)
          + Reference.polyLosses(x, labels: [label], shape: row, epsilon: factor - 1), decimals: 13)
      expectPrinted(
        focal.gradient.map { $0.rounded(to: Double.self) },
        Reference.focalLossGradient(x, labels: [label], shape: row, gamma: factor), decimals: 13)
      expectPrinted(
        poly.gradient.map { $0.rounded(to: Double.self) },
        Reference.polyLossGradient(x, labels: [label], shape: row, epsilon: factor - 1), decimals: 13)
    }
  }

  /// A series takes over where s − q cancels: next to there both are right.
  @Test(arguments: [5, 6, 10.0])
  func truthOfASmallDifference(margin: Double) {
    let row = HighPrecisionRow([margin, 0])
    let (s, q) = (row.loss(of: 0), -row.gradient(of: 0)[0])
    let found = row.poly(of: 0, epsilon: -1).loss
    // s − q is q²/2, which leaves 106 bits less log₂(2/q).
    #expect(((found - (s - q)) / found).magnitude.doubleDouble.high <= 0x1p-85)
  }
}
