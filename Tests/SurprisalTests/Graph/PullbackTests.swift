import Surprisal
import Testing

@Suite struct PullbackTests {
    @Test func turnsTheGradientOfTheValueIntoThoseOfTheInputs() {
        let x = Tensor<Double>([2, 3, 5]), y = Tensor<Double>([7, 11, 13])
        let (value, pullback) = valueWithPullback(at: [x, y]) { $0[0] * $0[1] }
        #expect(value == Tensor([14, 33, 65]))
        #expect(!value.isTracked)
        // Any number of times, each with an upstream gradient of its own.
        #expect(pullback(Tensor([1, 10, 100])) == [Tensor([7, 110, 1300]), Tensor([2, 30, 500])])
        #expect(pullback(Tensor([0, 0, 1])) == [Tensor([0, 0, 13]), Tensor([0, 0, 5])])
    }

    @Test func isTheGradientWhenTheValueIsOneNumber() {
        let x: Tensor<Float> = CrossEntropyRelationTests.logits([5, 7], seed: 3)
        let labels = CrossEntropyRelationTests.labels([5, 7])
        let (value, pullback) = valueWithPullback(at: x) { CrossEntropyLoss()($0, labels) }
        let (loss, gradient) = valueWithGradient(at: x) { CrossEntropyLoss()($0, labels) }
        #expect(value == loss)
        #expect(pullback(Tensor(1)) == gradient)
    }

    @Test func isZeroWhereTheValueDoesNotDepend() {
        let (_, pullback) = valueWithPullback(at: [Tensor<Float>([1, 2]), Tensor<Float>([3, 4])]) { $0[1] * 2 }
        #expect(pullback(Tensor([1, 1])) == [Tensor([0, 0]), Tensor([2, 2])])
    }

    @Test func anUpstreamOfAnotherShapeStops() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let (_, pullback) = valueWithPullback(at: Tensor<Float>([1, 2])) { $0 * 2 }
            _ = pullback(Tensor<Float>([1, 2, 3]))
        }
        let text = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(text.contains("pullback: an upstream gradient of shape [3]; expected the value's, [2]"))
    }
}
