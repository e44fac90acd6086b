import Testing

/// Numbers from a fixed seed: the SplitMix64 of Steele, Lea and Flood (2014).
struct SplitMix64: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// `count` numbers, each uniform in `range`.
  mutating func uniform(_ count: Int, in range: ClosedRange<Double> = -3...3) -> [Double] {
    (0..<count).map { _ in Double.random(in: range, using: &self) }
  }
}

/// Checks a gradient of a scalar function against central differences in Double.
///
/// With the step h = 2⁻¹⁷ (near the cube root of the unit roundoff) truncation and roundoff are each about h² ≈ 6e-11
/// times values of order one; the tolerance leaves a factor of a hundred for sums and weights.
func expectGradient(
  _ gradient: [Double], at point: [Double], of function: ([Double]) -> Double,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  guard gradient.count == point.count else {
    Issue.record(
      "\(gradient.count) derivatives of \(point.count) variables", sourceLocation: sourceLocation)
    return
  }
  let step = 0x1p-17
  for i in point.indices {
    var (above, below) = (point, point)
    above[i] += step
    below[i] -= step
    let slope = (function(above) - function(below)) / (2 * step)
    #expect(
      abs(gradient[i] - slope) <= 1e-8, "derivative \(i): \(gradient[i]), by differences \(slope)",
      sourceLocation: sourceLocation)
  }
}

/// Checks values that were printed to some decimals: at most half a unit of the last decimal away, and a little for
/// the arithmetic.
func expectPrinted(
  _ values: [Double], _ printed: [Double], decimals: Int,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  guard values.count == printed.count else {
    Issue.record("\(values.count) values, \(printed.count) printed", sourceLocation: sourceLocation)
    return
  }
  let tolerance = (0..<decimals).reduce(0.5) { half, _ in half / 10 } * 1.01 + 1e-14
  for (i, (value, expected)) in zip(values, printed).enumerated() {
    #expect(
      value == expected || abs(value - expected) <= tolerance,
      "element \(i): \(value), expected \(expected)",
      sourceLocation: sourceLocation)
  }
}

/// Checks values that must agree exactly, NaN agreeing with NaN.
func expectSame<T: BinaryFloatingPoint>(
  _ values: [T], _ expected: [T], sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(
    values.elementsEqual(expected) { $0 == $1 || ($0.isNaN && $1.isNaN) },
    "\(values), expected \(expected)",
    sourceLocation: sourceLocation)
}

/// `Σ a · b`, what turns a vector-valued function into the scalar one whose gradient is a vector-Jacobian product.
func inner(_ a: [Double], _ b: [Double]) -> Double {
  precondition(a.count == b.count)
  return zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
}
