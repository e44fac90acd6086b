import Glibc
import SurprisalReference
import Testing

@Suite struct ElementaryFunctionTests {
  @Test(arguments: Golden.exp)
  func exponential(_ golden: Golden) {
    let error = relativeError(DoubleDouble(golden.argument).exponential, golden.value)
    #expect(error <= hundredBits, "relative error 2^\(log2(error))")
  }

  @Test(arguments: Golden.expm1)
  func exponentialMinusOne(_ golden: Golden) {
    let error = relativeError(ScaledDoubleDouble(DoubleDouble(golden.argument).expm1), golden.value)
    #expect(error <= hundredBits, "relative error 2^\(log2(error))")
  }

  @Test(arguments: Golden.log1p)
  func logarithmOfOneMore(_ golden: Golden) {
    for value in [
      ScaledDoubleDouble(DoubleDouble(golden.argument).log1p),
      ScaledDoubleDouble(golden.argument).log1p,
    ] {
      let error = relativeError(value, golden.value)
      #expect(error <= hundredBits, "relative error 2^\(log2(error))")
    }
  }

  @Test(arguments: Golden.log)
  func logarithm(_ golden: Golden) {
    let error = relativeError(
      ScaledDoubleDouble(DoubleDouble(golden.argument).logarithm), golden.value)
    #expect(error <= hundredBits, "relative error 2^\(log2(error))")
  }

  /// The sum of the arguments is exact, so only the three exponentials and the product err.
  @Test func exponentialOfASumIsTheProduct() {
    var random = SplitMix64(seed: 21)
    for _ in 0..<500 {
      let (a, b) = (
        Double.random(in: -745...0, using: &random), Double.random(in: -745...700, using: &random)
      )
      let product = DoubleDouble(a).exponential * DoubleDouble(b).exponential
      #expect(relativeError(DoubleDouble(sum: a, b).exponential, product) <= 4 * hundredBits)
    }
  }

  /// Undone through its inverse, an error grows by at most the condition number `x / ((1 + x) log1p(x)) ≤ 1`.
  @Test func log1pUndoesExpm1() {
    var random = SplitMix64(seed: 22)
    for exponent in -300...9 {
      let x = DoubleDouble(
        sum: Double(
          sign: .plus, exponent: exponent, significand: Double.random(in: 1..<2, using: &random)),
        Double(sign: .plus, exponent: exponent - 60, significand: 1))
      #expect(relativeError(x.expm1.log1p, x) <= 2 * hundredBits)
      #expect(
        relativeError((-x).expm1.magnitude / x.expm1, (-x).exponential.doubleDouble) <= 4
          * hundredBits)
    }
  }

  /// Down to −660, where a plain double-double begins to lose its low part. An error of the exponential becomes an
  /// absolute one of the logarithm, so the relative one grows where x is small.
  @Test func logarithmUndoesExponential() {
    for x in stride(from: -660.0, through: 700, by: 0.37) {
      let undone = DoubleDouble(x).exponential.doubleDouble.logarithm
      #expect(relativeError(undone, DoubleDouble(x)) <= hundredBits * (1 + 1 / abs(x)), "at \(x)")
    }
  }

  /// The library's functions are within one unit in the last place, over every magnitude a row can ask for.
  @Test func theLibraryIsWithinOneUnit() {
    var random = SplitMix64(seed: 23)
    for x in stride(from: -745.5, through: 709, by: 0.31) {
      #expect(ulpDistance(of: exp(x), from: DoubleDouble(x).exponential) <= 1, "exp(\(x))")
      #expect(
        ulpDistance(of: expf(Float(x)), from: DoubleDouble(Double(Float(x))).exponential) <= 1,
        "expf(\(x))")
    }
    for exponent in -1022...1023 {
      let x = Double(
        sign: .plus, exponent: exponent, significand: Double.random(in: 1..<2, using: &random))
      #expect(ulpDistance(of: log1p(x), from: ScaledDoubleDouble(x).log1p) <= 1, "log1p(\(x))")
      #expect(ulpDistance(of: log(x), from: DoubleDouble(x).logarithm) <= 1, "log(\(x))")
    }
  }

  @Test func edges() {
    #expect(DoubleDouble(0).exponential == ScaledDoubleDouble(1.0))
    #expect(DoubleDouble(-Double.infinity).exponential == .zero)
    #expect(DoubleDouble.infinity.exponential == .infinity)
    #expect(DoubleDouble(-1e300).exponential == .zero)
    #expect(DoubleDouble.nan.exponential.isNaN)
    #expect(DoubleDouble.zero.expm1 == .zero)
    #expect(DoubleDouble(-Double.infinity).expm1 == -DoubleDouble.one)
    #expect(DoubleDouble.infinity.expm1 == .infinity)
    #expect(DoubleDouble.zero.log1p == .zero)
    #expect(DoubleDouble(-1.0).log1p == -DoubleDouble.infinity)
    #expect(DoubleDouble(-2.0).log1p.isNaN)
    #expect(DoubleDouble.infinity.log1p == .infinity)
    #expect(ScaledDoubleDouble.nan.log1p.isNaN)
    #expect(DoubleDouble.one.logarithm == .zero)
    #expect(DoubleDouble.zero.logarithm == -DoubleDouble.infinity)
  }
}
