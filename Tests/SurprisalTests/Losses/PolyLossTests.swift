import Surprisal
import SurprisalReference
import Testing

/// The poly loss against its formula in PyTorch, the textbook loops, 100-bit truth and what must hold of it.
@Suite struct PolyLossTests {
    @Test func agreesWithPyTorch() throws {
        var count = 0
        for golden in try GoldenCase.cases("poly-loss") {
            let epsilon = try #require(golden.epsilon)
            if golden.dtype == "float32" {
                try golden.compareClassLoss(Float.self) { PolyLoss(epsilon: epsilon, weight: $0, reduction: $1)($2, $3) }
            } else {
                try golden.compareClassLoss(Double.self) { PolyLoss(epsilon: epsilon, weight: $0, reduction: $1)($2, $3) }
            }
            count += 1
        }
        #expect(count >= 200)
    }

    @Test(arguments: [0, 1, 6, -0.5], CrossEntropyRelationTests.shapes)
    func agreesWithTheLoops(epsilon: Double, shape: [Int]) {
        func check<T: Surprisal.Scalar>(_ type: T.Type) {
            let x: Tensor<T> = CrossEntropyRelationTests.logits(shape, seed: 11), y = CrossEntropyRelationTests.labels(shape)
            let w: Tensor<T> = CrossEntropyRelationTests.logits([shape[1]], seed: 3, spread: 1).exp()
            let view = ReferenceShape(outer: shape[0], classes: shape[1], inner: shape[2...].reduce(1, *))
            let wide = x.scalars.map { Double($0) }, labels = (0..<y.count).map { y[$0] ?? -100 }
            // Losses up to 30 with weights up to e.
            let bound = 100 * (1 + abs(epsilon)) * Double(T.ulpOfOne), wideW = w.scalars.map { Double($0) }
            expectNear(
                PolyLoss(epsilon: epsilon, weight: w, reduction: .none)(x, y),
                Reference.polyLosses(
                    wide, labels: labels, shape: view, epsilon: epsilon, weights: wideW, ignoring: -100),
                bound, "\(type) \(shape): losses")
            expectNear(
                valueWithGradient(at: x) { PolyLoss(epsilon: epsilon, weight: w, reduction: .sum)($0, y) }.gradient,
                Reference.polyLossGradient(
                    wide, labels: labels, shape: view, epsilon: epsilon, weights: wideW, ignoring: -100,
                    upstream: .sum(1)),
                bound, "\(type) \(shape): gradient")
        }
        check(Float.self)
        check(Double.self)
    }

    @Test(arguments: InstructionSet.available) func confidentRowsKeepTheirDigits(isa: InstructionSet) throws {
        func check<T: Surprisal.Scalar & ReferenceScalar>(_ type: T.Type) throws {
            for epsilon in [0, 0.5, 1, 6] {
                let worst = try worstULP(type) {
                    PolyLoss(epsilon: epsilon, reduction: .sum)($0, $1)
                } truth: { row, label in row.poly(of: label, epsilon: epsilon) }
                print("worst ULP of a poly loss, \(type) on \(isa), ε \(epsilon): loss \(worst.loss), gradient \(worst.gradient)")
                #expect(worst.loss <= Accuracy.polyLossULP && worst.gradient <= Accuracy.polyLossULP, "ε \(epsilon)")
            }
        }
        try InstructionSet.override.withValue(isa) {
            try check(Float.self)
            try check(Double.self)
        }
    }

    @Test(arguments: CrossEntropyRelationTests.shapes) func isCrossEntropyForEpsilon0(shape: [Int]) {
        let x: Tensor<Float> = CrossEntropyRelationTests.logits(shape, spread: 30), y = CrossEntropyRelationTests.labels(shape)
        for reduction in Reduction.allCases {
            let poly = PolyLoss<Float>(epsilon: 0, reduction: reduction)(x, y)
            #expect(CrossEntropyRelationTests.bits(poly)
                == CrossEntropyRelationTests.bits(CrossEntropyLoss(reduction: reduction)(x, y)))
        }
    }

    @Test func edges() throws {
        try checkClassLossEdges { PolyLoss<Float>(epsilon: 2, reduction: $0, classAxis: $1)($2, $3) }
        let x = Tensor<Double>([[-.infinity, 1, 2], [-.infinity, 1, 2]]), y = try Labels([0, 1], classCount: 3)
        let losses = PolyLoss<Double>(reduction: .none)(x, y)
        #expect(losses[0] == .infinity && losses[1].isFinite)
        let gradient = valueWithGradient(at: x) { PolyLoss<Double>(reduction: .sum)($0, y) }.gradient
        #expect(gradient[0, 0] == -1 && gradient[1, 0] == 0 && gradient.scalars.allSatisfy { $0.isFinite })
    }

    @Test func refuses() throws {
        for epsilon in [Double.nan, .infinity, -.infinity] {
            #expect(throws: LossError.self) { try PolyLoss<Float>.check(epsilon: epsilon) }
        }
        #expect(throws: LossError.classCount(labels: 3, input: 4)) {
            try PolyLoss<Float>().check([2, 4], try Labels([0, 1], classCount: 3))
        }
        #expect(throws: LossError.noClassAxis(shape: [2, 3], axis: 2)) {
            try PolyLoss<Float>(classAxis: 2).check([2, 3], try Labels([0, 1], classCount: 3))
        }
    }
}
