import struct Surprisal.SplitMix64
@testable import SurprisalKernels
import Testing

@Suite struct StandardiseTests {
    /// To the bit what a division in Double gives, on every instruction set.
    private static func check<Element: Scalar & BitPatterned>(_ type: Element.Type, mean: [Double], deviation: [Double], _ x: [Element]) {
        let columns = mean.count
        for isa in InstructionSet.available {
            InstructionSet.override.withValue(isa) {
                var y = Buffer<Element>(uninitialized: x.count)
                var span = y.mutableSpan
                Element.standardise(x.span, mean: mean, deviation: deviation, into: &span)
                let found = y.span
                for i in x.indices {
                    let expected = x[i].isNaN ? 0 : Element((Double(x[i]) - mean[i % columns]) / deviation[i % columns])
                    let isSame = found[i].bitPattern == expected.bitPattern || found[i].isNaN && expected.isNaN
                    if !isSame {
                        Issue.record("\(isa) \(type): (\(x[i]) − \(mean[i % columns]))/\(deviation[i % columns]) is \(found[i]); expected \(expected)")
                        return
                    }
                }
            }
        }
    }

    @Test(arguments: [1, 3, 16, 37, 784]) func isTheDivision(columns: Int) {
        var generator = SplitMix64(seed: UInt64(columns))
        func wild() -> Double {
            let size = Double.random(in: 1..<2, using: &generator) * exponent(Int.random(in: -140...120, using: &generator))
            return Bool.random(using: &generator) ? size : -size
        }
        func exponent(_ n: Int) -> Double { Double(sign: .plus, exponent: n, significand: 1) }
        let edges: [Double] = [.nan, .infinity, -.infinity, 0, -0.0, 0x1p-149, -0x1p-140, 0x1.fffffep127]
        for deviation in [
            (0..<columns).map { _ in abs(wild()) }, (0..<columns).map { _ in Double.random(in: 0.5...2, using: &generator) },
            // Not ordinary.
            (0..<columns).map { $0 % 3 == 0 ? 0 : $0 % 3 == 1 ? 0x1p-1070 : 0x1p1020 },
        ] {
            let mean = (0..<columns).map { _ in wild() }
            let values = (0..<columns * 60).map { $0 % 11 == 5 ? edges[$0 / 11 % edges.count] : wild() }
            Self.check(Double.self, mean: mean, deviation: deviation, values)
            Self.check(Float.self, mean: mean, deviation: deviation, values.map { Float($0) })
            // Near the mean, where the difference is small.
            Self.check(
                Float.self, mean: mean.map { Double(Float($0)) }, deviation: deviation,
                (0..<columns * 8).map { Float(mean[$0 % columns]) + Float($0 / columns) * Float(mean[$0 % columns]).ulp })
        }
    }
}

private protocol BitPatterned {
    associatedtype Bits: Equatable
    var bitPattern: Bits { get }
}
extension Float: BitPatterned {}
extension Double: BitPatterned {}
