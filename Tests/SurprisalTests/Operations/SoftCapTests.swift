import Glibc
import Surprisal
import SurprisalReference
import Testing

@Suite struct SoftCapTests {
    private func values<T: Surprisal.Scalar>(_ exponents: ClosedRange<Int>, _ count: Int) -> [T] {
        exponents.flatMap { exponent in
            (0..<count).flatMap { i -> [T] in
                let x = T(sign: .plus, exponent: T.Exponent(exponent), significand: 1 + T(i) / T(count))
                return [x, -x]
            }
        }
    }

    /// Float against Double's tanh and cosh, whose error is some 2⁻²⁹ ULP of Float.
    @Test(arguments: InstructionSet.available, [1, 30, 0.37 as Float]) func ofFloats(isa: InstructionSet, cap: Float) {
        let x: [Float] = values(-60...6, 601)
        InstructionSet.override.withValue(isa) {
            let y = Tensor(x).softCapped(at: cap).scalars
            let slopes = valueWithGradient(at: Tensor(x)) { $0.softCapped(at: cap).sum() }.gradient.scalars
            var worst = 0.0
            for i in x.indices {
                let u = Double(x[i]) / Double(cap), truth = Double(cap) * tanh(u)
                let off = ulpDistance(of: y[i], from: DoubleDouble(truth))
                worst = max(worst, off)
                #expect(off <= Accuracy.softCapULP, "softCapped(\(x[i])) at \(cap) is \(y[i]), expected \(truth)")
                let slope = 1 / (cosh(u) * cosh(u))
                let bound = Accuracy.softCapGradientULP + 2 * abs(u)
                #expect(
                    ulpDistance(of: slopes[i], from: DoubleDouble(slope)) <= bound || slope < 1e-37 && abs(Double(slopes[i]) - slope) <= 1e-37,
                    "slope at \(x[i]) of \(cap) is \(slopes[i]), expected \(slope)")
            }
            #expect(worst > 0.5)
        }
    }

    /// Double against double-double: with E = exp(−2|u|), (1 − E)/(1 + E) and 4E/(1 + E)².
    @Test(arguments: InstructionSet.available) func ofDoubles(isa: InstructionSet) {
        let x: [Double] = values(-30...8, 23), cap = 1.0
        InstructionSet.override.withValue(isa) {
            let y = Tensor(x).softCapped(at: cap).scalars
            let slopes = valueWithGradient(at: Tensor(x)) { $0.softCapped(at: cap).sum() }.gradient.scalars
            for i in x.indices {
                let e = DoubleDouble(-2 * abs(x[i])).exponential.doubleDouble, all = DoubleDouble(1) + e
                let size = (DoubleDouble(1) - e) / all
                #expect(ulpDistance(of: abs(y[i]), from: size) <= Accuracy.softCapULP, "softCapped(\(x[i])) is \(y[i])")
                #expect((y[i] < 0) == (x[i] < 0))
                let slope = DoubleDouble(4) * e / all / all
                #expect(
                    ulpDistance(of: slopes[i], from: slope) <= Accuracy.softCapGradientULP + 2 * abs(x[i])
                        || slope.high < 1e-307 && slopes[i] < 1e-307, "slope at \(x[i]) is \(slopes[i])")
            }
        }
    }

    @Test(arguments: InstructionSet.available) func edges(isa: InstructionSet) {
        InstructionSet.override.withValue(isa) {
            let x = Tensor<Float>([0, -0.0, .infinity, -.infinity, .nan, 3e38, 1e-45])
            let y = x.softCapped(at: 30).scalars
            #expect(y[0] == 0 && y[0].sign == .plus && y[1] == 0 && y[1].sign == .minus)
            #expect(y[2] == 30 && y[3] == -30 && y[4].isNaN && y[5] == 30 && y[6] >= 0 && y[6] <= 3e-45)
            let slopes = valueWithGradient(at: x) { $0.softCapped(at: 30).sum() }.gradient.scalars
            #expect(slopes[0] == 1 && slopes[1] == 1 && slopes[2] == 0 && slopes[3] == 0 && slopes[4].isNaN && slopes[6] == 1)
        }
    }

    @Test func aCapThatIsNoneStopsTheProgram() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor<Float>([1]).softCapped(at: 0)
        }
        #expect(String(decoding: result.standardErrorContent, as: UTF8.self)
            .contains("softCapped: soft cap is 0.0; expected a finite number above 0"))
    }
}
