import SurprisalKernels

/// Newton's direction by conjugate gradients: from products of the Hessian with directions, without the Hessian.
///
/// Preconditioned with each class's own diagonal block of the Hessian, by Cholesky: what couples the classes is left to
/// the iteration. Where the blocks cost more than the products they save, with the Hessian's diagonal.
///
/// The iteration ends when the residual is below `min(½, √‖g‖)` of the gradient, with norms relative to the start, which
/// makes Newton's method converge superlinearly.
/// Source: R. S. Dembo, T. Steihaug, "Truncated-Newton algorithms for large-scale unconstrained optimization", Math.
/// Programming 26, 1983.
struct ConjugateDirection {
    let problem: RegressionProblem

    private static let mostProducts = 500

    init(_ problem: RegressionProblem) { self.problem = problem }

    func callAsFunction(
        _ point: RegressionProblem.Point, _ relative: Double
    ) throws(SoftmaxRegressionError) -> [Double] {
        guard let probabilities = point.probabilities else { fatalError("Newton-CG: a point without its probabilities") }
        let preconditioner = try Preconditioner(problem, probabilities)
        var step = [Double](repeating: 0, count: problem.size)
        var residual = point.gradient
        let wanted = min(0.5, relative.squareRoot()) * norm(residual)
        var z = try preconditioner.solve(residual)
        var direction = z.map { -$0 }
        var rz = dot(residual, z)
        for _ in 0..<Self.mostProducts {
            let product = problem.hessianProduct(probabilities, direction)
            let curvature = dot(direction, product)
            // Nothing but rounding is left of the curvature.
            guard curvature > 0 else { break }
            let length = rz / curvature
            add(length, direction, to: &step)
            add(length, product, to: &residual)
            if norm(residual) <= wanted { break }
            z = try preconditioner.solve(residual)
            let next = dot(residual, z)
            let factor = next / rz
            rz = next
            for i in direction.indices { direction[i] = factor * direction[i] - z[i] }
        }
        return step
    }
}

/// The diagonal of the Hessian, in blocks of a class each or alone.
private struct Preconditioner {
    private enum Form {
        case blocks([Factorisation.Cholesky])
        case diagonal([Double])
    }

    private let problem: RegressionProblem
    private let form: Form

    /// What blocks may cost, in products of the Hessian with a direction: some tens of them are saved.
    private static let mostCost = 40.0

    /// Part of a block's diagonal that is added to it: a class that no row doubts has no curvature.
    private static let damping = 1e-10

    init(_ problem: RegressionProblem, _ probabilities: Buffer<Double>) throws(SoftmaxRegressionError) {
        self.problem = problem
        let (classes, columns) = (problem.classes, problem.columns)
        // rows·columns²/2 and columns³/3 multiply-adds a class, against 2·rows·columns.
        let width = Double(columns), cost = width / 4 + width * width / (6 * Double(problem.rows.count))
        if cost > Self.mostCost {
            var diagonal = problem.rows.hessianDiagonal(probabilities.span)
            for place in diagonal.indices { diagonal[place] += problem.penalties[place % columns] }
            form = .diagonal(diagonal.map { $0 > 0 ? $0 : 1 })
            return
        }
        let blocks = problem.rows.hessianBlocks(probabilities.span)
        var factors: [Factorisation.Cholesky] = []
        for c in 0..<classes {
            var block = Buffer<Double>(uninitialized: columns * columns)
            var span = block.mutableSpan
            for i in 0..<columns * columns { span[i] = blocks.span[c * columns * columns + i] }
            var largest = 0.0
            for j in 0..<columns {
                span[j * (columns + 1)] += problem.penalties[j]
                largest = max(largest, span[j * (columns + 1)])
            }
            for j in 0..<columns { span[j * (columns + 1)] += Self.damping * (largest > 0 ? largest : 1) }
            do { factors.append(try Factorisation.Cholesky(block, order: columns)) } catch { throw .overflow }
        }
        form = .blocks(factors)
    }

    func solve(_ residual: [Double]) throws(SoftmaxRegressionError) -> [Double] {
        switch form {
        case .diagonal(let diagonal): return zip(residual, diagonal).map { $0 / $1 }
        case .blocks(let factors):
            var all: [Double] = []
            all.reserveCapacity(residual.count)
            for (c, factor) in factors.enumerated() {
                let part = Array(residual[c * problem.columns..<(c + 1) * problem.columns])
                do { all += try factor.solve(part) } catch { throw .overflow }
            }
            return all
        }
    }
}
