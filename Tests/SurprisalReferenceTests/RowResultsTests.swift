import SurprisalReference
import Testing

@Suite struct EntropyTests {
  @Test func alikeAndImpossibleClasses() {
    let shape = ReferenceShape(outer: 3, classes: 4)
    let inf = Double.infinity
    let found = Reference.entropies([1, 1, 1, 1, -inf, 3, 3, -inf, 0, -inf, -inf, -inf], shape: shape)
    #expect(abs(found[0] - Double.log(4)) <= 1e-15)
    #expect(abs(found[1] - Double.log(2)) <= 1e-15)
    #expect(found[2] == 0)
  }

  @Test func rowsWithoutADistribution() {
    let inf = Double.infinity
    let shape = ReferenceShape(outer: 3, classes: 2)
    expectSame(Reference.entropies([.nan, 0, inf, 0, -inf, -inf], shape: shape), [.nan, .nan, .nan])
  }

  /// The loops and the high-precision row, where nothing is lost; and a confident row, where the loops lose it all.
  @Test func highPrecision() {
    let x = [0.5, -1, 2, 0.25, -3.5]
    let row = HighPrecisionRow(x)
    let found = Reference.entropies(x, shape: ReferenceShape(outer: 1, classes: 5))
    #expect(ulpDistance(of: found[0], from: row.entropy) <= 8)
    let confident = HighPrecisionRow([0, -40] as [Float])
    // p·(40 + 1) and terms of p², for p = e⁻⁴⁰.
    #expect(ulpDistance(of: Double.exp(-40) * 41, from: confident.entropy) <= 8)
    #expect(HighPrecisionRow([Double.nan, 1]).entropy.isNaN)
  }
}
