import SurprisalKernels

/// The standard normal distribution.
enum NormalDistribution {
    /// P(|Z| ≥ |z|), with full relative accuracy however small.
    static func twoSidedTail(_ z: Double) -> Double { SpecialFunctions.erfc(abs(z) * 0.5.squareRoot()) }

    /// The z with P(Z ≤ z) = p, by Newton's method on the distribution function from a rational approximation.
    ///
    /// Source of the start, good to 4.5e-4: M. Abramowitz, I. A. Stegun, *Handbook of Mathematical Functions*, 26.2.23.
    static func quantile(_ p: Double) -> Double {
        if p == 0.5 { return 0 }
        guard p > 0, p < 1 else { return p == 0 ? -.infinity : p == 1 ? .infinity : .nan }
        // From the smaller tail, which is known exactly; of p > ½ it is 1 − p, a difference without rounding.
        let tail = min(p, 1 - p)
        let t = (-2 * SpecialFunctions.log(tail)).squareRoot()
        var z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))
        for _ in 0..<4 {
            // log of the tail: its slope is nearly that of −z²/2, so that the iteration is good far out as well.
            let found = SpecialFunctions.erfc(z * 0.5.squareRoot()) / 2
            let density = SpecialFunctions.exp(-z * z / 2) / (2 * Double.pi).squareRoot()
            z += SpecialFunctions.log(found / tail) * found / density
        }
        return p < 0.5 ? -z : z
    }

    static func random(using generator: inout some RandomNumberGenerator) -> Double {
        // Never 0 or 1, whose quantiles are infinite.
        quantile((Double(generator.next() >> 12) + 0.5) * 0x1p-52)
    }
}

/// The χ² distribution.
struct ChiSquaredDistribution {
    let degreesOfFreedom: Double

    /// P(X ≥ x), the regularised incomplete gamma function Q(k/2, x/2): its series below the mean, its continued fraction
    /// (by the method of Lentz) above, which keeps small tails accurate.
    ///
    /// Source: W. H. Press et al., *Numerical Recipes*, 3rd ed., 6.2.
    func upperTail(_ x: Double) -> Double {
        let (a, x) = (degreesOfFreedom / 2, x / 2)
        if x.isNaN || a.isNaN { return .nan }
        if a <= 0 { return x > 0 ? 0 : 1 }
        if x <= 0 { return 1 }
        if x == .infinity { return 0 }
        let front = SpecialFunctions.exp(a * SpecialFunctions.log(x) - x - SpecialFunctions.logGamma(a))
        // Both take some √a terms near the mean.
        let most = 1000 + Int(100 * a.squareRoot())
        if x < a + 1 {
            var term = 1 / a, sum = term, n = a
            for _ in 0..<most {
                n += 1
                term *= x / n
                sum += term
                if term < sum * 0x1p-54 { break }
            }
            return 1 - sum * front
        }
        let tiny = 1e-300
        var b = x + 1 - a, c = 1 / tiny, d = 1 / b, h = d
        for i in 1...most {
            let factor = -Double(i) * (Double(i) - a)
            b += 2
            d = factor * d + b
            if abs(d) < tiny { d = tiny }
            c = b + factor / c
            if abs(c) < tiny { c = tiny }
            d = 1 / d
            h *= d * c
            if abs(d * c - 1) < 0x1p-52 { break }
        }
        return front * h
    }
}
