import Surprisal
import SurprisalReference

extension Workload {
    /// A head of a short list and clusters, with labels as frequent as the words of a text: class c is 1/(c + 1) times as
    /// frequent as the first.
    static func adaptiveLogSoftmax(_ number: Int, rows: Int, features: Int, classes: Int, cutoffs: [Int]) -> [Workload] {
        let shape = AdaptiveShape(rows: rows, features: features, classes: classes, cutoffs: cutoffs)
        return [(Row.Pass.forward, 1), (.both, 3)].map { pass, products in
            Workload(
                number: number, name: "adaptive-log-softmax", shape: "\(rows)×\(features)→\(classes)", type: "Float", pass: pass,
                bytes: Double(4 * (rows * features + shape.parameters) * (pass == .both ? 2 : 1)),
                operations: Double(products * 2 * shape.multiplyAdds), limit: .matrixProduct,
                resultBytes: 4 + (pass == .both ? 4 * (rows * features + shape.parameters) : 0),
                make: { AdaptiveExercise(shape).exercise(pass) })
        }
    }
}

/// The sizes of an adaptive softmax, and the labels, which say how many rows a cluster sees.
private struct AdaptiveShape {
    let rows, features, classes: Int
    let cutoffs, labels: [Int]
    /// Of each cluster: its rows, features and classes.
    let clusters: [(rows: [Int], hidden: Int, classes: Int)]

    static let divisor = 4

    init(rows: Int, features: Int, classes: Int, cutoffs: [Int]) {
        (self.rows, self.features, self.classes, self.cutoffs) = (rows, features, classes, cutoffs)
        var random = Inputs(seed: UInt64(rows * classes))
        // log(c + 1) is about uniform.
        let labels = random.labels(rows, classes: classes).map {
            Int(Double.exp(Double($0) / Double(classes) * Double.log(Double(classes)))) - 1
        }
        self.labels = labels
        let ends = cutoffs + [classes]
        var hidden = features
        clusters = cutoffs.indices.map { i in
            hidden /= Self.divisor
            return (labels.indices.filter { labels[$0] >= ends[i] && labels[$0] < ends[i + 1] }, hidden, ends[i + 1] - ends[i])
        }
    }

    var headClasses: Int { cutoffs[0] + cutoffs.count }
    var parameters: Int { clusters.reduce(headClasses * features) { $0 + $1.hidden * (features + $1.classes) } }
    var multiplyAdds: Int {
        clusters.reduce(rows * headClasses * features) { $0 + $1.rows.count * $1.hidden * (features + $1.classes) }
    }
}

/// The textbook's loops: in Float what the engine is compared with in time, in Double the truth.
private struct AdaptiveLoops<T: Element> {
    let shape: AdaptiveShape
    let x: [T], head: [T], projections: [[T]], outputs: [[T]]
    /// One a row: −log p of its label.
    var losses: [T]
    /// Of x, the head and each cluster's projection and output: as the engine's parameters are in order.
    var gradients: [[T]] = []

    init(_ shape: AdaptiveShape, x: Tensor<Float>, _ parameters: [Tensor<Float>]) {
        func numbers(_ tensor: Tensor<Float>) -> [T] { tensor.scalars.map { T($0) } }
        self.shape = shape
        self.x = numbers(x)
        head = numbers(parameters[0])
        projections = shape.clusters.indices.map { numbers(parameters[1 + 2 * $0]) }
        outputs = shape.clusters.indices.map { numbers(parameters[2 + 2 * $0]) }
        losses = [T](repeating: 0, count: shape.rows)
    }

    /// The losses, and the gradients of their mean where they are wanted.
    mutating func run(formsGradients: Bool) {
        let (rows, features, width) = (shape.rows, shape.features, shape.headClasses)
        var classes = shape.labels
        for (i, cluster) in shape.clusters.enumerated() {
            for row in cluster.rows { classes[row] = shape.cutoffs[0] + i }
        }
        let logits = Reference.linear(x, weight: head, rows: rows, inputs: features, outputs: width)
        let (ofHead, dLogits) = crossEntropies(logits, classes, width, formsGradients)
        losses = ofHead
        var dx: [T] = []
        if formsGradients {
            dx = Reference.linearInputGradient(upstream: dLogits, weight: head, rows: rows, inputs: features, outputs: width)
            gradients = [[], Reference.linearWeightGradient(upstream: dLogits, input: x, rows: rows, inputs: features, outputs: width)]
        }
        for (i, cluster) in shape.clusters.enumerated() {
            let start = shape.cutoffs[i], (members, hidden, count) = cluster
            let chosen = members.flatMap { x[$0 * features..<($0 + 1) * features] }
            let projected = Reference.linear(chosen, weight: projections[i], rows: members.count, inputs: features, outputs: hidden)
            let logits = Reference.linear(projected, weight: outputs[i], rows: members.count, inputs: hidden, outputs: count)
            let (within, dLogits) = crossEntropies(logits, members.map { shape.labels[$0] - start }, count, formsGradients)
            for (from, to) in members.enumerated() { losses[to] += within[from] }
            if !formsGradients { continue }
            let dProjected = Reference.linearInputGradient(
                upstream: dLogits, weight: outputs[i], rows: members.count, inputs: hidden, outputs: count)
            let dChosen = Reference.linearInputGradient(
                upstream: dProjected, weight: projections[i], rows: members.count, inputs: features, outputs: hidden)
            for (from, to) in members.enumerated() {
                for f in 0..<features { dx[to * features + f] += dChosen[from * features + f] }
            }
            gradients.append(
                Reference.linearWeightGradient(
                    upstream: dProjected, input: chosen, rows: members.count, inputs: features, outputs: hidden))
            gradients.append(
                Reference.linearWeightGradient(
                    upstream: dLogits, input: projected, rows: members.count, inputs: hidden, outputs: count))
        }
        if formsGradients { gradients[0] = dx }
    }

    /// The losses of some rows, and their gradients as parts of the mean over all rows.
    private func crossEntropies(
        _ logits: [T], _ labels: [Int], _ classes: Int, _ formsGradients: Bool
    ) -> (losses: [T], gradient: [T]) {
        let view = ReferenceShape(outer: labels.count, classes: classes)
        let losses = Reference.crossEntropies(logits, labels: labels, shape: view)
        if !formsGradients { return (losses, []) }
        let share = [T](repeating: 1 / T(shape.rows), count: labels.count)
        return (losses, Reference.crossEntropyGradient(logits, labels: labels, shape: view, upstream: .positions(share)))
    }
}

private final class AdaptiveExercise {
    let shape: AdaptiveShape
    let x: Tensor<Float>, y: Labels
    let model: AdaptiveLogSoftmaxWithLoss<Float>

    init(_ shape: AdaptiveShape) {
        self.shape = shape
        var random = Inputs(seed: UInt64(shape.rows * shape.features * shape.classes))
        x = Tensor(random.normal(shape.rows * shape.features), shape: [shape.rows, shape.features])
        do { y = try Labels(shape.labels, classCount: shape.classes) } catch { fatalError("adaptive-log-softmax: \(error)") }
        func layer(_ inputs: Int, _ outputs: Int) -> Linear<Float> {
            Linear(weight: Tensor(random.normal(inputs * outputs, deviation: 1 / Double(inputs).squareRoot()), shape: [outputs, inputs]))
        }
        model = AdaptiveLogSoftmaxWithLoss(
            head: layer(shape.features, shape.headClasses),
            tail: shape.clusters.map { .init(projection: layer(shape.features, $0.hidden), output: layer($0.hidden, $0.classes)) })
    }

    private var parameters: [Tensor<Float>] { model.parameters.map(\.value) }

    /// Multiply-adds up to which the naive loops take less than a second or two.
    private static let naiveWork = 300_000_000

    func exercise(_ pass: Row.Pass) -> Exercise {
        var naive: (() -> Void)?
        if shape.multiplyAdds < Self.naiveWork {
            var loops = AdaptiveLoops<Float>(shape, x: x, parameters)
            naive = { loops.run(formsGradients: pass != .forward) }
        }
        return Exercise(
            engine: pass == .forward ? { [self] in keep(model(x, y)) } : { [self] in keep(both()) }, naive: naive,
            verify: { [self] in try verify(pass) },
            inputs: [("x", .float(x)), ("labels", .labels(shape.labels, shape: [shape.rows]))]
                + model.parameters.map { ($0.name, .float($0.value)) },
            agreement: { [self] in Double(model(x, y).loss.item()) })
    }

    private func both() -> (value: Tensor<Float>, gradients: [Tensor<Float>]) {
        valueWithGradient(at: [x] + parameters) { inputs in
            let tail = stride(from: 2, to: inputs.count, by: 2).map {
                AdaptiveLogSoftmaxWithLoss<Float>.Cluster(
                    projection: Linear(weight: inputs[$0]), output: Linear(weight: inputs[$0 + 1]))
            }
            return AdaptiveLogSoftmaxWithLoss(head: Linear(weight: inputs[1]), tail: tail)(inputs[0], y).loss
        }
    }

    /// Every log-probability and every derivative against the loops in Double.
    ///
    /// A sum of n products is within n/2 ULP of Σ|a·b| (Higham, Accuracy and Stability of Numerical Algorithms, §3.1), which
    /// here is a few times the largest of its kind: the unit is an ULP of that.
    private func verify(_ pass: Row.Pass) throws -> Verdict {
        var truth = AdaptiveLoops<Double>(shape, x: x, parameters)
        truth.run(formsGradients: pass != .forward)
        var verdict = Verdict(error: 0, bound: Double(shape.features) + 8)
        func check(_ found: Span<Float>, _ truth: [Double], _ name: String) throws {
            guard found.count == truth.count else {
                throw VerificationFailure(description: "adaptive-log-softmax: \(found.count) numbers of \(name); expected \(truth.count)")
            }
            let unit = Double(Float.ulpOfOne) * truth.reduce(0) { max($0, $1.magnitude) }
            for i in truth.indices {
                let error = (Double(found[i]) - truth[i]).magnitude / unit
                verdict.error = max(verdict.error, error)
                guard error <= verdict.bound else {
                    throw VerificationFailure(description: "adaptive-log-softmax: \(name)[\(i)] is \(found[i]), \(error) units of \(unit) from \(truth[i]); expected at most \(verdict.bound)")
                }
            }
        }
        let (output, loss) = model(x, y)
        try check(output.span, truth.losses.map { -$0 }, "log-probability")
        let mean = truth.losses.reduce(0, +) / Double(shape.rows)
        try check(loss.span, [mean], "loss")
        if pass == .forward { return verdict }
        let names = ["x"] + model.parameters.map(\.name)
        for (i, gradient) in both().gradients.enumerated() { try check(gradient.span, truth.gradients[i], "gradient of \(names[i])") }
        return verdict
    }
}
