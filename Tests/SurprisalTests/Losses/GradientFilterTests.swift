import Surprisal
import Testing

/// What the filter leaves out, and what that costs.
@Suite struct GradientFilterTests {
    private let x: Tensor<Double>, head: Linear<Double>, labels: Labels, q: Tensor<Double>
    private static let rows = 24, features = 6, classes = 2100

    /// A head most of whose classes lie far below: in some tiles nothing has weight.
    init() throws {
        x = CrossEntropyRelationTests.logits([Self.rows, Self.features], seed: 1, spread: 1)
        let bias = (0..<Self.classes).map { c -> Double in c / 512 % 2 == 0 ? 0 : -6 - Double(c % 512) / 64 }
        head = Linear(
            weight: CrossEntropyRelationTests.logits([Self.classes, Self.features], seed: 2, spread: 0.5),
            bias: Tensor(bias))
        labels = try Labels((0..<Self.rows).map { $0 % 5 == 4 ? -100 : $0 * 21 }, classCount: Self.classes)
        // Next to nothing in those tiles.
        let logits: Tensor<Double> = CrossEntropyRelationTests.logits([Self.rows, Self.classes], seed: 4, spread: 1)
        let far = (0..<logits.count).map { i -> Double in i % Self.classes / 512 % 2 == 0 ? 0 : -20 }
        q = (logits + Tensor(far, shape: logits.shape)).softmax()
    }

    @Test(arguments: [64 << 20, 5 * 2112 * 8, 4000], [Reduction.mean, .sum]) func staysWithinItsBound(bytes: Int, reduction: Reduction) {
        let exact = LinearCrossEntropyLoss<Double>(reduction: reduction, blockBytes: bytes).valueWithGradients(at: x, head, labels)
        let scale = reduction == .mean ? 1 / Double(labels.count - labels.ignoredCount) : 1
        var last = 0.0
        for bound in [0, 1e-12, 1e-6, 1e-4, 1e-3, 2] {
            let loss = LinearCrossEntropyLoss<Double>(reduction: reduction, gradientFilter: .below(bound), blockBytes: bytes)
            let found = loss.valueWithGradients(at: x, head, labels)
            let what = "ε = \(bound), \(bytes) bytes, \(reduction)"
            // What takes part is a sum in another order; some 10⁴ roundings of numbers below 1.
            let rounding = 1e-12
            #expect(found.value == exact.value && found.head.bias == exact.head.bias, "\(what)")
            #expect(found.skippedShare >= last, "\(what): \(found.skippedShare), less than with a smaller ε")
            last = found.skippedShare
            if bound == 0 { #expect(last == 0) }
            if bound == 1e-3 { #expect(last > 0.3 && last < 1, "\(what): \(last)") }
            if bound == 2 { #expect(last == 1 && found.input == .zeros(x.shape) && found.head.weight == .zeros(head.weight.shape)) }
            for i in 0..<Self.features {
                let columns = (0..<Self.classes).reduce(0.0) { $0 + abs(head.weight[$1, i]) }
                for r in 0..<Self.rows {
                    #expect(abs(found.input[r, i] - exact.input[r, i]) <= scale * bound * columns + rounding, "\(what): dx[\(r), \(i)]")
                }
                let sizes = (0..<Self.rows).reduce(0.0) { labels[$1] == nil ? $0 : $0 + abs(x[$1, i]) }
                for c in 0..<Self.classes {
                    #expect(abs(found.head.weight[c, i] - exact.head.weight[c, i]) <= scale * bound * sizes + rounding, "\(what): dW[\(c), \(i)]")
                }
            }
        }
    }

    /// Through the graph, with and without reduction, for labels and probabilities.
    @Test func isTheSameThroughTheGraph() {
        for reduction in Reduction.allCases {
            let filtered = LinearCrossEntropyLoss<Double>(reduction: reduction, gradientFilter: .below(1e-4))
            let exact = LinearCrossEntropyLoss<Double>(reduction: reduction)
            for soft in [false, true] {
                func gradients(_ loss: LinearCrossEntropyLoss<Double>) -> [Tensor<Double>] {
                    valueWithGradient(at: [x, head.weight]) {
                        let layer = Linear(weight: $0[1], bias: head.bias)
                        return (soft ? loss($0[0], layer, probabilities: q) : loss($0[0], layer, labels)).sum()
                    }.gradients
                }
                let a = gradients(filtered), b = gradients(exact)
                #expect(a != b, "\(reduction): nothing was left out")
                // ε times the sums above, which are below 1000.
                for (a, b) in zip(a, b) { #expect(zip(a.scalars, b.scalars).allSatisfy { abs($0 - $1) <= 0.1 }) }
            }
        }
    }

    /// A row of NaN is never left out.
    @Test func keepsNaN() throws {
        let rows = Tensor<Double>(x.scalars.enumerated().map { $0 == 0 ? .nan : $1 }, shape: x.shape)
        let found = LinearCrossEntropyLoss<Double>(gradientFilter: .below(2)).valueWithGradients(at: rows, head, labels)
        #expect(found.skippedShare == 0 && found.input[0, 0].isNaN && found.head.weight[0, 0].isNaN)
    }

    @Test func refusesWhatIsNone() async throws {
        for bound in [-1, .nan, .infinity] {
            let error = #expect(throws: LossError.self) { try GradientFilter.below(bound).check() }
            #expect(error.map { "\($0)" } == "gradient filter is \(bound); expected a finite number, at least 0")
        }
        let stopped = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = LinearCrossEntropyLoss<Float>(gradientFilter: .below(-0.5))
        }
        #expect(String(decoding: stopped.standardErrorContent, as: UTF8.self).contains("gradient filter is -0.5"))
    }
}
