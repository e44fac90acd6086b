/// ln 2 as three `Double`s, each the nearest to what the ones before it leave, good to 2⁻¹⁶⁰.
///
/// They were printed by Python's mpmath, `mp.prec = 300`:
/// `v = log(2)`, and three times `h = float(v); print(h.hex()); v -= h`.
private let ln2 = (
  0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56, 0x1.7b57a079a1934p-111
)

/// `exp(j/64) − 1` for j = −23...23, which spans the reduced argument: ln 2 / 2 < 23/64.
///
/// Subtracting 1 within the series, not after it, is what keeps `expm1` relatively accurate at small arguments.
private let expm1Table: [DoubleDouble] = (-tableReach...tableReach).map { j in
  // Horner from n = 30: the first term left out is (23/64)³¹/31!, below 2⁻¹⁵⁰.
  let x = DoubleDouble(Double(j) / tableSteps)
  var tail = DoubleDouble.one
  for n in stride(from: 30.0, to: 1.0, by: -1.0) { tail = DoubleDouble.one + x * tail / n }
  return x * tail
}

private let tableSteps = 64.0
private let tableReach = 23

/// `1/n!` for n = 1...12: with |u| ≤ 1/128 the first term left out of `exp(u) − 1` is u¹³/13!, below 2⁻¹¹⁶ of it.
private let inverseFactorials: [DoubleDouble] = {
  var values = [DoubleDouble.one]
  for n in 2...12 { values.append(values[n - 2] / Double(n)) }
  return values
}()

/// How many of the terms need more than a `Double`: the next one, u⁸/8!, weighs less than 2⁻⁶⁴ of the sum.
private let doubleDoubleTerms = 7

extension DoubleDouble {
  /// `exp(self) − 1` of a reduced argument, |self| ≤ 23/64, to a relative error below 2⁻¹⁰¹: where the table's and
  /// the series' parts cancel they leave at least a third of the larger.
  private var reducedExpm1: DoubleDouble {
    let j = (high * tableSteps).rounded()
    let u = self - DoubleDouble(j / tableSteps)
    var tail = 0.0
    for term in inverseFactorials[doubleDoubleTerms...].reversed() {
      tail = term.high + u.high * tail
    }
    var series = DoubleDouble(tail)
    for term in inverseFactorials[..<doubleDoubleTerms].reversed() { series = term + u * series }
    let q = u * series
    let table = expm1Table[Int(j) + tableReach]
    return table + (q + table * q)
  }

  /// The k and the reduced r of `self = k · ln 2 + r`, |r| ≤ ln 2 / 2 and a little.
  private var reduced: (k: Int, r: DoubleDouble) {
    let k = (high / ln2.0).rounded()
    let r = ((self - DoubleDouble(product: k, ln2.0)) - DoubleDouble(product: k, ln2.1)) - k * ln2.2
    return (Int(k), r)
  }

  /// The arguments whose exponentials are computed; their exponents fit an `Int` with room for any sum or product.
  private static let exponentialRange = -0x1p31...0x1p31

  /// e to the power of the value, to a relative error below 2⁻¹⁰⁰: 0 below −2³¹, infinite above 2³¹.
  public var exponential: ScaledDoubleDouble {
    guard !isNaN else { return .nan }
    guard high >= Self.exponentialRange.lowerBound else { return .zero }
    guard high <= Self.exponentialRange.upperBound else { return .infinity }
    let (k, r) = reduced
    return ScaledDoubleDouble(DoubleDouble.one + r.reducedExpm1, exponent: k)
  }

  /// `exp(self) − 1`, to a relative error below 2⁻¹⁰⁰ wherever it is finite.
  public var expm1: DoubleDouble {
    guard isFinite, high != 0 else { return high == -Double.infinity ? -DoubleDouble.one : self }
    let (k, r) = reduced
    if k == 0 { return r.reducedExpm1 }
    return (exponential + ScaledDoubleDouble(-1.0)).doubleDouble
  }
}
