extension DoubleDouble {
  /// The natural logarithm of `1 + self`, to a relative error below 2⁻¹⁰⁰.
  ///
  /// One Newton step on `expm1` from the library's logarithm y: with `d = (x − expm1(y)) / (1 + expm1(y))`,
  /// `log1p(x) = y + log1p(d)` exactly, and d is so small (below 2⁻⁴⁵) that two terms of its series do.
  public var log1p: DoubleDouble {
    guard isFinite, high > -1, high != 0 else { return DoubleDouble(Double.log1p(high)) }
    // Here 1 is out of reach of 107 bits.
    if high > 0x1p120 { return logarithm }
    // Near −1 the quotient below would magnify errors; the sum is exact.
    if high < -0.5 { return (self + 1.0).logarithm }
    let y = DoubleDouble(Double.log1p(high))
    let e = y.expm1
    let d = (self - e) / (DoubleDouble.one + e)
    return y + (d - d * d * 0.5)
  }

  /// The natural logarithm, to a relative error below 2⁻¹⁰⁰.
  public var logarithm: DoubleDouble {
    guard isFinite, high > 0 else { return DoubleDouble(Double.log(high)) }
    // Within a factor of 2 of 1 the subtraction of 1 is exact and log1p keeps the small result accurate.
    if high > 0.5, high < 2 { return (self - 1.0).log1p }
    let scaled = ScaledDoubleDouble(self)
    let y = DoubleDouble(Double.log(high))
    let ratio = (scaled * (-y).exponential).doubleDouble
    return y + (ratio - 1.0).log1p
  }
}

extension ScaledDoubleDouble {
  /// The natural logarithm of `1 + self`, to a relative error below 2⁻¹⁰⁰; infinite where a `Double` is.
  public var log1p: ScaledDoubleDouble {
    // log1p(x) = x · (1 − x/2 + …): below this the second term is out of reach of 107 bits.
    if exponent < -120 { return self }
    return ScaledDoubleDouble(doubleDouble.log1p)
  }
}
