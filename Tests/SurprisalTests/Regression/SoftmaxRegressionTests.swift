import Surprisal
import SurprisalReference
import Testing

/// What must hold of the optimum, whatever the data.
@Suite struct SoftmaxRegressionTests {
    private func sample(rows: Int = 120, features: Int = 4, classes: Int = 3, seed: UInt64 = 1) throws -> RegressionSample {
        var generator = SplitMix64(seed: seed)
        let data = Reference.syntheticClasses(rows: rows, features: features, classes: classes, noise: 6, using: &generator)
        return try RegressionSample(x: data.x, labels: data.labels)
    }

    /// The naive loops' gradient over what it is of at the start.
    private func relativeGradient(
        _ fit: FittedSoftmaxRegression, _ x: Tensor<Double>, targets: [Double], rowWeights: [Double], penalty: Double
    ) -> Double {
        func norm(_ weight: [Double], _ bias: [Double]) -> Double {
            let (_, w, b) = Reference.softmaxRegression(
                x.scalars, targets: targets, rowWeights: rowWeights, weight: weight, bias: bias, penalty: penalty)
            return (w + b).reduce(0) { $0 + $1 * $1 }.squareRoot()
        }
        let layer = fit.layer
        return norm(layer.weight.scalars, layer.bias?.scalars ?? [])
            / norm(Array(repeating: 0, count: layer.weight.count), Array(repeating: 0, count: layer.outputs))
    }

    private func oneHot(_ labels: Labels) -> [Double] {
        (0..<labels.count).flatMap { i in (0..<labels.classCount).map { labels[i] == $0 ? 1.0 : 0 } }
    }

    @Test(arguments: SoftmaxRegression.Solver.allCases, [false, true])
    func gradientIsZeroByTheNaiveLoops(solver: SoftmaxRegression.Solver, isWide: Bool) throws {
        let sample = isWide ? try sample(rows: 30, features: 70) : try sample()
        let fit = try SoftmaxRegression(penalty: .l2(0.5), solver: solver, tolerance: 1e-10).fit(sample.x, sample.labels)
        #expect(fit.report.stop == .converged)
        let relative = relativeGradient(
            fit, sample.x, targets: oneHot(sample.labels), rowWeights: Array(repeating: 1, count: sample.labels.count),
            penalty: 0.5)
        #expect(relative <= 1e-9)
        let value = Reference.softmaxRegression(
            sample.x.scalars, targets: oneHot(sample.labels), rowWeights: Array(repeating: 1, count: sample.labels.count),
            weight: fit.layer.weight.scalars, bias: fit.layer.bias?.scalars ?? [], penalty: 0.5).value
        #expect(abs(fit.objective - value) <= 1e-12 * value)
        #expect(fit.logLikelihood < 0 && fit.logLikelihood > fit.nullLogLikelihood)
    }

    private func expectSame(
        _ a: FittedSoftmaxRegression, _ b: FittedSoftmaxRegression, within tolerance: Double = 1e-8,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        expectClose(a.layer.weight.scalars, b.layer.weight.scalars, within: tolerance, "weight", sourceLocation: sourceLocation)
        expectClose(a.layer.bias?.scalars ?? [], b.layer.bias?.scalars ?? [], within: tolerance, "bias", sourceLocation: sourceLocation)
    }

    @Test func aWeightIsARepetition() throws {
        let sample = try sample(), count = sample.labels.count
        let weights = (0..<count).map { $0 % 3 }
        let repeated = (0..<count).flatMap { Array(repeating: $0, count: weights[$0]) }
        let regression = SoftmaxRegression(standardizes: true, tolerance: 1e-12)
        let weighted = try regression.fit(sample.x, sample.labels, rowWeights: Tensor(weights.map { Double($0) }))
        let plain = try regression.fit(sample.x.rows(repeated), sample.labels[repeated])
        expectSame(weighted, plain)
        #expect(abs(weighted.logLikelihood - plain.logLikelihood) <= 1e-10 * abs(plain.logLikelihood))
        #expect(weighted.ignoredCount == (count + 2) / 3)
        let (a, b) = (try weighted.inference(), try plain.inference())
        expectClose(a.coefficients.map(\.standardError), b.coefficients.map(\.standardError), within: 1e-8, "errors")
        #expect(abs(a.bic - b.bic) <= 1e-9 * b.bic)
    }

    @Test func ignoredRowsTakeNoPartWhateverTheyHold() throws {
        let sample = try sample()
        var values = sample.x.scalars, labels = (0..<sample.labels.count).map { sample.labels[$0] ?? 0 }
        values += [.nan, .infinity, -.infinity, 1e300, .nan, 0, 0, 0]
        labels += [-100, -100]
        let all = try Labels(labels, classCount: 3)
        let regression = SoftmaxRegression(tolerance: 1e-12)
        let fit = try regression.fit(Tensor(values, shape: [labels.count, 4]), all)
        #expect(fit.ignoredCount == 2)
        expectSame(fit, try regression.fit(sample.x, sample.labels), within: 0)
    }

    @Test func classWeightsWeighRows() throws {
        let sample = try sample(), factors = [0.5, 2, 3.0]
        let rows = Tensor((0..<sample.labels.count).map { factors[sample.labels[$0] ?? 0] })
        expectSame(
            try SoftmaxRegression(classWeights: .each(factors), tolerance: 1e-12).fit(sample.x, sample.labels),
            try SoftmaxRegression(tolerance: 1e-12).fit(sample.x, sample.labels, rowWeights: rows))
        var counts = [0.0, 0, 0]
        for i in 0..<sample.labels.count { counts[sample.labels[i] ?? 0] += 1 }
        let balanced = counts.map { Double(sample.labels.count) / (3 * $0) }
        expectSame(
            try SoftmaxRegression(classWeights: .balanced, tolerance: 1e-12).fit(sample.x, sample.labels),
            try SoftmaxRegression(classWeights: .each(balanced), tolerance: 1e-12).fit(sample.x, sample.labels))
    }

    @Test(arguments: [SoftmaxRegression.Solver.newton, .newtonCG, .lbfgs])
    func probabilitiesAreLabelsAndMixturesOfThem(solver: SoftmaxRegression.Solver) throws {
        let sample = try sample(), regression = SoftmaxRegression(solver: solver, tolerance: 1e-12)
        let q = Tensor(oneHot(sample.labels), shape: [sample.labels.count, 3])
        expectSame(try regression.fit(sample.x, probabilities: q), try regression.fit(sample.x, sample.labels))
        // A row that is of two classes by halves is two rows of half a weight.
        let mixed = Tensor((0..<sample.labels.count).flatMap { i in
            (0..<3).map { (sample.labels[i] == $0 ? 0.5 : 0) + (i % 3 == $0 ? 0.5 : 0) }
        }, shape: q.shape)
        let twice = Array(0..<sample.labels.count) + Array(0..<sample.labels.count)
        let both = try Labels(
            twice.enumerated().map { $0.offset < sample.labels.count ? sample.labels[$0.element] ?? 0 : $0.element % 3 },
            classCount: 3)
        let halves = Tensor(Array(repeating: 0.5, count: twice.count))
        let fit = try regression.fit(sample.x, probabilities: mixed)
        expectSame(fit, try regression.fit(sample.x.rows(twice), both, rowWeights: halves))
        #expect(fit.trainingAccuracy == nil)
        let relative = relativeGradient(
            fit, sample.x, targets: mixed.scalars, rowWeights: Array(repeating: 1, count: sample.labels.count), penalty: 1)
        #expect(relative <= 1e-10)
    }

    @Test func standardisingIsWhatItSays() throws {
        let sample = try sample()
        let stretch = [1e3, 1e-3, 5, 1.0], moved = Tensor(
            sample.x.scalars.enumerated().map { $1 * stretch[$0 % 4] + Double($0 % 4) }, shape: sample.x.shape)
        let regression = SoftmaxRegression(standardizes: true, tolerance: 1e-12)
        let (a, b) = (try regression.fit(sample.x, sample.labels), try regression.fit(moved, sample.labels))
        // The same objective, so the same logits.
        #expect(abs(a.objective - b.objective) <= 1e-11 * a.objective)
        expectClose(a.layer(sample.x).scalars, b.layer(moved).scalars, within: 1e-8, "logits")
        let table = try b.inference(), same = try a.inference()
        expectClose(table.coefficients.map(\.estimate), same.coefficients.map(\.estimate), within: 1e-8, "standardised")
        let standardisation = try #require(b.standardisation)
        #expect(abs(standardisation.mean[2] - (2 + 5 * (a.standardisation?.mean[2] ?? 0))) <= 1e-12)
    }

    @Test func floatFeaturesGiveWhatTheirDoublesGive() throws {
        let sample = try sample(), floats = Tensor(sample.x.scalars.map { Float($0) }, shape: sample.x.shape)
        let doubles = Tensor(floats.scalars.map { Double($0) }, shape: sample.x.shape)
        expectSame(
            try SoftmaxRegression().fit(floats, sample.labels), try SoftmaxRegression().fit(doubles, sample.labels), within: 0)
    }

    @Test(arguments: SoftmaxRegression.Solver.allCases)
    func theBitsDoNotDependOnTheThreads(solver: SoftmaxRegression.Solver) throws {
        let sample = try sample(rows: 9000, features: 6, classes: 4)
        let one = try Parallel.override.withValue(1) { try SoftmaxRegression(solver: solver).fit(sample.x, sample.labels) }
        let four = try Parallel.override.withValue(4) { try SoftmaxRegression(solver: solver).fit(sample.x, sample.labels) }
        #expect(one.layer.weight == four.layer.weight)
        #expect(one.layer.bias == four.layer.bias)
    }

    @Test func tableAgainstAnotherBaseIsADifference() throws {
        let sample = try sample(), fit = try SoftmaxRegression(penalty: .none).fit(sample.x, sample.labels)
        let first = try fit.inference(), last = try fit.inference(base: .class(2)), all = try fit.inference(base: .symmetric)
        #expect(first.coefficients.count == 10 && last.coefficients.count == 10 && all.coefficients.count == 15)
        // Class 2 against 0 is minus class 0 against 2, errors and p the same.
        for (a, b) in zip(first.coefficients.filter { $0.class == 2 }, last.coefficients.filter { $0.class == 0 }) {
            #expect(abs(a.estimate + b.estimate) <= 1e-12 * abs(a.estimate))
            #expect(abs(a.standardError - b.standardError) <= 1e-10 * a.standardError)
        }
        // Sums over classes are 0 in the symmetric table.
        for j in 0..<5 {
            let sum = (0..<3).reduce(0.0) { $0 + all.coefficients[$1 * 5 + j].estimate }
            #expect(abs(sum) <= 1e-9)
        }
        // The covariance holds the squares of the first table's errors.
        for (i, coefficient) in first.coefficients.enumerated() {
            let place = i / 5 * 5 + (i % 5 + 4) % 5
            #expect(abs(first.covariance[place, place].squareRoot() - coefficient.standardError) <= 1e-14)
        }
    }

    @Test func thePenaltyLowersTheDegreesOfFreedom() throws {
        let sample = try sample()
        var last = 10.0
        for penalty in [1e-3, 1, 100, 1e6] {
            let inference = try SoftmaxRegression(penalty: .l2(penalty)).fit(sample.x, sample.labels).inference()
            #expect(inference.degreesOfFreedom < last && inference.degreesOfFreedom > 2)
            #expect(inference.likelihoodRatio == nil)
            last = inference.degreesOfFreedom
        }
        // The intercepts alone are left.
        #expect(abs(last - 2) < 1e-3)
    }

    @Test func crossValidationChoosesByHeldOutLoss() throws {
        let sample = try RegressionSample.named("iris")
        let regression = SoftmaxRegression(penalty: .crossValidated(folds: 5))
        let fit = try regression.fit(sample.x, sample.labels), path = try #require(fit.validation)
        #expect(path.folds == 5 && path.steps.count >= 5)
        #expect(path.steps.map(\.loss).min() == path.chosen.loss)
        #expect(fit.penalty == path.chosen.penalty)
        #expect(zip(path.steps, path.steps.dropFirst()).allSatisfy { $0.penalty > $1.penalty })
        #expect(path.chosen.accuracy >= 0.95)
        // The final fit is that of the penalty.
        expectSame(fit, try SoftmaxRegression(penalty: .l2(fit.penalty)).fit(sample.x, sample.labels), within: 1e-7)
        // The same folds from the same seed, others from another.
        #expect(try regression.fit(sample.x, sample.labels).validation == path)
        var other = regression
        other.seed = 7
        #expect(try other.fit(sample.x, sample.labels).validation != path)
    }

    @Test func digitsAreReadAboveNinetySixPercent() throws {
        let sample = try RegressionSample.named("digits")
        let fit = try SoftmaxRegression(penalty: .crossValidated()).fit(sample.x, sample.labels)
        #expect(try #require(fit.validation).chosen.accuracy > 0.96)
    }

    @Test func aFitThatIsStoppedSaysSo() throws {
        let sample = try sample()
        for solver in [SoftmaxRegression.Solver.newton, .newtonCG, .lbfgs] {
            let fit = try SoftmaxRegression(solver: solver, maximumIterations: 2).fit(sample.x, sample.labels)
            #expect(fit.report.stop == .iterations && fit.report.iterations == 2 && fit.report.solver == solver.rawValue)
            #expect(fit.report.relativeGradientNorm > 1e-9)
        }
    }
}
