/// A number held as the unevaluated sum of two `Double`s, of about 106 significant bits.
///
/// `high` is the sum rounded to nearest, so `|low|` is at most half a unit in the last place of `high`. With u = 2⁻⁵³
/// the relative errors are below 3u² for a sum and 4u² for a product (the accurate ones of Joldes, Muller and Popescu,
/// "Tight and rigorous error bounds for basic building blocks of double-word arithmetic", 2017), and below 10u² for a
/// quotient, as long as nothing over- or underflows. Low parts underflow beneath about 2⁻⁹⁶⁹; values of any size are
/// the business of ``ScaledDoubleDouble``.
public struct DoubleDouble: Hashable, Sendable {
  /// The value rounded to nearest.
  public let high: Double
  /// What rounding left over.
  public let low: Double

  /// The value of a `Double`, exactly.
  @inlinable
  public init(_ value: Double) {
    high = value
    low = 0
  }

  /// The sum of two numbers, exactly, whatever their sizes.
  ///
  /// Infinite and NaN sums carry no remainder.
  @inlinable
  public init(sum a: Double, _ b: Double) {
    let sum = a + b
    let roundedB = sum - a
    let roundedA = sum - roundedB
    high = sum
    low = sum.isFinite ? (a - roundedA) + (b - roundedB) : 0
  }

  /// The product of two numbers, exactly unless its low part underflows.
  @inlinable
  public init(product a: Double, _ b: Double) {
    let product = a * b
    high = product
    low = product.isFinite ? (-product).addingProduct(a, b) : 0
  }

  /// The sum of two parts of which the first is zero or at least as large as the second.
  @inlinable
  init(large: Double, small: Double) {
    let sum = large + small
    high = sum
    low = sum.isFinite ? small - (sum - large) : 0
  }

  public static let zero = DoubleDouble(0.0)
  public static let one = DoubleDouble(1.0)
  public static let nan = DoubleDouble(Double.nan)
  public static let infinity = DoubleDouble(Double.infinity)

  public var isNaN: Bool { high.isNaN }
  public var isInfinite: Bool { high.isInfinite }
  public var isFinite: Bool { high.isFinite }

  /// The absolute value.
  public var magnitude: DoubleDouble { high < 0 ? -self : self }
}

extension DoubleDouble: Comparable {
  public static func < (a: DoubleDouble, b: DoubleDouble) -> Bool {
    a.high < b.high || (a.high == b.high && a.low < b.low)
  }

  public static func == (a: DoubleDouble, b: DoubleDouble) -> Bool {
    a.high == b.high && a.low == b.low
  }
}

extension DoubleDouble {
  @inlinable
  public static prefix func - (a: DoubleDouble) -> DoubleDouble {
    DoubleDouble(high: -a.high, low: -a.low)
  }

  @inlinable
  public static func + (a: DoubleDouble, b: DoubleDouble) -> DoubleDouble {
    let highs = DoubleDouble(sum: a.high, b.high)
    guard highs.high.isFinite else { return DoubleDouble(highs.high) }
    let lows = DoubleDouble(sum: a.low, b.low)
    let first = DoubleDouble(large: highs.high, small: highs.low + lows.high)
    return DoubleDouble(large: first.high, small: lows.low + first.low)
  }

  @inlinable
  public static func + (a: DoubleDouble, b: Double) -> DoubleDouble { a + DoubleDouble(b) }

  @inlinable
  public static func - (a: DoubleDouble, b: DoubleDouble) -> DoubleDouble { a + (-b) }

  @inlinable
  public static func - (a: DoubleDouble, b: Double) -> DoubleDouble { a + DoubleDouble(-b) }

  @inlinable
  public static func * (a: DoubleDouble, b: DoubleDouble) -> DoubleDouble {
    let highs = DoubleDouble(product: a.high, b.high)
    guard highs.high.isFinite else { return DoubleDouble(highs.high) }
    var cross = a.low * b.low
    cross.addProduct(a.high, b.low)
    cross.addProduct(a.low, b.high)
    return DoubleDouble(large: highs.high, small: highs.low + cross)
  }

  @inlinable
  public static func * (a: DoubleDouble, b: Double) -> DoubleDouble { a * DoubleDouble(b) }

  /// The quotient: a first one in `Double`, the exact remainder of which gives the rest.
  @inlinable
  public static func / (a: DoubleDouble, b: DoubleDouble) -> DoubleDouble {
    let first = a.high / b.high
    guard first.isFinite, b.high.isFinite else { return DoubleDouble(first) }
    let remainder = a - b * first
    let second = remainder.high / b.high
    let rest = remainder - b * second
    return DoubleDouble(large: first, small: second) + DoubleDouble(rest.high / b.high)
  }

  @inlinable
  public static func / (a: DoubleDouble, b: Double) -> DoubleDouble { a / DoubleDouble(b) }

  @inlinable
  public static func += (a: inout DoubleDouble, b: DoubleDouble) { a = a + b }

  /// Both parts, as they are.
  @inlinable
  init(high: Double, low: Double) {
    self.high = high
    self.low = low
  }

  /// The value times a power of two, exactly unless it overflows or its low part underflows.
  public func scaled(byPowerOfTwo exponent: Int) -> DoubleDouble {
    DoubleDouble(
      high: Double(sign: .plus, exponent: exponent, significand: high),
      low: Double(sign: .plus, exponent: exponent, significand: low))
  }

  /// The sum of the numbers, in their order.
  ///
  /// Of n numbers of one sign the relative error is below n · 3 · 2⁻¹⁰⁶.
  public static func sum<T: BinaryFloatingPoint>(_ values: [T]) -> DoubleDouble {
    var total = DoubleDouble.zero
    for value in values { total += DoubleDouble(Double(value)) }
    return total
  }

  /// The mean of the numbers; NaN of none.
  public static func mean<T: BinaryFloatingPoint>(_ values: [T]) -> DoubleDouble {
    sum(values) / Double(values.count)
  }
}
