import SurprisalKernels

/// Cross-entropy of logits with class indices or class probabilities, in nats.
///
/// With lp the log-probabilities of a position, w the class weights (1 unless given), ε the label smoothing,
/// C classes and Z the weights' sum over the labels that count:
///
/// - index y: `L = −(1−ε)·w_y·lp_y − (ε/C)·Σ w_c·lp_c`; a mean divides by Z.
/// - probabilities q: `L = −Σ w_c·((1−ε)·q_c + ε/C)·lp_c`; a mean divides by the number of positions.
/// - `∂L/∂x_c = (1−ε)·w_y·(p_c − [c = y]) + (ε/C)·(p_c·Σw − w_c)`; `p_c·Σ w_j·q_j − w_c·q_c`.
/// - `∂L/∂q_c = −(1−ε)·w_c·lp_c`; `∂L/∂w_c` is the part that w_c multiplies, less `L/Z` for each label c
///   under a mean with indices.
///
/// Accuracy: `Accuracy`; a confident row keeps its digits. A position whose label is ignored contributes
/// nothing, whatever its logits hold. A probability 0 at a logit −∞ is no loss.
public struct CrossEntropyLoss<Scalar: Surprisal.Scalar>: Sendable {
    public let weight: Tensor<Scalar>?
    public let labelSmoothing: Double
    public let reduction: Reduction
    public let classAxis: Int?

    /// - Parameters:
    ///   - weight: one a class, in shape `[classes]`; it may be tracked.
    ///   - labelSmoothing: ε in 0...1; anything else stops the program.
    ///   - classAxis: of the logits, from the end when negative; 1 unless given, 0 of a single row.
    public init(
        weight: Tensor<Scalar>? = nil, labelSmoothing: Double = 0, reduction: Reduction = .mean,
        classAxis: Int? = nil
    ) {
        self.weight = weight
        self.labelSmoothing = labelSmoothing
        self.reduction = reduction
        self.classAxis = classAxis
        do { try Self.check(labelSmoothing: labelSmoothing) } catch { fatalError("CrossEntropyLoss: \(error)") }
    }

    public static func check(labelSmoothing: Double) throws(LossError) {
        guard labelSmoothing >= 0, labelSmoothing <= 1 else { throw .labelSmoothing(labelSmoothing) }
    }

    /// Whether the loss can be taken of logits of this shape with these labels.
    public func check(_ logits: Shape, _ labels: Labels) throws(LossError) { _ = try input(logits, labels) }

    /// Whether the loss can be taken of logits of this shape with probabilities of that one.
    public func check(_ logits: Shape, probabilities: Shape) throws(LossError) {
        _ = try input(logits, probabilities: probabilities)
    }

    private func input(_ logits: Shape, _ labels: Labels) throws(LossError) -> ClassLossInput {
        let input = try ClassLossInput(logits, classAxis: classAxis, weight: weight?.shape)
        try input.check(labels)
        return input
    }

    private func input(_ logits: Shape, probabilities: Shape) throws(LossError) -> ClassLossInput {
        let input = try ClassLossInput(logits, classAxis: classAxis, weight: weight?.shape)
        if probabilities != logits { throw .probabilityShape(found: probabilities, input: logits) }
        return input
    }

    /// The loss of logits with class indices.
    ///
    /// - Shapes: logits `… × classes × …`, labels without the class axis → a scalar, or the labels' shape
    ///   without reduction.
    /// - Complexity: O(logits). One read of untracked logits; tracked ones are replaced by their gradient
    ///   when nobody else holds them, and copied otherwise.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func callAsFunction(_ logits: consuming Tensor<Scalar>, _ labels: Labels) -> Tensor<Scalar> {
        loss(logits, .labels(labels))
    }

    /// The loss of logits with class probabilities, which may be tracked.
    ///
    /// - Shapes: logits and probabilities `… × classes × …` → as with labels.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func callAsFunction(
        _ logits: consuming Tensor<Scalar>, probabilities: Tensor<Scalar>
    ) -> Tensor<Scalar> {
        loss(logits, .probabilities(probabilities))
    }

    private func loss(_ logits: consuming Tensor<Scalar>, _ target: CrossEntropyTarget<Scalar>) -> Tensor<Scalar> {
        let (input, reduced) = checked(logits.shape, target)
        let (shape, axis) = (logits.shape, input.axis)
        // Only when wanted: they hold on to the logits, which then cannot become their gradient in place.
        let others = weight?.isTracked == true || target.isTracked
            ? CrossEntropyTargetGradients(
                smoothing: labelSmoothing, weight: weight?.detached, logits: logits.buffer, shape: shape, axis: axis,
                target: target.detached, reduced: reduced
            ).edges(to: target, weight) : Edges()

        let node = logits.node
        var gradient = logits.buffer
        _ = consume logits
        let losses = sweep(&gradient, input, target, reduced, formsGradient: node != nil)
        let formed = gradient
        var edges = Edges<Scalar>()
        if let node {
            edges.append(
                .init(node: node) { upstream in
                    Tensor(shape: shape, buffer: reduced.applied(upstream, to: formed, axis: axis))
                })
        }
        let value = reduced.value(of: losses)
        return Tensor(
            shape: value.shape, buffer: value.buffer, from: "CrossEntropy", edges: edges + others)
    }
}

extension CrossEntropyLoss {
    /// Stops the program when the loss cannot be taken.
    func checked(
        _ logits: Shape, _ target: CrossEntropyTarget<Scalar>
    ) -> (input: ClassLossInput, reduced: ReducedLosses<Scalar>) {
        do {
            let input: ClassLossInput, denominator: Double
            switch target {
            case .labels(let labels):
                input = try self.input(logits, labels)
                denominator = labelWeight(labels, weight)
            case .probabilities(let probabilities):
                input = try self.input(logits, probabilities: probabilities.shape)
                // PyTorch counts the positions as elements over classes: none when there are no classes.
                denominator = input.axis.classes == 0 ? 0 : Double(input.axis.positions)
            }
            return (input, ReducedLosses(reduction: reduction, denominator: denominator, input: input))
        } catch { fatalError("CrossEntropyLoss: \(error)") }
    }

    /// The losses of the positions. With `formsGradient` the logits are replaced by the gradient of the reduced
    /// loss, in place when nobody else holds them.
    func sweep(
        _ logits: inout Buffer<Scalar>, _ input: ClassLossInput, _ target: CrossEntropyTarget<Scalar>,
        _ reduced: ReducedLosses<Scalar>, formsGradient: Bool
    ) -> Buffer<Scalar> {
        let axis = input.axis
        // No classes: every label is ignored, every sum empty.
        if axis.classes == 0 { return Buffer(repeating: 0, count: axis.positions) }
        let sweep = CrossEntropySweep(
            axis: axis, target: target.kernelTarget, weight: weight?.buffer, smoothing: labelSmoothing,
            scale: reduced.scale)
        var losses = Buffer<Scalar>(uninitialized: axis.positions)
        var out = losses.mutableSpan
        if !formsGradient {
            Scalar.crossEntropy(logits.span, sweep, losses: &out)
        } else if logits.isUnique() {
            var inOut = logits.mutableSpan
            Scalar.crossEntropyInPlace(&inOut, sweep, losses: &out)
        } else {
            var gradient = Buffer<Scalar>(uninitialized: logits.count)
            var written = gradient.mutableSpan
            Scalar.crossEntropy(logits.span, sweep, losses: &out, gradient: &written)
            logits = gradient
        }
        return losses
    }
}

enum CrossEntropyTarget<Scalar: Surprisal.Scalar>: Sendable {
    case labels(Labels)
    case probabilities(Tensor<Scalar>)

    var isTracked: Bool {
        if case .probabilities(let probabilities) = self { probabilities.isTracked } else { false }
    }

    var detached: CrossEntropyTarget {
        if case .probabilities(let probabilities) = self { .probabilities(probabilities.detached) } else { self }
    }

    var kernelTarget: Target<Scalar> {
        switch self {
        case .labels(let labels): .labels(labels.classes)
        case .probabilities(let probabilities): .probabilities(probabilities.buffer)
        }
    }
}
