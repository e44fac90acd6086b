import Testing

@testable import SurprisalBenchmarks

@Suite struct UnitsTests {
    @Test(arguments: [
        (0, "0 s"), (1.234e-9, "1.23 ns"), (2.5e-10, "0.250 ns"), (999e-9, "999 ns"), (1.235e-6, "1.24 µs"),
        (0.0009994, "999 µs"), (0.0009996, "1.00 ms"), (0.0456, "45.6 ms"), (1, "1.00 s"), (59.96, "60.0 s"),
        (1234, "1230 s"), (-0.002, "−2.00 ms"), (.nan, "—"), (.infinity, "—"), (-.infinity, "—"),
    ])
    func seconds(_ value: Double, _ text: String) { #expect(Units.seconds(value) == text) }

    @Test(arguments: [
        (0, "0 B"), (1, "1 B"), (999, "999 B"), (1000, "1.00 kB"), (16_384_128, "16.4 MB"), (999_600, "1.00 MB"),
        (262_144_000, "262 MB"), (3_450_000_000, "3.45 GB"), (-5, "−5 B"), (-2500, "−2.50 kB"),
    ])
    func bytes(_ value: Int, _ text: String) { #expect(Units.bytes(value) == text) }

    @Test func rates() {
        #expect(Units.bytesPerSecond(27.345e9) == "27.3 GB/s")
        #expect(Units.bytesPerSecond(1.5e6) == "0.00150 GB/s")
        #expect(Units.operationsPerSecond(249.5e9) == "250 GFLOP/s")
        #expect(Units.operationsPerSecond(0) == "0 GFLOP/s")
        #expect(Units.operationsPerSecond(.nan) == "—")
    }

    @Test func ratios() {
        #expect(Units.ratio(12.34) == "12.3×")
        #expect(Units.ratio(0.0456) == "0.0456×")
        #expect(Units.ratio(.infinity) == "—")
        #expect(Units.interval(Interval(value: 24.06, low: 23.5, high: 24.84)) == "24.1 (23.5–24.8)")
        #expect(Units.interval(Interval(value: .nan, low: 1, high: 2)) == "—")
    }

    @Test(arguments: [
        (0.8249, "82 %"), (0.825, "83 %"), (0.0432, "4.3 %"), (0.0996, "10 %"), (0.0994, "9.9 %"), (1, "100 %"),
        (0, "0.0 %"), (1.236, "124 %"), (0.0004, "0.0 %"), (0.0006, "0.1 %"), (.nan, "—"),
    ])
    func percentages(_ share: Double, _ text: String) { #expect(Units.percent(share) == text) }

    @Test func errorsAndCounts() {
        #expect(Units.number(1.85) == "1.85")
        #expect(Units.number(0.5) == "0.500")
        #expect(Units.number(0) == "0")
        #expect(Units.number(.infinity) == "—")
        #expect(Units.count(131_072) == "131072")
        #expect(Units.count(0) == "0")
        #expect(Units.count(1.5) == "1.50")
        #expect(Units.count(0.02) == "0.0200")
        #expect(Units.count(123.6) == "124")
        #expect(Units.count(.nan) == "—")
    }

    @Test func digitsRoundHalvesAwayFromZero() throws {
        // 1.005 lies below its digits in binary: scaling by 100 in Double rounds it down.
        #expect(try #require(DecimalDigits(1.005)).text(fraction: 2) == "1.01")
        #expect(try #require(DecimalDigits(-1.005)).text(fraction: 2) == "-1.01")
        #expect(try #require(DecimalDigits(9.995)).text(significant: 3) == "10.0")
        #expect(try #require(DecimalDigits(0.05)).text(fraction: 1) == "0.1")
        #expect(try #require(DecimalDigits(0.5)).text(fraction: 0) == "1")
        #expect(try #require(DecimalDigits(0.49)).text(fraction: 0) == "0")
        #expect(try #require(DecimalDigits(0.004)).text(fraction: 1) == "0.0")
        #expect(try #require(DecimalDigits(-0.004)).text(fraction: 1) == "0.0")
        #expect(try #require(DecimalDigits(0.0)).text(fraction: 2) == "0.00")
        #expect(try #require(DecimalDigits(1e22)).text(fraction: 0) == "10000000000000000000000")
        #expect(try #require(DecimalDigits(123.456)).text(fraction: 5) == "123.45600")
        #expect(try #require(DecimalDigits(1.5e-7)).text(fraction: 8) == "0.00000015")
        #expect(DecimalDigits(.nan)?.digits == nil)
    }
}
