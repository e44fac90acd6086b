import Surprisal
import SurprisalReference
import Testing

// The tests of `AddingALoss.md`, word for word; `AddingALossTests` compares the two.
// begin
extension Reference {
  /// The Brier score of each label: `Σ (p[c] − [c = y])²`, p the softmax of the logits, and 0 where the label is ignored.
  public static func brierLosses<T: ReferenceScalar>(
    _ logits: [T], labels: [Int], shape: ReferenceShape, ignoring ignored: Int? = nil
  ) -> [T] {
    let p = softmax(logits, shape: shape)
    return (0..<shape.positions).map { position in
      if labels[position] == ignored { return 0 }
      var sum: T = 0
      for c in 0..<shape.classes {
        let error = p[shape.index(position: position, class: c)] - (c == labels[position] ? 1 : 0)
        sum += error * error
      }
      return sum
    }
  }
}

@Suite struct BrierLossTests {
    @Test(arguments: InstructionSet.available, CrossEntropyRelationTests.shapes)
    func agreesWithTheLoops(isa: InstructionSet, shape: [Int]) {
        InstructionSet.override.withValue(isa) {
            let x: Tensor<Double> = CrossEntropyRelationTests.logits(shape), y = CrossEntropyRelationTests.labels(shape)
            let view = ReferenceShape(outer: shape[0], classes: shape[1], inner: shape[2...].reduce(1, *))
            let expected = Reference.brierLosses(
                x.scalars, labels: (0..<y.count).map { y[$0] ?? -100 }, shape: view, ignoring: -100)
            let found = BrierLoss(reduction: .none)(x, y).scalars
            #expect(found.count == expected.count)
            // Squares of at most 1, at most 2 in all; the loops' sums walk √C roundings far.
            let bound = 8 * Double(shape[1]).squareRoot() * Double.ulpOfOne
            for (a, b) in zip(found, expected) { #expect(abs(a - b) <= bound) }
        }
    }

    @Test func gradientIsTheDifferenceQuotient() throws {
        let x: Tensor<Double> = CrossEntropyRelationTests.logits([3, 4], spread: 2)
        let y = try Labels([3, -100, 1], classCount: 4), h = 1e-5
        let gradient = valueWithGradient(at: x) { BrierLoss()($0, y) }.gradient.scalars
        for i in gradient.indices {
            func moved(_ by: Double) -> Double {
                var values = x.scalars
                values[i] += by
                return BrierLoss<Double>()(Tensor(values, shape: x.shape), y).item()
            }
            // h² of truncation and 1e-16/h of rounding.
            #expect(abs(gradient[i] - (moved(h) - moved(-h)) / (2 * h)) <= 1e-9)
        }
    }

    /// Not 1 − p: the label is ahead by 40, and the loss is q² + q² with q = e^−40.
    @Test func confidentRowKeepsItsDigits() throws {
        let x = Tensor<Float>([[0, 40]]), y = try Labels([1], classCount: 2)
        let found = BrierLoss()(x, y).item(), q = Tensor<Double>(-40).exp().item()
        #expect(abs(Double(found) - 2 * q * q) <= 8 * Double(found.ulp))
    }

    @Test func edges() throws {
        try checkClassLossEdges { BrierLoss<Float>(reduction: $0, classAxis: $1)($2, $3) }
    }
}
// end
