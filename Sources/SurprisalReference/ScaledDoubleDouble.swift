/// A double-double times a power of two: what `Double` would flush to zero or to infinity keeps all its bits.
///
/// The value is `significand · 2^exponent`. A significand is zero, not finite, or from 1 up to 2 in magnitude, so that
/// equal values are equal and no low part underflows.
public struct ScaledDoubleDouble: Hashable, Sendable {
  /// Zero, infinite, NaN, or of magnitude 1..<2.
  public let significand: DoubleDouble
  /// The power of two; 0 when the significand is zero or not finite.
  public let exponent: Int

  /// The value `significand · 2^exponent`.
  public init(_ significand: DoubleDouble, exponent: Int = 0) {
    guard significand.isFinite, significand.high != 0 else {
      self.significand = significand
      self.exponent = 0
      return
    }
    let shift = Int(significand.high.exponent)
    self.significand = significand.scaled(byPowerOfTwo: -shift)
    self.exponent = exponent + shift
  }

  /// The value of a `Double`, exactly.
  public init(_ value: Double) { self.init(DoubleDouble(value)) }

  public static let zero = ScaledDoubleDouble(0.0)
  public static let nan = ScaledDoubleDouble(Double.nan)
  public static let infinity = ScaledDoubleDouble(Double.infinity)

  public var isNaN: Bool { significand.isNaN }
  public var isInfinite: Bool { significand.isInfinite }
  public var isFinite: Bool { significand.isFinite }
  public var isZero: Bool { significand.high == 0 }
  public var magnitude: ScaledDoubleDouble {
    ScaledDoubleDouble(significand.magnitude, exponent: exponent)
  }

  /// The value without the exponent: infinite where `Double` overflows, and with low bits lost beneath 2⁻⁹⁶⁹.
  public var doubleDouble: DoubleDouble {
    let scaled = significand.scaled(byPowerOfTwo: exponent)
    return scaled.isFinite ? DoubleDouble(sum: scaled.high, scaled.low) : DoubleDouble(scaled.high)
  }

  /// How far below its larger partner a value must be for a sum not to see it: beyond the 107 bits of a double-double.
  private static let negligibleExponent = 240

  public static prefix func - (a: ScaledDoubleDouble) -> ScaledDoubleDouble {
    ScaledDoubleDouble(-a.significand, exponent: a.exponent)
  }

  public static func + (a: ScaledDoubleDouble, b: ScaledDoubleDouble) -> ScaledDoubleDouble {
    guard a.isFinite, b.isFinite else { return ScaledDoubleDouble(a.significand + b.significand) }
    if b.isZero { return a }
    if a.isZero { return b }
    let exponent = Swift.max(a.exponent, b.exponent)
    if exponent - b.exponent > negligibleExponent { return a }
    if exponent - a.exponent > negligibleExponent { return b }
    return ScaledDoubleDouble(
      a.significand.scaled(byPowerOfTwo: a.exponent - exponent)
        + b.significand.scaled(byPowerOfTwo: b.exponent - exponent),
      exponent: exponent)
  }

  public static func - (a: ScaledDoubleDouble, b: ScaledDoubleDouble) -> ScaledDoubleDouble {
    a + (-b)
  }

  public static func * (a: ScaledDoubleDouble, b: ScaledDoubleDouble) -> ScaledDoubleDouble {
    ScaledDoubleDouble(a.significand * b.significand, exponent: a.exponent + b.exponent)
  }

  public static func / (a: ScaledDoubleDouble, b: ScaledDoubleDouble) -> ScaledDoubleDouble {
    ScaledDoubleDouble(a.significand / b.significand, exponent: a.exponent - b.exponent)
  }

  public static func += (a: inout ScaledDoubleDouble, b: ScaledDoubleDouble) { a = a + b }
}
