import Surprisal
import Testing

/// L-BFGS on models other than a linear layer.
@Suite struct LBFGSTests {
    /// Rosenbrock's valley, whose minimum is 0 at (1, 1, …).
    private struct Valley<Scalar: Surprisal.Scalar>: Model {
        var x: Tensor<Scalar>

        func loss() -> Tensor<Scalar> {
            let n = x.count
            let head = x.rows(0..<n - 1), tail = x.rows(1..<n)
            let bend = tail - head * head, rest = head - 1
            return (bend * bend * 100).sum() + (rest * rest).sum()
        }

        mutating func forEachParameter(_ body: (String, inout Tensor<Scalar>) -> Void) { body("x", &x) }
    }

    @Test(arguments: [2, 10])
    func reachesTheEndOfTheValley(count: Int) {
        var valley = Valley<Double>(x: Tensor((0..<count).map { $0.isMultiple(of: 2) ? -1.2 : 1 }))
        let report = LBFGS(tolerance: 1e-10).minimize(&valley) { $0.loss() }
        #expect(report.stop == .converged && report.relativeGradientNorm <= 1e-10)
        // Nocedal and Wright's example takes some tens of iterations for two.
        #expect(report.iterations <= 200 && report.evaluations >= report.iterations)
        for value in valley.x.scalars { #expect(abs(value - 1) <= 1e-6) }
    }

    /// Float has about seven digits: the search ends where they do, and does not go on for ever.
    @Test func floatEndsAtItsPrecision() {
        var valley = Valley<Float>(x: Tensor([-1.2, 1]))
        let report = LBFGS(tolerance: 0, maximumIterations: 2000).minimize(&valley) { $0.loss() }
        #expect(report.stop != .iterations)
        for value in valley.x.scalars { #expect(abs(value - 1) <= 1e-2) }
    }

    private struct TwoLayers: Model {
        var first: Linear<Double>, second: Linear<Double>

        func callAsFunction(_ x: Tensor<Double>) -> Tensor<Double> { second(first(x).relu()) }

        mutating func forEachParameter(_ body: (String, inout Tensor<Double>) -> Void) {
            first.forEachParameter { body("first.\($0)", &$1) }
            second.forEachParameter { body("second.\($0)", &$1) }
        }
    }

    @Test func trainsTwoLayers() throws {
        let iris = try RegressionSample.named("iris")
        var generator = SplitMix64(seed: 1)
        var model = TwoLayers(first: Linear(4, 8, using: &generator), second: Linear(8, 3, using: &generator))
        let loss = CrossEntropyLoss<Double>()
        let before = loss(model(iris.x), iris.labels).item()
        let report = LBFGS(tolerance: 1e-4, maximumIterations: 100).minimize(&model) { loss($0(iris.x), iris.labels) }
        let after = loss(model(iris.x), iris.labels).item()
        #expect(after < 0.1 * before && report.iterations > 0)
        // What it leaves are plain values.
        #expect(model.parameters.allSatisfy { !$0.value.isTracked })
    }

    /// A linear layer's optimum is the regression's, whoever finds it.
    @Test func findsTheRegressionsOptimum() throws {
        let iris = try RegressionSample.named("iris")
        let fit = try SoftmaxRegression(penalty: .l2(1), tolerance: 1e-11).fit(iris.x, iris.labels)
        var layer = Linear<Double>(weight: .zeros([3, 4]), bias: .zeros([3]))
        let loss = CrossEntropyLoss<Double>(reduction: .sum)
        let report = LBFGS(tolerance: 1e-9).minimize(&layer) { loss($0(iris.x), iris.labels) + ($0.weight * $0.weight).sum() * 0.5 }
        #expect(report.stop == .converged)
        expectClose(layer.weight.scalars, fit.layer.weight.scalars, within: 1e-6, "weight")
    }

    @Test func progressIsTold() throws {
        let iris = try RegressionSample.named("iris")
        let counter = Counter()
        let fit = try SoftmaxRegression(penalty: .l2(1), solver: .lbfgs).fit(iris.x, iris.labels) { counter.add($0) }
        #expect(counter.iterations == Array(0...fit.report.iterations))
        // Near the minimum, to rounding.
        #expect(zip(counter.values, counter.values.dropFirst()).allSatisfy { $1 <= $0 + 1e-14 * $0 })
    }
}

import Synchronization

private final class Counter: Sendable {
    private let seen = Mutex<[SolverProgress]>([])

    func add(_ progress: SolverProgress) { seen.withLock { $0.append(progress) } }

    var iterations: [Int] { seen.withLock { $0.map(\.iteration) } }
    var values: [Double] { seen.withLock { $0.map(\.value) } }
}
