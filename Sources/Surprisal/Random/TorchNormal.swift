import SurprisalKernels

/// Two normal numbers of two uniform ones, as PyTorch computes them a vector at a time.
///
/// In Double with the C library's functions. In Float, on AVX2 and AVX-512, with those of S. L. Moshier's Cephes library in
/// the form J. Pommier gave them for vectors ("sse_mathfun"), whose multiplications and additions the compiler fused:
/// each `addingProduct` below is one that was found in PyTorch's results, by 2²⁰ numbers that agree in every bit.
enum TorchNormal {
    /// `√(−2 ln(1 − size))` times cosine and sine of 2π·turn.
    static func pair<Scalar: Surprisal.Scalar>(_ size: Scalar, _ turn: Scalar) -> (Scalar, Scalar) {
        // Of the two types one is the argument's.
        if let size = size as? Float, let turn = turn as? Float {
            // `Float.pi` is rounded down.
            let radius = (-2 * log(1 - size)).squareRoot(), (sine, cosine) = sinCos(Float(2 * Double.pi) * turn)
            return (Scalar(radius * cosine), Scalar(radius * sine))
        }
        let radius = (-2 * SpecialFunctions.log(Double(1 - size))).squareRoot(), angle = 2 * Double.pi * Double(turn)
        return (Scalar(radius * SpecialFunctions.cos(angle)), Scalar(radius * SpecialFunctions.sin(angle)))
    }

    /// Of x in (0, 1].
    private static func log(_ x: Float) -> Float {
        // x = f·2^e, f from √½ on.
        var e = Float(Int(x.exponent) + 1), f = x.significand / 2
        if f < 0.707106781186547524 {
            e -= 1
            f += f
        }
        f -= 1
        let z = f * f
        var y: Float = 7.0376836292E-2
        for coefficient: Float in [
            -1.1514610310E-1, 1.1676998740E-1, -1.2420140846E-1, 1.4249322787E-1, -1.6668057665E-1, 2.0000714765E-1,
            -2.4999993993E-1, 3.3333331174E-1,
        ] { y = coefficient.addingProduct(y, f) }
        y = (e * -2.12194440e-4).addingProduct(y * f, z)
        y = y.addingProduct(z, -0.5)
        return (f + y).addingProduct(e, 0.693359375)
    }

    /// Of x ≥ 0.
    private static func sinCos(_ x: Float) -> (sine: Float, cosine: Float) {
        // x − k·π/4 with an even k, π/4 being a sum of three numbers.
        let k = (Int(x * 1.27323954473516) + 1) & ~1
        var r = x
        for part: Float in [-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8] {
            r = r.addingProduct(Float(k), part)
        }
        let z = r * r
        var c: Float = 2.443315711809948E-005
        c = (-1.388731625493765E-003 as Float).addingProduct(c, z)
        c = (4.166664568298827E-002 as Float).addingProduct(c, z)
        c = (-(z * 0.5)).addingProduct(c * z, z) + 1
        var s: Float = -1.9515295891E-4
        s = (8.3321608736E-3 as Float).addingProduct(s, z)
        s = (-1.6666654611E-1 as Float).addingProduct(s, z)
        s = r.addingProduct(s * z, r)
        let (sine, cosine) = k & 2 == 0 ? (s, c) : (c, s)
        return (k & 4 == 0 ? sine : -sine, (k - 2) & 4 == 0 ? -cosine : cosine)
    }
}
