import struct Surprisal.SplitMix64
@testable import SurprisalKernels
import Testing

/// Rows go through the kernels in batches, whose size depends on the caches: no bit of a row may.
@Suite struct RowBatchTests {
    static let classes = [1, 2, 3, 4, 7, 10, 16, 21, 64, 128, 129, 200, 257, 1000, 1024, 5000, 40_000]

    private static func array<Element: Scalar>(_ buffer: Buffer<Element>) -> [Element] {
        let span = buffer.span
        return span.indices.map { span[$0] }
    }

    /// All that the kernels make of some rows.
    private struct Results<Element: Scalar> {
        var arrays = [[Element]]()

        init(
            logits: [Element], labels: [Int32], probabilities: [Element], weight: [Element], rowWeights: [Element],
            classes: Int
        ) {
            let axis = ClassAxis(outer: labels.count, classes: classes, inner: 1)
            for output in [Normalisation.logSoftmax, .softmax, .logSumExp] {
                var y = Buffer<Element>(uninitialized: output == .logSumExp ? labels.count : logits.count)
                var span = y.mutableSpan
                Element.normalise(logits.span, into: &span, axis: axis, as: output)
                arrays.append(RowBatchTests.array(y))
                guard output != .logSumExp else { continue }
                let upstream = Buffer(probabilities)
                var gradient = Buffer<Element>(uninitialized: logits.count)
                var g = gradient.mutableSpan
                Element.vectorJacobianProduct(y.span, upstream: upstream.span, into: &g, axis: axis, of: output)
                arrays.append(RowBatchTests.array(gradient))
            }
            let indices = Target<Element>.labels(ClassIndices(labels))
            let soft = Target<Element>.probabilities(Buffer(probabilities))
            for (target, weight, smoothing, rows) in [
                (indices, nil, 0, nil), (indices, weight, 0.1, rowWeights), (soft, nil, 0, rowWeights), (soft, weight, 0.1, nil),
            ] as [(Target<Element>, [Element]?, Double, [Element]?)] {
                var sweep = CrossEntropySweep(
                    axis: axis, target: target, weight: weight.map { Buffer($0) }, smoothing: smoothing, scale: 0.125)
                sweep.rowWeights = rows.map { Buffer($0) }
                var losses = Buffer<Element>(uninitialized: labels.count), alone = losses
                var gradient = Buffer<Element>(uninitialized: logits.count), replaced = Buffer(logits)
                do {
                    var l = losses.mutableSpan, g = gradient.mutableSpan
                    Element.crossEntropy(logits.span, sweep, losses: &l, gradient: &g)
                }
                do {
                    var l = alone.mutableSpan
                    Element.crossEntropy(logits.span, sweep, losses: &l)
                }
                #expect(RowBatchTests.array(losses) == RowBatchTests.array(alone))
                do {
                    var l = alone.mutableSpan, g = replaced.mutableSpan
                    Element.crossEntropyInPlace(&g, sweep, losses: &l)
                }
                #expect(RowBatchTests.array(losses) == RowBatchTests.array(alone) && RowBatchTests.array(gradient) == RowBatchTests.array(replaced))
                arrays += [RowBatchTests.array(losses), RowBatchTests.array(gradient)]
            }
        }
    }

    private static func check<Element: Scalar>(_ type: Element.Type, _ classes: Int) {
        // More than LastCache asks about at all, and a last batch that is not full.
        let rows = (1 << 20) / (classes * MemoryLayout<Element>.size) + 7
        var generator = SplitMix64(seed: UInt64(classes))
        func numbers(_ range: ClosedRange<Double>, _ count: Int) -> [Element] {
            (0..<count).map { _ in Element(Double.random(in: range, using: &generator)) }
        }
        // Some rows lie so far out that their exponentials are taken from another centre.
        let logits = numbers(-20...20, rows * classes).enumerated().map { $0 / classes % 11 == 5 ? $1 + 10_000 : $1 }
        let probabilities = numbers(0...1, rows * classes)
        let labels = (0..<rows).map { $0 % 5 == 3 ? -1 : Int32.random(in: 0..<Int32(classes), using: &generator) }
        let weight = numbers(0...2, classes), rowWeights = numbers(0...2, rows).enumerated().map { $0 % 7 == 2 ? 0 : $1 }
        func results(_ range: Range<Int>) -> Results<Element> {
            let all = range.lowerBound * classes..<range.upperBound * classes
            return Results(
                logits: Array(logits[all]), labels: Array(labels[range]), probabilities: Array(probabilities[all]),
                weight: weight, rowWeights: Array(rowWeights[range]), classes: classes)
        }
        let within = LastCache.override.withValue(.max) { results(0..<rows) }
        // A cache smaller than anything, one smaller than two arrays and not than one, and ones of which one, two or three are more
        // than a quarter.
        for size in [0, 1, 3, 4] {
            let beyond = LastCache.override.withValue(size * rows * classes * MemoryLayout<Element>.size) { results(0..<rows) }
            #expect(within.arrays == beyond.arrays)
        }
        // A row alone, and a few, which are less than a vector of rows where these are side by side.
        for row in stride(from: 0, to: rows - 5, by: max(1, rows / 20)) {
            for height in [1, 5] {
                for (all, few) in zip(within.arrays, results(row..<row + height).arrays) {
                    let count = all.count / rows
                    #expect(Array(all[row * count..<(row + height) * count]) == few)
                }
            }
        }
    }

    @Test(arguments: classes) func bitsDoNotDependOnTheBatch(classes: Int) {
        for isa in InstructionSet.available {
            InstructionSet.override.withValue(isa) {
                Self.check(Float.self, classes)
                Self.check(Double.self, classes)
            }
        }
    }
}
