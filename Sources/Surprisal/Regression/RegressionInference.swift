import SurprisalKernels

/// What the theory of maximum likelihood says of a fitted regression's coefficients.
///
/// The covariance is the inverse of the objective's Hessian at the optimum, the observed information. Without a penalty
/// this is the classical theory, for many rows. With one, it is the covariance of the posterior's normal approximation,
/// with the prior that the penalty is (weights normal, of variance 1/λ): estimates are drawn to 0, and p-values are a
/// guide, not a test. The degrees of freedom are then the effective ones, `tr(H⁻¹·H_loss)`, fewer than the coefficients.
public struct RegressionInference: Sendable {
    /// What a class's coefficients are compared with.
    public enum Base: Sendable, Equatable {
        /// Another class's, whose own have no rows in the table.
        case `class`(Int)
        /// The mean of all classes'.
        case symmetric
    }

    public struct Coefficient: Sendable, Equatable {
        public let `class`: Int
        /// `nil`: the intercept.
        public let feature: Int?
        public let estimate, standardError: Double
        /// estimate / standardError, normal when the coefficient is 0.
        public let z: Double
        /// The probability of so large a |z|.
        public let pValue: Double
        public let interval: (lower: Double, upper: Double)

        public static func == (a: Coefficient, b: Coefficient) -> Bool {
            (a.class, a.feature, a.estimate, a.standardError) == (b.class, b.feature, b.estimate, b.standardError)
                && a.interval == b.interval
        }
    }

    /// Of twice the difference of the log-likelihoods to the model without features.
    public struct LikelihoodRatio: Sendable, Equatable {
        public let statistic: Double
        public let degreesOfFreedom: Int
        public let pValue: Double
    }

    public let base: Base
    public let confidence: Double
    /// Class by class: the intercept, then the features.
    public let coefficients: [Coefficient]
    /// Of the differences of the coefficients to the first class's: class by class, features and then the intercept; order
    /// (classes − 1)·(features + 1).
    public let covariance: Tensor<Double>
    /// The number of coefficients, or the effective one under a penalty.
    public let degreesOfFreedom: Double
    /// Akaike's information criterion, 2·degrees of freedom − 2·log-likelihood.
    public let aic: Double
    /// The Bayesian one, with ln(rows) for the first 2.
    public let bic: Double
    /// `nil` under a penalty, where it has no χ² distribution.
    public let likelihoodRatio: LikelihoodRatio?

    /// Whether intervals can have this confidence.
    public static func check(confidence: Double) throws(SoftmaxRegressionError) {
        guard confidence > 0, confidence < 1 else {
            throw .option("confidence", value: confidence, expected: "above 0 and below 1")
        }
    }
}

extension FittedSoftmaxRegression {
    /// The largest order of a covariance: 0.5 GB, and half a minute.
    public static let largestCovariance = 8192

    /// The order of the covariance: coefficients that the likelihood determines.
    public var coefficientCount: Int { (data.classes - 1) * (data.features + 1) }

    /// Standard errors, tests and intervals of the coefficients: of the standardised features when they were standardised.
    ///
    /// - Parameters:
    ///   - base: class 0 unless given.
    ///   - confidence: of the intervals, above 0 and below 1.
    /// - Complexity: O(rows·n² + n³), n = `coefficientCount`.
    public func inference(
        base: RegressionInference.Base = .class(0), confidence: Double = 0.95
    ) throws(SoftmaxRegressionError) -> RegressionInference {
        try RegressionInference.check(confidence: confidence)
        if case .class(let c) = base, !(0..<data.classes).contains(c) {
            throw .option("base class", value: Double(c), expected: "0 to \(data.classes - 1)")
        }
        guard coefficientCount <= Self.largestCovariance else {
            throw .option("coefficients", value: Double(coefficientCount), expected: "at most \(Self.largestCovariance) for their covariance")
        }
        guard let probabilities = point.probabilities else { fatalError("inference: a fit without probabilities") }
        let problem = problem.basis == nil
            ? problem : try data.problem(penalty: penalty, standardizes: standardisation != nil, rotates: false)
        var covariance: Buffer<Double>
        do {
            covariance = try Factorisation.Cholesky(problem.hessian(at: probabilities), order: problem.order).inverse()
        } catch { throw .singularInformation }
        let freedom = problem.effectiveOrder(covariance)
        problem.restore(&covariance, standardised: standardisation != nil)

        let coefficients = table(Contrasts(covariance, classes: data.classes, columns: problem.columns), base, confidence)
        let count = data.classes - 1
        let statistic = 2 * (logLikelihood - nullLogLikelihood)
        return RegressionInference(
            base: base, confidence: confidence, coefficients: coefficients,
            covariance: Tensor(shape: [coefficientCount, coefficientCount], buffer: covariance), degreesOfFreedom: freedom,
            aic: 2 * freedom - 2 * logLikelihood, bic: RegressionProblem.log(totalWeight) * freedom - 2 * logLikelihood,
            likelihoodRatio: penalty > 0
                ? nil
                : .init(
                    statistic: statistic, degreesOfFreedom: count * data.features,
                    pValue: ChiSquaredDistribution(degreesOfFreedom: Double(count * data.features)).upperTail(statistic)))
    }

    private func table(
        _ contrasts: Contrasts, _ base: RegressionInference.Base, _ confidence: Double
    ) -> [RegressionInference.Coefficient] {
        let (weight, bias) = problem.layer(point.coefficients, standardised: standardisation != nil)
        let features = data.features, width = NormalDistribution.quantile(0.5 + confidence / 2)
        var table: [RegressionInference.Coefficient] = []
        for c in 0..<data.classes where base != .class(c) {
            for j in [features] + Array(0..<features) {
                func coefficient(_ c: Int) -> Double { j == features ? bias[c] : weight[c * features + j] }
                let estimate = if case .class(let b) = base { coefficient(c) - coefficient(b) } else { coefficient(c) }
                let error = contrasts.variance(c, base, j).squareRoot(), z = estimate / error
                table.append(
                    .init(
                        class: c, feature: j == features ? nil : j, estimate: estimate, standardError: error, z: z,
                        pValue: NormalDistribution.twoSidedTail(z),
                        interval: (estimate - width * error, estimate + width * error)))
            }
        }
        return table
    }
}

extension RegressionProblem {
    /// tr(H⁻¹·H_loss), from H⁻¹.
    fileprivate func effectiveOrder(_ inverse: Buffer<Double>) -> Double {
        let span = inverse.span
        var penalised = 0.0
        for a in 0..<classes - 1 {
            for b in 0..<classes - 1 {
                let share = (a == b ? 1 : 0) - 1 / Double(classes)
                for j in 0..<columns { penalised += share * penalties[j] * span[(a * columns + j) * order + b * columns + j] }
            }
        }
        return Double(order) - penalised
    }

    /// The covariance of the coefficients of the features as they came (or of the standardised ones, which the solvers'
    /// are): `w_j = factor_j·w′_j`, `b = b′ − Σ factor_j·centre_j·w′_j`.
    fileprivate func restore(_ covariance: inout Buffer<Double>, standardised: Bool) {
        if standardised { return }
        let last = columns - 1
        var span = covariance.mutableSpan
        /// Applies the map to the vectors that lie at `start + k·stride`, k in 0 ..< order.
        func apply(_ span: inout MutableSpan<Double>, _ start: Int, _ stride: Int) {
            for c in 0..<classes - 1 {
                let from = start + c * columns * stride
                var offset = span[from + last * stride]
                for j in 0..<last {
                    let scaled = span[from + j * stride] * factor[j]
                    offset -= scaled * centre[j]
                    span[from + j * stride] = scaled
                }
                span[from + last * stride] = offset
            }
        }
        for row in 0..<order { apply(&span, row * order, 1) }
        for column in 0..<order { apply(&span, column, order) }
    }
}

/// Variances of one class's coefficients against another's, or the mean's.
private struct Contrasts {
    private let covariance: Buffer<Double>
    private let classes, columns: Int
    /// Cov of β_c with the mean of all β, for each class and column; of the mean itself.
    private let withMean: [Double], ofMean: [Double]

    init(_ covariance: Buffer<Double>, classes: Int, columns: Int) {
        self.covariance = covariance
        (self.classes, self.columns) = (classes, columns)
        let order = (classes - 1) * columns, span = covariance.span
        var withMean = [Double](repeating: 0, count: classes * columns), ofMean = [Double](repeating: 0, count: columns)
        for a in 1..<classes {
            for j in 0..<columns {
                var sum = 0.0
                for b in 1..<classes { sum += span[((a - 1) * columns + j) * order + (b - 1) * columns + j] }
                withMean[a * columns + j] = sum / Double(classes)
                ofMean[j] += sum / Double(classes * classes)
            }
        }
        (self.withMean, self.ofMean) = (withMean, ofMean)
    }

    /// Cov(β_a, β_b) of a column; the first class's are 0.
    private func covariance(_ a: Int, _ b: Int, _ column: Int) -> Double {
        if a == 0 || b == 0 { return 0 }
        return covariance.span[((a - 1) * columns + column) * (classes - 1) * columns + (b - 1) * columns + column]
    }

    func variance(_ c: Int, _ base: RegressionInference.Base, _ column: Int) -> Double {
        switch base {
        case .class(let b):
            covariance(c, c, column) + covariance(b, b, column) - 2 * covariance(c, b, column)
        case .symmetric:
            covariance(c, c, column) - 2 * withMean[c * columns + column] + ofMean[column]
        }
    }
}
