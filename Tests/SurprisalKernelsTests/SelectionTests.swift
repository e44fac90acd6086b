import struct Surprisal.SplitMix64
import SurprisalKernels
import SurprisalReference
import Testing

@Suite struct SelectionTests {
    /// Rows around the widths of vectors and the border between kernels, inner axes around lanes.
    static let shapes: [[Int]] = [
        [1, 1, 1], [5, 2, 1], [33, 3, 1], [40, 10, 1], [19, 17, 1], [7, 64, 1], [7, 65, 1], [5, 129, 1], [3, 1030, 1],
        [300, 5, 1], [2, 5, 3], [2, 21, 17], [1, 33, 64], [3, 2, 70], [1, 1100, 5], [2, 1, 9],
    ]

    /// Whole numbers, so that there are ties in most rows, and NaN and infinities in some.
    private static func values<T: SurprisalKernels.Scalar>(_ shape: [Int], _ type: T.Type) -> [T] {
        var generator = SplitMix64(seed: 5)
        let special: [T] = [.nan, .infinity, -.infinity, -0.0]
        return (0..<shape.reduce(1, *)).map { i in
            let value = T(Int.random(in: -9...9, using: &generator))
            let chance = Int.random(in: 0..<(i % 3 == 0 ? 40 : 4000), using: &generator)
            return chance < 4 ? special[chance] : value
        }
    }

    @Test(arguments: InstructionSet.available, shapes) func equalsTheNaiveLoop(isa: InstructionSet, shape: [Int]) {
        func check<T: SurprisalKernels.Scalar & ReferenceScalar>(_ type: T.Type) {
            let axis = ClassAxis(outer: shape[0], classes: shape[1], inner: shape[2])
            let view = ReferenceShape(outer: shape[0], classes: shape[1], inner: shape[2])
            let values = Self.values(shape, type), x = Buffer(values)
            var classes = Buffer<Int32>(uninitialized: axis.positions)
            var out = classes.mutableSpan
            T.argmax(x.span, axis: axis, into: &out)
            let largest = (0..<axis.positions).map { Int(out[$0]) }
            #expect(largest == Reference.argmax(values, shape: view), "\(type) \(shape): argmax")

            let labels = (0..<axis.positions).map { $0 % 7 == 6 ? -1 : ($0 * 5 + 1) % shape[1] }
            T.rank(ClassIndices(labels.map { Int32($0) }), in: x.span, axis: axis, into: &out)
            let order = Reference.topK(values, k: shape[1], shape: view).indices
            let ranks = labels.enumerated().map { n, label in
                label < 0 ? -1 : (0..<shape[1]).first { order[view.index(position: n, class: $0)] == label }
            }
            #expect((0..<axis.positions).map { Int(out[$0]) } == ranks, "\(type) \(shape): rank")
        }
        InstructionSet.override.withValue(isa) {
            check(Float.self)
            check(Double.self)
        }
    }

    @Test(arguments: [1, 2, 3]) func threadsChangeNothing(threads: Int) {
        let values = Self.values([4000, 33, 1], Float.self), x = Buffer(values)
        let axis = ClassAxis(outer: 4000, classes: 33, inner: 1)
        var classes = Buffer<Int32>(uninitialized: axis.positions)
        var out = classes.mutableSpan
        Parallel.override.withValue(threads) { Float.argmax(x.span, axis: axis, into: &out) }
        #expect((0..<4000).map { Int(out[$0]) } == Reference.argmax(values, shape: ReferenceShape(outer: 4000, classes: 33)))
    }

    @Test func whatDoesNotFitIsRefused() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let x = Buffer<Float>(repeating: 0, count: 6)
            var ranks = Buffer<Int32>(uninitialized: 2)
            var out = ranks.mutableSpan
            Float.rank(ClassIndices([0, 3]), in: x.span, axis: ClassAxis(outer: 2, classes: 3, inner: 1), into: &out)
        }
        #expect(String(decoding: result.standardErrorContent, as: UTF8.self).contains("rank: label 3 of 3 classes"))
        let empty = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let x = Buffer<Float>(repeating: 0, count: 0)
            var classes = Buffer<Int32>(uninitialized: 2)
            var out = classes.mutableSpan
            Float.argmax(x.span, axis: ClassAxis(outer: 2, classes: 0, inner: 1), into: &out)
        }
        #expect(String(decoding: empty.standardErrorContent, as: UTF8.self).contains("argmax: 2 places in 2 × 0 × 1"))
    }
}
