import Surprisal
import Testing

/// The loss and its gradient without a graph.
@Suite struct CrossEntropyGradientTests {
    @Test(arguments: [[1, 10], [37, 123], [3, 5, 4], [0, 4]])
    func isThatOfTheGraph(shape: [Int]) {
        check(shape, Float.self)
        check(shape, Double.self)
    }

    private func check<T: Surprisal.Scalar>(_ shape: [Int], _ type: T.Type) {
        let x: Tensor<T> = CrossEntropyRelationTests.logits(shape, seed: 5)
        let labels = CrossEntropyRelationTests.labels(shape)
        let weight: Tensor<T> = CrossEntropyRelationTests.logits([shape[1]], seed: 2, spread: 1).exp()
        let q: Tensor<T> = CrossEntropyRelationTests.logits(shape, seed: 6).softmax()
        for reduction in [Reduction.mean, .sum] {
            for smoothing in [0, 0.1] {
                let loss = CrossEntropyLoss(weight: weight, labelSmoothing: smoothing, reduction: reduction)
                expectSame(loss.valueWithGradient(at: x, labels), valueWithGradient(at: x) { loss($0, labels) })
                expectSame(
                    loss.valueWithGradient(at: x, probabilities: q),
                    valueWithGradient(at: x) { loss($0, probabilities: q) })
                var given = x
                given = given * 1
                expectSame(loss.valueWithGradient(at: consume given, labels), loss.valueWithGradient(at: x, labels))
            }
        }
    }

    private func expectSame<T: Surprisal.Scalar>(
        _ a: (value: Tensor<T>, gradient: Tensor<T>), _ b: (value: Tensor<T>, gradient: Tensor<T>)
    ) {
        #expect(a.value == b.value || (a.value.item().isNaN && b.value.item().isNaN))
        #expect(a.gradient == b.gradient)
        #expect(a.value.operation == b.value.operation)
    }

    @Test func takesOverLogitsThatAreGivenAway() async {
        await #expect(processExitsWith: .success) {
            let x = Tensor<Float>(repeating: 1, shape: [512, 2048])
            let labels = try Labels([Int](repeating: 3, count: 512), classCount: 2048)
            let loss = CrossEntropyLoss<Float>()
            var own: Tensor<Float>? = x * 1
            let before = BufferPool.freshBlockCount
            if let given = own.take() { own = loss.valueWithGradient(at: consume given, labels).gradient }
            #expect(BufferPool.freshBlockCount - before <= 1)  // the losses
            let kept = BufferPool.freshBlockCount
            let (_, gradient) = loss.valueWithGradient(at: x, labels)
            #expect(BufferPool.freshBlockCount - kept == 1)    // the gradient
            #expect(x[0, 0] == 1 && gradient == own)
        }
    }

    @Test func stopsWithoutReductionAndWhenTracked() async throws {
        let unreduced = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = CrossEntropyLoss<Float>(reduction: .none)
                .valueWithGradient(at: Tensor([[1, 2]]), try Labels([0], classCount: 2))
        }
        #expect(String(decoding: unreduced.standardErrorContent, as: UTF8.self)
            .contains("CrossEntropyLoss: a gradient without reduction; expected a mean or a sum"))
        let tracked = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let labels = try Labels([0], classCount: 2)
            _ = valueWithGradient(at: Tensor<Float>([[1, 2]])) {
                CrossEntropyLoss().valueWithGradient(at: $0, labels).value
            }
        }
        #expect(String(decoding: tracked.standardErrorContent, as: UTF8.self)
            .contains("valueWithGradient of something tracked"))
    }
}
