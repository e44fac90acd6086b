import Surprisal
import SurprisalReference

extension Workload {
    /// Loss of a linear layer's logits without the logits, and the gradients of rows and weight.
    /// In blocks of the default size unless they are given.
    static func linearCrossEntropy(
        _ number: Int, rows: Int, features: Int, classes: Int, blockBytes: Int? = nil
    ) -> [Workload] {
        let product = 2 * Double(rows) * Double(features) * Double(classes)
        let elements = rows * features + classes * features
        return [(Row.Pass.forward, 1), (.both, 3)].map { pass, products in
            Workload(
                number: number, name: "linear-cross-entropy",
                shape: "\(rows)×\(features)→\(classes)" + (blockBytes.map { " in \($0 >> 10) KiB" } ?? ""), type: "Float",
                pass: pass, bytes: Double(4 * elements * (pass == .both ? 2 : 1)), operations: Double(products) * product,
                limit: .matrixProduct, resultBytes: 4 + (pass == .both ? 4 * elements : 0),
                make: {
                    LinearCrossEntropyExercise(rows: rows, features: features, classes: classes, blockBytes: blockBytes)
                        .exercise(pass)
                })
        }
    }

    /// Classes as frequent as the words of a text, sorted by frequency: forward and gradient, exact and with the filter of Cut
    /// Cross-Entropy. What the filter leaves out still counts as done: beyond the limit, that is what it buys.
    static func linearCrossEntropyOfWords(_ number: Int, rows: Int, features: Int, classes: Int) -> [Workload] {
        [("linear-cross-entropy-words", GradientFilter.exact), ("linear-cross-entropy-words-filter", .below(0x1p-12))]
            .map { name, filter in
                Workload(
                    number: number, name: name, shape: "\(rows)×\(features)→\(classes)", type: "Float", pass: .both,
                    bytes: Double(8 * (rows * features + classes * features)),
                    operations: 6 * Double(rows) * Double(features) * Double(classes), limit: .matrixProduct,
                    resultBytes: 4 + 4 * (rows * features + classes * features),
                    make: {
                        LinearCrossEntropyExercise(rows: rows, features: features, classes: classes, ofWords: true, filter)
                            .exercise(.both)
                    })
            }
    }

    /// The loss and what is known of each row besides, with the 5 most probable classes, of one sweep: beside the forward pass
    /// of the loss alone it says what they cost.
    static func linearCrossEntropyRows(_ number: Int, rows: Int, features: Int, classes: Int) -> [Workload] {
        [("linear-cross-entropy", false), ("linear-cross-entropy-rows", true)].map { name, reports in
            Workload(
                number: number, name: name, shape: "\(rows)×\(features)→\(classes)", type: "Float", pass: .forward,
                bytes: Double(4 * (rows * features + classes * features)),
                operations: 2 * Double(rows) * Double(features) * Double(classes), limit: .matrixProduct,
                resultBytes: reports ? nil : 4,
                make: {
                    LinearCrossEntropyExercise(rows: rows, features: features, classes: classes)
                        .exercise(.forward, reports: reports)
                })
        }
    }

    /// Forward and gradient around one shape, of which rows, classes, features and the bytes of a block are varied in turn: only
    /// for who asks for it by `--sweep`. Some two minutes on two cores.
    static var linearCrossEntropySweep: [Workload] {
        struct Point: Hashable {
            var rows = 1024, features = 256, classes = 16_000, blockBytes = LinearCrossEntropyLoss<Float>.defaultBlockBytes
        }
        let points = [Point()]
            + [128, 256, 512, 2048].map { Point(rows: $0) }
            + [1000, 4000, 32_000].map { Point(classes: $0) }
            + [64, 128, 512].map { Point(features: $0) }
            // From four rows, which are four times the least that goes without tiles of classes.
            + [18, 20, 22, 24].map { Point(blockBytes: 1 << $0) }
        return points.flatMap {
            linearCrossEntropy(
                14, rows: $0.rows, features: $0.features, classes: $0.classes, blockBytes: $0.blockBytes
            ).filter { $0.pass == .both }
        }
    }

    /// Minutes long: only for who asks for it by `--filter`.
    static var long: [Workload] {
        linearCrossEntropy(14, rows: 32768, features: 512, classes: 128_256).filter { $0.pass == .forward }
    }
}

private final class LinearCrossEntropyExercise {
    let rows: Int, features: Int, classes: Int
    let x: Tensor<Float>, head: Linear<Float>, labels: [Int], y: Labels
    let loss: LinearCrossEntropyLoss<Float>
    let filter: GradientFilter

    /// Of words, class c is 1/(c + 1) times as frequent as the first, among the labels and by the bias.
    init(
        rows: Int, features: Int, classes: Int, ofWords: Bool = false, _ filter: GradientFilter = .exact,
        blockBytes: Int? = nil
    ) {
        self.filter = filter
        // Few rows to a block have their labels in few tiles.
        loss = LinearCrossEntropyLoss(
            gradientFilter: filter,
            blockBytes: blockBytes ?? (ofWords ? 16 << 20 : LinearCrossEntropyLoss<Float>.defaultBlockBytes))
        (self.rows, self.features, self.classes) = (rows, features, classes)
        var random = Inputs(seed: UInt64(rows * features * classes))
        x = Tensor(random.normal(rows * features), shape: [rows, features])
        head = Linear(
            weight: Tensor(random.normal(classes * features, deviation: 1 / Double(features).squareRoot()), shape: [classes, features]),
            bias: ofWords ? Tensor((0..<classes).map { -Float(Double.log(Double($0 + 1))) }) : nil)
        let uniform = random.labels(rows, classes: classes)
        // log(c + 1) is about uniform.
        labels = ofWords ? uniform.map { Int(Double.exp(Double($0) / Double(classes) * Double.log(Double(classes)))) - 1 } : uniform
        do { y = try Labels(labels, classCount: classes) } catch { fatalError("linear-cross-entropy: \(error)") }
    }

    /// Multiply-adds up to which the naive loops take less than a second or two.
    private static let naiveWork = 1e9

    func exercise(_ pass: Row.Pass, reports: Bool = false) -> Exercise {
        let isSmall = Double(rows) * Double(features) * Double(classes) < Self.naiveWork
        return Exercise(
            engine: reports ? { [self] in keep(loss.rowResults(of: x, head, y, topK: 5)) }
                : pass == .forward ? { [self] in keep(loss(x, head, y)) } : { [self] in keep(both()) },
            naive: isSmall && head.bias == nil ? naive(pass) : nil, verify: { [self] in try verify(pass) },
            inputs: [
                ("x", .float(x)), ("weight", .float(head.weight)), ("labels", .labels(labels, shape: [rows])),
            ],
            agreement: { [self] in Double(loss(x, head, y).item()) })
    }

    private func both() -> (value: Tensor<Float>, gradients: [Tensor<Float>]) {
        valueWithGradient(at: [x, head.weight]) { loss($0[0], Linear(weight: $0[1], bias: head.bias), y) }
    }

    private func naive(_ pass: Row.Pass) -> () -> Void {
        // Without a bias: small workloads have none.
        let x = x.scalars, w = head.weight.scalars, shape = ReferenceShape(outer: rows, classes: classes)
        var logits = [Float](repeating: 0, count: rows * classes), gradient = logits
        var losses = [Float](repeating: 0, count: rows), dx = x, dw = w
        return { [self] in
            Reference.linear(x, weight: w, rows: rows, inputs: features, outputs: classes, into: &logits)
            if pass == .forward {
                Reference.crossEntropies(logits, labels: labels, shape: shape, into: &losses)
                return
            }
            Reference.crossEntropiesWithGradient(logits, labels: labels, shape: shape, losses: &losses, gradient: &gradient)
            Reference.linearInputGradient(
                upstream: gradient, weight: w, rows: rows, inputs: features, outputs: classes, into: &dx)
            Reference.linearWeightGradient(
                upstream: gradient, input: x, rows: rows, inputs: features, outputs: classes, into: &dw)
        }
    }

    /// A logit in Double, and Σ|x·w| of it.
    private func logit(_ row: Int, _ c: Int) -> (value: Double, size: Double) {
        var sum = head.bias.map { Double($0.span[c]) } ?? 0, size = sum.magnitude
        let x = x.span, w = head.weight.span
        for i in 0..<features {
            let product = Double(x[row * features + i]) * Double(w[c * features + i])
            sum += product
            size += product.magnitude
        }
        return (sum, size)
    }

    /// What the filter may leave out of a sum, as a unit of the verdict's.
    private func leftOut(_ size: @autoclosure () -> Double) -> Double {
        guard case .below(let bound) = filter else { return 0 }
        return bound * size() / Double(rows) / (Double(features) + 8)
    }

    private func columnSize(_ i: Int) -> Double {
        let w = head.weight.span
        return (0..<classes).reduce(0.0) { $0 + Double(w[$1 * features + i].magnitude) }
    }

    private func featureSize(_ i: Int) -> Double {
        let x = x.span
        return (0..<rows).reduce(0.0) { $0 + Double(x[$1 * features + i].magnitude) }
    }

    /// A sample of row losses, and of rows and columns of the gradients, in Double.
    ///
    /// A sum of n products is within n/2 ULP of Σ|a·b| (Higham, Accuracy and Stability of Numerical Algorithms, §3.1):
    /// that is each logit's error, the loss's and, relatively, a probability's; the gradients' own sums have theirs on
    /// top.
    private func verify(_ pass: Row.Pass) throws -> Verdict {
        let found = LinearCrossEntropyLoss<Float>(reduction: .none, blockBytes: loss.blockBytes)(x, head, y)
        var verdict = Verdict(error: 0, bound: Double(features) + 8), largest = 0.0, maximum = 0.0
        func check(_ value: Float, _ truth: Double, unit: Double, _ place: String) throws {
            let error = (Double(value) - truth).magnitude / unit
            verdict.error = max(verdict.error, error)
            guard error <= verdict.bound else {
                throw VerificationFailure(description: "linear-cross-entropy: \(place) is \(value), \(error) units of \(unit) from \(truth); expected at most \(verdict.bound)")
            }
        }
        let ulp = Double(Float.ulpOfOne)
        let sample = (0..<min(rows, 4)).map { $0 * rows / min(rows, 4) }
        var rowsOfLogits: [[Double]] = []
        for row in sample {
            let logits = (0..<classes).map { c in
                let (value, size) = logit(row, c)
                largest = max(largest, size)
                return value
            }
            maximum = logits.reduce(-.infinity, max)
            let lse = maximum + Double.log(logits.reduce(0) { $0 + Double.exp($1 - maximum) })
            try check(found[row], lse - logits[labels[row]], unit: ulp * largest, "loss \(row)")
            rowsOfLogits.append(logits.map { $0 - lse })
        }
        if pass == .forward { return verdict }

        let (_, gradients) = both()
        let w = head.weight.span, dx = gradients[0].span, dw = gradients[1].span
        for (row, logProbabilities) in zip(sample, rowsOfLogits) {
            for i in stride(from: 0, to: features, by: max(1, features / 16)) {
                var sum = 0.0, size = 0.0
                for c in 0..<classes {
                    let term = (Double.exp(logProbabilities[c]) - (c == labels[row] ? 1 : 0)) * Double(w[c * features + i])
                    sum += term
                    size += term.magnitude
                }
                let unit = ulp * size / Double(rows) * (largest + Double(classes) / 2 / Double(features)) + leftOut(columnSize(i))
                try check(dx[row * features + i], sum / Double(rows), unit: unit, "dx[\(row), \(i)]")
            }
        }
        // The log-sum-exp of every row from its loss, which is verified in a sample above.
        let lse = (0..<rows).map { Double(found[$0]) + logit($0, labels[$0]).value }
        for c in stride(from: labels[0] % 7, to: classes, by: max(1, classes / 4)) {
            let factors = (0..<rows).map { Double.exp(logit($0, c).value - lse[$0]) - (labels[$0] == c ? 1 : 0) }
            for i in stride(from: 0, to: features, by: max(1, features / 16)) {
                var sum = 0.0, size = 0.0
                for row in 0..<rows {
                    let term = factors[row] * Double(x.span[row * features + i])
                    sum += term
                    size += term.magnitude
                }
                let unit = ulp * size / Double(rows) * (2 * largest + Double(rows) / 2 / Double(features)) + leftOut(featureSize(i))
                try check(dw[c * features + i], sum / Double(rows), unit: unit, "dW[\(c), \(i)]")
            }
        }
        return verdict
    }
}
