/// The distance of a computed value from the truth, in units in the last place of the truth's binade in `T`:
/// `|computed − truth| / ulp`, the ulp being that of the subnormal numbers where the truth is among or below them.
///
/// A correctly rounded result is at most 0.5 away. Equal infinities, both NaN, and an infinity to which the truth
/// rounds in `T`, are 0 away; any other mixture of finite and not finite is infinitely far.
public func ulpDistance<T: ReferenceScalar>(of computed: T, from truth: ScaledDoubleDouble)
  -> Double
{
  if computed.isNaN || truth.isNaN { return computed.isNaN && truth.isNaN ? 0 : .infinity }
  if computed.isInfinite || truth.isInfinite {
    return truth.rounded(to: T.self) == computed ? 0 : .infinity
  }
  let difference = (ScaledDoubleDouble(Double(computed)) - truth).magnitude
  return ScaledDoubleDouble(
    difference.significand, exponent: difference.exponent - truth.ulpExponent(in: T.self)
  )
  .doubleDouble.high
}

/// The distance of a computed value from the truth, in units in the last place of the truth's binade in `T`.
public func ulpDistance<T: ReferenceScalar>(of computed: T, from truth: DoubleDouble) -> Double {
  ulpDistance(of: computed, from: ScaledDoubleDouble(truth))
}

extension ScaledDoubleDouble {
  /// The exponent of the unit in the last place that `T` has at this finite value.
  func ulpExponent<T: ReferenceScalar>(in type: T.Type) -> Int {
    let leastNormal = Int(T.leastNormalMagnitude.exponent)
    let greatest = Int(T.greatestFiniteMagnitude.exponent)
    let magnitude = magnitude.significand
    // A little less than a power of two has that power as its rounded high part, but lies in the binade below.
    let binade = exponent - (magnitude.high == 1 && magnitude.low < 0 ? 1 : 0)
    return (isZero ? leastNormal : Swift.min(Swift.max(binade, leastNormal), greatest))
      - T.significandBitCount
  }

  /// The value rounded once to `T`, to nearest, ties to even, subnormal numbers and overflow included.
  public func rounded<T: ReferenceScalar>(to type: T.Type) -> T {
    // Going through `Double` may round twice, which moves the result by at most one neighbour.
    let guess = T(doubleDouble.high)
    guard isFinite else { return guess }
    var best = guess
    for candidate in [guess.nextDown, guess.nextUp] {
      let (candidateError, bestError) = (error(of: candidate), error(of: best))
      if candidateError < bestError
        || (candidateError == bestError && candidate.significandBitPattern & 1 == 0)
      {
        best = candidate
      }
    }
    return best
  }

  /// `|value − self|`, an infinite value taken for the power of two that would follow the largest finite one.
  private func error<T: ReferenceScalar>(of value: T) -> ScaledDoubleDouble {
    let next = Int(T.greatestFiniteMagnitude.exponent) + 1
    let taken =
      value.isInfinite
      ? ScaledDoubleDouble(value < 0 ? -DoubleDouble.one : .one, exponent: next)
      : ScaledDoubleDouble(Double(value))
    return (taken - self).magnitude
  }
}

extension ScaledDoubleDouble: Comparable {
  public static func < (a: ScaledDoubleDouble, b: ScaledDoubleDouble) -> Bool {
    (a - b).significand.high < 0
  }
}

extension DoubleDouble {
  /// The value rounded once to `T`, to nearest, ties to even, subnormal numbers and overflow included.
  public func rounded<T: ReferenceScalar>(to type: T.Type) -> T {
    ScaledDoubleDouble(self).rounded(to: type)
  }
}
