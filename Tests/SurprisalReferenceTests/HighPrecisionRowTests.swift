import SurprisalReference
import Testing

/// A row and what it makes, printed by Python's mpmath:
/// ```
/// from mpmath import *
/// mp.prec = 4000
/// def parts(v):
///     e = int(floor(log(abs(v), 2))); s = v / mpf(2)**e; h = float(s)
///     return f"{h.hex()}, {float(s - h).hex()}, {e}"
/// def row(x, y):
///     t = fsum(exp(mpf(v)) for v in x); lse = log(t); p = [exp(mpf(v)) / t for v in x]
///     for v in (lse - x[y], lse, -fsum(p[:y] + p[y+1:]), p[-1]): print("    (" + parts(v) + "),")
/// ```
struct GoldenRow: Sendable {
  let logits: [Double]
  let label: Int
  let loss: ScaledDoubleDouble
  let logSumExp: ScaledDoubleDouble
  /// The gradient of the loss at the label.
  let labelGradient: ScaledDoubleDouble
  /// The probability of the last class.
  let lastProbability: ScaledDoubleDouble

  init(_ logits: [Double], _ label: Int, _ printed: [(Double, Double, Int)]) {
    self.logits = logits
    self.label = label
    let values = printed.map { ScaledDoubleDouble(DoubleDouble(sum: $0.0, $0.1), exponent: $0.2) }
    (loss, logSumExp, labelGradient, lastProbability) = (values[0], values[1], values[2], values[3])
  }

  static let all: [GoldenRow] = [
    GoldenRow(
      [1.0, 2.0, 3.0, 0.5], 2,
      [
        (0x1.d7d5016b2b819p+0, -0x1.32af083806aedp-54, -2),
        (0x1.bafaa02d65703p+0, 0x1.66a87be3fca8ap-56, 1),
        (-0x1.7a10bbad2886bp+0, -0x1.d7aa4d8532b9bp-55, -2),
        (0x1.a82c1f1e9370dp+0, -0x1.a73a1666250f0p-56, -5),
      ]),
    GoldenRow(
      [20.0, 1.0, -3.0, 0.1], 0,
      [
        (0x1.124e389368178p+0, 0x1.544a6faa8bf41p-54, -27),
        (0x1.40000002249c7p+0, 0x1.26d02f0aa2538p-56, 4),
        (-0x1.124e3881095efp+0, -0x1.8083267a60e20p-54, -27),
        (0x1.39136e9587862p+0, -0x1.909033625646ap-54, -29),
      ]),
    GoldenRow(
      [20.0, 1.0, -3.0, 0.1], 3,
      [
        (0x1.3e6666688b02dp+0, 0x1.e1b40bc2a894ep-54, 4),
        (0x1.40000002249c7p+0, 0x1.26d02f0aa2538p-56, 4),
        (-0x1.ffffffec6ec91p+0, -0x1.a9e1e79909033p-54, -1),
        (0x1.39136e9587862p+0, -0x1.909033625646ap-54, -29),
      ]),
    GoldenRow(
      [0.0, -740.25], 0,
      [
        (0x1.081c3356076b3p+0, -0x1.f28fbf0796256p-57, -1068),
        (0x1.081c3356076b3p+0, -0x1.f28fbf0796256p-57, -1068),
        (-0x1.081c3356076b3p+0, 0x1.f28fbf0796256p-57, -1068),
        (0x1.081c3356076b3p+0, -0x1.f28fbf0796256p-57, -1068),
      ]),
    GoldenRow(
      [5000.0, 4250.0, 0.001], 0,
      [
        (0x1.f880cb5fc696ep+0, 0x1.b4dbe050aae7ep-54, -1083),
        (0x1.3880000000000p+0, 0x0.0p+0, 12),
        (-0x1.f880cb5fc696ep+0, -0x1.b4dbe050aae7ep-54, -1083),
        (0x1.70aeec9a815a2p+0, 0x1.d47911a9f48f5p-55, -7214),
      ]),
    GoldenRow(
      [1000.0, 1000.0, 900.0], 1,
      [
        (0x1.62e42fefa39efp+0, 0x1.abc9e3b39803fp-55, -1),
        (0x1.f458b90bfbe8ep+0, 0x1.ef35793c76730p-54, 9),
        (-0x1.0000000000000p+0, -0x1.a8c1f14e2af5dp-146, -1),
        (0x1.a8c1f14e2af5dp+0, -0x1.43089bb228e2cp-54, -146),
      ]),
    GoldenRow(
      [0.0, -17.0, -1e-09], 0,
      [
        (0x1.62e4309d27349p+0, 0x1.b0e54ed4daaa9p-54, -1),
        (0x1.62e4309d27349p+0, 0x1.b0e54ed4daaa9p-54, -1),
        (-0x1.00000056c1cacp+0, -0x1.814e9fb9d43e2p-55, -1),
        (0x1.ffffff49e5649p+0, -0x1.c73db09a9f8f1p-54, -2),
      ]),
  ]
}

@Suite struct HighPrecisionRowTests {
  @Test(arguments: GoldenRow.all)
  func printedRow(_ golden: GoldenRow) {
    let row = HighPrecisionRow(golden.logits)
    #expect(relativeError(row.loss(of: golden.label), golden.loss) <= hundredBits)
    #expect(relativeError(row.logSumExp, golden.logSumExp) <= hundredBits)
    let gradient = row.gradient(of: golden.label)
    let (probabilities, logProbabilities) = (row.probabilities, row.logProbabilities)
    let counts = [gradient.count, probabilities.count, logProbabilities.count]
    #expect(counts.allSatisfy { $0 == golden.logits.count })
    #expect(relativeError(gradient[golden.label], golden.labelGradient) <= hundredBits)
    #expect(
      relativeError(probabilities[golden.logits.count - 1], golden.lastProbability) <= hundredBits)
    #expect(logProbabilities[golden.label] == -row.loss(of: golden.label))
    for c in golden.logits.indices where c != golden.label {
      #expect(gradient[c] == probabilities[c])
    }
  }

  /// Every part is tied to another by an identity, on rows of all temperatures.
  @Test(arguments: [0.1, 1, 10, 100, 1000])
  func identities(temperature: Double) {
    var random = SplitMix64(seed: 25)
    for _ in 0..<20 {
      let x = random.uniform(17, in: -temperature...temperature)
      let row = HighPrecisionRow(x)
      let (p, lp) = (row.probabilities, row.logProbabilities)
      #expect(relativeError(p.reduce(.zero, +), ScaledDoubleDouble(1.0)) <= hundredBits)
      for label in x.indices {
        #expect(
          relativeError(lp[label].doubleDouble.exponential, p[label]) <= temperature * 4
            * hundredBits + hundredBits)
        let rest = row.gradient(of: label).reduce(.zero, +)
        #expect(
          rest.isZero || relativeError(rest + p[label], p[label]) <= hundredBits
            || rest.magnitude < ScaledDoubleDouble(0x1p-100))
        let direct = row.logSumExp - ScaledDoubleDouble(x[label])
        #expect(
          (direct - row.loss(of: label)).magnitude.doubleDouble.high <= (temperature + 4)
            * hundredBits)
      }
    }
  }

  /// The Double textbook is close where it is well conditioned.
  @Test func theTextbookAgrees() {
    let row = ReferenceShape(outer: 1, classes: 4)
    for r in 0..<3 {
      let x = Array(ExampleA.logits[(4 * r)..<(4 * r + 4)])
      let label = ExampleA.labels[r]
      let exact = HighPrecisionRow(x)
      #expect(
        ulpDistance(
          of: Reference.crossEntropies(x, labels: [label], shape: row)[0],
          from: exact.loss(of: label)) <= 4)
      #expect(ulpDistance(of: Reference.logSumExp(x, shape: row)[0], from: exact.logSumExp) <= 4)
      let gradient = Reference.crossEntropyGradient(x, labels: [label], shape: row)
      for (a, b) in zip(gradient, exact.gradient(of: label)) {
        #expect(abs(a - b.doubleDouble.high) <= 1e-15)
      }
    }
  }

  /// Where the textbook prints 0, the oracle does not.
  @Test func confidentFloatRow() {
    let row = HighPrecisionRow([0, 30, -5] as [Float])
    let loss = row.loss(of: 1).rounded(to: Float.self)
    #expect(abs(loss - Float.exp(-30)) <= 0.02 * Float.exp(-30))
    #expect(
      Reference.crossEntropies(
        [0, 30, -5] as [Float], labels: [1], shape: ReferenceShape(outer: 1, classes: 3)) == [0])
    #expect(row.gradient(of: 1)[1].rounded(to: Float.self) < 0)
  }

  @Test func tiesCountOnceEach() {
    let row = HighPrecisionRow([2.0, 5, 5, 5])
    #expect(row.argmax == 1)
    #expect(row.excess > ScaledDoubleDouble(2.0))
    #expect(row.loss(of: 1) == row.loss(of: 3))
    #expect(row.gradient(of: 1)[1] == row.gradient(of: 3)[3])
  }

  @Test func impossibleClasses() {
    let row = HighPrecisionRow([-Double.infinity, 0, -.infinity])
    #expect(row.loss(of: 1).isZero)
    #expect(row.loss(of: 0) == .infinity)
    #expect(row.probabilities == [.zero, ScaledDoubleDouble(1.0), .zero])
    #expect(row.gradient(of: 0) == [ScaledDoubleDouble(-1.0), ScaledDoubleDouble(1.0), .zero])
    #expect(row.gradient(of: 1).allSatisfy { $0.isZero })
    #expect(row.logSumExp.isZero)
  }

  @Test func rowsWithoutADistribution() {
    let inf = Double.infinity
    let rows: [([Double], Double)] = [
      ([-inf, -inf], -inf), ([0, inf], inf), ([0, .nan], .nan), ([.nan, inf], .nan),
      ([inf, .nan], .nan),
    ]
    for (x, expected) in rows {
      let row = HighPrecisionRow(x)
      #expect(row.argmax == nil)
      expectSame([row.logSumExp.doubleDouble.high], [expected])
      #expect(row.loss(of: 0).isNaN)
      #expect(row.probabilities.count == 2 && row.probabilities.allSatisfy { $0.isNaN })
      #expect(row.logProbabilities.count == 2 && row.logProbabilities.allSatisfy { $0.isNaN })
      #expect(row.gradient(of: 1).count == 2 && row.gradient(of: 1).allSatisfy { $0.isNaN })
    }
    #expect(HighPrecisionRow([Double]()).logSumExp == -ScaledDoubleDouble.infinity)
  }

  /// A difference of logits beyond the range of Double is still exact; it rounds to infinity.
  @Test func hugeMargins() {
    let row = HighPrecisionRow([1.5e308, -1.5e308])
    #expect(row.loss(of: 1) == ScaledDoubleDouble(DoubleDouble(0.75e308), exponent: 2))
    #expect(ulpDistance(of: Double.infinity, from: row.loss(of: 1)) == 0)
    #expect(row.loss(of: 0).isZero)
    let floats = HighPrecisionRow([3e38, -3e38] as [Float])
    #expect(ulpDistance(of: Float.infinity, from: floats.loss(of: 1)) == 0)
  }

  @Test func oneClass() {
    let row = HighPrecisionRow([-3.5])
    #expect(row.loss(of: 0).isZero)
    #expect(row.logSumExp == ScaledDoubleDouble(-3.5))
    #expect(row.gradient(of: 0)[0].isZero)
  }
}
