import SurprisalReference
import Testing

@Suite struct NLLLossTests {
  /// Without smoothing, cross-entropy is the negative log-likelihood of the log-softmax.
  @Test(arguments: ExampleA.labelCases.filter { !$0.smoothed })
  func printedLosses(_ example: ExampleA.Case) {
    let lp = Reference.logSoftmax(ExampleA.logits, shape: ExampleA.shape)
    let losses = Reference.nllLosses(
      lp, labels: ExampleA.labels, shape: ExampleA.shape, weights: example.weights,
      ignoring: example.ignored)
    expectPrinted(losses, example.losses, decimals: 12)
    for (reduction, expected) in [(ReferenceReduction.sum, example.sum), (.mean, example.mean)] {
      let loss = Reference.nllLoss(
        lp, labels: ExampleA.labels, shape: ExampleA.shape, weights: example.weights,
        ignoring: example.ignored, reduction: reduction)
      expectPrinted([loss], [expected], decimals: 12)
    }
  }

  @Test(arguments: [nil, 1], [true, false])
  func gradient(ignored: Int?, weighted: Bool) {
    var random = SplitMix64(seed: 6)
    let shape = ReferenceShape(outer: 2, classes: 4, inner: 3)
    let labels = [3, 1, 0, 2, 1, 3]
    let weights = weighted ? [0.5, 2, 1.5, 0.25] : nil
    let (lp, g) = (random.uniform(shape.count), random.uniform(shape.positions))
    for (upstream, reduction) in [
      (ReferenceUpstream.sum(0.7), ReferenceReduction.sum), (.mean(0.7), .mean),
    ] {
      expectGradient(
        Reference.nllLossGradient(
          labels: labels, shape: shape, weights: weights, ignoring: ignored, upstream: upstream),
        at: lp
      ) {
        0.7
          * Reference.nllLoss(
            $0, labels: labels, shape: shape, weights: weights, ignoring: ignored,
            reduction: reduction)
      }
    }
    expectGradient(
      Reference.nllLossGradient(
        labels: labels, shape: shape, weights: weights, ignoring: ignored, upstream: .positions(g)),
      at: lp
    ) {
      inner(
        g,
        Reference.nllLosses($0, labels: labels, shape: shape, weights: weights, ignoring: ignored))
    }
  }

  @Test func theNotebookLoopAgrees() {
    let lp = Reference.logSoftmax(ExampleA.logits, shape: ExampleA.shape)
    expectPrinted(
      [Reference.notebookNLL(lp, labels: ExampleA.labels, classes: 4)], [2.297374862057],
      decimals: 12)
    #expect(Reference.notebookNLL([Double](), labels: [], classes: 4).isNaN)
  }
}
