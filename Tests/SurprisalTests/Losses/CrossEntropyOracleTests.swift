import Surprisal
import SurprisalReference
import Testing

/// Every option, on every instruction set and in both types, against the textbook loops in Double.
@Suite struct CrossEntropyOracleTests {
    @Test(arguments: InstructionSet.available, CrossEntropyRelationTests.shapes + [[37, 123], [1, 2000], [3, 1030, 2]])
    func agreesWithTheLoops(isa: InstructionSet, shape: [Int]) {
        InstructionSet.override.withValue(isa) {
            check(shape, Float.self)
            check(shape, Double.self)
        }
    }

    private func check<T: Surprisal.Scalar>(_ shape: [Int], _ type: T.Type) {
        let x: Tensor<T> = CrossEntropyRelationTests.logits(shape, seed: 11)
        let y = CrossEntropyRelationTests.labels(shape)
        let w: Tensor<T> = CrossEntropyRelationTests.logits([shape[1]], seed: 3, spread: 1).exp()
        let q: Tensor<T> = CrossEntropyRelationTests.logits(shape, seed: 4).softmax()
        let view = ReferenceShape(outer: shape[0], classes: shape[1], inner: shape[2...].reduce(1, *))
        let wide = x.scalars.map { Double($0) }, wideQ = q.scalars.map { Double($0) }
        let labels = (0..<y.count).map { y[$0] ?? -100 }
        for weight in [nil, w] {
            let wideW = weight?.scalars.map { Double($0) }
            // The sizes of the terms of a loss, and of a gradient, whose rounding cannot cancel: at most the
            // largest surprisal (20) and the largest weight (e).
            let unit = Double(T.ulpOfOne) * (weight == nil ? 1 : 3)
            // The loops sum in plain Double: a walk of √C roundings of terms of about 10.
            let walk = 10 * Double(shape[1]).squareRoot() * Double.ulpOfOne * (weight == nil ? 1 : 3)
            for smoothing in [0, 0.1, 1] {
                let what = "\(type) \(shape) weight \(weight != nil) smoothing \(smoothing)"
                let loss = CrossEntropyLoss(weight: weight, labelSmoothing: smoothing, reduction: .none)
                let sum = CrossEntropyLoss(weight: weight, labelSmoothing: smoothing, reduction: .sum)
                expectClose(
                    loss(x, y), Reference.crossEntropies(
                        wide, labels: labels, shape: view, weights: wideW, ignoring: -100, labelSmoothing: smoothing),
                    40 * unit + walk, "\(what): losses")
                expectClose(
                    valueWithGradient(at: x) { sum($0, y) }.gradient, Reference.crossEntropyGradient(
                        wide, labels: labels, shape: view, weights: wideW, ignoring: -100, labelSmoothing: smoothing,
                        upstream: .sum(1)),
                    8 * unit, "\(what): gradient")
                expectClose(
                    loss(x, probabilities: q), Reference.crossEntropies(
                        wide, probabilities: wideQ, shape: view, weights: wideW, labelSmoothing: smoothing),
                    60 * unit + walk, "\(what): losses of probabilities")
                expectClose(
                    valueWithGradient(at: x) { sum($0, probabilities: q) }.gradient, Reference.crossEntropyGradient(
                        wide, probabilities: wideQ, shape: view, weights: wideW, labelSmoothing: smoothing,
                        upstream: .sum(1)),
                    8 * unit, "\(what): gradient of probabilities")
            }
        }
        let unit = Double(T.ulpOfOne)
        expectClose(x.logSoftmax(), Reference.logSoftmax(wide, shape: view), 40 * unit, "\(type) \(shape): logSoftmax")
        expectClose(x.softmax(), Reference.softmax(wide, shape: view), 4 * unit, "\(type) \(shape): softmax")
        expectClose(x.logSumExp(), Reference.logSumExp(wide, shape: view), 16 * unit, "\(type) \(shape): logSumExp")
    }

    /// Rows whose maximum comes late and far above what went before.
    enum Late: CaseIterable {
        case steps, ramp, descent, late

        func row<T: Surprisal.Scalar>(_ classes: Int, _ offset: T) -> [T] {
            (0..<classes).map { j in
                let part = T(j) / T(classes)
                return switch self {
                case .steps: offset + 40 * (part * 8).rounded(.down)
                case .ramp: offset + 300 * part
                case .descent: offset - 300 * part
                // The last two on both sides of 64 from what went before: their distances from it are rounded to different grids.
                case .late: j >= classes - 3 ? offset + 60 + 4.1 * T(j + 3 - classes) : offset + part
                }
            }
        }
    }

    private static func offsets<T: Surprisal.Scalar>() -> [T] { [0, 100, -480, 500, 600, -600, 5000, -5000] }

    /// The running reference must move, and take what was already summed, or stored, along.
    @Test(arguments: InstructionSet.available, [100, 1000, 5000])
    func maximaThatComeLate(isa: InstructionSet, classes: Int) throws {
        func check<T: Surprisal.Scalar & ReferenceScalar>(_ type: T.Type) throws {
            for offset: T in Self.offsets() {
                for kind in Late.allCases {
                    let row: [T] = kind.row(classes, offset)
                    let truth = HighPrecisionRow(row)
                    for y in [0, classes / 2, classes - 1, truth.argmax ?? 0] {
                        let labels = try Labels([y], classCount: classes)
                        let x = Tensor(row, shape: [1, classes])
                        let (value, gradient) = valueWithGradient(at: x) { CrossEntropyLoss()($0, labels) }
                        let distance = ulpDistance(of: value.item(), from: truth.loss(of: y))
                        #expect(distance <= Accuracy.lossULP, "\(type) \(kind) at \(offset), label \(y), on \(isa)")
                        let expected = truth.gradient(of: y)
                        for j in stride(from: 0, to: classes, by: 17) {
                            let distance = ulpDistance(of: gradient[0, j], from: expected[j])
                            if distance <= (j == y ? Accuracy.labelGradientULP : Accuracy.gradientULP) { continue }
                            if abs(Double(gradient[0, j])) <= Accuracy.gradientFloor(type),
                                abs(expected[j].doubleDouble.high) <= Accuracy.gradientFloor(type) { continue }
                            Issue.record("\(type) \(kind) at \(offset), label \(y), on \(isa): gradient \(j) is \(distance) ULP off")
                            return
                        }
                    }
                }
            }
        }
        try InstructionSet.override.withValue(isa) {
            try check(Float.self)
            try check(Double.self)
        }
    }
}

extension CrossEntropyOracleTests {
    /// The same of what classes are charged by weights, smoothing and probabilities: sums from a running maximum. Where none of
    /// it is charged to far classes the loss is tiny, and no term of another size may have touched its digits.
    @Test(arguments: InstructionSet.available, [100, 600, 1000, 9000])
    func sharesOfMaximaThatComeLate(isa: InstructionSet, classes: Int) throws {
        var worst = 0.0
        func check<T: Surprisal.Scalar & ReferenceScalar>(_ type: T.Type) throws {
            // Classes at the front that are impossible and charged nothing: none, those of a first look, all but the last two.
            for impossible in [0, 70, classes - 2] {
                for kind in Late.allCases {
                    var row: [T] = kind.row(classes, 3)
                    for j in 0..<impossible { row[j] = -.infinity }
                    let truth = HighPrecisionRow(row), last = classes - 1, x = Tensor(row, shape: [1, classes])
                    func only(_ c: Int) -> [T] { (0..<classes).map { $0 == c ? 1 : 0 } }
                    let mixed = (0..<classes).map { j -> T in j < impossible ? 0 : T(1 + j % 3) / T(classes) }
                    var cases: [(what: String, shares: [T], loss: (Tensor<T>) -> Tensor<T>)] = []
                    for (what, q) in [("mixed", mixed), ("the last", only(last)), ("the one before", only(last - 1))] {
                        let probabilities = Tensor(q, shape: [1, classes])
                        cases.append(("probabilities, \(what)", q, { CrossEntropyLoss()($0, probabilities: probabilities) }))
                    }
                    // Smoothing charges every class, the impossible infinitely.
                    if impossible == 0 {
                        let y = try Labels([last], classCount: classes), weight = (0..<classes).map { 0.5 + T($0 % 7) / 4 }
                        let smoothed = CrossEntropyLoss(
                            weight: Tensor(weight, shape: [classes]), labelSmoothing: 0.25, reduction: .sum)
                        var shares = weight.map { $0 * T(0.25 / Double(classes)) }
                        shares[last] += 0.75 * weight[last]
                        cases.append(("smoothing", shares, { smoothed($0, y) }))
                    }
                    for (what, shares, loss) in cases {
                        var expected = ScaledDoubleDouble(0.0)
                        for (c, share) in shares.enumerated() where share != 0 {
                            expected = expected + ScaledDoubleDouble(Double(share)) * truth.loss(of: c)
                        }
                        let found = loss(x).item(), distance = ulpDistance(of: found, from: expected)
                        worst = max(worst, distance)
                        // A share, a difference and their product are rounded, and two sums of eight.
                        #expect(distance <= Accuracy.lossULP, "\(what), \(type), \(kind), −∞ before \(impossible), on \(isa)")
                        #expect(valueWithGradient(at: x, loss).value.item() == found, "\(what), \(type), \(kind), −∞ before \(impossible), on \(isa)")
                    }
                }
            }
        }
        try InstructionSet.override.withValue(isa) {
            try check(Float.self)
            try check(Double.self)
        }
        print("worst ULP of a loss by shares on \(isa), \(classes) classes: \(worst)")
    }
}

/// Shapes first, then every number within a bound; the first that is not is told.
func expectClose<T: Surprisal.Scalar>(
    _ found: Tensor<T>, _ expected: [Double], _ bound: Double, _ what: String
) {
    guard found.count == expected.count else {
        Issue.record("\(what): \(found.count) values, not \(expected.count)")
        return
    }
    for (i, (a, b)) in zip(found.scalars, expected).enumerated() where !(abs(Double(a) - b) <= bound) {
        Issue.record("\(what)[\(i)] is \(a), expected \(b): off by \(abs(Double(a) - b)), bound \(bound)")
        return
    }
}
