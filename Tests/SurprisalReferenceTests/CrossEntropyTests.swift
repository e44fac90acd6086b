import Glibc
import SurprisalReference
import Testing

@Suite struct CrossEntropyTests {
  @Test(arguments: ExampleA.labelCases)
  func printedLosses(_ example: ExampleA.Case) {
    let losses = Reference.crossEntropies(
      ExampleA.logits, labels: ExampleA.labels, shape: ExampleA.shape, weights: example.weights,
      ignoring: example.ignored, labelSmoothing: example.labelSmoothing)
    expectPrinted(losses, example.losses, decimals: 12)
    for (reduction, expected) in [(ReferenceReduction.sum, example.sum), (.mean, example.mean)] {
      let loss = Reference.crossEntropy(
        ExampleA.logits, labels: ExampleA.labels, shape: ExampleA.shape, weights: example.weights,
        ignoring: example.ignored, labelSmoothing: example.labelSmoothing, reduction: reduction)
      expectPrinted([loss], [expected], decimals: 12)
    }
  }

  @Test func completeSmoothing() {
    let loss = Reference.crossEntropy(
      ExampleA.logits, labels: ExampleA.labels, shape: ExampleA.shape, labelSmoothing: 1)
    expectPrinted([loss], [2.359874862057], decimals: 12)
  }

  @Test func printedGradients() {
    func gradient(weights: [Double]? = nil, ignoring: Int? = nil, smoothing: Double = 0) -> [Double]
    {
      Reference.crossEntropyGradient(
        ExampleA.logits, labels: ExampleA.labels, shape: ExampleA.shape, weights: weights,
        ignoring: ignoring,
        labelSmoothing: smoothing)
    }
    let w = ExampleA.weights
    expectPrinted(
      Array(gradient()[..<4]), [0.028456298, 0.077352237, -0.123068152, 0.017259617], decimals: 9)
    expectPrinted(
      Array(gradient(weights: w)[..<4]), [0.056912596, 0.154704475, -0.246136305, 0.034519234],
      decimals: 9)
    expectPrinted(
      Array(gradient(weights: w, smoothing: 0.1)[..<4]),
      [0.049697089, 0.127970039, -0.208401773, 0.030734645], decimals: 9)
    let ignoring = gradient(weights: w, ignoring: 0, smoothing: 0.1)
    expectPrinted(
      Array(ignoring[..<4]), [0.063896258, 0.164532907, -0.267945137, 0.039515973], decimals: 9)
    expectSame(Array(ignoring[4..<8]), [0, 0, 0, 0])
  }

  @Test func printedWeightGradient() {
    expectPrinted(
      Reference.crossEntropyWeightGradient(
        ExampleA.logits, labels: ExampleA.labels, shape: ExampleA.shape, weights: ExampleA.weights),
      [0.852216817, 0, -0.412627331, 0.771330351], decimals: 9)
  }

  @Test func oneRow() {
    let row = ReferenceShape(outer: 1, classes: 4)
    let x = Array(ExampleA.logits[..<4])
    func loss(_ smoothing: Double, _ reduction: ReferenceReduction) -> Double {
      Reference.crossEntropy(
        x, labels: [2], shape: row, weights: ExampleA.weights, labelSmoothing: smoothing,
        reduction: reduction)
    }
    expectPrinted(
      [loss(0, .sum), loss(0, .mean), loss(0.1, .sum), loss(0.1, .mean)],
      [0.691160234, 0.460773489, 0.761626394, 0.507750929], decimals: 9)
  }

  @Test(arguments: [nil, 1], [true, false])
  func gradients(ignored: Int?, weighted: Bool) {
    var random = SplitMix64(seed: 7)
    let shape = ReferenceShape(outer: 2, classes: 4, inner: 3)
    let labels = [3, 1, 0, 2, 1, 3]
    let w = [0.5, 2, 1.5, 0.25]
    let weights = weighted ? w : nil
    let (x, g) = (random.uniform(shape.count), random.uniform(shape.positions))
    for smoothing in [0, 0.3, 1] {
      func reduced(_ x: [Double], _ weights: [Double]?, _ reduction: ReferenceReduction) -> Double {
        Reference.crossEntropy(
          x, labels: labels, shape: shape, weights: weights, ignoring: ignored,
          labelSmoothing: smoothing,
          reduction: reduction)
      }
      func each(_ x: [Double], _ weights: [Double]?) -> Double {
        inner(
          g,
          Reference.crossEntropies(
            x, labels: labels, shape: shape, weights: weights, ignoring: ignored,
            labelSmoothing: smoothing))
      }
      func gradient(_ upstream: ReferenceUpstream<Double>) -> [Double] {
        Reference.crossEntropyGradient(
          x, labels: labels, shape: shape, weights: weights, ignoring: ignored,
          labelSmoothing: smoothing,
          upstream: upstream)
      }
      func weightGradient(_ upstream: ReferenceUpstream<Double>) -> [Double] {
        Reference.crossEntropyWeightGradient(
          x, labels: labels, shape: shape, weights: w, ignoring: ignored, labelSmoothing: smoothing,
          upstream: upstream)
      }
      expectGradient(gradient(.mean(0.7)), at: x) { 0.7 * reduced($0, weights, .mean) }
      expectGradient(gradient(.sum(0.7)), at: x) { 0.7 * reduced($0, weights, .sum) }
      expectGradient(gradient(.positions(g)), at: x) { each($0, weights) }
      expectGradient(weightGradient(.mean(0.7)), at: w) { 0.7 * reduced(x, $0, .mean) }
      expectGradient(weightGradient(.sum(0.7)), at: w) { 0.7 * reduced(x, $0, .sum) }
      expectGradient(weightGradient(.positions(g)), at: w) { each(x, $0) }
    }
  }
}

/// Logits `3 · sin(0...23)` of shape 2 × 3 × 2 × 2, the classes along axis 1, as PyTorch 2.13 printed them.
@Suite struct SpatialCrossEntropyTests {
  let logits = (0..<24).map { 3 * sin(Double($0)) }
  let labels = [0, 1, 2, -100, 1, 1, 0, 2]
  let weights = [0.5, 2, 1.5]
  let shape = ReferenceShape([2, 3, 2, 2], along: 1)

  @Test func printedLosses() {
    expectPrinted(
      Reference.crossEntropies(logits, labels: labels, shape: shape, ignoring: -100),
      [
        3.023235506902, 5.648293673350, 4.400179414170, 0, 3.641939223128, 5.649732126053,
        0.053777243029,
        4.699851649107,
      ], decimals: 12)
    func loss(_ weights: [Double]?, _ smoothing: Double, _ reduction: ReferenceReduction) -> Double
    {
      Reference.crossEntropy(
        logits, labels: labels, shape: shape, weights: weights, ignoring: -100,
        labelSmoothing: smoothing,
        reduction: reduction)
    }
    expectPrinted(
      [
        loss(nil, 0, .sum), loss(nil, 0, .mean), loss(weights, 0, .sum), loss(weights, 0, .mean),
        loss(weights, 0.2, .sum), loss(weights, 0.2, .mean),
      ],
      [
        27.117008835739, 3.873858405106, 45.068483014943, 4.506848301494, 41.884801407956,
        4.188480140796,
      ], decimals: 12)
  }

  @Test func printedLossesOfProbabilities() {
    let targets = Reference.softmax(logits.map { -$0 }, shape: shape)
    func loss(_ reduction: ReferenceReduction) -> Double {
      Reference.crossEntropy(
        logits, probabilities: targets, shape: shape, weights: weights, labelSmoothing: 0.2,
        reduction: reduction)
    }
    expectPrinted([loss(.sum), loss(.mean)], [59.737630815234, 7.467203851904], decimals: 12)
  }
}
