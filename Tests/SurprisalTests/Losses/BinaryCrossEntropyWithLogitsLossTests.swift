import Surprisal
import SurprisalReference
import Testing

/// Binary cross-entropy against PyTorch, the textbook loops, 100-bit truth and cross-entropy of two classes.
@Suite struct BinaryCrossEntropyWithLogitsLossTests {
    @Test func agreesWithPyTorch() throws {
        var count = 0
        for golden in try GoldenCase.cases("binary-cross-entropy") {
            if golden.dtype == "float32" { try compare(golden, Float.self) } else { try compare(golden, Double.self) }
            count += 1
        }
        #expect(count >= 200)
    }

    private func compare<T: Surprisal.Scalar>(_ golden: GoldenCase, _ type: T.Type) throws {
        // As for cross-entropy: 64 ULP, or 8 ULP of 1 where terms of different signs cancel.
        let ulp = 64.0, absolute = 8 * Double(T.ulpOfOne)
        let x: Tensor<T> = golden.tensor(try #require(golden.input), golden.shape)
        let y: Tensor<T> = golden.tensor(try #require(golden.targetProbabilities), golden.shape)
        let reduction = try #require(Reduction(rawValue: golden.reduction ?? "mean"))
        let loss = BinaryCrossEntropyWithLogitsLoss<T>(
            weight: golden.weight.map { golden.tensor($0, golden.weightShape ?? []) },
            posWeight: golden.posWeight.map { golden.tensor($0, golden.posWeightShape ?? []) }, reduction: reduction)
        func reduced(_ losses: Tensor<T>) -> Tensor<T> {
            guard reduction == .none, let upstream = golden.upstream else { return losses.sum() }
            return losses.weighted(by: golden.tensor(upstream, losses.shape))
        }
        golden.expect(
            loss(x, targets: y), golden.output, exact: golden.exactOutput, shape: golden.outputShape, "loss", ulp: ulp,
            absolute: absolute)
        let gradients = valueWithGradient(at: x, y) { reduced(loss($0, targets: $1)) }.gradients
        golden.expect(
            gradients.0, golden.gradient, exact: golden.exactGradient, shape: golden.shape, "gradient", ulp: ulp,
            absolute: absolute)
        golden.expect(
            gradients.1, golden.gradientTarget, exact: golden.exactGradientTarget, shape: golden.shape,
            "target gradient", ulp: ulp, absolute: absolute)
    }

    @Test(arguments: InstructionSet.available) func agreesWithTheLoops(isa: InstructionSet) {
        func check<T: Surprisal.Scalar>(_ type: T.Type) {
            let x: Tensor<T> = CrossEntropyRelationTests.logits([37, 13], seed: 11, spread: 20)
            let y: Tensor<T> = CrossEntropyRelationTests.logits([37, 13], seed: 2).softmax()
            let positive: Tensor<T> = CrossEntropyRelationTests.logits([37, 13], seed: 3, spread: 1).exp()
            let wide = [x, y, positive].map { $0.scalars.map { Double($0) } }
            let loss = BinaryCrossEntropyWithLogitsLoss(posWeight: positive, reduction: .none)
            // Losses up to 20 times e.
            let unit = 60 * Double(T.ulpOfOne)
            expectNear(
                loss(x, targets: y), Reference.binaryCrossEntropies(wide[0], targets: wide[1], positive: wide[2]), unit,
                "\(type): losses")
            expectNear(
                valueWithGradient(at: x) { loss($0, targets: y).sum() }.gradient,
                Reference.binaryCrossEntropySlopes(wide[0], targets: wide[1], positive: wide[2]), unit,
                "\(type): gradient")
        }
        InstructionSet.override.withValue(isa) {
            check(Float.self)
            check(Double.self)
        }
    }

    /// Factors of every kind, ends of vectors and of strips, both derivatives.
    @Test(arguments: InstructionSet.available) func weightsAgreeWithTheLoops(isa: InstructionSet) {
        func check<T: Surprisal.Scalar>(_ type: T.Type, _ shape: [Int], each: Bool) {
            let x: Tensor<T> = CrossEntropyRelationTests.logits(shape, seed: 11), count = x.count
            let y: Tensor<T> = CrossEntropyRelationTests.logits(shape, seed: 2).softmax()
            let factors: Tensor<T> = CrossEntropyRelationTests.logits(each ? shape : [shape[1]], seed: 3, spread: 1).exp()
            let inner = shape[2...].reduce(1, *)
            let spread = (0..<count).map { Double(factors.scalars[each ? $0 : $0 / inner % shape[1]]) }
            let wide = [x, y].map { $0.scalars.map { Double($0) } }
            let unit = 200 * Double(T.ulpOfOne)
            let plain = Reference.binaryCrossEntropies(wide[0], targets: wide[1], positive: spread)
            let slopes = Reference.binaryCrossEntropySlopes(wide[0], targets: wide[1], positive: spread)
            let both = BinaryCrossEntropyWithLogitsLoss(weight: factors, posWeight: factors, reduction: .none)
            expectNear(both(x, targets: y), zip(plain, spread).map { $0 * $1 }, unit, "\(type) \(shape): losses")
            let found = valueWithGradient(at: x, y) { both($0, targets: $1).sum() }.gradients
            expectNear(found.0, zip(slopes, spread).map { $0 * $1 }, unit, "\(type) \(shape): gradient")
            let rises = (0..<count).map { i in
                spread[i] * ((spread[i] - 1) * Double.log(1 + Double.exp(-wide[0][i])) - wide[0][i])
            }
            expectNear(found.1, rises, unit, "\(type) \(shape): target gradient")
            // A sum is one of the losses, whatever becomes of the ends of strips.
            let sum = BinaryCrossEntropyWithLogitsLoss(weight: factors, posWeight: factors, reduction: .sum)(x, targets: y).item()
            let exact = both(x, targets: y).scalars.reduce(0) { $0 + Double($1) }
            #expect(abs(Double(sum) - exact) <= Double(T(exact).ulp) + 1e-14 * exact, "\(type) \(shape): sum")
        }
        InstructionSet.override.withValue(isa) {
            for shape in [[1, 1], [1, 7], [3, 5], [2, 3, 4], [5, 8, 9], [2, 1024], [2, 1025], [3, 7, 301]] {
                for each in [false, true] {
                    check(Float.self, shape, each: each)
                    check(Double.self, shape, each: each)
                }
            }
        }
    }

    @Test(arguments: InstructionSet.available) func threadsChangeNothing(isa: InstructionSet) {
        let x: Tensor<Float> = CrossEntropyRelationTests.logits([100, 1001], seed: 1), y: Tensor<Float> = x.softmax()
        func all(_ threads: Int) -> [Tensor<Float>] {
            Parallel.override.withValue(threads) {
                let binary = valueWithGradient(at: x) { BinaryCrossEntropyWithLogitsLoss<Float>()($0, targets: y) }
                let divergence = valueWithGradient(at: x) { KLDivergenceLoss<Float>()($0, target: y) }
                return [binary.value, binary.gradient, divergence.value, divergence.gradient]
            }
        }
        InstructionSet.override.withValue(isa) {
            let one = all(1)
            for threads in [2, 5] { #expect(all(threads) == one) }
        }
    }

    /// The loss of a logit x with target 1 is that of the logits 0 and x with the label 1, digit by digit.
    @Test(arguments: InstructionSet.available) func isCrossEntropyOfTwoClasses(isa: InstructionSet) throws {
        func check<T: Surprisal.Scalar & ReferenceScalar>(_ type: T.Type) throws {
            var worst = (loss: 0.0, gradient: 0.0)
            let sizes: [T] = [0, 1e-30, 1e-8, 0.1, 0.5, 1, 2.5, 10, 16, 17, 40, 80] + (type == Double.self ? [300, 700] : [])
            var generator = SplitMix64(seed: 4)
            let random = (0..<400).map { _ in T(Double.random(in: -90...90, using: &generator)) }
            for x in sizes.flatMap({ [$0, -$0] }) + random {
                for target in [0, 1] {
                    let loss = BinaryCrossEntropyWithLogitsLoss<T>(reduction: .sum)
                    let found = valueWithGradient(at: Tensor([x])) { loss($0, targets: Tensor([T(target)])) }
                    let truth = HighPrecisionRow([0, x])
                    // Below the normal numbers an exponential may be flushed.
                    if abs(truth.loss(of: target).doubleDouble.high) <= Accuracy.gradientFloor(type) { continue }
                    worst.loss = max(worst.loss, ulpDistance(of: found.value.item(), from: truth.loss(of: target)))
                    worst.gradient = max(
                        worst.gradient, ulpDistance(of: found.gradient.item(), from: truth.gradient(of: target)[1]))
                    let two = CrossEntropyLoss<T>(reduction: .sum)(Tensor([[0, x]]), try Labels([target], classCount: 2))
                    // Each within its bound of the truth.
                    #expect(abs(found.value.item() - two.item())
                        <= T(Accuracy.binaryLossULP + Accuracy.lossULP) * max(two.item(), T.leastNormalMagnitude).ulp)
                }
            }
            print("worst ULP of a binary cross-entropy, \(type) on \(isa): loss \(worst.loss), gradient \(worst.gradient)")
            #expect(worst.loss <= Accuracy.binaryLossULP && worst.gradient <= Accuracy.binaryLossULP)
        }
        try InstructionSet.override.withValue(isa) {
            try check(Float.self)
            try check(Double.self)
        }
    }

    @Test(arguments: InstructionSet.available, [false, true]) func infinitiesAndNaN(isa: InstructionSet, isWeighted: Bool) {
        InstructionSet.override.withValue(isa) { infinitiesAndNaN(isWeighted ? Tensor(1) : nil) }
    }

    private func infinitiesAndNaN(_ weight: Tensor<Float>?) {
        let loss = BinaryCrossEntropyWithLogitsLoss<Float>(weight: weight, posWeight: weight, reduction: .none)
        let x = Tensor<Float>([.infinity, .infinity, -.infinity, -.infinity, .nan, 1])
        let y = Tensor<Float>([1, 0, 1, 0, 1, 1])
        let (found, gradient) = (loss(x, targets: y).scalars, valueWithGradient(at: x) { loss($0, targets: y).sum() }.gradient.scalars)
        #expect(Array(found[..<4]) == [0, .infinity, .infinity, 0] && found[4].isNaN && found[5].isFinite)
        #expect(Array(gradient[..<4]) == [0, 1, -1, 0] && gradient[4].isNaN && gradient[5].isFinite)
    }

    @Test func weightsOfEveryShape() throws {
        let x: Tensor<Double> = CrossEntropyRelationTests.logits([2, 3, 4]), y: Tensor<Double> = x.softmax()
        let w: Tensor<Double> = CrossEntropyRelationTests.logits([3], seed: 3).exp()
        let each = Tensor((0..<24).map { w[$0 / 4 % 3] }, shape: [2, 3, 4])
        let a = BinaryCrossEntropyWithLogitsLoss(weight: w, posWeight: w)(x, targets: y)
        #expect(a == BinaryCrossEntropyWithLogitsLoss(weight: each, posWeight: each)(x, targets: y))
        let last = Tensor((0..<24).map { i in Double(i % 4) }, shape: [2, 3, 4])
        #expect(BinaryCrossEntropyWithLogitsLoss(weight: Tensor([0, 1, 2, 3]), classAxis: -1)(x, targets: y)
            == BinaryCrossEntropyWithLogitsLoss(weight: last)(x, targets: y))
        #expect(BinaryCrossEntropyWithLogitsLoss(weight: Tensor(1), posWeight: Tensor(1))(x, targets: y)
            == BinaryCrossEntropyWithLogitsLoss()(x, targets: y))
        #expect(BinaryCrossEntropyWithLogitsLoss<Double>()(.zeros([0, 3]), targets: .zeros([0, 3])).item().isNaN)
    }

    @Test func refuses() async throws {
        #expect(throws: LossError.targetShape(found: [3], input: [2, 3])) {
            try BinaryCrossEntropyWithLogitsLoss<Float>().check([2, 3], targets: [3])
        }
        #expect(throws: LossError.elementWeightShape(found: [2], input: [2, 3], classes: 3)) {
            try BinaryCrossEntropyWithLogitsLoss<Float>(posWeight: Tensor([1, 2])).check([2, 3], targets: [2, 3])
        }
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = BinaryCrossEntropyWithLogitsLoss<Float>()(.zeros([2, 3]), targets: .zeros([2, 4]))
        }
        let text = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(text.contains("BinaryCrossEntropyWithLogitsLoss: a target of shape [2, 4]; expected the input's, [2, 3]"))
    }
}
