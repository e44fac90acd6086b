import SurprisalKernels

/// The penalties that cross-validation tried, strongest first.
public struct ValidationPath: Sendable, Equatable {
    public struct Step: Sendable, Equatable {
        public let penalty: Double
        /// The mean loss of the held-out rows, in nats.
        public let loss: Double
        /// The part of the held-out rows whose label has the largest probability.
        public let accuracy: Double
    }

    public let folds: Int
    public let steps: [Step]
    /// The step with the smallest loss.
    public let best: Int

    public var chosen: Step { steps[best] }
}

/// Chooses the penalty by the loss of rows that the fit has not seen: stratified folds, a path of penalties from strong to
/// weak, each fit starting from its fold's last.
struct CrossValidation {
    let regression: SoftmaxRegression
    let folds: Int

    init(_ regression: SoftmaxRegression, folds: Int) {
        self.regression = regression
        self.folds = folds
    }

    /// Penalties go down by √10, over 7.5 decades at most.
    private static let stepsPerDecade = 2, mostSteps = 16
    /// Steps without a better loss after which the path ends: it is then nearly always past its one minimum.
    private static let patience = 3

    private struct Fold {
        let training, heldOut: RegressionData
        var last: [Double]?
    }

    func fit(
        _ data: RegressionData, progress: (@Sendable (SolverProgress) -> Void)?
    ) throws(SoftmaxRegressionError) -> FittedSoftmaxRegression {
        var parts = try stratified(data)
        var steps: [ValidationPath.Step] = [], best = 0
        let strongest = strongestPenalty(data)
        for number in 0..<Self.mostSteps {
            let decade = number / Self.stepsPerDecade
            var penalty = strongest * (number % Self.stepsPerDecade == 0 ? 1 : 10.0.squareRoot() / 10)
            for _ in 0..<decade { penalty /= 10 }
            var loss = 0.0, weight = 0.0, right = 0.0, rows = 0.0
            for fold in parts.indices {
                let training = parts[fold].training, heldOut = parts[fold].heldOut
                let problem = try training.problem(penalty: penalty, standardizes: regression.standardizes)
                let point = try regression.solve(problem, from: parts[fold].last, progress).point
                parts[fold].last = point.coefficients
                let found = heldOut.evaluate(problem, point)
                loss += found.loss
                weight += heldOut.classWeight.reduce(0, +)
                right += found.accuracy * Double(heldOut.count)
                rows += Double(heldOut.count)
            }
            steps.append(.init(penalty: penalty, loss: loss / weight, accuracy: right / rows))
            if steps[number].loss < steps[best].loss { best = number }
            if number - best >= Self.patience { break }
        }
        let path = ValidationPath(folds: folds, steps: steps, best: best)
        let problem = try data.problem(penalty: path.chosen.penalty, standardizes: regression.standardizes)
        let (point, report) = try regression.solve(problem, from: nil, progress)
        return FittedSoftmaxRegression(
            data: data, problem: problem, point: point, penalty: path.chosen.penalty,
            standardizes: regression.standardizes, report: report, validation: path)
    }

    /// What outweighs the rows: as large as the curvature that features of this spread can have.
    private func strongestPenalty(_ data: RegressionData) -> Double {
        let total = data.classWeight.reduce(0, +)
        if regression.standardizes { return total }
        let squares = data.moments().deviation.map { $0 * $0 }, mean = squares.reduce(0, +) / Double(squares.count)
        return mean > 0 ? total * mean : total
    }

    /// Each class's rows dealt out to the folds in a random order, one class after the other.
    private func stratified(_ data: RegressionData) throws(SoftmaxRegressionError) -> [Fold] {
        guard case .labels(let labels) = data.target else { throw .crossValidatedProbabilities }
        if folds > data.count { throw .tooManyFolds(folds, rows: data.count) }
        var sizes = [Int](repeating: 0, count: data.classes)
        for label in labels.values { sizes[Int(label)] += 1 }
        for (c, size) in sizes.enumerated() where size < 2 { throw .smallClass(c, rows: size) }
        var generator = SplitMix64(seed: regression.seed)
        let foldOf = StratifiedFolds.deal(labels.values, classCount: data.classes, folds: folds, using: &generator)
        var parts: [Fold] = []
        for fold in 0..<folds {
            let training = try RegressionData(data, rows: foldOf.indices.filter { foldOf[$0] != fold })
            let heldOut = RegressionData(heldOut: data, rows: foldOf.indices.filter { foldOf[$0] == fold }, labels)
            parts.append(Fold(training: training, heldOut: heldOut, last: nil))
        }
        return parts
    }
}

extension RegressionData {
    /// The summed loss of these rows and their accuracy under the coefficients of another fit.
    fileprivate func evaluate(
        _ problem: RegressionProblem, _ point: RegressionProblem.Point
    ) -> (loss: Double, accuracy: Double) {
        let (weight, bias) = problem.layer(point.coefficients, standardised: true)
        var coefficients: [Double] = []
        for c in 0..<classes { coefficients += weight[c * features..<(c + 1) * features] + [bias[c]] }
        let table = design(centre: problem.centre, factor: problem.factor)
        let rows = RegressionRows(
            design: table, features: features + 1, classes: classes, target: target, weight: self.weight)
        var gradient = coefficients, span = gradient.mutableSpan
        var probabilities: Buffer<Double>? = Buffer(uninitialized: count * classes)
        let loss = rows.evaluate(coefficients.span, into: &span, probabilities: &probabilities)
        return (loss, probabilities.flatMap { accuracy(of: $0) } ?? .nan)
    }
}
