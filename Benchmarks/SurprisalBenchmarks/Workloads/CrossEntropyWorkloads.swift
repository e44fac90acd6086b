import Surprisal
import SurprisalReference

/// The forms of cross-entropy that are measured.
enum CrossEntropyForm: String {
    case plain = "cross-entropy"
    /// Class weights, label smoothing 0.1 and a fifth of the labels ignored.
    case options = "cross-entropy-options"
    /// Class probabilities for targets.
    case soft = "cross-entropy-soft"
    /// Classes on an axis with others behind it.
    case segmentation
}

extension Workload {
    static func crossEntropy<T: Element>(
        _ number: Int, shape: [Int], _ type: T.Type, _ form: CrossEntropyForm = .plain
    ) -> [Workload] {
        let count = shape.reduce(1, *), size = Double(MemoryLayout<T>.size)
        let logitBytes = Double(count) * size, targets: Double = form == .soft ? logitBytes : 0
        // Overhead, not memory, is what a few kilobytes cost.
        let tiny = logitBytes < 65536
        return [(Row.Pass.forward, false), (.gradient, false), (.both, false), (.both, true)].map { pass, consumes in
            let forward = pass == .forward
            let bytes = (forward ? 1 : 2) * logitBytes + targets
            // Of images, so many lines of one.
            let lines = shape.count > 2 ? shape[0] * shape[2] : shape[0]
            let cached = CachedPart(rows: lines, bytes: bytes) { lines in
                let part = shape.count > 2 ? [1, shape[1], lines] + shape[3...] : [lines] + shape[1...]
                return CrossEntropyExercise<T>(shape: part, form: form).exercise(pass, consumes: consumes)
            }
            return Workload(
                // The forward pass of the large shape has targets of its own.
                number: number == 6 && forward ? 2 : number, name: form.rawValue,
                shape: shape.map(String.init).joined(separator: "×"), type: name(of: type), pass: pass,
                consumesInput: consumes, bytes: bytes, alsoRead: targets,
                operations: Double(count) * (RowOperations.exponential(type) + (forward ? 0 : 1)),
                limit: tiny ? .none : forward ? .read : consumes ? .update : .copy, cached: cached,
                make: { CrossEntropyExercise<T>(shape: shape, form: form).exercise(pass, consumes: consumes) })
        }
    }
}

/// Floating-point operations of row kernels on the instruction set in use, to place them under the roofline.
enum RowOperations {
    /// Of one exponential and its place in the sum and the maximum. A multiply-add counts two: of the range reduction
    /// three, of the polynomial (degree 6, for Double 11; 3 and 6 beside the table that AVX-512's registers hold) the rest.
    static func exponential<T: Element>(_ type: T.Type) -> Double {
        let isFloat = T.self == Float.self, isTabled = (InstructionSet.override.value ?? .current) == .avx512
        let multiplyAdds = isFloat ? (isTabled ? 6.0 : 9) : (isTabled ? 9 : 14)
        // Difference, floor, the rounding's subtraction, scale, maximum, two for the sum; a square where there is one.
        return 2 * multiplyAdds + (isFloat && !isTabled ? 7 : 8)
    }
}

/// Logits and targets, and what the engine and the naive loops make of them.
final class CrossEntropyExercise<T: Element> {
    let shape: [Int], view: ReferenceShape, form: CrossEntropyForm
    let logits: [T], labels: [Int], probabilities: [T]?, weights: [T]?
    let smoothing: Double
    let x: Tensor<T>, y: Labels, q: Tensor<T>?
    let loss: CrossEntropyLoss<T>
    /// The naive loops' results, allocated once.
    var losses: [T], gradient: [T]
    /// Logits to give away.
    var given: Tensor<T>?

    init(shape: [Int], form: CrossEntropyForm) {
        self.shape = shape
        self.form = form
        view = ReferenceShape(shape, along: 1)
        var inputs = Inputs(seed: UInt64(shape.reduce(1, *)))
        let positions = shape.enumerated().filter { $0.offset != 1 }.map(\.element)
        logits = inputs.normal(view.count, deviation: 2)
        labels = inputs.labels(view.positions, classes: view.classes, ignored: form == .options ? 0.2 : 0)
        weights = form == .options ? (inputs.normal(view.classes, deviation: 0.2) as [T]).map { 1 + $0.magnitude } : nil
        probabilities = form == .soft ? inputs.probabilities(view.positions, view.classes) : nil
        smoothing = form == .options ? 0.1 : 0
        x = Tensor(logits, shape: shape)
        do { y = try Labels(labels, shape: positions, classCount: view.classes) } catch {
            fatalError("workload \(form) \(shape): \(error)")
        }
        q = probabilities.map { Tensor($0, shape: shape) }
        loss = CrossEntropyLoss(weight: weights.map { Tensor($0) }, labelSmoothing: smoothing)
        losses = [T](repeating: 0, count: view.positions)
        gradient = []
    }

    func exercise(_ pass: Row.Pass, consumes: Bool) -> Exercise {
        if pass != .forward { gradient = [T](repeating: 0, count: view.count) }
        var inputs = [("logits", InputValues(logits, shape))]
        if let probabilities {
            inputs.append(("probabilities", InputValues(probabilities, shape)))
        } else {
            inputs.append(("labels", .labels(labels, shape: y.shape)))
        }
        if let weights { inputs.append(("weight", InputValues(weights, [view.classes]))) }
        return Exercise(
            engine: engine(pass, consumes: consumes),
            renew: consumes ? { [self] in given = Tensor(logits, shape: shape) } : nil,
            naive: naive(pass), verify: { [self] in try verify(pass, consumes: consumes) }, inputs: inputs,
            agreement: { [self] in Double((q.map { loss(x, probabilities: $0) } ?? loss(x, y)).item()) })
    }

    private func engine(_ pass: Row.Pass, consumes: Bool) -> () -> Void {
        if pass == .forward { return { [self] in keep(q.map { loss(x, probabilities: $0) } ?? loss(x, y)) } }
        return { [self] in keep(valueWithGradient(consumes: consumes)) }
    }

    private func valueWithGradient(consumes: Bool) -> (value: Tensor<T>, gradient: Tensor<T>) {
        guard consumes else {
            guard let q else { return loss.valueWithGradient(at: x, y) }
            return loss.valueWithGradient(at: x, probabilities: q)
        }
        guard let x = given.take() else { fatalError("workload: logits given away twice") }
        guard let q else { return loss.valueWithGradient(at: consume x, y) }
        return loss.valueWithGradient(at: consume x, probabilities: q)
    }

    private func naive(_ pass: Row.Pass) -> () -> Void {
        { [self] in
            switch (pass, probabilities) {
            case (.forward, nil):
                Reference.crossEntropies(
                    logits, labels: labels, shape: view, weights: weights, ignoring: -100, labelSmoothing: smoothing,
                    into: &losses)
            case (.forward, let probabilities?):
                Reference.crossEntropies(
                    logits, probabilities: probabilities, shape: view, weights: weights, labelSmoothing: smoothing,
                    into: &losses)
            case (.gradient, nil):
                Reference.crossEntropyGradient(
                    logits, labels: labels, shape: view, weights: weights, ignoring: -100, labelSmoothing: smoothing,
                    into: &gradient)
            case (.gradient, let probabilities?):
                Reference.crossEntropyGradient(
                    logits, probabilities: probabilities, shape: view, weights: weights, labelSmoothing: smoothing,
                    into: &gradient)
            case (_, nil):
                Reference.crossEntropiesWithGradient(
                    logits, labels: labels, shape: view, weights: weights, ignoring: -100, labelSmoothing: smoothing,
                    losses: &losses, gradient: &gradient)
            case (_, let probabilities?):
                Reference.crossEntropiesWithGradient(
                    logits, probabilities: probabilities, shape: view, weights: weights, labelSmoothing: smoothing,
                    losses: &losses, gradient: &gradient)
            }
        }
    }

    private func verify(_ pass: Row.Pass, consumes: Bool) throws -> Verdict {
        naive(pass)()
        var verifier = RowVerifier(
            what: "\(form.rawValue) \(shape) \(pass.rawValue)", view: view, logits: logits,
            target: RowTarget(labels: labels, probabilities: probabilities, weights: weights, smoothing: smoothing))
        if pass != .gradient {
            let each = CrossEntropyLoss(weight: loss.weight, labelSmoothing: smoothing, reduction: .none)
            let rowLosses = q.map { each(x, probabilities: $0) } ?? each(x, y)
            try verifier.losses(rowLosses.span, naive: losses)
            let mean = pass == .forward
                ? q.map { loss(x, probabilities: $0) } ?? loss(x, y) : { given = x; return valueWithGradient(consumes: consumes).value }()
            try verifier.mean(mean.item(), of: rowLosses.span)
        }
        if pass != .forward {
            // A copy of its own, so that the memory may be given away.
            given = Tensor(logits, shape: shape)
            try verifier.gradient(valueWithGradient(consumes: consumes).gradient.span, naive: gradient)
        }
        return Verdict(error: verifier.worst, bound: verifier.bound)
    }
}
