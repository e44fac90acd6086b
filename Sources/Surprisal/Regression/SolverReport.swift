/// How a solver went: how far, and why it stopped.
public struct SolverReport: Sendable, Equatable {
    public enum Stop: String, Sendable {
        /// The gradient's norm came below the tolerance.
        case converged
        /// Rounding left nothing to gain: no step makes the objective smaller.
        case precision
        /// The iterations that were allowed are used up.
        case iterations
    }

    /// The solver's name: `newton`, `newton-cg` or `lbfgs`.
    public let solver: String
    public let iterations: Int
    /// Of the objective, most with its gradient.
    public let evaluations: Int
    /// The gradient's norm in the end, in the solver's own coordinates.
    public let gradientNorm: Double
    /// The same over the norm at the start, which the tolerance is compared with.
    public let relativeGradientNorm: Double
    public let stop: Stop

    init(solver: String, _ count: SolverCount, norm: Double, relative: Double, stop: Stop) {
        self.solver = solver
        (iterations, evaluations) = (count.iterations, count.evaluations)
        (gradientNorm, relativeGradientNorm) = (norm, relative)
        self.stop = stop
    }
}

struct SolverCount {
    var iterations = 0, evaluations = 0
}

/// What a solver tells while it runs, once an iteration.
public struct SolverProgress: Sendable, Equatable {
    public let iteration: Int
    /// The objective.
    public let value: Double
    public let relativeGradientNorm: Double
}

/// When a solver stops.
struct StoppingRule: Sendable {
    /// The gradient's norm, relative to `reference`.
    let tolerance: Double
    let maximumIterations: Int
    /// The gradient's norm at the start.
    let reference: Double
    let progress: (@Sendable (SolverProgress) -> Void)?

    func relative(_ norm: Double) -> Double { reference > 0 ? norm / reference : (norm > 0 ? .infinity : 0) }
}
