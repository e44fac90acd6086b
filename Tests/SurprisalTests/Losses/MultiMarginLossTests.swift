import Surprisal
import SurprisalReference
import Testing

/// The margin loss against PyTorch, the textbook loops, 100-bit truth and what must hold of it.
@Suite struct MultiMarginLossTests {
    @Test func agreesWithPyTorch() throws {
        var count = 0
        for golden in try GoldenCase.cases("multi-margin") {
            let p = try #require(golden.p), margin = try #require(golden.margin)
            if golden.dtype == "float32" {
                try golden.compareClassLoss(Float.self) { MultiMarginLoss(p: p, margin: margin, weight: $0, reduction: $1)($2, $3) }
            } else {
                try golden.compareClassLoss(Double.self) { MultiMarginLoss(p: p, margin: margin, weight: $0, reduction: $1)($2, $3) }
            }
            count += 1
        }
        #expect(count == 148)
    }

    @Test(arguments: [1, 2], CrossEntropyRelationTests.shapes) func agreesWithTheLoops(p: Int, shape: [Int]) {
        func check<T: Surprisal.Scalar>(_ type: T.Type) {
            let x: Tensor<T> = CrossEntropyRelationTests.logits(shape, seed: 11), y = CrossEntropyRelationTests.labels(shape)
            let w: Tensor<T> = CrossEntropyRelationTests.logits([shape[1]], seed: 3, spread: 1).exp()
            let view = ReferenceShape(outer: shape[0], classes: shape[1], inner: shape[2...].reduce(1, *))
            let labels = (0..<y.count).map { y[$0] ?? -100 }
            let expected = Reference.multiMarginLosses(
                x.scalars.map { Double($0) }, labels: labels, shape: view, p: p, margin: 0.5,
                weights: w.scalars.map { Double($0) }, ignoring: -100)
            let losses = MultiMarginLoss(p: p, margin: 0.5, weight: w, reduction: .none)(x, y).scalars
            #expect(losses.count == expected.count)
            // Sums of at most 4,099 positive terms in plain Double: 64 roundings of the sum, more than a walk's.
            for (a, b) in zip(losses, expected) {
                let bound = 4 * Double(T(b).ulp) + 64 * b.ulp
                #expect(abs(Double(a) - b) <= bound, "\(type) \(shape)")
            }
        }
        check(Float.self)
        check(Double.self)
    }

    /// Rows and rows across lanes, whole vectors and what is left of one, labels in every lane and ignored ones.
    @Test(arguments: InstructionSet.available, [1, 2]) func everyKernelAgreesWithTheLoops(isa: InstructionSet, p: Int) {
        func check<T: Surprisal.Scalar>(_ type: T.Type, _ shape: [Int]) {
            let x: Tensor<T> = CrossEntropyRelationTests.logits(shape, seed: 11), y = CrossEntropyRelationTests.labels(shape)
            let w: Tensor<T> = CrossEntropyRelationTests.logits([shape[1]], seed: 3, spread: 1).exp()
            let view = ReferenceShape(outer: shape[0], classes: shape[1], inner: shape[2])
            let labels = (0..<y.count).map { y[$0] ?? -100 }, wide = x.scalars.map { Double($0) }
            let weights = w.scalars.map { Double($0) }
            let loss = MultiMarginLoss(p: p, margin: 0.5, weight: w, reduction: .none)
            let losses = Reference.multiMarginLosses(
                wide, labels: labels, shape: view, p: p, margin: 0.5, weights: weights, ignoring: -100)
            let slopes = Reference.multiMarginLossGradient(
                wide, labels: labels, shape: view, p: p, margin: 0.5, weights: weights, ignoring: -100,
                upstream: .sum(1))
            // Losses of up to 400, in a few ULP.
            expectNear(loss(x, y), losses, 1000 * Double(T.ulpOfOne), "\(type) \(shape): losses")
            expectNear(
                valueWithGradient(at: x) { loss($0, y).sum() }.gradient, slopes, 200 * Double(T.ulpOfOne),
                "\(type) \(shape): gradient")
        }
        InstructionSet.override.withValue(isa) {
            for classes in [1, 2, 3, 7, 8, 10, 16, 31, 64, 65, 127, 129, 300] {
                for (outer, inner) in [(1, 1), (9, 1), (70, 1), (2, 3), (2, 37)] {
                    check(Float.self, [outer, classes, inner])
                    check(Double.self, [outer, classes, inner])
                }
            }
        }
    }

    /// Ignored positions beside others in one vector, an impossible class at an impossible label, NaN in a class of one.
    @Test(arguments: InstructionSet.available, [3, 70]) func positionsDoNotSpoilEachOther(isa: InstructionSet, classes: Int) throws {
        try InstructionSet.override.withValue(isa) {
            for p in [1, 2] {
                var rows = [[Float]](repeating: [Float](repeating: 0.25, count: classes), count: 5)
                rows[1][2] = .nan
                rows[2][2] = .nan
                rows[3][0] = -.infinity
                rows[3][1] = -.infinity
                rows[4][1] = .infinity
                let y = try Labels([0, 0, -100, 0, 1], classCount: classes)
                let loss = MultiMarginLoss<Float>(p: p, reduction: .none)
                let losses = loss(Tensor(rows), y).scalars
                let gradient = valueWithGradient(at: Tensor(rows)) { loss($0, y).sum() }.gradient
                #expect(losses[0] == Float(classes - 1) / Float(classes) && losses[1].isNaN && losses[2] == 0)
                #expect(losses[3] == .infinity && losses[4] == 0)
                #expect(gradient[0, 1] == Float(p) / Float(classes) && gradient[1, 2].isNaN && gradient[1, 1].isFinite)
                #expect((0..<classes).allSatisfy { gradient[2, $0] == 0 && gradient[4, $0] == 0 } && gradient[3, 1] == 0)
            }
        }
    }

    /// Scores next to the kink, of which a difference in two roundings would leave nothing.
    @Test func keepsItsDigitsAtTheKink() throws {
        func check<T: Surprisal.Scalar & ReferenceScalar>(_ type: T.Type) throws {
            var worst = (loss: 0.0, gradient: 0.0), generator = SplitMix64(seed: 8)
            for p in [1, 2] {
                for size in [1, 1e-3, 1e-7, 1e-12, 1e-20] {
                    for margin in [1, 0.1, -0.3] {
                        let row = (0..<20).map { j in
                            let tiny = T(size * Double.random(in: 0.1...1, using: &generator))
                            return j == 3 ? T(margin) : tiny
                        }
                        let labels = try Labels([3], classCount: 20)
                        let found = valueWithGradient(at: Tensor(row, shape: [1, 20])) {
                            MultiMarginLoss<T>(p: p, margin: margin, reduction: .sum)($0, labels)
                        }
                        var sum = DoubleDouble.zero, slope = DoubleDouble.zero
                        let scalars = found.gradient.scalars
                        for j in row.indices where j != 3 {
                            let z = DoubleDouble(margin) - DoubleDouble(Double(row[3])) + DoubleDouble(Double(row[j]))
                            guard z.high > 0 else { continue }
                            sum += p == 1 ? z : z * z
                            let h = p == 1 ? DoubleDouble.one : z * 2
                            slope += h
                            worst.gradient = max(worst.gradient, ulpDistance(of: scalars[j], from: h / 20.0))
                        }
                        worst.loss = max(worst.loss, ulpDistance(of: found.value.item(), from: sum / 20.0))
                        worst.gradient = max(worst.gradient, ulpDistance(of: scalars[3], from: -(slope / 20.0)))
                    }
                }
            }
            print("worst ULP of a margin loss, \(type): loss \(worst.loss), gradient \(worst.gradient)")
            #expect(worst.loss <= Accuracy.marginLossULP && worst.gradient <= Accuracy.marginLossULP)
        }
        try check(Float.self)
        try check(Double.self)
    }

    @Test(arguments: [1, 2]) func edges(p: Int) throws {
        try checkClassLossEdges { MultiMarginLoss<Float>(p: p, reduction: $0, classAxis: $1)($2, $3) }
        let loss = MultiMarginLoss<Double>(p: p, reduction: .none)
        let x = Tensor<Double>([[0, -.infinity, 0.5], [-.infinity, -.infinity, 0.5], [.infinity, 0, 0]])
        let losses = loss(x, try Labels([0, 0, 0], classCount: 3))
        // An impossible class comes near to none, an impossible label is infinitely far, a certain one is not reached.
        #expect(losses.scalars == [p == 1 ? 0.5 : 0.75, .infinity, 0])
        // At the kink nothing flows.
        let y = try Labels([0], classCount: 2)
        let kink = valueWithGradient(at: Tensor<Double>([[1, 0]])) { MultiMarginLoss<Double>(p: p)($0, y) }
        #expect(kink.value.item() == 0 && kink.gradient.scalars == [0, 0])
    }

    /// Logits next to which the margin's last bits are lost in a Double: what is left of it beyond the kink is told all the same.
    @Test(arguments: InstructionSet.available) func tellsTheKinkAmongLargeLogits(isa: InstructionSet) throws {
        try InstructionSet.override.withValue(isa) {
            for classes in [2, 5, 40] {
                var row = [Float](repeating: -.infinity, count: classes)
                // The next Float below a million is 2⁻⁴ away.
                (row[0], row[1]) = (1e6, 1e6 - 0x1p-4)
                let y = try Labels([0], classCount: classes)
                let loss = MultiMarginLoss<Float>(p: 1, margin: 0x1p-4 + 0x1p-40, reduction: .sum)
                let found = valueWithGradient(at: Tensor([row])) { loss($0, y) }
                #expect(found.value.item() == 0x1p-40 / Float(classes))
                #expect(found.gradient[0, 1] == 1 / Float(classes) && found.gradient[0, 0] == -1 / Float(classes))
            }
        }
    }

    @Test func aMeanCountsLabelsNotTheirWeights() throws {
        let x: Tensor<Double> = CrossEntropyRelationTests.logits([4, 3]), y = try Labels([0, 1, -100, 2], classCount: 3)
        let w = Tensor<Double>([0.5, 2, 3])
        let sum = MultiMarginLoss(weight: w, reduction: .sum)(x, y).item()
        #expect(abs(MultiMarginLoss(weight: w)(x, y).item() - sum / 3) <= sum.ulp)
    }

    @Test func refuses() throws {
        for p in [-1, 0, 3] { #expect(throws: LossError.power(p)) { try MultiMarginLoss<Float>.check(p: p) } }
        for margin in [Double.nan, .infinity] {
            #expect(throws: LossError.self) { try MultiMarginLoss<Float>.check(margin: margin) }
        }
        #expect(throws: LossError.weightShape(found: [2], classes: 3)) {
            try MultiMarginLoss<Float>(weight: Tensor([1, 2])).check([1, 3], try Labels([0], classCount: 3))
        }
    }
}
