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

    /// Rows whose maximum comes late and far above what went before: the running reference must move, and take
    /// what was already summed, or stored, along.
    @Test(arguments: InstructionSet.available, [100, 1000, 5000])
    func maximaThatComeLate(isa: InstructionSet, classes: Int) throws {
        func check<T: Surprisal.Scalar & ReferenceScalar>(_ type: T.Type) throws {
            let offsets: [T] = [0, 100, -480, 500, 600, -600, 5000, -5000]
            for offset in offsets {
                for (kind, rise) in [("steps", 40), ("ramp", 30), ("descent", -30), ("late", 60)] as [(String, T)] {
                    let row = (0..<classes).map { j -> T in
                        let part = T(j) / T(classes)
                        return switch kind {
                        case "steps": offset + rise * (part * 8).rounded(.down)
                        case "late": j >= classes - 3 ? offset + rise + T(j - classes) : offset + part
                        default: offset + rise * part * 10
                        }
                    }
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
