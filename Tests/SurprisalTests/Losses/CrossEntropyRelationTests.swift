import Surprisal
import SurprisalReference
import Testing

/// What must hold of cross-entropy whatever the numbers.
@Suite struct CrossEntropyRelationTests {
    /// Classes around the widths of vectors and the borders between kernels; inner axes around lanes.
    static let shapes: [[Int]] = [
        [1, 1], [7, 1], [5, 2], [33, 3], [4, 10], [19, 17], [3, 32], [3, 33], [2, 64], [5, 65], [3, 130], [2, 1000],
        [2, 4099], [1, 3, 1], [2, 5, 3], [2, 21, 17], [1, 33, 64], [2, 3, 5, 7], [1, 1100, 5],
    ]
    /// More positions of an inner axis than the kernels take at a time, whole blocks and parts of them.
    private static let hauls: [[Int]] = [[5, 3, 9], [2, 21, 300]]

    static func logits<T: Surprisal.Scalar>(_ shape: [Int], seed: UInt64 = 1, spread: Double = 5) -> Tensor<T> {
        var generator = SplitMix64(seed: seed)
        return Tensor(
            (0..<shape.reduce(1, *)).map { _ in T(Double.random(in: -spread...spread, using: &generator)) }, shape: shape)
    }

    /// Labels of which about a fifth are ignored, unless `all` count.
    static func labels(_ shape: [Int], all: Bool = false) -> Labels {
        var generator = SplitMix64(seed: 99)
        let positions = Array(shape[..<1] + shape[2...])
        let values = (0..<positions.reduce(1, *)).map { _ in
            !all && Int.random(in: 0..<5, using: &generator) == 0 ? -100 : Int.random(in: 0..<shape[1], using: &generator)
        }
        do { return try Labels(values, shape: positions, classCount: shape[1]) } catch { fatalError("\(error)") }
    }

    static func bits<T: Surprisal.Scalar>(_ tensor: Tensor<T>) -> [String] {
        // Text tells −0 from 0 and keeps every bit of a number; NaN is NaN.
        tensor.scalars.map { "\($0)" }
    }

    private static func forBoth(_ body: (any Surprisal.Scalar.Type) throws -> Void) rethrows {
        try body(Float.self)
        try body(Double.self)
    }

    @Test(arguments: shapes + hauls) func equalsNLLOfLogSoftmaxToTheBit(shape: [Int]) {
        func check<T: Surprisal.Scalar>(_ type: T.Type) {
            let x: Tensor<T> = Self.logits(shape), y = Self.labels(shape)
            let weight: Tensor<T> = Self.logits([shape[1]], seed: 3).exp()
            for reduction in Reduction.allCases {
                for w in [nil, weight] {
                    let one = CrossEntropyLoss(weight: w, reduction: reduction)(x, y)
                    let other = NLLLoss(weight: w, reduction: reduction)(x.logSoftmax(), y)
                    #expect(Self.bits(one) == Self.bits(other), "\(type) \(shape) \(reduction)")
                    #expect(one.shape == other.shape)
                }
            }
        }
        Self.forBoth { check($0) }
    }

    @Test(arguments: shapes + hauls) func bothWaysHaveTheSameGradient(shape: [Int]) {
        func check<T: Surprisal.Scalar>(_ type: T.Type) {
            let x: Tensor<T> = Self.logits(shape), y = Self.labels(shape, all: true)
            let one = valueWithGradient(at: x) { CrossEntropyLoss()($0, y) }.gradient.scalars
            let other = valueWithGradient(at: x) { NLLLoss()($0.logSoftmax(), y) }.gradient.scalars
            // exp of a rounded log-probability lp is off by up to |lp| ULP, and lp > −20 here.
            #expect(one.count == other.count)
            for (a, b) in zip(one, other) { #expect(abs(a - b) <= 28 * max(abs(a), T.leastNormalMagnitude).ulp) }
        }
        Self.forBoth { check($0) }
    }

    @Test(arguments: shapes + hauls) func gradientRowsSumToZero(shape: [Int]) {
        func check<T: Surprisal.Scalar>(_ type: T.Type) {
            let x: Tensor<T> = Self.logits(shape), y = Self.labels(shape, all: true)
            let gradient = valueWithGradient(at: x) { CrossEntropyLoss(reduction: .sum)($0, y) }.gradient
            let inner = shape[2...].reduce(1, *)
            let scalars = gradient.scalars
            for o in 0..<shape[0] {
                for i in 0..<inner {
                    let sum = DoubleDouble.sum((0..<shape[1]).map { scalars[(o * shape[1] + $0) * inner + i] }).high
                    // Entries within 4 ULP (8 at the label) of values whose sizes add up to at most 2.
                    #expect(abs(sum) <= 8 * Double(T.ulpOfOne), "\(type) \(shape): \(sum)")
                }
            }
        }
        Self.forBoth { check($0) }
    }

    @Test(arguments: [[4, 10], [3, 33], [2, 1000], [2, 21, 17]]) func ignoresACommonOffset(shape: [Int]) {
        // On a grid of 2⁻¹⁰ the sums with the offset are exact, so only the offset itself could matter.
        let random: Tensor<Float> = Self.logits(shape)
        let x = Tensor(random.scalars.map { ($0 * 1024).rounded() / 1024 }, shape: shape)
        let y = Self.labels(shape)
        let reference = CrossEntropyLoss(reduction: .none)(x, y).scalars
        for offset: Float in [1, -7, 1000, -5000, 8192] {
            let moved = Tensor(x.scalars.map { $0 + offset }, shape: shape)
            for (a, b) in zip(CrossEntropyLoss(reduction: .none)(moved, y).scalars, reference) {
                #expect(abs(a - b) <= 8 * b.ulp, "offset \(offset)")
            }
        }
    }

    @Test func permutedClassesPermuteTheGradient() throws {
        for classes in [3, 10, 33, 100, 1000] {
            let x: Tensor<Double> = Self.logits([5, classes]), y = Self.labels([5, classes], all: true)
            let order = Array((0..<classes).reversed())
            let permuted = Tensor((0..<5).flatMap { row in order.map { x[row, $0] } }, shape: [5, classes])
            let target = try Labels((0..<5).map { classes - 1 - (y[$0] ?? 0) }, classCount: classes)
            let a = valueWithGradient(at: x) { CrossEntropyLoss()($0, y) }
            let b = valueWithGradient(at: permuted) { CrossEntropyLoss()($0, target) }
            #expect(abs(a.value.item() - b.value.item()) <= 4 * a.value.item().ulp)
            for row in 0..<5 {
                for (to, from) in order.enumerated() {
                    let (g, h) = (a.gradient[row, from], b.gradient[row, to])
                    #expect(abs(g - h) <= 8 * max(abs(g), 1e-300).ulp)
                }
            }
        }
    }

    @Test(arguments: shapes + hauls) func indicesEqualOneHotProbabilities(shape: [Int]) {
        func check<T: Surprisal.Scalar>(_ type: T.Type) {
            let x: Tensor<T> = Self.logits(shape, spread: 30), y = Self.labels(shape, all: true)
            let inner = shape[2...].reduce(1, *)
            var q = [T](repeating: 0, count: x.count)
            for n in 0..<y.count { q[(n / inner * shape[1] + (y[n] ?? 0)) * inner + n % inner] = 1 }
            let oneHot = Tensor(q, shape: shape)
            let a = valueWithGradient(at: x) { CrossEntropyLoss(reduction: .sum)($0, y) }
            let b = valueWithGradient(at: x) { CrossEntropyLoss(reduction: .sum)($0, probabilities: oneHot) }
            #expect(abs(a.value.item() - b.value.item()) <= 4 * a.value.item().ulp)
            #expect(a.gradient.shape == b.gradient.shape)
            for (g, h) in zip(a.gradient.scalars, b.gradient.scalars) {
                #expect(abs(g - h) <= 8 * max(abs(g), T.leastNormalMagnitude).ulp, "\(type) \(shape)")
            }
        }
        Self.forBoth { check($0) }
    }

    @Test(arguments: [3, 10, 33, 100]) func innerAxisEqualsMovedAxis(classes: Int) throws {
        let (outer, inner) = (3, 21)
        let x: Tensor<Float> = Self.logits([outer, classes, inner])
        let y = Self.labels([outer, classes, inner])
        var moved: [Float] = [], targets: [Int] = []
        for o in 0..<outer {
            for i in 0..<inner {
                moved += (0..<classes).map { x[o, $0, i] }
                targets.append(y[o * inner + i] ?? -100)
            }
        }
        let rows = Tensor(moved, shape: [outer * inner, classes])
        let labels = try Labels(targets, classCount: classes)
        let a = valueWithGradient(at: x) { CrossEntropyLoss()($0, y) }
        let b = valueWithGradient(at: rows) { CrossEntropyLoss()($0, labels) }
        #expect(abs(a.value.item() - b.value.item()) <= 2 * a.value.item().ulp)
        let last = try Labels(targets, shape: [outer, inner], classCount: classes)
        let c = CrossEntropyLoss<Float>(classAxis: -1)(rows.reshaped(to: [outer, inner, classes]), last)
        #expect(c == b.value)
        for o in 0..<outer {
            for i in 0..<inner {
                for k in 0..<classes {
                    let (g, h) = (a.gradient[o, k, i], b.gradient[o * inner + i, k])
                    #expect(abs(g - h) <= 8 * max(abs(g), Float.leastNormalMagnitude).ulp)
                }
            }
        }
    }

    /// Everything that sums or divides work, on 1, 2, 3 and 8 threads.
    @Test(arguments: [[3000, 10], [700, 100], [40, 4099], [6, 21, 3001]]) func threadsChangeNoBit(shape: [Int]) {
        func results<T: Surprisal.Scalar>(_ type: T.Type) -> [[String]] {
            let x: Tensor<T> = Self.logits(shape), y = Self.labels(shape)
            let weight: Tensor<T> = Self.logits([shape[1]], seed: 3).exp()
            let loss = CrossEntropyLoss(weight: weight, labelSmoothing: 0.1)
            let (value, gradient) = valueWithGradient(at: x) { loss($0, y) }
            return [Self.bits(value), Self.bits(gradient), Self.bits(x.logSoftmax()), Self.bits(x.logSumExp())]
        }
        func check<T: Surprisal.Scalar>(_ type: T.Type) {
            let one = Parallel.override.withValue(1) { results(type) }
            for threads in [2, 3, 8] {
                let several = Parallel.override.withValue(threads) { results(type) }
                #expect(several == one, "\(type) \(shape): \(threads) threads")
            }
        }
        Self.forBoth { check($0) }
    }

    /// A mean over rows is the rounded exact mean of the row losses.
    @Test(arguments: [[7, 10], [1001, 3], [3000, 40]]) func meansAreExact(shape: [Int]) {
        func check<T: Surprisal.Scalar & ReferenceScalar>(_ type: T.Type) {
            let x: Tensor<T> = Self.logits(shape), y = Self.labels(shape, all: true)
            let rows = CrossEntropyLoss(reduction: .none)(x, y).scalars
            #expect(ulpDistance(of: CrossEntropyLoss()(x, y).item(), from: DoubleDouble.mean(rows)) <= Accuracy.meanULP)
            #expect(ulpDistance(of: CrossEntropyLoss(reduction: .sum)(x, y).item(), from: DoubleDouble.sum(rows)) <= Accuracy.meanULP)
        }
        check(Float.self)
        check(Double.self)
    }

    @Test func callersDoNotDisturbEachOther() async {
        let x: Tensor<Float> = Self.logits([300, 200]), y = Self.labels([300, 200])
        let alone = valueWithGradient(at: x) { CrossEntropyLoss()($0, y) }
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<64 {
                group.addTask {
                    let here = valueWithGradient(at: x) { CrossEntropyLoss()($0, y) }
                    return here.value == alone.value && here.gradient == alone.gradient
                }
            }
            for await same in group { #expect(same) }
        }
    }

    @Test func keepsLogitsThatSomebodyHolds() {
        let x: Tensor<Float> = Self.logits([20, 50]), y = Self.labels([20, 50])
        let before = x.scalars
        let product = x * 2
        let held = product
        _ = CrossEntropyLoss()(product, y)
        _ = valueWithGradient(at: x) { tracked in
            let logits = tracked * 2
            let loss = CrossEntropyLoss()(logits, y)
            #expect(logits.scalars == held.scalars)
            return loss
        }
        #expect(x.scalars == before)
    }
}
