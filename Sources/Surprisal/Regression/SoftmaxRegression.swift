import SurprisalKernels

/// Multinomial logistic regression: one linear layer under a softmax, fitted to the optimum.
///
/// The objective is `F(W, b) = Σ s_i·w_{y_i}·ℓ_i + ½·λ·‖W‖²`, with ℓ the cross-entropy of the row's logits
/// `W·x_i + b` in nats, s the rows' weights, w the classes' and λ the penalty. It is scikit-learn's with `C = 1/λ`: sums,
/// not means, and intercepts that are not penalised. With class probabilities q the row's part is
/// `−s_i·Σ_c w_c·q_ic·log p_ic`.
///
/// It is convex, so there is one optimum, and no learning rate, seed or number of epochs to choose. Logits that move
/// together change nothing, so the coefficients of the classes are told apart by a convention: here they sum to 0 over the
/// classes, which is what a penalty leads to by itself.
///
/// - Complexity: depends on the solver: see `Solver`.
public struct SoftmaxRegression: Sendable, Equatable {
    /// λ, the weight of ½‖W‖².
    public enum Penalty: Sendable, Equatable {
        /// The maximum of the likelihood itself. Not there when features separate classes, or depend on each other:
        /// either throws.
        case none
        /// λ > 0.
        case l2(Double)
        /// That with the smallest held-out loss of a path of penalties, by stratified cross-validation.
        case crossValidated(folds: Int = 5)
    }

    public enum Solver: String, Sendable, CaseIterable {
        /// By the sizes: what was measured to be the fastest.
        case automatic = "auto"
        /// Newton's method with the Hessian by Cholesky: few iterations of O(rows·n² + n³), n = (classes − 1)·(features + 1).
        case newton
        /// Newton's method by conjugate gradients from products with the Hessian: O(rows·classes·features) a product, no n².
        case newtonCG = "newton-cg"
        /// Limited-memory BFGS: O(rows·classes·features) an iteration, and more of them.
        case lbfgs
    }

    public enum ClassWeights: Sendable, Equatable {
        /// All 1.
        case equal
        /// rows / (classes · rows of the class): every class counts as much as any other.
        case balanced
        case each([Double])
    }

    public var penalty: Penalty
    public var solver: Solver
    public var classWeights: ClassWeights
    /// Whether features are brought to mean 0 and standard deviation 1 first, so that the penalty treats them alike. The
    /// layer that comes out takes features as they are, whichever.
    public var standardizes: Bool
    /// Of the gradient's norm, relative to that of the start (weights 0, intercepts the classes' shares).
    public var tolerance: Double
    /// Nil: 100 of Newton's methods, 10,000 of L-BFGS.
    public var maximumIterations: Int?
    /// Of the folds of cross-validation.
    public var seed: UInt64

    public init(
        penalty: Penalty = .l2(1), solver: Solver = .automatic, classWeights: ClassWeights = .equal,
        standardizes: Bool = false, tolerance: Double = 1e-9, maximumIterations: Int? = nil, seed: UInt64 = 0
    ) {
        self.penalty = penalty
        self.solver = solver
        self.classWeights = classWeights
        self.standardizes = standardizes
        self.tolerance = tolerance
        self.maximumIterations = maximumIterations
        self.seed = seed
    }

    /// Whether the options are ones it can work with.
    public func check() throws(SoftmaxRegressionError) {
        if case .l2(let value) = penalty, !(value > 0 && value.isFinite) {
            throw .option("penalty", value: value, expected: "a finite number above 0, or none")
        }
        if case .crossValidated(let folds) = penalty, folds < 2 {
            throw .option("folds", value: Double(folds), expected: "at least 2")
        }
        if !(tolerance >= 0 && tolerance < 1) { throw .option("tolerance", value: tolerance, expected: "0 to below 1") }
        if let maximumIterations, maximumIterations < 1 {
            throw .option("maximum iterations", value: Double(maximumIterations), expected: "at least 1")
        }
    }

    /// The optimum for rows of features with labels; rows whose label is ignored take no part, whatever they hold.
    ///
    /// - Parameters:
    ///   - x: rows × features.
    ///   - rowWeights: one a row, 0 or more; a row of weight 2 counts as two rows.
    public func fit<Scalar>(
        _ x: Tensor<Scalar>, _ labels: Labels, rowWeights: Tensor<Scalar>? = nil,
        progress: (@Sendable (SolverProgress) -> Void)? = nil
    ) throws(SoftmaxRegressionError) -> FittedSoftmaxRegression {
        try check()
        let data = try RegressionData(x, labels, rowWeights: rowWeights, classWeights: classWeights)
        if case .crossValidated(let folds) = penalty {
            return try CrossValidation(self, folds: folds).fit(data, progress: progress)
        }
        return try fit(data, penalty: penaltyValue, progress: progress)
    }

    /// The optimum for rows of features with class probabilities (rows × classes), which need not sum to 1.
    public func fit<Scalar>(
        _ x: Tensor<Scalar>, probabilities: Tensor<Scalar>, rowWeights: Tensor<Scalar>? = nil,
        progress: (@Sendable (SolverProgress) -> Void)? = nil
    ) throws(SoftmaxRegressionError) -> FittedSoftmaxRegression {
        try check()
        if case .crossValidated = penalty { throw .crossValidatedProbabilities }
        let data = try RegressionData(x, probabilities: probabilities, rowWeights: rowWeights, classWeights: classWeights)
        return try fit(data, penalty: penaltyValue, progress: progress)
    }

    private var penaltyValue: Double { if case .l2(let value) = penalty { value } else { 0 } }

    func fit(
        _ data: RegressionData, penalty: Double, progress: (@Sendable (SolverProgress) -> Void)?
    ) throws(SoftmaxRegressionError) -> FittedSoftmaxRegression {
        let problem = try data.problem(penalty: penalty, standardizes: standardizes)
        let (point, report) = try solve(problem, from: nil, progress)
        return FittedSoftmaxRegression(
            data: data, problem: problem, point: point, penalty: penalty, standardizes: standardizes, report: report,
            validation: nil)
    }

    /// Multiply-adds of a Newton step by Cholesky and by conjugate gradients, for the choice between them.
    private static let productsOfAStep = 16.0

    /// The fastest by the multiply-adds of a step.
    private func chosenSolver(_ problem: RegressionProblem) -> Solver {
        if solver != .automatic { return solver }
        let n = Double(problem.order), rows = Double(problem.rows.count)
        let byCholesky = rows * n * n / 2 + n * n * n / 3
        let columns = Double(problem.columns), classes = Double(problem.classes)
        let byProducts = rows * classes * columns * (columns / 2 + 2 * Self.productsOfAStep) + classes * columns * columns * columns / 3
        return byCholesky <= byProducts && n <= 4096 ? .newton : .newtonCG
    }

    /// - Parameter start: where to start from; unless given, where the tolerance is relative to in any case.
    func solve(
        _ problem: RegressionProblem, from start: [Double]?, _ progress: (@Sendable (SolverProgress) -> Void)?
    ) throws(SoftmaxRegressionError) -> (point: RegressionProblem.Point, report: SolverReport) {
        let solver = chosenSolver(problem)
        let first = problem.evaluate(problem.start)
        let rule = StoppingRule(
            tolerance: tolerance, maximumIterations: maximumIterations ?? (solver == .lbfgs ? 10_000 : 100),
            reference: first.norm, progress: progress)
        let point = start.map { problem.evaluate($0) } ?? first
        let newton = Newton(problem: problem, rule: rule, name: solver.rawValue)
        switch solver {
        case .newtonCG:
            let direction = ConjugateDirection(problem)
            return try newton.minimize(from: point) { p, r throws(SoftmaxRegressionError) in try direction(p, r) }
        case .lbfgs: return try minimizeByLBFGS(problem, point, rule)
        case .newton, .automatic:
            var direction = CholeskyDirection(problem)
            return try newton.minimize(from: point) { p, _ throws(SoftmaxRegressionError) in try direction(p) }
        }
    }

    private func minimizeByLBFGS(
        _ problem: RegressionProblem, _ start: RegressionProblem.Point, _ rule: StoppingRule
    ) throws(SoftmaxRegressionError) -> (point: RegressionProblem.Point, report: SolverReport) {
        let (coefficients, report) = LBFGS(history: 10).minimize(
            from: start.coefficients, (start.value, start.gradient), rule
        ) { coefficients in
            let point = problem.evaluate(coefficients, storesProbabilities: false)
            return (point.value, point.gradient)
        }
        let point = problem.evaluate(coefficients)
        if !point.value.isFinite { throw .overflow }
        if !problem.isPenalised {
            // A gradient that has become small is all that it knows; Newton's step tells a maximum from none.
            var separation = Separation(problem: problem)
            try separation.check(try ConjugateDirection(problem)(point, min(report.relativeGradientNorm, 1e-6)), at: report.relativeGradientNorm)
        }
        return (point, report)
    }
}
