import Surprisal
import Testing

/// Every derivative against central differences in Double.
@Suite struct GradientCheckTests {
    private func check(
        _ name: String, _ inputs: [Tensor<Double>], sourceLocation: SourceLocation = #_sourceLocation,
        _ body: ([Tensor<Double>]) -> Tensor<Double>
    ) {
        // A fixed random weighting makes a number of any output, whose gradient shows every entry.
        func number(_ inputs: [Tensor<Double>]) -> Tensor<Double> {
            let y = body(inputs)
            let weights: Tensor<Double> = CrossEntropyRelationTests.logits([y.count], seed: 77, spread: 1)
            return (y.reshaped(to: [y.count]) * weights).sum()
        }
        let gradients = valueWithGradient(at: inputs, number).gradients
        let h = 1e-5
        for (which, input) in inputs.enumerated() {
            for i in 0..<input.count {
                func moved(_ by: Double) -> Double {
                    var values = input.scalars
                    values[i] += by
                    var all = inputs
                    all[which] = Tensor(values, shape: input.shape)
                    return number(all).item()
                }
                let difference = (moved(h) - moved(-h)) / (2 * h)
                let found = gradients[which].scalars[i]
                // h² of truncation and 1e-16/h of rounding, times derivatives of some tens.
                if !(abs(found - difference) <= 2e-8 * max(1, abs(difference))) {
                    Issue.record(
                        "\(name): derivative \(i) of input \(which) is \(found), central difference \(difference)",
                        sourceLocation: sourceLocation)
                    return
                }
            }
        }
    }

    private func random(_ shape: [Int], _ seed: UInt64 = 1) -> Tensor<Double> {
        CrossEntropyRelationTests.logits(shape, seed: seed, spread: 2)
    }

    @Test func arithmetic() {
        let a = random([3, 4]), b = random([3, 4], 2)
        let positive = b.exp()
        check("add", [a, b]) { $0[0] + $0[1] }
        check("subtract", [a, b]) { $0[0] - $0[1] }
        check("multiply", [a, b]) { $0[0] * $0[1] }
        check("square", [a]) { $0[0] * $0[0] }
        check("divide", [a, positive]) { $0[0] / $0[1] }
        check("scale", [a]) { 2.5 * $0[0] }
        check("offset", [a]) { (1.5 + $0[0] - 0.25) * $0[0] }
        check("divide by a number", [a]) { $0[0] / 3 }
        check("negate", [a]) { -$0[0] }
        check("relu", [a]) { $0[0].relu() }
        check("exp", [a]) { $0[0].exp() }
        check("log", [positive]) { $0[0].log() }
        check("sum", [a]) { $0[0].sum() }
        check("mean", [a]) { $0[0].mean() }
        check("sum along an axis", [a]) { $0[0].sum(along: 0) }
        check("mean along an axis", [a]) { $0[0].mean(along: -1) }
        check("rows", [a]) { $0[0].rows([2, 0, 2]) }
        check("reshape", [a]) { $0[0].reshaped(to: [2, 6]) * random([2, 6], 3) }
    }

    @Test func products() {
        check("matmul", [random([3, 4]), random([4, 5], 2)]) { $0[0].matmul($0[1]) }
        check("linear", [random([2, 3, 4]), random([5, 4], 2), random([5], 3)]) {
            Linear(weight: $0[1], bias: $0[2])($0[0])
        }
        check("linear without bias", [random([4]), random([5, 4], 2)]) { Linear(weight: $0[1])($0[0]) }
    }

    @Test func embedding() {
        check("embedding", [random([5, 3])]) { Embedding(weight: $0[0])([1, 4, 1, 0, 1, 3], shape: [3, 2]) }
    }

    @Test func normalisation() {
        for (shape, axis) in [([3, 4], 1), ([3, 4], 0), ([2, 3, 4], 1), ([2, 3, 4], -1), ([5], 0), ([2, 70], 1)] {
            check("logSoftmax", [random(shape)]) { $0[0].logSoftmax(along: axis) }
            check("softmax", [random(shape)]) { $0[0].softmax(along: axis) }
            check("logSumExp", [random(shape)]) { $0[0].logSumExp(along: axis) }
        }
    }

    @Test func maxima() {
        check("max", [random([3, 7])]) { $0[0].max(along: 1).values }
        check("max over the first axis", [random([3, 7])]) { $0[0].max(along: 0).values }
        check("topK", [random([3, 7])]) { $0[0].topK(3, along: 1).values }
    }

    @Test(arguments: Reduction.allCases, [0, 0.1]) func crossEntropy(reduction: Reduction, smoothing: Double) throws {
        for shape in [[4, 5], [2, 40], [2, 3, 4]] {
            let positions = Array(shape[..<1] + shape[2...])
            var labels = (0..<positions.reduce(1, *)).map { $0 % shape[1] }
            labels[1] = -100
            let y = try Labels(labels, shape: positions, classCount: shape[1])
            let x = random(shape), w = random([shape[1]], 2).exp(), q = random(shape, 3).softmax()
            check("labels", [x]) { CrossEntropyLoss(labelSmoothing: smoothing, reduction: reduction)($0[0], y) }
            check("labels and weights", [x, w]) {
                CrossEntropyLoss(weight: $0[1], labelSmoothing: smoothing, reduction: reduction)($0[0], y)
            }
            check("probabilities", [x, q]) {
                CrossEntropyLoss(labelSmoothing: smoothing, reduction: reduction)($0[0], probabilities: $0[1])
            }
            check("probabilities and weights", [x, q, w]) {
                CrossEntropyLoss(weight: $0[2], labelSmoothing: smoothing, reduction: reduction)($0[0], probabilities: $0[1])
            }
            check("nll", [x, w]) { NLLLoss(weight: $0[1], reduction: reduction)($0[0], y) }
        }
    }

    private func labels(_ shape: [Int]) throws -> Labels {
        let positions = Array(shape[..<1] + shape[2...])
        var labels = (0..<positions.reduce(1, *)).map { $0 % shape[1] }
        labels[1] = -100
        return try Labels(labels, shape: positions, classCount: shape[1])
    }

    @Test(arguments: Reduction.allCases, [0, 0.5, 1, 2, 2.75, 5]) func focal(reduction: Reduction, gamma: Double) throws {
        for shape in [[4, 5], [2, 40], [2, 3, 4]] {
            let y = try labels(shape)
            check("focal", [random(shape), random([shape[1]], 2).exp()]) {
                FocalLoss(gamma: gamma, weight: $0[1], reduction: reduction)($0[0], y)
            }
        }
        let y = try Labels([0, 1, 2, -100, 2, 1], shape: [2, 3], classCount: 3)
        check("focal along the last axis", [random([2, 3, 3])]) {
            FocalLoss(gamma: gamma, reduction: reduction, classAxis: -1)($0[0], y)
        }
    }

    @Test(arguments: Reduction.allCases, [-0.5, 1, 6]) func poly(reduction: Reduction, epsilon: Double) throws {
        for shape in [[4, 5], [2, 40], [2, 3, 4]] {
            let y = try labels(shape)
            check("poly", [random(shape), random([shape[1]], 2).exp()]) {
                PolyLoss(epsilon: epsilon, weight: $0[1], reduction: reduction)($0[0], y)
            }
        }
    }

    /// No score is within h of a kink.
    @Test(arguments: Reduction.allCases, [1, 2]) func multiMargin(reduction: Reduction, p: Int) throws {
        for shape in [[4, 5], [2, 40], [2, 3, 4]] {
            let y = try labels(shape)
            check("margin", [random(shape), random([shape[1]], 2).exp()]) {
                MultiMarginLoss(p: p, margin: 0.7, weight: $0[1], reduction: reduction)($0[0], y)
            }
        }
    }

    @Test(arguments: Reduction.allCases) func binaryCrossEntropy(reduction: Reduction) {
        let x = random([3, 4]), y = random([3, 4], 2).softmax(), w = random([4], 3).exp()
        check("binary", [x, y]) { BinaryCrossEntropyWithLogitsLoss(reduction: reduction)($0[0], targets: $0[1]) }
        check("binary, weights", [x, y]) {
            BinaryCrossEntropyWithLogitsLoss(weight: w, posWeight: w, reduction: reduction)($0[0], targets: $0[1])
        }
    }

    @Test(arguments: DivergenceReduction.allCases) func divergence(reduction: DivergenceReduction) {
        let x = random([3, 4]), q = random([3, 4], 2).softmax()
        check("divergence", [x, q]) { KLDivergenceLoss(reduction: reduction)($0[0], target: $0[1]) }
        check("divergence of logarithms", [x, q.log()]) {
            KLDivergenceLoss(reduction: reduction, logTarget: true)($0[0], target: $0[1])
        }
    }

    @Test func adaptiveHead() throws {
        let y = try Labels([0, 6, 3, -100, 5], classCount: 7)
        func head(_ w: [Tensor<Double>]) -> AdaptiveLogSoftmaxWithLoss<Double> {
            AdaptiveLogSoftmaxWithLoss(
                head: Linear(weight: w[1], bias: w[2]),
                tail: [
                    .init(projection: Linear(weight: w[3]), output: Linear(weight: w[4])),
                    .init(projection: Linear(weight: w[5]), output: Linear(weight: w[6])),
                ])
        }
        let inputs = [
            random([5, 4]), random([5, 4], 2), random([5], 3), random([2, 4], 4), random([2, 2], 5), random([1, 4], 6),
            random([2, 1], 7),
        ]
        check("adaptive output", inputs) { head($0)($0[0], y).output }
        check("adaptive loss", inputs) { head($0)($0[0], y).loss }
        check("adaptive log-probabilities", inputs) { head($0).logProbabilities($0[0]) }
    }
}
