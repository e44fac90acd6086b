import Surprisal
import Testing

/// Softmax regression against scikit-learn's and statsmodels' results.
@Suite struct RegressionParityTests {
    /// What a solver need not be tried on: L-BFGS takes many iterations where the others take few.
    @Test(arguments: ["iris", "digits", "wide", "tall", "hundred"])
    func optimumIsThatOfScikitLearn(name: String) throws {
        let golden: RegressionGolden.Optimum = try RegressionGolden.read("optimum-\(name)")
        let sample = try RegressionSample.named(name)
        #expect(sample.x.shape == [golden.rows, golden.features])
        let counts = (0..<golden.classes).map { c in (0..<sample.labels.count).count { sample.labels[$0] == c } }
        #expect(counts == golden.counts)
        var solvers: [SoftmaxRegression.Solver] = [.automatic, .newtonCG]
        if name == "iris" || name == "digits" { solvers += [.newton, .lbfgs] }
        if name == "wide" || name == "hundred" { solvers += [.lbfgs] }
        if name == "tall" { solvers += [.newton] }
        for solver in solvers {
            let regression = SoftmaxRegression(penalty: .l2(golden.penalty), solver: solver, tolerance: 1e-12)
            let fit = try regression.fit(sample.x, sample.labels)
            #expect(fit.report.stop != .iterations, "\(solver)")
            // Both are within rounding of the minimum, where the objective is flat.
            #expect(abs(fit.objective - golden.objective) <= 1e-12 * golden.objective, "\(solver): \(fit.objective)")
            expectClose(fit.layer.weight.scalars, golden.weight, within: 1e-7, "\(solver): weight")
            expectClose(fit.layer.bias?.scalars ?? [], golden.bias, within: 1e-7, "\(solver): bias")
        }
    }

    @Test(arguments: ["iris-pair", "small", "tall"])
    func inferenceIsThatOfStatsmodels(name: String) throws {
        let golden: RegressionGolden.Inference = try RegressionGolden.read("inference-\(name)")
        let sample = try RegressionSample.named(name)
        let fit = try SoftmaxRegression(penalty: .none).fit(sample.x, sample.labels)
        let found = try fit.inference()
        #expect(found.coefficients.count == golden.estimates.count)
        func close(_ a: Double, _ b: Double, _ tolerance: Double, _ what: String) {
            #expect(abs(a - b) <= tolerance * abs(b), "\(what): \(a); expected \(b)")
        }
        for (i, coefficient) in found.coefficients.enumerated() {
            let width = golden.features + 1
            #expect(coefficient.class == i / width + 1)
            #expect(coefficient.feature == (i % width == 0 ? nil : i % width - 1))
            close(coefficient.estimate, golden.estimates[i], 1e-6, "estimate \(i)")
            close(coefficient.standardError, golden.standardErrors[i], 1e-6, "standard error \(i)")
            close(coefficient.z, golden.z[i], 2e-6, "z \(i)")
            // A tail e^(−z²/2) has z² times z's relative error.
            close(coefficient.pValue, golden.pValues[i], 2e-6 * max(1, golden.z[i] * golden.z[i]) + 1e-300, "p \(i)")
            let width95 = golden.intervals[i][1] - golden.intervals[i][0]
            #expect(abs(coefficient.interval.lower - golden.intervals[i][0]) <= 1e-6 * width95)
            #expect(abs(coefficient.interval.upper - golden.intervals[i][1]) <= 1e-6 * width95)
        }
        close(fit.logLikelihood, golden.logLikelihood, 1e-10, "log-likelihood")
        close(found.aic, golden.aic, 1e-10, "AIC")
        close(found.bic, golden.bic, 1e-10, "BIC")
        // statsmodels finds the model without features by iteration, not by the closed form.
        close(fit.nullLogLikelihood, golden.nullLogLikelihood, 1e-9, "log-likelihood without features")
        close(fit.mcFaddenR2, golden.mcfaddenR2, 1e-9, "McFadden's R²")
        let ratio = try #require(found.likelihoodRatio)
        close(ratio.statistic, golden.ratio, 1e-9, "likelihood ratio")
        #expect(Double(ratio.degreesOfFreedom) == golden.ratioDegreesOfFreedom)
        close(ratio.pValue, golden.ratioPValue, 1e-6, "p of the likelihood ratio")
        #expect(found.degreesOfFreedom == Double(golden.estimates.count))
    }
}
