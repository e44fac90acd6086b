/// The strong Wolfe line search: a step t along a descent direction where the objective φ has fallen enough and its slope
/// has flattened enough, `φ(t) ≤ φ(0) + c₁·t·φ′(0)` and `|φ′(t)| ≤ c₂·|φ′(0)|`.
///
/// Source: J. Nocedal, S. J. Wright, *Numerical Optimization*, 2nd ed., algorithms 3.5 and 3.6, with cubic interpolation
/// (3.59). Near the minimum, where differences of φ are rounding, slopes alone decide: W. W. Hager, H. Zhang, "A new
/// conjugate gradient method with guaranteed descent and an efficient line search", SIAM J. Optim. 16, 2005, (4.1).
struct LineSearch {
    /// Their customary values for quasi-Newton directions.
    private static let sufficientDecrease = 1e-4, curvature = 0.9
    /// Differences of φ below this part of it are rounding.
    private static let rounding = 1e-14
    private static let mostEvaluations = 40

    /// What the objective is at a step; `payload` is whatever the caller wants back of the accepted one.
    struct Sample<Payload> {
        let step, value, slope: Double
        let payload: Payload
    }

    /// - Returns: the accepted step; `nil` when there is none within the evaluations allowed.
    static func search<Payload>(
        from value: Double, slope: Double, initial: Double, _ sample: (Double) -> Sample<Payload>
    ) -> Sample<Payload>? {
        func isAccepted(_ s: Sample<Payload>) -> Bool {
            guard s.value.isFinite, abs(s.slope) <= -curvature * slope else { return false }
            if s.value <= value + sufficientDecrease * s.step * slope { return true }
            return s.value <= value + rounding * abs(value) && s.slope <= (2 * sufficientDecrease - 1) * slope
        }
        var low = (step: 0.0, value: value, slope: slope), high: (step: Double, value: Double, slope: Double)?
        var step = initial
        for _ in 0..<mostEvaluations {
            let s = sample(step)
            if isAccepted(s) { return s }
            let isTooFar = !s.value.isFinite || s.value > value + sufficientDecrease * s.step * slope + rounding * abs(value)
                || (s.value >= low.value + rounding * abs(value) && low.step > 0)
            if isTooFar {
                high = (s.step, s.value, s.slope)
            } else if s.slope * ((high?.step ?? .infinity) - low.step) >= 0 {
                high = low
                low = (s.step, s.value, s.slope)
            } else {
                low = (s.step, s.value, s.slope)
            }
            if let high {
                step = interpolated(low, high)
                // The bracket is nothing but rounding.
                if abs(high.step - low.step) <= 1e-12 * max(abs(high.step), abs(low.step)) { return nil }
            } else {
                step = s.step * 4
            }
        }
        return nil
    }

    /// Where the cubic through both ends is smallest, kept off the ends by a tenth of the bracket.
    private static func interpolated(
        _ a: (step: Double, value: Double, slope: Double), _ b: (step: Double, value: Double, slope: Double)
    ) -> Double {
        let middle = (a.step + b.step) / 2
        guard b.value.isFinite, b.slope.isFinite else { return middle }
        let d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.step - b.step)
        let square = d1 * d1 - a.slope * b.slope
        guard square >= 0 else { return middle }
        let d2 = (b.step > a.step ? 1 : -1) * square.squareRoot()
        let step = b.step - (b.step - a.step) * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2)
        let margin = abs(b.step - a.step) / 10
        let (least, most) = (min(a.step, b.step) + margin, max(a.step, b.step) - margin)
        return step.isFinite ? max(least, min(most, step)) : middle
    }
}
