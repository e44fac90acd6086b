import Surprisal
import SurprisalReference
import Testing

/// The divergence against PyTorch, the textbook loops and 100-bit truth.
@Suite struct KLDivergenceLossTests {
    @Test func agreesWithPyTorch() throws {
        var count = 0
        for golden in try GoldenCase.cases("kl-divergence") {
            if golden.dtype == "float32" { try compare(golden, Float.self) } else { try compare(golden, Double.self) }
            count += 1
        }
        #expect(count == 64)
    }

    private func compare<T: Surprisal.Scalar>(_ golden: GoldenCase, _ type: T.Type) throws {
        // Terms of different signs cancel: 64 ULP, or 8 ULP of 1.
        let ulp = 64.0, absolute = 8 * Double(T.ulpOfOne)
        let x: Tensor<T> = golden.tensor(try #require(golden.input), golden.shape)
        let q: Tensor<T> = golden.tensor(try #require(golden.targetProbabilities), golden.shape)
        let reduction = try #require(
            DivergenceReduction.allCases.first { $0.rawValue.lowercased() == golden.reduction })
        let loss = KLDivergenceLoss<T>(reduction: reduction, logTarget: golden.logTarget ?? false)
        func reduced(_ losses: Tensor<T>) -> Tensor<T> {
            guard reduction == .none, let upstream = golden.upstream else { return losses.sum() }
            return losses.weighted(by: golden.tensor(upstream, losses.shape))
        }
        golden.expect(
            loss(x, target: q), golden.output, exact: golden.exactOutput, expected: golden.expectedOutput,
            shape: golden.outputShape, "loss", ulp: ulp, absolute: absolute)
        let gradients = valueWithGradient(at: x, q) { reduced(loss($0, target: $1)) }.gradients
        golden.expect(
            gradients.0, golden.gradient, exact: golden.exactGradient, expected: golden.expectedGradient,
            shape: golden.shape, "gradient", ulp: ulp, absolute: absolute)
        if golden.gradientTarget != nil {
            golden.expect(
                gradients.1, golden.gradientTarget, exact: golden.exactGradientTarget, shape: golden.shape,
                "target gradient", ulp: ulp, absolute: absolute)
        }
    }

    @Test(arguments: InstructionSet.available, [false, true]) func termsKeepTheirDigits(isa: InstructionSet, isLog: Bool) {
        func check<T: Surprisal.Scalar & ReferenceScalar>(_ type: T.Type) {
            let x: Tensor<T> = CrossEntropyRelationTests.logits([40, 25], seed: 1).logSoftmax()
            let q: Tensor<T> = CrossEntropyRelationTests.logits([40, 25], seed: 2).softmax()
            let target = isLog ? q.log() : q
            let found = KLDivergenceLoss<T>(reduction: .none, logTarget: isLog)(x, target: target).scalars
            let loops = Reference.divergenceTerms(
                x.scalars.map { Double($0) }, targets: target.scalars.map { Double($0) }, areLogarithms: isLog)
            var worst = 0.0, exact: [DoubleDouble] = []
            #expect(found.count == loops.count)
            for (i, term) in found.enumerated() {
                // Terms of up to 12, cancelling.
                #expect(abs(Double(term) - loops[i]) <= 32 * Double(T.ulpOfOne))
                let t = DoubleDouble(Double(target.scalars[i])), lp = DoubleDouble(Double(x.scalars[i]))
                let p = isLog ? t.exponential.doubleDouble : t, log = isLog ? t : t.logarithm
                exact.append(p * (log - lp))
                // In ULP of the larger part, or of the term itself when the target is a logarithm.
                let part = isLog ? exact[i].magnitude.high : (p * max(log.magnitude, lp.magnitude)).high
                let error = (DoubleDouble(Double(term)) - exact[i]).magnitude.high
                worst = max(worst, error / Double(T(part).ulp))
            }
            print("worst ULP of a divergence's term, \(type) on \(isa), logarithms \(isLog): \(worst)")
            #expect(worst <= Accuracy.divergenceULP)
            // The sum of terms that are never rounded to Float: of all terms' sizes, a Double's ULP or two.
            let sum = KLDivergenceLoss<T>(reduction: .sum, logTarget: isLog)(x, target: target).item()
            let truth = exact.reduce(DoubleDouble.zero, +)
            let sizes = exact.reduce(0) { $0 + $1.magnitude.high } * 12
            #expect((DoubleDouble(Double(sum)) - truth).magnitude.high <= Double(T(truth.high).ulp) / 2 + sizes * 2 * Double.ulpOfOne)
        }
        InstructionSet.override.withValue(isa) {
            check(Float.self)
            check(Double.self)
        }
    }

    /// Ends of vectors and of strips, impossible and subnormal targets among others, both derivatives.
    @Test(arguments: InstructionSet.available, [false, true]) func everyLengthAgreesWithTheLoops(isa: InstructionSet, isLog: Bool) {
        func check<T: Surprisal.Scalar>(_ type: T.Type, _ count: Int) {
            let x: Tensor<T> = CrossEntropyRelationTests.logits([count], seed: 1, spread: 4)
            var q = (CrossEntropyRelationTests.logits([count], seed: 2) as Tensor<T>).exp().scalars
            for i in stride(from: 5, to: count, by: 23) { q[i] = i % 2 == 0 ? 0 : T.leastNonzeroMagnitude }
            let target = isLog ? Tensor(q).log() : Tensor(q)
            let (wide, t) = (x.scalars.map { Double($0) }, target.scalars.map { Double($0) })
            let terms = Reference.divergenceTerms(wide, targets: t, areLogarithms: isLog)
            func loss(_ reduction: DivergenceReduction) -> KLDivergenceLoss<T> { KLDivergenceLoss(reduction: reduction, logTarget: isLog) }
            // Terms of up to 1000 in the targets' error, and sums of them.
            let unit = 2000 * Double(T.ulpOfOne)
            expectNear(loss(.none)(x, target: target), terms, unit, "\(type) \(count): terms")
            // The loops' terms have some ULP of their larger parts, which their sum, taken exactly, keeps.
            let p = isLog ? t.map { Double.exp($0) } : t
            let parts = (0..<count).reduce(0) { sum, i in
                p[i] == 0 ? sum : sum + p[i] * (abs(isLog ? t[i] : Double.log(t[i])) + abs(wide[i]))
            }
            let exact = terms.reduce(DoubleDouble.zero) { $0 + DoubleDouble($1) }.high
            #expect(abs(Double(loss(.sum)(x, target: target).item()) - exact) <= 2 * parts * Double(T.ulpOfOne))
            let found = valueWithGradient(at: x, target) { loss(.sum)($0, target: $1) }.gradients
            expectNear(found.0, p.map { -$0 }, unit, "\(type) \(count): gradient")
            for i in 0..<count {
                let rise = (isLog ? t[i] : Double.log(t[i])) + 1 - wide[i]
                let expected = isLog ? (p[i] == 0 ? 0 : p[i] * rise) : rise
                #expect(Double(found.1[i]) == expected || abs(Double(found.1[i]) - expected) <= unit, "\(type) \(count): target gradient")
            }
        }
        InstructionSet.override.withValue(isa) {
            for count in [1, 2, 3, 5, 15, 16, 17, 33, 100, 2047, 2048, 2049, 4100] {
                check(Float.self, count)
                check(Double.self, count)
            }
        }
    }

    @Test func reductions() {
        let x: Tensor<Double> = CrossEntropyRelationTests.logits([3, 4, 2]).logSoftmax(), q: Tensor<Double> = .ones([3, 4, 2]) * 0.25
        func loss(_ reduction: DivergenceReduction) -> Double { KLDivergenceLoss(reduction: reduction)(x, target: q).item() }
        let sum = loss(.sum)
        #expect(loss(.mean) == sum / 24 && loss(.batchMean) == sum / 3)
        // A vector is one distribution.
        let row = Tensor<Double>([-1, -2]), target = Tensor<Double>([0.5, 0.5])
        #expect(KLDivergenceLoss(reduction: .batchMean)(row, target: target) == KLDivergenceLoss(reduction: .sum)(row, target: target))
        #expect(KLDivergenceLoss<Double>()(.zeros([0, 3]), target: .zeros([0, 3])).item().isNaN)
        #expect(KLDivergenceLoss<Double>(reduction: .batchMean)(.zeros([0, 3]), target: .zeros([0, 3])).item().isNaN)
        #expect(KLDivergenceLoss<Double>(reduction: .sum)(.zeros([0, 3]), target: .zeros([0, 3])).item() == 0)
    }

    @Test func impossibleAndNaN() {
        let x = Tensor<Float>([-.infinity, -.infinity, .nan, -1, -1]), q = Tensor<Float>([0, 0.5, 0, 0, .nan])
        let found = KLDivergenceLoss<Float>(reduction: .none)(x, target: q).scalars
        #expect(found[0] == 0 && found[1] == .infinity && found[2].isNaN && found[3] == 0 && found[4].isNaN)
        let logs = KLDivergenceLoss<Float>(reduction: .none, logTarget: true)(
            x, target: Tensor([-.infinity, -1, -.infinity, -.infinity, .nan])).scalars
        #expect(logs[0] == 0 && logs[1] == .infinity && logs[2].isNaN && logs[3] == 0 && logs[4].isNaN)
        // At 0 the derivative of t·log t is −∞, of e^t·t at −∞ it is 0.
        let slopes = valueWithGradient(at: Tensor<Float>([0])) {
            KLDivergenceLoss(reduction: .sum)(Tensor([-1]), target: $0)
        }.gradient
        #expect(slopes.item() == -.infinity)
        let flat = valueWithGradient(at: Tensor<Float>([-.infinity])) {
            KLDivergenceLoss(reduction: .sum, logTarget: true)(Tensor([-1]), target: $0)
        }.gradient
        #expect(flat.item() == 0)
    }

    @Test func refuses() {
        #expect(throws: LossError.targetShape(found: [3, 2], input: [2, 3])) {
            try KLDivergenceLoss<Float>().check([2, 3], target: [3, 2])
        }
    }
}
