import SurprisalKernels

/// A softmax regression at its optimum.
///
/// It keeps the data, for `inference`; the `layer` alone is what predicts.
public struct FittedSoftmaxRegression: Sendable {
    /// Weights (classes × features) and intercepts for features as they are, of sum 0 over the classes.
    public let layer: Linear<Double>
    /// λ; 0 without a penalty.
    public let penalty: Double
    public let report: SolverReport
    /// The path of penalties, when λ was chosen by cross-validation.
    public let validation: ValidationPath?
    /// −Σ s_i·w·ℓ_i in nats, without the penalty.
    public let logLikelihood: Double
    /// The same of the optimum without features.
    public let nullLogLikelihood: Double
    /// Σ of the weights of the rows that took part: their number unless there are weights.
    public let totalWeight: Double
    public let ignoredCount: Int
    /// Of the rows that took part, the part whose label has the largest probability; `nil` of class probabilities.
    public let trainingAccuracy: Double?
    /// What features were brought to before the penalty was put on their weights, when they were.
    public let standardisation: Standardisation?

    let data: RegressionData
    let problem: RegressionProblem
    let point: RegressionProblem.Point

    init(
        data: RegressionData, problem: RegressionProblem, point: RegressionProblem.Point, penalty: Double,
        standardizes: Bool, report: SolverReport, validation: ValidationPath?
    ) {
        // Conjugate gradients may add to all classes alike what costs nothing.
        let differences = (1..<data.classes).flatMap { c in
            (0..<problem.columns).map { j in
                point.coefficients[c * problem.columns + j] - point.coefficients[j]
            }
        }
        let coefficients = problem.symmetric(fromDifferences: differences)
        let (weight, bias) = problem.layer(coefficients, standardised: false)
        layer = Linear(weight: Tensor(weight, shape: [data.classes, data.features]), bias: Tensor(bias))
        self.point = RegressionProblem.Point(
            coefficients: coefficients, value: point.value, gradient: point.gradient, probabilities: point.probabilities)
        (self.data, self.problem, self.penalty, self.report, self.validation) = (data, problem, penalty, report, validation)
        logLikelihood = 0 - problem.loss(at: point)
        let total = data.classWeight.reduce(0, +)
        nullLogLikelihood = data.classWeight.reduce(0) { $0 + $1 * RegressionProblem.log($1 / total) }
        totalWeight = total
        ignoredCount = data.inputRows - data.count
        trainingAccuracy = point.probabilities.flatMap { data.accuracy(of: $0) }
        standardisation = standardizes
            ? Standardisation(mean: problem.centre, deviation: problem.factor.map { 1 / $0 }) : nil
    }

    /// The objective at the optimum: minus the log-likelihood, and the penalty.
    public var objective: Double { point.value }

    /// McFadden's R², 1 − logLikelihood / nullLogLikelihood: 0 when the features tell nothing, 1 when they tell all.
    public var mcFaddenR2: Double { 1 - logLikelihood / nullLogLikelihood }
}

extension RegressionData {
    /// The part of the rows whose label has the largest probability, the first among equals.
    func accuracy(of probabilities: Buffer<Double>) -> Double? {
        guard case .labels(let labels) = target else { return nil }
        let axis = ClassAxis(outer: labels.count, classes: classes, inner: 1)
        return topKAccuracy(1, probabilities.span, labels, axis)
    }
}
