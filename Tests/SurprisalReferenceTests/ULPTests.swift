import SurprisalReference
import Testing

@Suite struct ULPTests {
  @Test func unitsOfTheTruthsBinade() {
    #expect(ulpDistance(of: 1.0, from: DoubleDouble(1.0)) == 0)
    #expect(ulpDistance(of: Double(1).nextUp, from: DoubleDouble(1.0)) == 1)
    // Below 1 the units are half as large.
    #expect(ulpDistance(of: Double(1).nextDown, from: DoubleDouble(1.0)) == 0.5)
    #expect(ulpDistance(of: 1.0, from: DoubleDouble(Double(1).nextDown)) == 1)
    #expect(ulpDistance(of: 1.0, from: DoubleDouble(sum: 1, -0x1p-53)) == 1)
    #expect(ulpDistance(of: 1.0, from: DoubleDouble(sum: 1, -0x1p-54)) == 0.5)
    #expect(ulpDistance(of: 1.0, from: DoubleDouble(sum: 1, 0x1p-54)) == 0.25)
    #expect(ulpDistance(of: Float(-3), from: DoubleDouble(-3 + 0x1p-22)) == 1)
    #expect(ulpDistance(of: 1.0, from: DoubleDouble(-1.0)) == 0x1p53)
  }

  @Test func subnormalUnits() {
    let tiny = Double.leastNonzeroMagnitude
    #expect(ulpDistance(of: 0.0, from: DoubleDouble(tiny)) == 1)
    #expect(ulpDistance(of: tiny, from: DoubleDouble.zero) == 1)
    #expect(
      ulpDistance(of: 3 * tiny, from: ScaledDoubleDouble(DoubleDouble(1.25), exponent: -1073))
        == 0.5)
    #expect(ulpDistance(of: Float.leastNonzeroMagnitude, from: DoubleDouble(0x1p-150)) == 0.5)
    #expect(ulpDistance(of: Float(0), from: DoubleDouble(1e-300)) < 1e-250)
    #expect(ulpDistance(of: 0.0, from: ScaledDoubleDouble(.one, exponent: -1_000_000)) == 0)
  }

  @Test func notFinite() {
    let inf = Double.infinity
    #expect(ulpDistance(of: inf, from: DoubleDouble.infinity) == 0)
    #expect(ulpDistance(of: -inf, from: DoubleDouble.infinity) == inf)
    #expect(ulpDistance(of: Double.nan, from: DoubleDouble.nan) == 0)
    #expect(ulpDistance(of: Double.nan, from: DoubleDouble.one) == inf)
    #expect(ulpDistance(of: 1.0, from: DoubleDouble.nan) == inf)
    #expect(ulpDistance(of: 1.0, from: DoubleDouble.infinity) == inf)
    #expect(ulpDistance(of: inf, from: DoubleDouble.one) == inf)
    #expect(ulpDistance(of: Float.infinity, from: DoubleDouble(6e38)) == 0)
    #expect(ulpDistance(of: -Float.infinity, from: DoubleDouble(6e38)) == inf)
    #expect(ulpDistance(of: Float.greatestFiniteMagnitude, from: DoubleDouble(0x1p128)) == 1)
  }

  /// Against the hardware, which rounds a `Double` to a `Float` once.
  @Test func roundsLikeTheHardware() {
    var random = SplitMix64(seed: 24)
    for exponent in -152...128 {
      for significand in random.uniform(20, in: 1...1.999) + [
        1, 1.5, 1 + 0x1p-24, 1 + 0x1.8p-23, 2 - 0x1p-24,
      ] {
        let x = Double(sign: .minus, exponent: exponent, significand: significand)
        #expect(DoubleDouble(x).rounded(to: Float.self) == Float(x), "\(x)")
        #expect(DoubleDouble(x).rounded(to: Double.self) == x)
      }
    }
  }

  /// Values on which rounding through `Double` first goes wrong.
  @Test func roundsOnce() {
    let half = 1 + 0x1p-24
    #expect(DoubleDouble(sum: half, 0x1p-80).rounded(to: Float.self) == Float(1).nextUp)
    #expect(DoubleDouble(sum: half, -0x1p-80).rounded(to: Float.self) == 1)
    #expect(DoubleDouble(half).rounded(to: Float.self) == 1)
    // 1.5 · 2⁻¹⁰⁷⁴ is halfway between the first two subnormal numbers; the even one is the second.
    #expect(
      ScaledDoubleDouble(DoubleDouble(1.5), exponent: -1074).rounded(to: Double.self) == 2
        * Double.leastNonzeroMagnitude)
    #expect(
      ScaledDoubleDouble(DoubleDouble(sum: 1.5, -0x1p-80), exponent: -1074).rounded(to: Double.self)
        == Double.leastNonzeroMagnitude)
    #expect(ScaledDoubleDouble(DoubleDouble.one, exponent: -1075).rounded(to: Double.self) == 0)
    #expect(
      ScaledDoubleDouble(DoubleDouble(sum: 1, 0x1p-80), exponent: -1075).rounded(to: Double.self)
        == Double.leastNonzeroMagnitude)
    #expect(
      ScaledDoubleDouble(DoubleDouble.one, exponent: 2000).rounded(to: Double.self) == .infinity)
    #expect(DoubleDouble.nan.rounded(to: Float.self).isNaN)
  }
}
