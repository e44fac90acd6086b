import SurprisalKernels

/// Newton's method with a line search, for a softmax regression.
///
/// How a direction is found is the caller's: from the Hessian itself, by Cholesky, or by conjugate gradients from its
/// products.
struct Newton {
    let problem: RegressionProblem
    let rule: StoppingRule
    /// The solver's name in reports.
    let name: String

    typealias Point = RegressionProblem.Point

    /// - Parameter direction: from a point and its relative gradient norm.
    func minimize(
        from start: Point, _ direction: (Point, Double) throws(SoftmaxRegressionError) -> [Double]
    ) throws(SoftmaxRegressionError) -> (point: Point, report: SolverReport) {
        var point = start, count = SolverCount(iterations: 0, evaluations: 1), stop = SolverReport.Stop.iterations
        var separation = Separation(problem: problem)
        while true {
            let relative = rule.relative(point.norm)
            rule.progress?(
                SolverProgress(iteration: count.iterations, value: point.value, relativeGradientNorm: relative))
            if !relative.isFinite { throw .overflow }
            let isConverged = relative <= rule.tolerance
            if isConverged && problem.isPenalised { stop = .converged; break }
            if relative == 0 { stop = .converged; break }
            if count.iterations >= rule.maximumIterations { break }
            let step = try direction(point, relative)
            if !problem.isPenalised, relative <= Separation.threshold || isConverged {
                try separation.check(step, at: relative)
                if isConverged, separation.isAtMaximum { stop = .converged; break }
            }
            guard let next = advance(from: point, along: step, &count) else { stop = .precision; break }
            point = next
            count.iterations += 1
        }
        let size = point.norm
        return (point, SolverReport(solver: name, count, norm: size, relative: rule.relative(size), stop: stop))
    }

    /// Of the decrease that the slope promises, what a step must bring.
    private static let sufficientDecrease = 1e-4
    /// Differences of the objective below this part of it are rounding: there the gradient must become smaller.
    private static let rounding = 1e-14

    private func advance(from point: Point, along step: [Double], _ count: inout SolverCount) -> Point? {
        let slope = dot(point.gradient, step)
        guard slope < 0 else { return nil }
        let size = point.norm, slack = Self.rounding * abs(point.value)
        var length = 1.0
        for _ in 0..<40 {
            var moved = point.coefficients
            add(length, step, to: &moved)
            let next = problem.evaluate(moved)
            count.evaluations += 1
            if next.value <= point.value + Self.sufficientDecrease * length * slope - slack { return next }
            // Too little falls to be told from rounding.
            if -length * slope <= 4 * slack || next.value <= point.value + slack, next.norm < size { return next }
            length /= 2
        }
        return nil
    }
}

/// Newton's direction by Cholesky.
struct CholeskyDirection {
    let problem: RegressionProblem
    /// What has been added to the Hessian's diagonal, in parts of it, to make it positive definite: Levenberg's damping.
    private var damping = 0.0

    init(_ problem: RegressionProblem) { self.problem = problem }

    private static let leastDamping = 1e-12, mostDamping = 1e6

    mutating func callAsFunction(_ point: RegressionProblem.Point) throws(SoftmaxRegressionError) -> [Double] {
        guard let probabilities = point.probabilities else { fatalError("Newton: a point without its probabilities") }
        let hessian = problem.hessian(at: probabilities), order = problem.order
        let slope = Array(point.gradient[problem.columns...])
        while true {
            do {
                let factor = try Factorisation.Cholesky(damped(hessian), order: order)
                let step = try factor.solve(slope.map { -$0 })
                damping = damping < 10 * Self.leastDamping ? 0 : damping / 10
                return problem.symmetric(fromDifferences: step)
            } catch .notPositiveDefinite {
                damping = max(Self.leastDamping, damping * 10)
                if damping > Self.mostDamping { throw .overflow }
            } catch { throw .overflow }
        }
    }

    private func damped(_ hessian: Buffer<Double>) -> Buffer<Double> {
        if damping == 0 { return hessian }
        var damped = hessian
        var span = damped.mutableSpan
        var largest = 0.0
        for i in 0..<problem.order { largest = max(largest, hessian.span[i * (problem.order + 1)]) }
        for i in 0..<problem.order {
            let place = i * (problem.order + 1)
            // A direction without any curvature is damped as well.
            span[place] += damping * max(span[place], 1e-12 * largest)
        }
        return damped
    }
}
