import Glibc
import enum Surprisal.Accuracy
import SurprisalKernels
import SurprisalReference
import Testing

@Suite struct ExponentialTests {
    private let bound = Accuracy.expULP

    /// Float against Double's exp, whose error is 2⁻²⁹ ULP of Float: every binade of the argument, both signs.
    @Test(arguments: InstructionSet.available) func floatOnEveryBinade(isa: InstructionSet) {
        var worst = 0.0
        InstructionSet.override.withValue(isa) {
            for exponent in -40...6 {
                for sign: Float in [1, -1] {
                    let count = 20_011
                    let base = Float(sign: .plus, exponent: exponent, significand: 1) * sign
                    let x = (0..<count).map { base * (1 + Float($0) / Float(count)) }
                    let y = exponentials(x)
                    for (x, y) in zip(x, y) {
                        let truth = glibcExp(Double(x))
                        let distance = distance(y, truth)
                        worst = max(worst, distance)
                        if !(distance <= bound) { Issue.record("exp(\(x)) is \(y): \(distance) ULP on \(isa)"); return }
                    }
                }
            }
        }
        print("worst ULP of Float exp on \(isa): \(worst)")
        #expect(worst > 0.5)
    }

    /// Double against double-double.
    @Test(arguments: InstructionSet.available) func doubleOnEveryBinade(isa: InstructionSet) {
        var worst = 0.0
        InstructionSet.override.withValue(isa) {
            for exponent in -60...9 {
                for sign in [1.0, -1.0] {
                    let count = 331
                    let base = Double(sign: .plus, exponent: exponent, significand: 1) * sign
                    let x = (0..<count).map { base * (1 + Double($0) / Double(count)) }
                    for (x, y) in zip(x, exponentials(x)) where x < 709 && x > -745 {
                        let distance = ulpDistance(of: y, from: DoubleDouble(x).exponential)
                        worst = max(worst, distance)
                        if !(distance <= bound) { Issue.record("exp(\(x)) is \(y): \(distance) ULP on \(isa)"); return }
                    }
                }
            }
        }
        print("worst ULP of Double exp on \(isa): \(worst)")
        #expect(worst > 0.5)
    }

    @Test(arguments: InstructionSet.available) func edges(isa: InstructionSet) {
        InstructionSet.override.withValue(isa) {
            let float = exponentials([0, -0, -.infinity, .infinity, 89, 1000, -104.5, -1000, -3e38, 88.72283] as [Float])
            #expect(float == [1, 1, 0, .infinity, .infinity, .infinity, 0, 0, 0, Float(glibcExp(Double(Float(88.72283))))])
            #expect(exponentials([.nan, 1] as [Float])[0].isNaN)
            let double = exponentials([0, -.infinity, .infinity, 710, -746, -1e300] as [Double])
            #expect(double == [1, 0, .infinity, .infinity, 0, 0])
            // Subnormal results are rounded, not flushed.
            #expect(exponentials([-100] as [Float])[0] == Float(glibcExp(-100)))
            #expect(exponentials([-740.0])[0] > 0)
        }
    }

    @Test(arguments: InstructionSet.available) func logarithms(isa: InstructionSet) {
        InstructionSet.override.withValue(isa) {
            var x: [Double] = []
            for exponent in -1070...1020 {
                for step in 0..<7 { x.append(Double(sign: .plus, exponent: exponent, significand: 1 + Double(step) / 7)) }
            }
            var y = [Double](repeating: 0, count: x.count)
            do { var out = y.mutableSpan; Double.log(x.span, into: &out) }
            for (x, y) in zip(x, y) {
                let distance = ulpDistance(of: y, from: DoubleDouble(x).logarithm)
                if !(distance <= Accuracy.logULP) { Issue.record("log(\(x)) is \(y): \(distance) ULP on \(isa)"); break }
            }
            do { var out = y.mutableSpan; Double.log1p(x.span, into: &out) }
            for (x, y) in zip(x, y) where x > 1e-300 {
                let distance = ulpDistance(of: y, from: DoubleDouble(x).log1p)
                if !(distance <= Accuracy.logULP) { Issue.record("log1p(\(x)) is \(y): \(distance) ULP on \(isa)"); break }
            }
            let special = [0, -1, .infinity, .nan, 1] as [Float]
            var z = special
            do { var out = z.mutableSpan; Float.log(special.span, into: &out) }
            #expect(z[0] == -.infinity && z[1].isNaN && z[2] == .infinity && z[3].isNaN && z[4] == 0)
        }
    }

    private func exponentials<T: SurprisalKernels.Scalar>(_ x: [T]) -> [T] {
        var y = x
        var out = y.mutableSpan
        T.exp(x.span, into: &out)
        return y
    }

    private func distance(_ found: Float, _ truth: Double) -> Double {
        if truth > Double(Float.greatestFiniteMagnitude) + Double(Float.greatestFiniteMagnitude.ulp) / 2 {
            return found == .infinity ? 0 : .infinity
        }
        return abs(Double(found) - truth) / Double(max(Float(truth), Float.leastNormalMagnitude).ulp)
    }
}

private func glibcExp(_ x: Double) -> Double { Glibc.exp(x) }
