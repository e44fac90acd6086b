import SurprisalKernels

/// The objective of a softmax regression in the solvers' coordinates: `F(θ) = Σ s_i·ℓ_i + ½·Σ_j λ_j·Σ_c θ_cj²`.
///
/// Columns are shifted to mean 0 and scaled, by a power of two, so that the objective's curvature in each is about the same
/// (to a spread of 1 exactly when features are to be standardised), which the penalties λ_j make up for: the optimum is
/// that of the features as they came, and features of any scale are solved for alike. The last column is the intercept's
/// 1, with λ = 0.
///
/// With more features than rows and a penalty, the optimum's weights are combinations of the rows: there the rows are
/// written in an orthonormal basis of what they span, which changes neither logits nor ‖weights‖, and the features are as
/// few as the rows.
struct RegressionProblem: Sendable {
    let rows: RegressionRows
    /// One a column.
    let penalties: [Double]
    /// x in the solvers' coordinates is `(x − centre)·factor`, of the features as they came.
    let centre, factor: [Double]
    /// Of the rows; `nil` where each column is a feature.
    let basis: Factorisation.QR<Double>?
    /// The weight of each class.
    let classWeight: [Double]

    var columns: Int { rows.features }
    var classes: Int { rows.classes }
    /// Coefficients in all.
    var size: Int { classes * columns }
    /// Coefficients of all classes but the first: those that the likelihood determines.
    var order: Int { (classes - 1) * columns }
    var isPenalised: Bool { penalties.contains { $0 > 0 } }

    /// An evaluation.
    struct Point: Sendable {
        let coefficients: [Double]
        let value: Double
        let gradient: [Double]
        let probabilities: Buffer<Double>?

        var norm: Double { Surprisal.norm(gradient) }
    }

    /// The intercepts of the class shares: the optimum without features, and where solvers start.
    var start: [Double] {
        var start = [Double](repeating: 0, count: size)
        let logs = classWeight.map { Self.log($0) }
        let mean = logs.reduce(0, +) / Double(classes)
        for c in 0..<classes { start[(c + 1) * columns - 1] = logs[c] - mean }
        return start
    }

    static func log(_ x: Double) -> Double {
        var y = [0.0]
        var span = y.mutableSpan
        Double.log([x].span, into: &span)
        return y[0]
    }

    func evaluate(_ coefficients: [Double], storesProbabilities: Bool = true) -> Point {
        var gradient = [Double](repeating: 0, count: size)
        var probabilities = storesProbabilities ? Buffer<Double>(uninitialized: rows.count * classes) : nil
        var span = gradient.mutableSpan
        let loss = rows.evaluate(coefficients.span, into: &span, probabilities: &probabilities)
        let penalty = addPenalty(of: coefficients, to: &gradient)
        return Point(coefficients: coefficients, value: loss + penalty, gradient: gradient, probabilities: probabilities)
    }

    /// Adds the penalty's gradient and returns the penalty.
    private func addPenalty(of coefficients: [Double], to gradient: inout [Double]) -> Double {
        var sum = 0.0
        for c in 0..<classes {
            for j in 0..<columns where penalties[j] > 0 {
                let place = c * columns + j, pull = penalties[j] * coefficients[place]
                gradient[place] += pull
                sum += pull * coefficients[place]
            }
        }
        return sum / 2
    }

    /// The loss without the penalty.
    func loss(at point: Point) -> Double {
        var ignored = [Double](repeating: 0, count: size)
        return point.value - addPenalty(of: point.coefficients, to: &ignored)
    }

    /// The Hessian's upper triangle in the coefficients of all classes but the first, the first's being minus their sum…
    ///
    /// …of the penalty, as at the optimum, and held in the loss, which does not tell: with β_c = θ_c − θ_0 the penalty is
    /// `½·λ·(Σ β_c² − (Σ β_c)²/C)`, its Hessian `λ·([a = b] − 1/C)`.
    func hessian(at probabilities: Buffer<Double>) -> Buffer<Double> {
        var hessian = Buffer<Double>(uninitialized: order * order)
        var span = hessian.mutableSpan
        rows.hessian(probabilities.span, into: &span)
        for a in 0..<classes - 1 {
            for b in a..<classes - 1 {
                let share = (a == b ? 1 : 0) - 1 / Double(classes)
                for j in 0..<columns where penalties[j] > 0 {
                    span[(a * columns + j) * order + b * columns + j] += share * penalties[j]
                }
            }
        }
        return hessian
    }

    /// The Hessian's product with a direction, in the coefficients of all classes.
    func hessianProduct(_ probabilities: Buffer<Double>, _ direction: [Double]) -> [Double] {
        var product = [Double](repeating: 0, count: size)
        var span = product.mutableSpan
        rows.hessianProduct(probabilities.span, direction.span, into: &span)
        for c in 0..<classes {
            for j in 0..<columns where penalties[j] > 0 {
                product[c * columns + j] += penalties[j] * direction[c * columns + j]
            }
        }
        return product
    }

    /// Coefficients of all classes, of mean 0 over the classes, from their differences to the first class's.
    func symmetric(fromDifferences differences: [Double]) -> [Double] {
        var all = [Double](repeating: 0, count: size)
        for j in 0..<columns {
            var sum = 0.0
            for c in 1..<classes { sum += differences[(c - 1) * columns + j] }
            let mean = sum / Double(classes)
            all[j] = -mean
            for c in 1..<classes { all[c * columns + j] = differences[(c - 1) * columns + j] - mean }
        }
        return all
    }

    /// Weights (classes × features) and intercepts of the features as they came, or of the standardised ones.
    func layer(_ coefficients: [Double], standardised: Bool) -> (weight: [Double], bias: [Double]) {
        let features = centre.count
        var weight = [Double](repeating: 0, count: classes * features), bias = [Double](repeating: 0, count: classes)
        var rotated: [Double]?
        if let basis {
            let part = (0..<classes).flatMap { c in coefficients[c * columns..<(c + 1) * columns - 1] }
            do { rotated = try basis.product(part, count: classes) } catch {
                fatalError("SoftmaxRegression: weights in the basis of the rows: \(error)")
            }
        }
        for c in 0..<classes {
            var offset = coefficients[(c + 1) * columns - 1]
            for j in 0..<features {
                var w = rotated?[c * features + j] ?? coefficients[c * columns + j]
                if !standardised {
                    w *= factor[j]
                    offset -= w * centre[j]
                }
                weight[c * features + j] = w
            }
            bias[c] = offset
        }
        return (weight, bias)
    }
}
