import Surprisal
import SurprisalReference
import Testing

extension GoldenCase {
    /// The loss, its gradient and that of the class weights, where there are goldens of them.
    func compareClassLoss<T: Surprisal.Scalar>(
        _ type: T.Type, _ loss: (_ weight: Tensor<T>?, Reduction, Tensor<T>, Labels) -> Tensor<T>
    ) throws {
        // PyTorch's Double results are some ULP off, the focal loss's formula by those of p^γ: 64 ULP, or 16 of 1.
        let ulp = 64.0, absolute = 16 * Double(T.ulpOfOne)
        let x: Tensor<T> = tensor(try #require(input), shape)
        let w: Tensor<T>? = weight.map { tensor($0, [$0.count]) }
        let reduction = try #require(Reduction(rawValue: reduction ?? "mean"))
        let classes = shape[shape.count == 1 ? 0 : 1]
        let labels = try Labels(
            try #require(target), shape: targetShape, classCount: classes, ignoring: ignoreIndex ?? -100)
        func reduced(_ losses: Tensor<T>) -> Tensor<T> {
            guard reduction == .none, let upstream else { return losses.sum() }
            return losses.weighted(by: tensor(upstream, losses.shape))
        }
        expect(
            loss(w, reduction, x, labels), output, exact: exactOutput, shape: outputShape, "loss", ulp: ulp,
            absolute: absolute)
        expect(
            valueWithGradient(at: x) { reduced(loss(w, reduction, $0, labels)) }.gradient, gradient,
            exact: exactGradient, shape: shape, "gradient", ulp: ulp, absolute: absolute)
        if gradientWeight != nil, let w {
            expect(
                valueWithGradient(at: w) { reduced(loss($0, reduction, x, labels)) }.gradient, gradientWeight,
                exact: exactGradientWeight, shape: [classes], "weight gradient", ulp: ulp,
                absolute: absolute * Double(x.count))
        }
    }
}

/// Fails at the first value further than `bound` from the expected one.
func expectNear<T: Surprisal.Scalar>(
    _ found: Tensor<T>, _ expected: [Double], _ bound: Double, _ what: String,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(found.count == expected.count, "\(what)", sourceLocation: sourceLocation)
    for (i, (a, b)) in zip(found.scalars, expected).enumerated() where !(abs(Double(a) - b) <= bound) {
        Issue.record("\(what)[\(i)] is \(a), expected \(b); bound \(bound)", sourceLocation: sourceLocation)
        return
    }
}

/// The largest distance of a summed loss and of its gradient from their truths, over confident, even and lost rows.
func worstULP<T: Surprisal.Scalar & ReferenceScalar>(
    _ type: T.Type, _ loss: (Tensor<T>, Labels) -> Tensor<T>,
    truth: (HighPrecisionRow, Int) -> (loss: ScaledDoubleDouble, gradient: [ScaledDoubleDouble])
) throws -> (loss: Double, gradient: Double) {
    var worst = (loss: 0.0, gradient: 0.0)
    var generator = SplitMix64(seed: 5)
    // In Double to where 1 − p leaves the truth's range.
    let margins: [Double] = [0, 0.01, 0.7, 1, 3, 8, 12, 17, 25, 40, 60] + (type == Double.self ? [100, 300, 600] : [])
    for classes in [2, 3, 10, 100, 1000] {
        for margin in margins {
            for offset in [0, -3.7, 1000.0] {
                var row = (0..<classes).map { _ in T(offset + Double.random(in: -1...1, using: &generator)) }
                row[1] = T(offset + margin)
                let exact = HighPrecisionRow(row)
                // The likely class, an unlikely one.
                for label in [1, 0] {
                    let labels = try Labels([label], classCount: classes)
                    let found = valueWithGradient(at: Tensor(row, shape: [1, classes])) { loss($0, labels) }
                    let expected = truth(exact, label)
                    if abs(expected.loss.doubleDouble.high) > Accuracy.gradientFloor(type) {
                        worst.loss = max(worst.loss, ulpDistance(of: found.value.item(), from: expected.loss))
                    }
                    for (g, t) in zip(found.gradient.scalars, expected.gradient)
                    where abs(t.doubleDouble.high) > Accuracy.gradientFloor(type) {
                        worst.gradient = max(worst.gradient, ulpDistance(of: g, from: t))
                    }
                }
            }
        }
    }
    return worst
}

/// What holds of every loss of rows: ignored rows are as if they were not there, whatever they hold, a NaN spoils its own
/// row alone, nothing left has the mean NaN, and it does not matter where the class axis is.
func checkClassLossEdges(
    _ loss: (Reduction, _ classAxis: Int?, Tensor<Float>, Labels) -> Tensor<Float>,
    sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let clean: Tensor<Float> = CrossEntropyRelationTests.logits([2, 5])
    for poison in [Float.nan, .infinity, -.infinity] {
        let x = Tensor(clean.scalars + [Float](repeating: poison, count: 5), shape: [3, 5])
        let y = try Labels([0, 1, -100], classCount: 5)
        for reduction in [Reduction.mean, .sum] {
            let (value, gradient) = valueWithGradient(at: x) { loss(reduction, nil, $0, y) }
            let alone = valueWithGradient(at: clean) { loss(reduction, nil, $0, y[[0, 1]]) }
            #expect(value == alone.value && value == loss(reduction, nil, x, y), sourceLocation: sourceLocation)
            #expect(gradient.scalars == alone.gradient.scalars + [0, 0, 0, 0, 0], sourceLocation: sourceLocation)
        }
        // Nothing flows into it from an infinite upstream either.
        let infinite = valueWithGradient(at: x) {
            loss(.none, nil, $0, y).weighted(by: Tensor([1, 1, .infinity]))
        }.gradient
        #expect(infinite.scalars.suffix(5).allSatisfy { $0 == 0 }, sourceLocation: sourceLocation)
    }
    let spoiled = Tensor<Float>([[1, .nan, 2], [1, 2, 3]]), y = try Labels([0, 2], classCount: 3)
    let each = valueWithGradient(at: spoiled) { loss(.none, nil, $0, y).sum() }.gradient
    let losses = loss(.none, nil, spoiled, y)
    #expect(losses[0].isNaN && losses[1].isFinite, sourceLocation: sourceLocation)
    #expect(each.scalars.prefix(3).contains { $0.isNaN }, sourceLocation: sourceLocation)
    #expect(each.scalars.suffix(3).allSatisfy { $0.isFinite }, sourceLocation: sourceLocation)

    // Nothing is left of two rows that are ignored, nor of no row and of no class.
    for (x, count) in [(clean, 2), (Tensor<Float>.zeros([0, 5]), 0), (.zeros([2, 0]), 2)] {
        let none = try Labels([Int](repeating: -100, count: count), classCount: x.shape[1])
        let (mean, gradient) = valueWithGradient(at: x) { loss(.mean, nil, $0, none) }
        #expect(mean.item().isNaN && gradient.scalars.allSatisfy { $0 == 0 }, sourceLocation: sourceLocation)
        #expect(gradient.shape == x.shape && loss(.sum, nil, x, none).item() == 0, sourceLocation: sourceLocation)
        #expect(loss(.none, nil, x, none) == .zeros([count]), sourceLocation: sourceLocation)
    }

    // Positions beside each other, and the same rows one after the other.
    let across: Tensor<Float> = CrossEntropyRelationTests.logits([2, 5, 3])
    func place(_ i: Int) -> Int {
        let sample = i / 15 * 15, c = i % 5, position = i / 5 % 3
        return sample + c * 3 + position
    }
    let along = Tensor<Float>((0..<30).map { across.scalars[place($0)] }, shape: [2, 3, 5])
    let labels = try Labels([4, 0, -100, 2, 1, 3], shape: [2, 3], classCount: 5)
    for reduction in Reduction.allCases {
        let (a, b) = (loss(reduction, 1, across, labels), loss(reduction, -1, along, labels))
        #expect(a.shape == b.shape && a == loss(reduction, nil, across, labels), sourceLocation: sourceLocation)
        let g = valueWithGradient(at: across) { loss(reduction, 1, $0, labels).sum() }.gradient.scalars
        let h = valueWithGradient(at: along) { loss(reduction, -1, $0, labels).sum() }.gradient.scalars
        // Two kernels, of which each is within some ULP of the truth.
        expectNear(a, b.scalars.map { Double($0) }, 1e-5, "class axis: losses", sourceLocation: sourceLocation)
        expectNear(
            Tensor(h), (0..<30).map { Double(g[place($0)]) }, 1e-5, "class axis: gradient",
            sourceLocation: sourceLocation)
    }
}
