import SurprisalKernels

/// Recognises that the likelihood has no maximum: that the features separate some classes.
///
/// They do when there is a direction V along which no row's loss rises and some row's falls for ever: each row's own class
/// has the largest of the logits V·x. Along such a direction Newton's method goes, its steps not becoming smaller: the
/// log-odds of the rows that are separated rise by about 1 a step, however small the gradient has become. So a step is
/// such a direction, or becomes negligible beside the optimum.
///
/// The condition is that of A. Albert, J. A. Anderson, "On the existence of maximum likelihood estimates in logistic
/// regression models", Biometrika 71, 1984 (complete and quasi-complete separation).
struct Separation {
    let problem: RegressionProblem
    private(set) var isAtMaximum = false

    /// Of the gradient's relative norm, from which steps are looked at.
    static let threshold = 1e-2
    /// Logits that a step moves: less than `small` at a maximum, as Newton's steps there go to 0 quadratically, and about
    /// 1 where there is none.
    private static let small = 0.1, large = 0.5
    /// What a row's class may be behind, as part of what the step moves most: what is left of the step towards the
    /// optimum of the classes that are not separated.
    private static let slack = 1e-6
    /// The gradient's relative norm at which a step that still moves logits has settled it, whatever it is like.
    private static let floor = 1e-13

    init(problem: RegressionProblem) { self.problem = problem }

    mutating func check(_ step: [Double], at relative: Double) throws(SoftmaxRegressionError) {
        let classes = problem.classes, rows = problem.rows
        let logits = rows.logits(step.span), u = logits.span
        var behind = 0.0, spread = 0.0
        // Rows of the class on which it has the largest logit by some distance.
        var ahead = [Bool](repeating: true, count: classes)
        var leads: [(class: Int, margin: Double)] = []
        leads.reserveCapacity(rows.count)
        for i in 0..<rows.count {
            var most = -Double.infinity, least = Double.infinity, own = Double.infinity, ownClass = -1
            for c in 0..<classes {
                let value = u[i * classes + c]
                most = max(most, value)
                least = min(least, value)
                if isOwn(i, c), value < own { (own, ownClass) = (value, c) }
            }
            spread = max(spread, most - least)
            behind = max(behind, most - own)
            var second = -Double.infinity
            for c in 0..<classes where c != ownClass { second = max(second, u[i * classes + c]) }
            leads.append((ownClass, own - second))
        }
        isAtMaximum = spread <= Self.small
        guard spread >= Self.large, behind <= Self.slack * spread || relative <= Self.floor else { return }
        for lead in leads where lead.class >= 0 && lead.margin < 1e-3 * spread { ahead[lead.class] = false }
        throw .separated(classes: ahead.indices.filter { ahead[$0] })
    }

    private func isOwn(_ row: Int, _ c: Int) -> Bool {
        switch problem.rows.target {
        case .labels(let labels): Int(labels.values[row]) == c
        case .probabilities(let q): q.span[row * problem.classes + c] > 0
        }
    }
}
