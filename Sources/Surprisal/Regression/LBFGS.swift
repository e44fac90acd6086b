import SurprisalKernels

/// The limited-memory method of Broyden, Fletcher, Goldfarb and Shanno, with a strong Wolfe line search: minimises a smooth
/// function of a model's parameters, all of them at once, from its value and gradient.
///
/// For a loss of the whole data set, which stays the same from one evaluation to the next; a loss of random batches wants
/// `SGD`. The optimum is the global one when the loss is convex in the parameters, as a linear layer's is.
///
/// Source: J. Nocedal, "Updating quasi-Newton matrices with limited storage", Math. Comp. 35, 1980.
public struct LBFGS: Sendable {
    /// Pairs of steps and gradient differences that stand for the curvature.
    public let history: Int
    /// Of the gradient's norm, relative to its start.
    public let tolerance: Double
    public let maximumIterations: Int

    /// Stops the program when a number is not one it can work with.
    public init(history: Int = 10, tolerance: Double = 1e-6, maximumIterations: Int = 1000) {
        guard history >= 1 else { fatalError("LBFGS: history is \(history); expected at least 1") }
        guard tolerance >= 0, tolerance < 1 else { fatalError("LBFGS: tolerance is \(tolerance); expected 0 to below 1") }
        guard maximumIterations >= 0 else { fatalError("LBFGS: maximumIterations is \(maximumIterations); expected at least 0") }
        (self.history, self.tolerance, self.maximumIterations) = (history, tolerance, maximumIterations)
    }

    /// Moves a model's parameters to where the loss is smallest.
    ///
    /// - Parameter loss: one number from a tracked copy of the model.
    /// - Complexity: an evaluation and its gradient an iteration, rarely more, and O(history · parameters).
    public func minimize<M: Model>(
        _ model: inout M, progress: (@Sendable (SolverProgress) -> Void)? = nil, _ loss: (M) -> Tensor<M.Scalar>
    ) -> SolverReport {
        var current = model
        let start = model.parameters.flatMap { $0.value.scalars.map { Double($0) } }
        func evaluate(_ parameters: [Double]) -> (value: Double, gradient: [Double]) {
            current.setParameters(parameters)
            let (value, gradient) = valueWithGradient(at: current, loss)
            return (Double(value.item()), gradient.inOrder.flatMap { $0.scalars.map { Double($0) } })
        }
        let first = evaluate(start)
        let rule = StoppingRule(
            tolerance: tolerance, maximumIterations: maximumIterations, reference: norm(first.gradient), progress: progress)
        let (parameters, report) = minimize(from: start, first, rule, evaluate)
        model.setParameters(parameters)
        return report
    }

    /// The same of numbers in a row, the first evaluation given.
    func minimize(
        from start: [Double], _ first: (value: Double, gradient: [Double]), _ rule: StoppingRule,
        _ evaluate: ([Double]) -> (value: Double, gradient: [Double])
    ) -> (parameters: [Double], report: SolverReport) {
        var (x, value, gradient) = (start, first.value, first.gradient)
        var memory = CurvaturePairs(limit: history)
        var count = SolverCount(iterations: 0, evaluations: 1)
        var stop = SolverReport.Stop.iterations
        while true {
            let size = norm(gradient), relative = rule.relative(size)
            rule.progress?(SolverProgress(iteration: count.iterations, value: value, relativeGradientNorm: relative))
            if relative <= rule.tolerance { stop = .converged; break }
            if !size.isFinite { stop = .precision; break }
            if count.iterations == rule.maximumIterations { break }
            var direction = memory.direction(gradient)
            var slope = dot(direction, gradient)
            if !(slope < 0) {
                // Rounding has spoilt the pairs.
                memory.forget()
                direction = memory.direction(gradient)
                slope = dot(direction, gradient)
            }
            // Nothing is known of the curvature at first: a step of length 1 at most.
            let initial = memory.isEmpty ? min(1, 1 / size) : 1
            guard let next = LineSearch.search(from: value, slope: slope, initial: initial, { step in
                var moved = x
                add(step, direction, to: &moved)
                let (value, gradient) = evaluate(moved)
                count.evaluations += 1
                return LineSearch.Sample(
                    step: step, value: value, slope: dot(direction, gradient), payload: (moved, gradient))
            }) else {
                if memory.isEmpty { stop = .precision; break }
                memory.forget()
                continue
            }
            let (moved, newGradient) = next.payload
            memory.append(step: difference(moved, x), change: difference(newGradient, gradient))
            (x, value, gradient) = (moved, next.value, newGradient)
            count.iterations += 1
        }
        let size = norm(gradient)
        return (x, SolverReport(solver: "lbfgs", count, norm: size, relative: rule.relative(size), stop: stop))
    }

    private func difference(_ a: [Double], _ b: [Double]) -> [Double] {
        var difference = a
        add(-1, b, to: &difference)
        return difference
    }
}

/// The last steps with the changes of the gradient along them, and the product of the inverse Hessian they stand for.
private struct CurvaturePairs {
    let limit: Int
    private var pairs: [(step: [Double], change: [Double], inverse: Double)] = []

    init(limit: Int) { self.limit = limit }

    var isEmpty: Bool { pairs.isEmpty }

    mutating func forget() { pairs = [] }

    mutating func append(step: [Double], change: [Double]) {
        let curvature = dot(step, change)
        // Positive by the line search, but for rounding.
        guard curvature > 1e-16 * norm(step) * norm(change) else { return }
        if pairs.count == limit { pairs.removeFirst() }
        pairs.append((step, change, 1 / curvature))
    }

    /// Minus the inverse Hessian times the gradient, by the two loops of Nocedal's paper.
    func direction(_ gradient: [Double]) -> [Double] {
        var q = gradient
        var factors = [Double](repeating: 0, count: pairs.count)
        for i in pairs.indices.reversed() {
            factors[i] = pairs[i].inverse * dot(pairs[i].step, q)
            add(-factors[i], pairs[i].change, to: &q)
        }
        let scale = pairs.last.map { 1 / ($0.inverse * dot($0.change, $0.change)) } ?? 1
        for i in q.indices { q[i] *= -scale }
        for i in pairs.indices {
            let factor = pairs[i].inverse * dot(pairs[i].change, q)
            add(-factors[i] - factor, pairs[i].step, to: &q)
        }
        return q
    }
}

extension Model {
    /// Gives the parameters these numbers, in their order.
    mutating func setParameters(_ numbers: [Double]) {
        var next = 0
        forEachParameter { _, parameter in
            let end = next + parameter.count
            parameter = Tensor(numbers[next..<end].map { Scalar($0) }, shape: parameter.shape)
            next = end
        }
    }
}
