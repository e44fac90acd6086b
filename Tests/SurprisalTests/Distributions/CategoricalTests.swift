import Surprisal
import SurprisalReference
import Testing

/// Categorical distributions against PyTorch's, forward and gradient, and what must hold of them whatever the numbers.
@Suite struct CategoricalTests {
    @Test func agreesWithPyTorch() throws {
        var count = 0
        for golden in try GoldenCase.cases("categorical") where golden.error == nil {
            // Those that PyTorch should refuse too are in `CategoricalErrorTests`.
            if golden.deviation == "negative-probabilities" { continue }
            if golden.dtype == "float32" { try compare(golden, Float.self) } else { try compare(golden, Double.self) }
            count += 1
        }
        #expect(count >= 180)
    }

    private func compare<T: Surprisal.Scalar>(_ golden: GoldenCase, _ type: T.Type) throws {
        let x: Tensor<T> = golden.tensor(try #require(golden.input), golden.shape)
        let other: Tensor<T>? = golden.other.map { golden.tensor($0, golden.otherShape ?? golden.shape) }
        func distribution(_ parameters: Tensor<T>) throws -> Categorical<T> {
            golden.parameters == "logits"
                ? try Categorical(logits: parameters) : try Categorical(probabilities: parameters)
        }
        let operation: ([Tensor<T>]) throws -> Tensor<T>
        switch golden.op {
        case "log_prob":
            let labels = try Labels(
                try #require(golden.target), shape: golden.targetShape, classCount: try #require(golden.shape.last))
            operation = { try distribution($0[0]).logProbability(of: labels) }
        case "entropy": operation = { try distribution($0[0]).entropy }
        case "probs": operation = { try distribution($0[0]).probabilities }
        case "kl":
            operation = { try distribution($0[0]).kullbackLeiblerDivergence(to: distribution($0[1])) }
        default:
            #expect(golden.op == "mode")
            let mode = try distribution(x).mode
            #expect(mode.values == golden.indices && mode.shape == golden.outputShape, "\(golden.name)")
            return
        }
        let inputs = [x] + (other.map { [$0] } ?? [])
        let y = try operation(inputs)
        // PyTorch's own result in Double is off by some ULP of its terms, log-probabilities of up to 100.
        let (ulp, absolute) = (64.0, 64 * Double(T.ulpOfOne))
        golden.expect(
            y, golden.output, exact: golden.exactOutput, expected: golden.expectedOutput, shape: golden.outputShape,
            "output", ulp: ulp, absolute: absolute)
        guard golden.gradient != nil else { return }
        let upstream: Tensor<T> = golden.upstream.map { golden.tensor($0, y.shape) } ?? .ones(y.shape)
        let gradients = try valueWithGradient(at: inputs) { try operation($0).weighted(by: upstream) }.gradients
        golden.expect(
            gradients[0], golden.gradient, exact: golden.exactGradient, shape: golden.shape, "gradient", ulp: ulp,
            absolute: absolute)
        if golden.gradientOther != nil {
            golden.expect(
                gradients[1], golden.gradientOther, exact: golden.exactGradientOther, shape: golden.otherShape,
                "second gradient", ulp: ulp, absolute: absolute)
        }
    }

    @Test(arguments: [[1], [7], [5, 3], [4, 33], [2, 3, 17], [0, 4]]) func equalsTheNaiveLoop(shape: [Int]) throws {
        let x: Tensor<Double> = CrossEntropyRelationTests.logits(shape)
        let z: Tensor<Double> = CrossEntropyRelationTests.logits(shape, seed: 2)
        let axis = ReferenceShape(shape, along: shape.count - 1)
        let (p, q) = (try Categorical(logits: x), try Categorical(logits: z))
        #expect(p.entropy.shape == Array(shape.dropLast()) && p.batchShape == p.entropy.shape)
        #expect(p.classCount == shape.last)
        expectClose(p.entropy.scalars, Reference.entropy(x.scalars, shape: axis), relative: 1e-13, absolute: 1e-14, "entropy")
        expectClose(
            p.kullbackLeiblerDivergence(to: q).scalars,
            Reference.kullbackLeiblerDivergence(x.scalars, z.scalars, shape: axis), relative: 1e-13, absolute: 1e-14,
            "divergence")
        // As many units of surprisal in the cross-entropy as in the entropy and the divergence.
        if shape.count == 2, shape[0] > 0 {
            let mean = (p.entropy + p.kullbackLeiblerDivergence(to: q)).mean().item()
            expectClose(
                CrossEntropyLoss<Double>()(z, probabilities: p.probabilities).item(), mean, relative: 1e-13, "cross-entropy")
        }
    }

    /// Against some 100 bits. Each term has its probability's and its log-probability's errors, and all are of one sign.
    @Test(arguments: [0, 5, 17, 40, 80] as [Float], [2, 10, 300]) func entropyOfConfidentRows(margin: Float, classes: Int) throws {
        func check<T: Surprisal.Scalar & ReferenceScalar>(_ type: T.Type) throws {
            var row = [T](repeating: 0, count: classes)
            row[1] = T(margin)
            let truth = HighPrecisionRow(row)
            let entropy = zip(truth.probabilities, truth.logProbabilities).reduce(ScaledDoubleDouble.zero) {
                $0 + -($1.0 * $1.1)
            }
            let found = try Categorical(logits: Tensor(row)).entropy.item()
            let distance = ulpDistance(of: found, from: entropy)
            #expect(distance <= Accuracy.entropyULP, "\(type), margin \(margin), \(classes) classes: \(distance) ULP")
            #expect(found > 0)
        }
        try check(Float.self)
        try check(Double.self)
    }

    @Test func certaintyHasNoEntropy() throws {
        let certain = try Categorical(logits: Tensor<Float>([-.infinity, 3, -.infinity]))
        #expect(certain.entropy.item() == 0 && certain.entropy.item().sign == .plus)
        #expect(certain.logProbabilities.scalars == [-.infinity, 0, -.infinity])
        #expect(certain.probabilities.scalars == [0, 1, 0])
        let uniform = try Categorical(probabilities: Tensor<Double>([2, 2, 2, 2]))
        #expect(uniform.entropy.item() == Tensor<Double>(4).log().item())
    }

    /// [1, 2, 1] against [0, 0, 1], by `torch.distributions.kl_divergence`.
    @Test func aDivergenceOfPyTorch() throws {
        let p = try Categorical(logits: Tensor<Double>([1, 2, 1])), q = try Categorical(logits: Tensor<Double>([0, 0, 1]))
        expectClose(p.kullbackLeiblerDivergence(to: q).item(), 0.364175327, relative: 1e-9, "divergence")
    }

    /// Quotients below the type's range, whose logarithms are not.
    @Test func probabilitiesFarFromTheLargest() throws {
        func check<T: Surprisal.Scalar>(_ q: [T], _ logarithms: [Double]) throws {
            let found = try Categorical(probabilities: Tensor(q)).logProbabilities.scalars.map { Double($0) }
            expectClose(found, logarithms, relative: 2 * Double(T.ulpOfOne), "\(q)")
        }
        try check([1e30, 1e-30] as [Float], [-0.0, -138.15510559151912])
        try check([1, Float.leastNonzeroMagnitude], [-1.401298464324817e-45, -103.27892990343184])
        try check([1e300, 1e-300], [-0.0, -1381.5510557964274])
        try check([Double.greatestFiniteMagnitude, .leastNonzeroMagnitude], [-0.0, -1454.2227848147652])
        try check([1e300, 1e300, 0], [-0.6931471805599453, -0.6931471805599453, -.infinity])
        try check([1e11, 1e-280], [-1e-291, -670.0522620612672])
    }

    /// Against some 100 bits: where a row is confident, of either distribution or of both, its own class's derivative is as
    /// small as the others'.
    @Test(arguments: [0, 3, 10, 40, 80] as [Double], [0, 10, 25] as [Double]) func gradientsOfConfidentRows(
        margin: Double, other: Double
    ) throws {
        func check<T: Surprisal.Scalar & ReferenceScalar>(_ type: T.Type) throws {
            let x: [T] = [T(margin), 0, 1, -0.5], z: [T] = [T(other), 0.25, -1, 0.75]
            let (p, q) = (HighPrecisionRow(x), HighPrecisionRow(z))
            let entropy = x.indices.reduce(ScaledDoubleDouble.zero) { $0 + -(p.probabilities[$1] * p.logProbabilities[$1]) }
            func expect(_ found: Tensor<T>, _ what: String, _ truth: (Int) -> ScaledDoubleDouble) {
                // d up to 80 from two roundings of as many ULP, and some more of the rest.
                let floor = Accuracy.gradientFloor(type)
                expectClose(
                    found.scalars.map { Double($0) }, x.indices.map { truth($0).doubleDouble.high },
                    relative: 64 * Double(T.ulpOfOne), absolute: floor, "\(type), margins \(margin) and \(other): \(what)")
            }
            let ofEntropy = try valueWithGradient(at: Tensor(x)) { try Categorical(logits: $0).entropy }.gradient
            expect(ofEntropy, "entropy") { -(p.probabilities[$0] * (p.logProbabilities[$0] + entropy)) }
            let (byP, byQ) = try valueWithGradient(at: Tensor(x), Tensor(z)) {
                try Categorical(logits: $0).kullbackLeiblerDivergence(to: Categorical(logits: $1))
            }.gradients
            // p_c·(d_c − KL), as the mean over the classes of d_c − d_j: the other loses 30 digits and more.
            let d = x.indices.map { p.logProbabilities[$0] - q.logProbabilities[$0] }
            expect(byP, "divergence by p") { c in
                p.probabilities[c] * x.indices.reduce(ScaledDoubleDouble.zero) { $0 + p.probabilities[$1] * (d[c] - d[$1]) }
            }
            // q − p, as differences of the other classes' where both are nearly 1.
            let (fromP, fromQ) = (p.gradient(of: 0), q.gradient(of: 0))
            expect(byQ, "divergence by q") { fromQ[$0] - fromP[$0] }
        }
        try check(Float.self)
        try check(Double.self)
    }

    /// The same of probabilities that need not sum to 1: `1/q_a − 1/Σq` and `dp_a − Σ dp·p` cancel.
    @Test func gradientsOfConfidentProbabilities() throws {
        let q = Tensor<Double>([4, 4e-20])
        let byLog = try valueWithGradient(at: q) { try Categorical(probabilities: $0).logProbability(of: Labels([0], shape: [], classCount: 2)) }
        expectClose(byLog.gradient.scalars, [2.5e-21, -0.25], relative: 1e-15, "log-probability")
        let weights = Tensor<Double>([1, 3])
        let byMean = try valueWithGradient(at: q) { try Categorical(probabilities: $0).probabilities.weighted(by: weights) }
        expectClose(byMean.gradient.scalars, [-5e-21, 0.5], relative: 1e-15, "probabilities")
    }

    @Test func anInfiniteDivergenceHasNoGradient() throws {
        let p = Tensor<Double>([[0, 1], [2, 1]]), q = Tensor<Double>([[0, -.infinity], [0, 0]])
        let (byP, byQ) = try valueWithGradient(at: p, q) {
            try Categorical(logits: $0).kullbackLeiblerDivergence(to: Categorical(logits: $1)).sum()
        }.gradients
        #expect(byP[0, 0].isNaN && byP[0, 1].isNaN && byP[1, 0].isFinite && byP[1, 1].isFinite)
        #expect(byQ.scalars.allSatisfy { $0.isFinite })
        // What is not asked for does not spoil what is.
        let upstream = Tensor<Double>([0, 1])
        let masked = try valueWithPullback(at: p) {
            try Categorical(logits: $0).kullbackLeiblerDivergence(to: Categorical(logits: q))
        }.pullback(upstream)
        #expect(masked[0, 0] == 0 && masked[0, 1] == 0 && masked[1, 0] == byP[1, 0])
    }

    @Test func probabilitiesNearOneKeepTheirDigits() throws {
        let p = try Categorical(probabilities: Tensor<Float>([1, 1e-12]))
        expectClose(Double(p.logProbabilities[0]), -1e-12, relative: 1e-6, "log-probability")
        // Sums beyond the type, and below its normal numbers.
        let large = Float.greatestFiniteMagnitude, small = Float.leastNonzeroMagnitude
        for value in [large, small] {
            let half = try Categorical(probabilities: Tensor([value, value, 0]))
            #expect(half.probabilities.scalars == [0.5, 0.5, 0])
            #expect(half.logProbabilities[0] == -Tensor<Float>(2).log().item())
        }
    }

    /// Distributions that differ by 1e-9: of the difference of log-probabilities, 1e-9, the roundings of those, 4e-16 each,
    /// leave six digits; of 1e-18, as the plain sum has it, they would leave none.
    @Test func smallDivergencesKeepTheirDigits() throws {
        let x: Tensor<Double> = CrossEntropyRelationTests.logits([5, 7], spread: 1)
        let z = x + x * 1e-9
        let p = try Categorical(logits: x), q = try Categorical(logits: z)
        let divergence = p.kullbackLeiblerDivergence(to: q)
        for row in 0..<5 {
            let values = (0..<7).map { x[row, $0] }
            let (truth, other) = (HighPrecisionRow(values), HighPrecisionRow((0..<7).map { z[row, $0] }))
            var sum = ScaledDoubleDouble.zero
            for c in 0..<7 { sum += truth.probabilities[c] * (truth.logProbabilities[c] - other.logProbabilities[c]) }
            expectClose(divergence[row], sum.doubleDouble.high, relative: 1e-5, "row \(row)")
        }
        #expect(p.kullbackLeiblerDivergence(to: p).scalars.allSatisfy { $0 == 0 })
    }

    @Test func impossibleClasses() throws {
        let p = try Categorical(probabilities: Tensor<Double>([[0, 0.5, 0.5], [0.5, 0.5, 0]]))
        let q = try Categorical(probabilities: Tensor<Double>([[0, 1, 3], [0, 1, 1]]))
        let divergence = p.kullbackLeiblerDivergence(to: q)
        expectClose(divergence[0], 0.5 * Tensor<Double>(4.0 / 3).log().item(), relative: 1e-14, "finite")
        #expect(divergence[1] == .infinity)
        #expect(p.logProbability(of: try Labels([0, 2], classCount: 3)).scalars == [-.infinity, -.infinity])
        let gradient = valueWithGradient(at: Tensor<Double>([[0, -.infinity, 1]])) { x in
            do { return try Categorical(logits: x).entropy.sum() } catch { fatalError("\(error)") }
        }.gradient
        #expect(gradient[0, 1] == 0 && gradient[0, 0] != 0)
    }

    @Test func ignoredLabelsContributeNothing() throws {
        let labels = try Labels([1, -100], classCount: 2)
        let (value, gradient) = try valueWithGradient(at: Tensor<Double>([[0, 0], [3, 1]])) {
            try Categorical(logits: $0).logProbability(of: labels).sum()
        }
        #expect(value.item() == -Tensor<Double>(2).log().item())
        #expect(gradient.scalars == [-0.5, 0.5, 0, 0])
    }

    @Test func derivativesAreCentralDifferences() throws {
        let x: Tensor<Double> = CrossEntropyRelationTests.logits([3, 5], spread: 2)
        let z: Tensor<Double> = CrossEntropyRelationTests.logits([3, 5], seed: 4, spread: 2)
        let labels = try Labels([2, -100, 4], classCount: 5)
        var generator = SplitMix64(seed: 3)
        let samples = try Categorical(logits: x).sample(count: 6, using: &generator)
        for areLogits in [true, false] {
            func distribution(_ parameters: Tensor<Double>) throws -> Categorical<Double> {
                areLogits ? try Categorical(logits: parameters) : try Categorical(probabilities: parameters)
            }
            let inputs = areLogits ? [x, z] : [x.exp(), z.exp()]
            let operations: [(String, ([Tensor<Double>]) throws -> Tensor<Double>)] = [
                ("log-probability", { try distribution($0[0]).logProbability(of: labels) }),
                ("of samples", { try distribution($0[0]).logProbability(of: samples) }),
                ("entropy", { try distribution($0[0]).entropy }),
                ("probabilities", { try distribution($0[0]).probabilities }),
                ("log-probabilities", { try distribution($0[0]).logProbabilities }),
                ("divergence", { try distribution($0[0]).kullbackLeiblerDivergence(to: distribution($0[1])) }),
            ]
            for (name, operation) in operations { try check("\(name), logits \(areLogits)", inputs, operation) }
        }
    }

    private func check(
        _ name: String, _ inputs: [Tensor<Double>], _ operation: ([Tensor<Double>]) throws -> Tensor<Double>
    ) throws {
        func number(_ inputs: [Tensor<Double>]) throws -> Tensor<Double> {
            let y = try operation(inputs)
            return y.weighted(by: CrossEntropyRelationTests.logits(y.shape, seed: 77, spread: 1))
        }
        let gradients = try valueWithGradient(at: inputs, number).gradients
        let h = 1e-5
        for (which, input) in inputs.enumerated() {
            for i in 0..<input.count {
                func moved(_ by: Double) throws -> Double {
                    var values = input.scalars, all = inputs
                    values[i] += by
                    all[which] = Tensor(values, shape: input.shape)
                    return try number(all).item()
                }
                let difference = (try moved(h) - moved(-h)) / (2 * h)
                // h² of truncation and 1e-16/h of rounding, times derivatives of up to some hundred (1/p).
                expectClose(
                    gradients[which].scalars[i], difference, relative: 5e-8, absolute: 5e-8, "\(name): derivative \(i) of \(which)")
            }
        }
    }
}
