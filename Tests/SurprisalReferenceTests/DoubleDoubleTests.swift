import SurprisalReference
import Testing

/// The bound that `DoubleDouble` states for its elementary functions.
let hundredBits = 0x1p-100

/// `|a − b| / |b|`.
func relativeError(_ a: ScaledDoubleDouble, _ b: ScaledDoubleDouble) -> Double {
  (a - b).isZero ? 0 : ((a - b) / b).magnitude.doubleDouble.high
}

func relativeError(_ a: DoubleDouble, _ b: DoubleDouble) -> Double {
  relativeError(ScaledDoubleDouble(a), ScaledDoubleDouble(b))
}

@Suite struct DoubleDoubleTests {
  @Test func exactSumsAndProducts() {
    let sum = DoubleDouble(sum: 1, 0x1p-80)
    #expect(sum.high == 1 && sum.low == 0x1p-80)
    #expect(DoubleDouble(sum: 0x1p-80, 1) == sum)
    // (1 + 2⁻⁴⁰)² = 1 + 2⁻³⁹ + 2⁻⁸⁰
    let product = DoubleDouble(product: 1 + 0x1p-40, 1 + 0x1p-40)
    #expect(product.high == 1 + 0x1p-39 && product.low == 0x1p-80)
  }

  @Test func cancellationKeepsLowParts() {
    let a = DoubleDouble(sum: 1, 0x1p-70)
    #expect(a - 1.0 == DoubleDouble(0x1p-70))
    #expect(a * a - 1.0 == DoubleDouble(sum: 0x1p-69, 0))
    #expect((a + (-a)) == .zero)
  }

  /// 1/3, 2/3 and 10/7 by the bits of their binary expansions.
  @Test func quotients() {
    let third = DoubleDouble(1.0) / DoubleDouble(3.0)
    #expect(third.high == 0x1.5555555555555p-2)
    #expect(abs(third.low - 0x1.5555555555555p-56) <= 0x1p-108)
    #expect(relativeError(third * 3.0, .one) <= 0x1p-103)
    #expect(relativeError(DoubleDouble(10.0) / 7.0 * 7.0, DoubleDouble(10.0)) <= 0x1p-103)
  }

  /// A field's identities on random pairs: errors of 3u², 4u² and 10u² add up to less than 2⁻¹⁰¹.
  @Test func identities() {
    var random = SplitMix64(seed: 20)
    for _ in 0..<1000 {
      let parts = random.uniform(4, in: 1...2)
      let a = DoubleDouble(sum: parts[0], parts[1] * 0x1p-54)
      let b = DoubleDouble(sum: parts[2], -parts[3] * 0x1p-54)
      #expect(relativeError(a / b * b, a) <= 0x1p-101)
      #expect(relativeError((a + b) * (a + b), a * a + a * b * 2.0 + b * b) <= 0x1p-101)
      #expect(relativeError((a * a - b * b) / (a + b) + b, a) <= 0x1p-100)
    }
  }

  @Test func notFinite() {
    #expect((DoubleDouble.infinity + .one) == .infinity)
    #expect((DoubleDouble.infinity - .infinity).isNaN)
    #expect((DoubleDouble.one / .zero) == .infinity)
    #expect((DoubleDouble.zero * .infinity).isNaN)
    #expect(DoubleDouble(sum: .greatestFiniteMagnitude, .greatestFiniteMagnitude) == .infinity)
    #expect((DoubleDouble.one / .infinity) == .zero)
  }

  @Test func order() {
    #expect(DoubleDouble(sum: 1, -0x1p-80) < DoubleDouble.one)
    #expect(DoubleDouble(sum: 1, 0x1p-80) > DoubleDouble.one)
    #expect(!(DoubleDouble.nan < .one) && !(DoubleDouble.nan > .one))
  }

  @Test func sumsAndMeans() {
    #expect(DoubleDouble.sum([1, 0x1p-60, 0x1p-61, -1]) == DoubleDouble(0x1.8p-60))
    #expect(DoubleDouble.mean([1 as Float, 2, 6]) == DoubleDouble(3.0))
    #expect(DoubleDouble.mean([Double]()).isNaN)
  }

  @Test func scaledValuesKeepTheirBitsFarBelowDouble() {
    let a = ScaledDoubleDouble(DoubleDouble(sum: 1, 0x1p-90), exponent: -5000)
    #expect(a * a / a == a)
    #expect((a + a).exponent == -4999)
    #expect(a.doubleDouble == .zero)
    #expect(a + ScaledDoubleDouble(1.0) == ScaledDoubleDouble(1.0))
    #expect(
      ScaledDoubleDouble(DoubleDouble(sum: 6, 0))
        == ScaledDoubleDouble(DoubleDouble(1.5), exponent: 2))
    #expect(
      ScaledDoubleDouble(Double.leastNonzeroMagnitude).doubleDouble
        == DoubleDouble(Double.leastNonzeroMagnitude))
    #expect(ScaledDoubleDouble(-3.0) < ScaledDoubleDouble(2.0))
    #expect((ScaledDoubleDouble.infinity - .infinity).isNaN)
  }
}
