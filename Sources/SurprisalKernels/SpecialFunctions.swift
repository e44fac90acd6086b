import Glibc

/// Functions of the C library, one number at a time: for the distributions of test statistics, and for what is worked out
/// once a row.
package enum SpecialFunctions {
    /// 1 − erf x, with full relative accuracy.
    package static func erfc(_ x: Double) -> Double { Glibc.erfc(x) }
    package static func exp(_ x: Double) -> Double { Glibc.exp(x) }
    package static func log(_ x: Double) -> Double { Glibc.log(x) }
    package static func pow(_ x: Double, _ y: Double) -> Double { Glibc.pow(x, y) }
    package static func sin(_ x: Double) -> Double { Glibc.sin(x) }
    package static func cos(_ x: Double) -> Double { Glibc.cos(x) }
    /// log(1 + x)
    package static func log1p(_ x: Double) -> Double { Glibc.log1p(x) }

    /// ln Γ(x) of x > 0.
    package static func logGamma(_ x: Double) -> Double {
        // lgamma would write its sign to a global.
        var sign: Int32 = 0
        return unsafe lgamma_r(x, &sign)
    }
}
