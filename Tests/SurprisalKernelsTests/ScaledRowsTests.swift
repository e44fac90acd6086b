import SurprisalKernels
import Testing

@Suite struct ScaledRowsTests {
    /// Short rows and long ones, positions beside each other, one class; the last two in several parts.
    private static let axes = [
        (3, 5, 1), (2, 100, 1), (2, 3, 4), (1, 1, 7), (4, 1, 1), (0, 3, 1), (1, 40_000, 3), (70_000, 1, 1),
    ].map { ClassAxis(outer: $0.0, classes: $0.1, inner: $0.2) }

    @Test(arguments: axes, [1, 3]) func multipliesEachRowByItsFactor(axis: ClassAxis, threads: Int) {
        func check<T: Scalar>(_ type: T.Type) {
            let count = axis.positions * axis.classes
            func element(_ i: Int) -> T {
                if i % 7 == 3 { return .nan }
                return i % 5 == 2 ? 0 : T(i % 11) - 5
            }
            func factor(_ n: Int) -> T {
                if n % 4 == 1 { return 0 }
                return n % 4 == 2 ? .infinity : T(n % 3) + 0.5
            }
            var x = Buffer<T>((0..<count).map(element))
            let factors = Buffer<T>((0..<axis.positions).map(factor))
            let before = x
            do {
                var span = x.mutableSpan
                Parallel.override.withValue(threads) { T.scaleRows(&span, by: factors.span, axis: axis) }
            }
            for i in 0..<count {
                let n = i / (axis.classes * axis.inner) * axis.inner + i % axis.inner
                let (a, f) = (before.span[i], factors.span[n]), expected = a == 0 || f == 0 ? 0 : a * f
                guard x.span[i] == expected || x.span[i].isNaN && expected.isNaN else {
                    Issue.record("\(type): \(a) times \(f) is \(x.span[i])")
                    return
                }
            }
        }
        check(Float.self)
        check(Double.self)
    }
}
