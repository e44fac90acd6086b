import SurprisalKernels
import Testing

@Suite struct BufferTests {
    @Test func copiesOnWriteOnly() {
        var a = Buffer<Float>([1, 2, 3])
        let b = a
        do { var span = a.mutableSpan; span[0] = 9 }
        #expect(b.span[0] == 1 && a.span[0] == 9)
        let unique = a.isUnique()
        #expect(unique)
    }

    @Test func sumsKeepTheirRoundingErrors() {
        // In any one order of plain Double sums the ones vanish beside 1e16.
        let values = [1e16, 1, -1e16, 1] + [Double](repeating: 0.1, count: 10)
        let sum = Double.sum(values.span)
        #expect(abs(sum - 3) <= 2 * 3.0.ulp)
        #expect(Double.sum([Double.infinity, 1].span) == .infinity)
        #expect(Double.sum([Double.infinity, -.infinity].span).isNaN)
        #expect(Double.sum([Double]().span) == 0)
        #expect(Float.sum([Float](repeating: 0.1, count: 100_003).span) == 100_003 * Double(Float(0.1)))
    }

    @Test func decimalTextIsExactlyRounded() {
        #expect(DecimalFormat.fixed(0.00005, digits: 4) == "0.0001")
        #expect(DecimalFormat.fixed(-2.5, digits: 0) == "-2")
        #expect(DecimalFormat.scientific(1363.9, digits: 4) == "1.3639e+03")
        #expect(DecimalFormat.fixed(1.7976931348623157e308, digits: 4).count == 314)
    }
}
