import Surprisal
import SurprisalReference

/// Losses of logits beyond cross-entropy, and its options that PyTorch's has not.
enum FurtherLoss: String, CaseIterable {
    case focal = "focal-loss"
    case poly = "poly-loss"
    /// Of class probabilities, from the log-probabilities of logits: what a student learns by.
    case divergence = "kl-divergence"
    case multiMargin = "multi-margin"
    /// One answer in twenty is yes.
    case binary = "binary-cross-entropy"
    /// Class weights, label smoothing 0.1 and a z-loss.
    case zLoss = "cross-entropy-z-loss"
    case temperature = "cross-entropy-temperature"

    enum Option {
        static let gamma = 2.0, epsilon = 1.0, smoothing = 0.1, zLoss = 1e-4
        /// A power of two, so that the division of logits and gradients is exact.
        static let temperature = 2.0
    }

    var hasLabels: Bool { self != .divergence && self != .binary }

    /// Losses an entry, or one a row.
    var isByEntry: Bool { !hasLabels }

    /// Exponentials, and what costs as much as one, for each logit.
    var exponentials: Double {
        switch self {
        case .multiMargin: 0
        // A logarithm of the target; a logarithm beside the exponential.
        case .divergence, .binary: 2
        default: 1
        }
    }

    /// How far, in ULP, row losses may be from the truth: the promise, or for a sum of several terms that of cross-entropy with
    /// such a target, in ULP of the larger term.
    var lossBound: Double {
        switch self {
        case .focal: Accuracy.focalLossULP(gamma: Option.gamma)
        case .poly: Accuracy.polyLossULP
        // That of the log-probabilities goes into the terms.
        case .divergence: Accuracy.divergenceULP + Accuracy.lossULP
        case .multiMargin: Accuracy.marginLossULP
        case .binary: Accuracy.binaryLossULP
        case .zLoss: 2 * Accuracy.lossULP
        case .temperature: Accuracy.lossULP
        }
    }

    /// The same of the gradient: the factor of a row has the error of its loss. A gradient through log-probabilities y takes
    /// exp(y), which has half an ULP of y's error for each 1 that y is long, some 20 in these inputs.
    var gradientBound: Double {
        switch self {
        case .multiMargin, .binary: lossBound
        case .divergence: lossBound + Accuracy.labelGradientULP + 10
        default: lossBound + Accuracy.labelGradientULP
        }
    }
}

extension Workload {
    static func furtherLoss(_ number: Int, _ form: FurtherLoss, rows: Int, classes: Int) -> [Workload] {
        let count = Double(rows * classes), targets = form.hasLabels ? 0 : 4 * count
        return [Row.Pass.forward, .both].map { pass in
            let forward = pass == .forward, bytes = (forward ? 1 : 2) * 4 * count + targets
            return Workload(
                number: number, name: form.rawValue, shape: "\(rows)×\(classes)", type: "Float", pass: pass,
                bytes: bytes, alsoRead: targets,
                operations: count * (form.exponentials * RowOperations.exponential(Float.self) + (forward ? 2 : 4)),
                limit: forward ? .read : .copy,
                cached: CachedPart(rows: rows, bytes: bytes) { FurtherLossExercise(form, rows: $0, classes: classes).exercise(pass) },
                make: { FurtherLossExercise(form, rows: rows, classes: classes).exercise(pass) })
        }
    }
}

/// The textbook's loops: in Float what the engine is compared with in time, in Double the truth.
private struct FurtherLossLoops<T: Element> {
    let form: FurtherLoss, shape: ReferenceShape
    let logits: [T], labels: [Int], targets: [T], weights: [T]?
    var losses: [T], gradient: [T], perRow: [T], perEntry: [T]

    init(_ form: FurtherLoss, _ shape: ReferenceShape, logits: [Float], labels: [Int], targets: [Float], weights: [Float]?) {
        (self.form, self.shape, self.labels) = (form, shape, labels)
        self.logits = logits.map { T($0) }
        self.targets = targets.map { T($0) }
        self.weights = weights.map { $0.map { T($0) } }
        losses = [T](repeating: 0, count: form.isByEntry ? shape.count : shape.positions)
        gradient = [T](repeating: 0, count: shape.count)
        perRow = [T](repeating: 0, count: shape.positions)
        perEntry = gradient
    }

    /// What a mean of the losses divides by.
    var divisor: Double {
        switch form {
        case .binary: Double(shape.count)
        case .zLoss: labels.reduce(0) { $0 + Double(weights?[$1] ?? 1) }
        default: Double(shape.positions)
        }
    }

    mutating func forward() {
        switch form {
        case .focal:
            Reference.focalLosses(logits, labels: labels, shape: shape, gamma: FurtherLoss.Option.gamma, into: &losses)
        case .poly:
            Reference.polyLosses(logits, labels: labels, shape: shape, epsilon: FurtherLoss.Option.epsilon, into: &losses)
        case .divergence:
            Reference.logSoftmax(logits, shape: shape, into: &perEntry)
            Reference.divergenceTerms(perEntry, targets: targets, areLogarithms: false, into: &losses)
        case .multiMargin: Reference.multiMarginLosses(logits, labels: labels, shape: shape, into: &losses)
        case .binary: Reference.binaryCrossEntropies(logits, targets: targets, into: &losses)
        case .zLoss:
            Reference.crossEntropies(
                logits, labels: labels, shape: shape, weights: weights, labelSmoothing: FurtherLoss.Option.smoothing, into: &losses)
            Reference.logSumExp(logits, shape: shape, into: &perRow)
            for row in losses.indices { losses[row] += T(FurtherLoss.Option.zLoss) * perRow[row] * perRow[row] }
        case .temperature:
            for i in logits.indices { perEntry[i] = logits[i] / T(FurtherLoss.Option.temperature) }
            Reference.crossEntropies(perEntry, labels: labels, shape: shape, into: &losses)
        }
    }

    /// Of the mean, after `forward`.
    mutating func backward() {
        switch form {
        case .focal:
            Reference.focalLossGradient(logits, labels: labels, shape: shape, gamma: FurtherLoss.Option.gamma, into: &gradient)
        case .poly:
            Reference.polyLossGradient(logits, labels: labels, shape: shape, epsilon: FurtherLoss.Option.epsilon, into: &gradient)
        // log t − x differs from −x by a constant.
        case .divergence: Reference.crossEntropyGradient(logits, probabilities: targets, shape: shape, into: &gradient)
        case .multiMargin: Reference.multiMarginLossGradient(logits, labels: labels, shape: shape, into: &gradient)
        case .binary:
            Reference.binaryCrossEntropySlopes(logits, targets: targets, into: &gradient)
            let scale = T(1 / divisor)
            for i in gradient.indices { gradient[i] *= scale }
        case .zLoss:
            Reference.crossEntropyGradient(
                logits, labels: labels, shape: shape, weights: weights, labelSmoothing: FurtherLoss.Option.smoothing,
                into: &gradient)
            for row in 0..<shape.positions {
                let lse = perRow[row], factor = 2 * T(FurtherLoss.Option.zLoss) * lse / T(divisor)
                for i in row * shape.classes..<(row + 1) * shape.classes { gradient[i] += factor * T.exp(logits[i] - lse) }
            }
        case .temperature:
            Reference.crossEntropyGradient(perEntry, labels: labels, shape: shape, into: &gradient)
            for i in gradient.indices { gradient[i] /= T(FurtherLoss.Option.temperature) }
        }
    }
}

private final class FurtherLossExercise {
    let form: FurtherLoss, shape: ReferenceShape
    let x: Tensor<Float>, y: Labels, labels: [Int], targets: Tensor<Float>?, weights: [Float]?
    var naive: FurtherLossLoops<Float>

    init(_ form: FurtherLoss, rows: Int, classes: Int) {
        self.form = form
        shape = ReferenceShape(outer: rows, classes: classes)
        var random = Inputs(seed: UInt64(rows * classes))
        let logits: [Float] = random.normal(rows * classes, deviation: 2), sizes = [rows, classes]
        labels = random.labels(rows, classes: classes)
        do { y = try Labels(labels, classCount: classes) } catch { fatalError("\(form.rawValue): \(error)") }
        let given: [Float]? = switch form {
        case .divergence: random.probabilities(rows, classes)
        case .binary: random.labels(rows * classes, classes: 20).map { $0 == 0 ? 1 : 0 }
        default: nil
        }
        weights = form == .zLoss ? (random.normal(classes, deviation: 0.2) as [Float]).map { 1 + $0.magnitude } : nil
        x = Tensor(logits, shape: sizes)
        targets = given.map { Tensor($0, shape: sizes) }
        naive = FurtherLossLoops(form, shape, logits: logits, labels: labels, targets: given ?? [], weights: weights)
    }

    func exercise(_ pass: Row.Pass) -> Exercise {
        let loss = loss(.mean), x = x
        var inputs = [("logits", InputValues.float(x))]
        if let targets {
            inputs.append((form == .binary ? "targets" : "probabilities", .float(targets)))
        } else {
            inputs.append(("labels", .labels(labels, shape: [shape.positions])))
        }
        if let weights { inputs.append(("weight", .float(Tensor(weights)))) }
        return Exercise(
            engine: pass == .forward ? { keep(loss(x)) } : { keep(valueWithGradient(at: x) { loss($0) }) },
            naive: { [self] in
                naive.forward()
                if pass != .forward { naive.backward() }
            },
            verify: { [self] in try verify(pass) }, inputs: inputs, agreement: { Double(loss(x).item()) })
    }

    /// The engine's loss as a function of the logits.
    private func loss(_ reduction: Reduction) -> (Tensor<Float>) -> Tensor<Float> {
        let y = y
        switch (form, targets) {
        case (.focal, _):
            let loss = FocalLoss<Float>(gamma: FurtherLoss.Option.gamma, reduction: reduction)
            return { loss($0, y) }
        case (.poly, _):
            let loss = PolyLoss<Float>(epsilon: FurtherLoss.Option.epsilon, reduction: reduction)
            return { loss($0, y) }
        case (.multiMargin, _):
            let loss = MultiMarginLoss<Float>(reduction: reduction)
            return { loss($0, y) }
        case (.divergence, let q?):
            let loss = KLDivergenceLoss<Float>(reduction: reduction == .none ? .none : .batchMean)
            return { loss($0.logSoftmax(), target: q) }
        case (.binary, let targets?):
            let loss = BinaryCrossEntropyWithLogitsLoss<Float>(reduction: reduction)
            return { loss($0, targets: targets) }
        case (.zLoss, _):
            let loss = CrossEntropyLoss(
                weight: weights.map { Tensor($0) }, labelSmoothing: FurtherLoss.Option.smoothing, reduction: reduction,
                zLoss: FurtherLoss.Option.zLoss)
            return { loss($0, y) }
        case (.temperature, _):
            let loss = CrossEntropyLoss<Float>(reduction: reduction, temperature: FurtherLoss.Option.temperature)
            return { loss($0, y) }
        default: fatalError("\(form.rawValue): no targets")
        }
    }

    /// Every loss and every derivative against the loops in Double, whose own errors are of no account in Float: of 1 − p
    /// they keep 2⁻⁵³/(1 − p), and no label of these inputs is more probable than a half by much.
    private func verify(_ pass: Row.Pass) throws -> Verdict {
        var truth = FurtherLossLoops<Double>(
            form, shape, logits: x.scalars, labels: labels, targets: targets?.scalars ?? [], weights: weights)
        truth.forward()
        var verdict = Verdict(error: 0, bound: pass == .forward ? form.lossBound : form.gradientBound)
        func check(_ value: Float, _ truth: Double, size: Double, _ bound: Double, _ place: @autoclosure () -> String) throws {
            let error = (Double(value) - truth).magnitude / Double(Float(size).ulp)
            verdict.error = max(verdict.error, error)
            guard error <= bound else {
                throw VerificationFailure(description: "\(form.rawValue): \(place()) is \(value), \(error) ULP from \(truth); expected at most \(bound)")
            }
        }
        let each = loss(.none)(x), (value, gradient) = valueWithGradient(at: x, loss(.mean))
        guard each.count == truth.losses.count, gradient.count == shape.count else {
            throw VerificationFailure(description: "\(form.rawValue): \(each.count) losses and \(gradient.count) derivatives; expected \(truth.losses.count) and \(shape.count)")
        }
        var sum = 0.0, sizes = 0.0
        for i in 0..<each.count {
            let size = truth.size(ofLoss: i)
            try check(each.span[i], truth.losses[i], size: size, form.lossBound, "loss \(i)")
            sum += truth.losses[i]
            sizes += size
        }
        // Of errors that fall to either side, and of one more rounding.
        let divisor = truth.divisor
        try check(value.item(), sum / divisor, size: sizes / divisor, form.lossBound + Accuracy.meanULP, "the mean")
        if pass == .forward { return verdict }

        truth.backward()
        for i in 0..<shape.count {
            try check(
                gradient.span[i], truth.gradient[i], size: truth.size(ofDerivative: i), form.gradientBound,
                "derivative \(i)")
        }
        return verdict
    }
}

/// Of what a rounding error is a part: the value, or the larger of two terms of which it is the difference.
extension FurtherLossLoops<Double> {
    fileprivate func size(ofLoss i: Int) -> Double {
        guard form == .divergence, targets[i] > 0 else { return losses[i].magnitude }
        return targets[i] * max(perEntry[i].magnitude, Double.log(targets[i]).magnitude)
    }

    fileprivate func size(ofDerivative i: Int) -> Double {
        let pushed: Double
        switch form {
        case .divergence: pushed = targets[i]
        case .zLoss:
            let (row, c) = (i / shape.classes, i % shape.classes), s = FurtherLoss.Option.smoothing
            pushed = (weights?[c] ?? 1) * (s / Double(shape.classes) + (labels[row] == c ? 1 - s : 0))
        default: pushed = 0
        }
        return gradient[i].magnitude + pushed / divisor
    }
}
