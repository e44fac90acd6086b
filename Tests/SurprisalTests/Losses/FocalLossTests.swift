import Surprisal
import enum SurprisalKernels.Parallel
import SurprisalReference
import Testing

/// The focal loss against its formula in PyTorch, the textbook loops, 100-bit truth and what must hold of it.
@Suite struct FocalLossTests {
    static let gammas = [0, 0.5, 1, 2, 2.75, 5]

    @Test func agreesWithPyTorch() throws {
        var count = 0
        for golden in try GoldenCase.cases("focal-loss") {
            let gamma = try #require(golden.gamma)
            if golden.dtype == "float32" {
                try golden.compareClassLoss(Float.self) { FocalLoss(gamma: gamma, weight: $0, reduction: $1)($2, $3) }
            } else {
                try golden.compareClassLoss(Double.self) { FocalLoss(gamma: gamma, weight: $0, reduction: $1)($2, $3) }
            }
            count += 1
        }
        #expect(count >= 300)
    }

    @Test(arguments: gammas, CrossEntropyRelationTests.shapes) func agreesWithTheLoops(gamma: Double, shape: [Int]) {
        func check<T: Surprisal.Scalar>(_ type: T.Type) {
            let x: Tensor<T> = CrossEntropyRelationTests.logits(shape, seed: 11), y = CrossEntropyRelationTests.labels(shape)
            let w: Tensor<T> = CrossEntropyRelationTests.logits([shape[1]], seed: 3, spread: 1).exp()
            let view = ReferenceShape(outer: shape[0], classes: shape[1], inner: shape[2...].reduce(1, *))
            let wide = x.scalars.map { Double($0) }, labels = (0..<y.count).map { y[$0] ?? -100 }
            for weight in [nil, w] {
                let wideW = weight?.scalars.map { Double($0) }
                let what = "\(type) \(shape) γ \(gamma)"
                // Losses up to 30 with weights up to e, and powers that multiply an error by γ.
                let bound = 100 * (1 + gamma) * Double(T.ulpOfOne)
                expectNear(
                    FocalLoss(gamma: gamma, weight: weight, reduction: .none)(x, y),
                    Reference.focalLosses(
                        wide, labels: labels, shape: view, gamma: gamma, weights: wideW, ignoring: -100),
                    bound, "\(what): losses")
                if shape[1] == 1 { continue }  // The loops take 0 to the power γ − 1.
                expectNear(
                    valueWithGradient(at: x) { FocalLoss(gamma: gamma, weight: weight, reduction: .sum)($0, y) }.gradient,
                    Reference.focalLossGradient(
                        wide, labels: labels, shape: view, gamma: gamma, weights: wideW, ignoring: -100,
                        upstream: .sum(1)),
                    bound, "\(what): gradient")
            }
        }
        check(Float.self)
        check(Double.self)
    }

    /// Rows are worked on in blocks, by several threads, in place or not: no bit of a row depends on the others.
    @Test(arguments: [1, 3]) func aRowIsAsItIsAlone(threads: Int) throws {
        func check<T: Surprisal.Scalar>(_ type: T.Type, _ loss: (Tensor<T>, Labels) -> Tensor<T>) throws {
            let shape = [700, 130], y = CrossEntropyRelationTests.labels(shape)
            let x: Tensor<T> = CrossEntropyRelationTests.logits(shape, seed: 5)
            func gradient(_ x: Tensor<T>, _ y: Labels) -> [T] { valueWithGradient(at: x) { loss($0, y) }.gradient.scalars }
            let (all, given) = Parallel.override.withValue(threads) {
                // Logits that nobody else holds.
                (gradient(x, y), valueWithGradient(at: x) { loss($0 * 1, y) }.gradient.scalars)
            }
            #expect(all == given)
            for n in stride(from: 0, to: shape[0], by: 23) {
                let alone = gradient(x.rows([n]), try Labels([y[n] ?? -100], classCount: shape[1]))
                #expect(Array(all[n * shape[1]..<(n + 1) * shape[1]]) == alone, "\(type), row \(n)")
            }
        }
        try check(Float.self) { FocalLoss(reduction: .sum)($0, $1) }
        try check(Double.self) { PolyLoss(reduction: .sum)($0, $1) }
    }

    /// Where the label is the maximum by a margin, and where another class is.
    @Test(arguments: InstructionSet.available) func confidentRowsKeepTheirDigits(isa: InstructionSet) throws {
        func check<T: Surprisal.Scalar & ReferenceScalar>(_ type: T.Type) throws {
            for gamma in Self.gammas {
                let bound = Accuracy.focalLossULP(gamma: gamma)
                let worst = try worstULP(type) {
                    FocalLoss(gamma: gamma, reduction: .sum)($0, $1)
                } truth: { row, label in row.focal(of: label, gamma: gamma) }
                print("worst ULP of a focal loss, \(type) on \(isa), γ \(gamma): loss \(worst.loss), gradient \(worst.gradient)")
                #expect(worst.loss <= bound && worst.gradient <= bound, "γ \(gamma)")
            }
        }
        try InstructionSet.override.withValue(isa) {
            try check(Float.self)
            try check(Double.self)
        }
    }

    @Test(arguments: CrossEntropyRelationTests.shapes) func isCrossEntropyForGamma0(shape: [Int]) {
        func check<T: Surprisal.Scalar>(_ type: T.Type) {
            let x: Tensor<T> = CrossEntropyRelationTests.logits(shape, spread: 30), y = CrossEntropyRelationTests.labels(shape)
            for reduction in Reduction.allCases {
                let focal = FocalLoss<T>(gamma: 0, reduction: reduction), plain = CrossEntropyLoss<T>(reduction: reduction)
                #expect(CrossEntropyRelationTests.bits(focal(x, y)) == CrossEntropyRelationTests.bits(plain(x, y)))
                let a = valueWithGradient(at: x) { focal($0, y).sum() }.gradient
                let b = valueWithGradient(at: x) { plain($0, y).sum() }.gradient
                // A mean's factor is rounded once more here, and multiplied after the rounding of the row's gradient.
                for (g, h) in zip(a.scalars, b.scalars) {
                    #expect(abs(g - h) <= (reduction == .mean ? 2 * max(abs(h), T.leastNormalMagnitude).ulp : 0))
                }
            }
            // The weight's product is rounded once more too.
            let w: Tensor<T> = CrossEntropyRelationTests.logits([shape[1]], seed: 3, spread: 1).exp()
            let a = FocalLoss(gamma: 0, weight: w, reduction: .none)(x, y)
            let b = CrossEntropyLoss(weight: w, reduction: .none)(x, y)
            for (f, c) in zip(a.scalars, b.scalars) { #expect(abs(f - c) <= c.ulp) }
        }
        check(Float.self)
        check(Double.self)
    }

    @Test(arguments: gammas) func impossibleAndPoisonedRows(gamma: Double) throws {
        try checkClassLossEdges { FocalLoss<Float>(gamma: gamma, reduction: $0, classAxis: $1)($2, $3) }
        // An impossible label: infinitely surprising, with a finite gradient.
        let y = try Labels([0, 1], classCount: 3)
        let x = Tensor<Double>([[-.infinity, 1, 2], [-.infinity, 1, 2]])
        let losses = FocalLoss<Double>(gamma: gamma, reduction: .none)(x, y)
        #expect(losses[0] == .infinity && losses[1].isFinite)
        let gradient = valueWithGradient(at: x) { FocalLoss<Double>(gamma: gamma, reduction: .sum)($0, y) }.gradient
        #expect(gradient[0, 0] == -1 && gradient[1, 0] == 0)
        #expect(gradient.scalars.allSatisfy { $0.isFinite })
        // One class is certain.
        let certain = try Labels([0], classCount: 1)
        let one = valueWithGradient(at: Tensor<Double>([[3]])) { FocalLoss<Double>(gamma: gamma)($0, certain) }
        #expect(one.value.item() == 0 && one.gradient.item() == 0)
    }

    @Test func refuses() async throws {
        for gamma in [-1, .nan, .infinity] {
            #expect(throws: LossError.self) { try FocalLoss<Float>.check(gamma: gamma) }
        }
        let y = try Labels([0, 1], classCount: 3)
        #expect(throws: LossError.labelShape(found: [2], input: [3, 3], expected: [3])) {
            try FocalLoss<Float>().check([3, 3], y)
        }
        #expect(throws: LossError.weightShape(found: [2], classes: 3)) {
            try FocalLoss<Float>(weight: Tensor([1, 2])).check([2, 3], y)
        }
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = FocalLoss<Float>(gamma: -0.5)
        }
        #expect(String(decoding: result.standardErrorContent, as: UTF8.self)
            .contains("FocalLoss: focusing parameter γ is -0.5; expected a finite number, at least 0"))
    }
}
