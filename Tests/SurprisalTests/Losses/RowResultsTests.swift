import Surprisal
import SurprisalReference
import Testing

/// What is reported of each row, against the naive loops and the high-precision row.
@Suite struct RowResultsTests {
    /// A layer whose logits are these rows, exactly: one feature for each row, which is 1 there and 0 elsewhere. Its −∞ are
    /// in the bias, as 0·∞ would be NaN.
    private static func layer<T: Surprisal.Scalar>(_ rows: [[T]]) -> (x: Tensor<T>, head: Linear<T>) {
        let classes = rows[0].count
        let impossible = (0..<classes).map { c in rows.allSatisfy { $0[c] == -.infinity } }
        let weight = (0..<classes).flatMap { c in rows.map { impossible[c] ? 0 : $0[c] } }
        let x = (0..<rows.count).flatMap { r in (0..<rows.count).map { T($0 == r ? 1 : 0) } }
        return (
            Tensor(x, shape: [rows.count, rows.count]),
            Linear(
                weight: Tensor(weight, shape: [classes, rows.count]), bias: Tensor(impossible.map { $0 ? -.infinity : 0 }))
        )
    }

    private static func rows<T: Surprisal.Scalar>(_ type: T.Type, classes: Int) -> [[T]] {
        func row(_ seed: UInt64, _ spread: Double) -> [T] {
            let logits: Tensor<T> = CrossEntropyRelationTests.logits([classes], seed: seed, spread: spread)
            return logits.scalars
        }
        var rows = [row(1, 1), row(2, 10), row(3, 300), [T](repeating: 2.5, count: classes)]
        // Confident by a margin, at the first class and at one late; and two that tie.
        let margins: [T] = [5, 20, 40, 80]
        for (i, margin) in margins.enumerated() {
            var confident = row(UInt64(10 + i), 1)
            confident[i % 2 == 0 ? 0 : classes - 1] = 1 + margin
            rows.append(confident)
        }
        var tied = row(20, 1)
        tied[classes / 3] = 30
        tied[classes - 1] = 30
        rows.append(tied)
        return rows
    }

    private func check<T: Surprisal.Scalar & ReferenceScalar>(_ type: T.Type, classes: Int, bytes: Int, impossible: Int?) throws {
        var rows = Self.rows(type, classes: classes)
        if let impossible { for r in rows.indices { rows[r][impossible] = -.infinity } }
        let (x, head) = Self.layer(rows), k = min(classes, 4)
        let labels = try Labels(rows.indices.map { ($0 * 5) % classes }, classCount: classes)
        let found = LinearCrossEntropyLoss<T>(blockBytes: bytes).rowResults(of: x, head, labels, topK: k)
        let view = ReferenceShape(outer: rows.count, classes: classes), all = Array(rows.joined())
        #expect(found.argmax.values == Reference.argmax(all, shape: view))
        #expect(found.topClasses.shape == [rows.count, k] && found.topClasses.values == Reference.topK(all, k: k, shape: view).indices)
        #expect(found.isRight == rows.indices.map { found.argmax.values[$0] == labels[$0] })
        for (r, row) in rows.enumerated() {
            let truth = HighPrecisionRow(row), y = labels[r] ?? 0, what = "\(type) row \(r) of \(classes) in \(bytes) bytes"
            func expect(_ value: T, _ truth: ScaledDoubleDouble, _ bound: Double, _ name: String) {
                if abs(Double(value)) <= Accuracy.gradientFloor(type), abs(truth.doubleDouble.high) <= Accuracy.gradientFloor(type) { return }
                let distance = ulpDistance(of: value, from: truth)
                #expect(distance <= bound, "\(what): \(name) is \(value), \(distance) ULP off")
            }
            expect(found.losses[r], truth.loss(of: y), Accuracy.lossULP, "loss")
            // m and log1p(R) may cancel: then of them, not of their sum. None does here by more than 2⁻³.
            expect(found.logSumExps[r], truth.logSumExp, 8, "log-sum-exp")
            expect(found.entropies[r], truth.entropy, Self.sumULP(classes), "entropy")
            expect(found.labelProbabilities[r], truth.probabilities[y], Self.sumULP(classes), "probability of the label")
            for place in 0..<k {
                expect(
                    found.topLogProbabilities[r, place], truth.logProbabilities[found.topClasses.values[r * k + place]],
                    Accuracy.lossULP, "log-probability \(place)")
            }
        }
    }

    /// Doubles are summed in Double, in strips of 256 with four sums each: 64 roundings and one for each strip, of which
    /// the square root is to be expected; exponentials and divisions besides.
    private static func sumULP(_ classes: Int) -> Double { 6 + (64 + Double(classes) / 256).squareRoot() }

    @Test(arguments: [1, 2, 7, 300, 1030], [nil, 0, 1]) func agreesWithHighPrecision(classes: Int, impossible: Int?) throws {
        if let impossible, impossible >= classes - 1 { return }
        // All at once; some rows at a time; some classes at a time.
        for bytes in [64 << 20, 24 * classes, 8 * max(1, classes / 3)] {
            try check(Float.self, classes: classes, bytes: bytes, impossible: impossible)
            try check(Double.self, classes: classes, bytes: bytes, impossible: impossible)
        }
    }

    /// The naive loops, on rows where nothing cancels.
    @Test func agreesWithTheLoops() throws {
        let logits: Tensor<Double> = CrossEntropyRelationTests.logits([23, 57], seed: 8, spread: 3)
        let rows = (0..<23).map { r in (0..<57).map { logits[r, $0] } }, (x, head) = Self.layer(rows)
        let q: Tensor<Double> = CrossEntropyRelationTests.logits([23, 57], seed: 9, spread: 3).softmax()
        let view = ReferenceShape(outer: 23, classes: 57), most = Reference.argmax(q.scalars, shape: view)
        let p = Reference.softmax(logits.scalars, shape: view)
        let w: Tensor<Double> = CrossEntropyRelationTests.logits([57], seed: 5, spread: 1).exp()
        for bytes in [64 << 20, 100] {
            let found = LinearCrossEntropyLoss(weight: w, labelSmoothing: 0.1, blockBytes: bytes)
                .rowResults(of: x, head, probabilities: q, topK: 57)
            func expect(_ a: [Double], _ b: [Double], _ what: String) {
                // Sums of 57 terms of at most 10.
                #expect(a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= 1e-13 * max(1, abs($1)) }, "\(what) in \(bytes) bytes")
            }
            expect(found.entropies.scalars, Reference.entropies(logits.scalars, shape: view), "entropies")
            expect(found.logSumExps.scalars, Reference.logSumExp(logits.scalars, shape: view), "log-sum-exps")
            expect(found.labelProbabilities.scalars, (0..<23).map { p[$0 * 57 + most[$0]] }, "label probabilities")
            expect(
                found.losses.scalars, Reference.crossEntropies(
                    logits.scalars, probabilities: q.scalars, shape: view, weights: w.scalars, labelSmoothing: 0.1),
                "losses")
            #expect(found.isRight == (0..<23).map { found.argmax.values[$0] == most[$0] })
            #expect(found.topClasses.values == Reference.topK(logits.scalars, k: 57, shape: view).indices)
        }
    }

    @Test(arguments: [64 << 20, 60]) func rowsThatAreNoDistribution(bytes: Int) throws {
        // The special values come from the features: each row's logits are its feature.
        let special: [Float] = [.nan, .infinity, -.infinity, 1]
        let x = Tensor(special, shape: [4, 1])
        let head = Linear(weight: Tensor<Float>([[1], [2], [0.5]]))
        let found = LinearCrossEntropyLoss<Float>(blockBytes: min(bytes, 8))
            .rowResults(of: x, head, try Labels([0, 1, 2, 1], classCount: 3), topK: 3)
        for r in 0..<3 {
            #expect(found.losses[r].isNaN && found.entropies[r].isNaN && found.labelProbabilities[r].isNaN)
            #expect(found.topLogProbabilities[r, 0].isNaN)
        }
        #expect(found.logSumExps[0].isNaN && found.logSumExps[1] == .infinity && found.logSumExps[2] == -.infinity)
        #expect(found.argmax.values == [0, 0, 0, 1] && found.isRight == [true, false, false, true])
        #expect(found.topClasses.values == [0, 1, 2, 0, 1, 2, 0, 1, 2, 1, 0, 2])
    }

    @Test func nothingOfIgnoredRows() throws {
        let x = Tensor<Float>([[1, 0], [.nan, .infinity], [0, 1]]), head = Linear(weight: Tensor<Float>([[3, 0], [0, 3], [1, 1]]))
        for bytes in [64 << 20, 20] {
            let found = LinearCrossEntropyLoss<Float>(blockBytes: bytes)
                .rowResults(of: x, head, try Labels([0, -100, 2], classCount: 3), topK: 2)
            #expect(found.losses[1] == 0)
            #expect(found.logSumExps[1].isNaN && found.entropies[1].isNaN && found.labelProbabilities[1].isNaN)
            #expect(found.argmax.values == [0, -1, 1] && found.isRight == [true, false, false])
            #expect(found.topClasses.values == [0, 2, -1, -1, 1, 2] && found.topLogProbabilities[1, 0].isNaN)
            #expect(found.accuracy == 0.5)
        }
    }

    @Test func shapesAndNothing() throws {
        let head = Linear(weight: Tensor<Float>.ones([3, 2]))
        let loss = LinearCrossEntropyLoss<Float>()
        let many = loss.rowResults(of: .ones([2, 5, 2]), head, try Labels(Array(repeating: 1, count: 10), shape: [2, 5], classCount: 3), topK: 2)
        #expect(many.losses.shape == [2, 5] && many.argmax.shape == [2, 5] && many.topClasses.shape == [2, 5, 2])
        let one = loss.rowResults(of: .ones([2]), head, try Labels([1], shape: [], classCount: 3))
        #expect(one.entropies.shape == [] && one.topClasses.shape == [0] && one.accuracy == 0)
        let none = loss.rowResults(of: .ones([0, 2]), head, try Labels([Int](), classCount: 3), topK: 3)
        #expect(none.losses.shape == [0] && none.accuracy.isNaN && none.topLogProbabilities.shape == [0, 3])
    }

    /// The gradients of the sweep that also reports are those of the graph, bit for bit.
    @Test func gradientsOfTheSameSweep() throws {
        let x: Tensor<Float> = CrossEntropyRelationTests.logits([30, 6], seed: 1, spread: 1)
        let head = Linear<Float>(
            weight: CrossEntropyRelationTests.logits([700, 6], seed: 2, spread: 2),
            bias: CrossEntropyRelationTests.logits([700], seed: 3, spread: 1))
        let y = try Labels((0..<30).map { $0 % 7 == 6 ? -100 : $0 * 23 }, classCount: 700)
        for bytes in [64 << 20, 20_000, 1000] {
            let loss = LinearCrossEntropyLoss<Float>(labelSmoothing: 0.1, blockBytes: bytes)
            let (value, gradients) = valueWithGradient(at: [x, head.weight, head.bias ?? x]) {
                loss($0[0], Linear(weight: $0[1], bias: $0[2]), y)
            }
            for k in [nil, 0, 3] {
                let found = loss.valueWithGradients(at: x, head, y, topK: k)
                #expect(found.value == value && found.input == gradients[0])
                #expect(found.head.weight == gradients[1] && found.head.bias == gradients[2] && found.skippedShare == 0)
                let alone = k.map { loss.rowResults(of: x, head, y, topK: $0) }
                #expect(found.rows?.topClasses == alone?.topClasses && found.rows?.losses == alone?.losses)
                #expect(found.rows?.isRight == alone?.isRight)
            }
        }
    }

    @Test func refusesWhatDoesNotFit() async throws {
        let k = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = LinearCrossEntropyLoss<Float>().rowResults(
                of: .ones([1, 2]), Linear(weight: .ones([3, 2])), try Labels([0], classCount: 3), topK: 4)
        }
        #expect(String(decoding: k.standardErrorContent, as: UTF8.self).contains("topK is 4; expected 0 to 3"))
        let none = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = LinearCrossEntropyLoss<Float>(reduction: .none).valueWithGradients(
                at: .ones([1, 2]), Linear(weight: .ones([3, 2])), try Labels([0], classCount: 3))
        }
        #expect(String(decoding: none.standardErrorContent, as: UTF8.self).contains("gradients without reduction"))
    }
}
