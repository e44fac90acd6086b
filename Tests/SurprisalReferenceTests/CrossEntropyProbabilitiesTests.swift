import SurprisalReference
import Testing

@Suite struct CrossEntropyProbabilitiesTests {
  @Test(arguments: ExampleA.probabilityCases)
  func printedLosses(_ example: ExampleA.Case) {
    let losses = Reference.crossEntropies(
      ExampleA.logits, probabilities: ExampleA.probabilities, shape: ExampleA.shape,
      weights: example.weights,
      labelSmoothing: example.labelSmoothing)
    expectPrinted(losses, example.losses, decimals: 12)
    for (reduction, expected) in [(ReferenceReduction.sum, example.sum), (.mean, example.mean)] {
      let loss = Reference.crossEntropy(
        ExampleA.logits, probabilities: ExampleA.probabilities, shape: ExampleA.shape,
        weights: example.weights, labelSmoothing: example.labelSmoothing, reduction: reduction)
      expectPrinted([loss], [expected], decimals: 12)
    }
  }

  @Test func printedGradients() {
    func row0(_ weights: [Double]?, _ smoothing: Double) -> [Double] {
      Array(
        Reference.crossEntropyGradient(
          ExampleA.logits, probabilities: ExampleA.probabilities, shape: ExampleA.shape,
          weights: weights,
          labelSmoothing: smoothing)[..<4])
    }
    // Unweighted and unsmoothed it is (p − P)/3, from mpmath at 40 digits.
    expectPrinted(
      row0(nil, 0), [-0.004877035, 0.010685571, 0.010265181, -0.016073716], decimals: 9)
    expectPrinted(
      row0(ExampleA.weights, 0.1), [0.019071484, -0.032724598, 0.000043837, 0.013609277],
      decimals: 9)
    expectPrinted(
      Array(
        Reference.crossEntropyProbabilityGradient(
          ExampleA.logits, shape: ExampleA.shape, weights: ExampleA.weights, labelSmoothing: 0.1)[
            ..<4]),
      [0.369116023, 0.876464093, 0.207348070, 0.222058012], decimals: 9)
  }

  /// A one-hot target is the label, except that its mean divides by the positions.
  @Test func oneHotTargets() {
    var oneHot = [Double](repeating: 0, count: ExampleA.shape.count)
    for (position, label) in ExampleA.labels.enumerated() {
      oneHot[ExampleA.shape.index(position: position, class: label)] = 1
    }
    func loss(_ reduction: ReferenceReduction) -> Double {
      Reference.crossEntropy(
        ExampleA.logits, probabilities: oneHot, shape: ExampleA.shape, weights: ExampleA.weights,
        reduction: reduction)
    }
    expectPrinted([loss(.mean)], [1.041888738], decimals: 9)
    expectPrinted([loss(.sum)], [3.125666213617], decimals: 12)
  }

  @Test(arguments: [true, false], [0, 0.3, 1])
  func gradients(weighted: Bool, smoothing: Double) {
    var random = SplitMix64(seed: 8)
    let shape = ReferenceShape(outer: 2, classes: 4, inner: 3)
    let w = [0.5, 2, 1.5, 0.25]
    let weights = weighted ? w : nil
    let x = random.uniform(shape.count)
    let p = Reference.softmax(random.uniform(shape.count), shape: shape)
    let g = random.uniform(shape.positions)
    func loss(
      _ x: [Double], _ p: [Double], _ weights: [Double]?, _ upstream: ReferenceUpstream<Double>
    )
      -> Double
    {
      func reduced(_ reduction: ReferenceReduction) -> Double {
        Reference.crossEntropy(
          x, probabilities: p, shape: shape, weights: weights, labelSmoothing: smoothing,
          reduction: reduction)
      }
      switch upstream {
      case .sum(let g): return g * reduced(.sum)
      case .mean(let g): return g * reduced(.mean)
      case .positions(let g):
        return inner(
          g,
          Reference.crossEntropies(
            x, probabilities: p, shape: shape, weights: weights, labelSmoothing: smoothing))
      }
    }
    for upstream in [ReferenceUpstream.sum(0.7), .mean(0.7), .positions(g)] {
      expectGradient(
        Reference.crossEntropyGradient(
          x, probabilities: p, shape: shape, weights: weights, labelSmoothing: smoothing,
          upstream: upstream),
        at: x
      ) { loss($0, p, weights, upstream) }
      expectGradient(
        Reference.crossEntropyProbabilityGradient(
          x, shape: shape, weights: weights, labelSmoothing: smoothing, upstream: upstream), at: p
      ) { loss(x, $0, weights, upstream) }
      expectGradient(
        Reference.crossEntropyWeightGradient(
          x, probabilities: p, shape: shape, labelSmoothing: smoothing, upstream: upstream), at: w
      ) { loss(x, p, $0, upstream) }
    }
  }
}
