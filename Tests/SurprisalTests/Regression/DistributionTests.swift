import Testing

@testable import Surprisal

/// Tails and quantiles against SciPy's.
@Suite struct DistributionTests {
    private let golden: RegressionGolden.Distributions

    init() throws { golden = try RegressionGolden.read("distributions") }

    @Test func twoSidedTails() {
        for pair in golden.twoSided {
            // SciPy's and the C library's erfc are within some ULP of the truth; a tail at 37 has z² times z's.
            #expect(abs(NormalDistribution.twoSidedTail(pair[0]) - pair[1]) <= 1e-12 * pair[1])
            #expect(NormalDistribution.twoSidedTail(-pair[0]) == NormalDistribution.twoSidedTail(pair[0]))
        }
    }

    @Test func quantiles() {
        for pair in golden.quantiles {
            #expect(abs(NormalDistribution.quantile(pair[0]) - pair[1]) <= 1e-12 * max(1, abs(pair[1])), "\(pair)")
        }
        #expect(NormalDistribution.quantile(0) == -.infinity)
        #expect(NormalDistribution.quantile(1) == .infinity)
        #expect(NormalDistribution.quantile(-0.1).isNaN)
    }

    @Test func chiSquaredTails() {
        for triple in golden.chiSquared where triple[2] > 0 {
            let found = ChiSquaredDistribution(degreesOfFreedom: triple[0]).upperTail(triple[1])
            // e^(a·ln x − x − ln Γ(a)) loses the digits that its exponent has before the point: four at a = 2500.
            #expect(abs(found - triple[2]) <= 1e-11 * triple[2] + 1e-300, "\(triple): \(found)")
        }
        #expect(ChiSquaredDistribution(degreesOfFreedom: 3).upperTail(0) == 1)
        #expect(ChiSquaredDistribution(degreesOfFreedom: 3).upperTail(.infinity) == 0)
        #expect(ChiSquaredDistribution(degreesOfFreedom: 3).upperTail(.nan).isNaN)
    }
}
