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
///
/// What PyTorch's has not, none of it on unless asked for:
///
/// - a soft cap c: the logits of all of the above are `c·tanh(x/c)` (`Tensor.softCapped(at:)`);
/// - a temperature τ: they are `x/τ`, after the cap;
/// - masked classes: their probability is 0 and so is their gradient; smoothing spreads ε over the C′ others;
/// - z-loss: `λ·lse²` is added to every loss, `2λ·lse·p_c` to its gradient (Chowdhery et al., *PaLM*, 2022, §5), which
///   keeps the logits from drifting;
/// - row weights, one a position: `r·L`. A position of weight 0 contributes nothing, whatever it holds;
/// - the denominator of a mean, and 0 as the mean of nothing.
public struct CrossEntropyLoss<Scalar: Surprisal.Scalar>: Sendable {
    public let weight: Tensor<Scalar>?
    public let labelSmoothing: Double
    public let reduction: Reduction
    public private(set) var classAxis: Int?
    public private(set) var denominator: MeanDenominator
    public let emptyMeanIsZero: Bool
    /// In ascending order.
    public let maskedClasses: [Int]
    public let temperature: Double
    public let softCap: Double?
    public let zLoss: Double

    /// An option out of its range stops the program; `check` asks first.
    ///
    /// - Parameters:
    ///   - weight: one a class, in shape `[classes]`; it may be tracked.
    ///   - labelSmoothing: ε in 0...1.
    ///   - classAxis: of the logits, from the end when negative; 1 unless given, 0 of a single row.
    ///   - denominator: what a mean divides by.
    ///   - emptyMeanIsZero: whether a mean over a denominator of 0 is 0, its gradient too, and not NaN.
    ///   - maskedClasses: with probability 0 in every position. A label among them stops the program.
    ///   - temperature: τ above 0 and finite, as a `Scalar`.
    ///   - softCap: c, a finite number above 0, as a `Scalar`.
    ///   - zLoss: λ, at least 0; 10⁻⁴ in PaLM.
    public init(
        weight: Tensor<Scalar>? = nil, labelSmoothing: Double = 0, reduction: Reduction = .mean,
        classAxis: Int? = nil, denominator: MeanDenominator = .labelWeights, emptyMeanIsZero: Bool = false,
        maskedClasses: some Sequence<Int> = [Int](), temperature: Double = 1, softCap: Double? = nil, zLoss: Double = 0
    ) {
        self.weight = weight
        self.labelSmoothing = labelSmoothing
        self.reduction = reduction
        self.classAxis = classAxis
        self.denominator = denominator
        self.emptyMeanIsZero = emptyMeanIsZero
        self.maskedClasses = Set(maskedClasses).sorted()
        self.temperature = temperature
        self.softCap = softCap
        self.zLoss = zLoss
        do {
            try Self.check(
                labelSmoothing: labelSmoothing, denominator: denominator, temperature: temperature, softCap: softCap,
                zLoss: zLoss)
        } catch { fatalError("CrossEntropyLoss: \(error)") }
    }

    /// The same options along another axis.
    func along(_ classAxis: Int) -> CrossEntropyLoss {
        var loss = self
        loss.classAxis = classAxis
        return loss
    }

    /// The same options for a part of a batch whose mean divides by this.
    @usableFromInline
    func dividing(by number: Double) -> CrossEntropyLoss {
        var loss = self
        loss.denominator = .number(number)
        return loss
    }

    /// What the mean over these labels divides by.
    @usableFromInline
    func denominator(of labels: Labels) -> Double {
        switch denominator {
        case .labelWeights:
            guard let weight else { return Double(labels.countedCount) }
            var sum = CompensatedSum()
            for label in labels.indices where label >= 0 { sum.add(Double(weight.span[Int(label)])) }
            return sum.value
        case .labels: return Double(labels.countedCount)
        case .positions: return Double(labels.count)
        case .number(let number): return number
        }
    }

    public static func check(
        labelSmoothing: Double, denominator: MeanDenominator = .labelWeights, temperature: Double = 1,
        softCap: Double? = nil, zLoss: Double = 0
    ) throws(LossError) {
        guard labelSmoothing >= 0, labelSmoothing <= 1 else { throw .labelSmoothing(labelSmoothing) }
        if case .number(let value) = denominator, !(value > 0 && value.isFinite) { throw .denominator(value) }
        // In the logits' type, where 10⁻⁵⁰ is 0.
        guard Scalar(temperature) > 0, Scalar(temperature).isFinite else { throw .temperature(temperature) }
        if let softCap, !(Scalar(softCap) > 0 && Scalar(softCap).isFinite) { throw .softCap(softCap) }
        guard zLoss >= 0, zLoss.isFinite else { throw .zLoss(zLoss) }
    }

    /// Whether the loss can be taken of logits of this shape with these labels.
    public func check(_ logits: Shape, _ labels: Labels, rowWeights: Shape? = nil) throws(LossError) {
        _ = try input(logits, labels, rowWeights)
    }

    /// Whether the loss can be taken of logits of this shape with probabilities of that one.
    public func check(_ logits: Shape, probabilities: Shape, rowWeights: Shape? = nil) throws(LossError) {
        _ = try input(logits, probabilities: probabilities, rowWeights)
    }

    /// Whether the loss can be taken of logits of this shape with these probabilities.
    public func check(
        _ logits: Shape, probabilities: SparseProbabilities<Scalar>, rowWeights: Shape? = nil
    ) throws(LossError) {
        _ = try input(logits, probabilities, rowWeights)
    }

    private func input(
        _ logits: Shape, _ probabilities: SparseProbabilities<Scalar>, _ rowWeights: Shape?
    ) throws(LossError) -> ClassLossInput {
        let input = try input(logits, rowWeights)
        if probabilities.shape != input.positions(of: logits) {
            throw .probabilityPositions(found: probabilities.shape, input: logits, expected: input.positions(of: logits))
        }
        if probabilities.classCount != input.axis.classes {
            throw .classCount(labels: probabilities.classCount, input: input.axis.classes)
        }
        return input
    }

    private func input(_ logits: Shape, _ labels: Labels, _ rowWeights: Shape?) throws(LossError) -> ClassLossInput {
        let input = try input(logits, rowWeights)
        try input.check(labels, of: logits)
        if !maskedClasses.isEmpty {
            let masked = Set(maskedClasses.map { Int32($0) })
            if let position = labels.indices.firstIndex(where: masked.contains) {
                throw .maskedLabel(Int(labels.indices[position]), position: position)
            }
        }
        return input
    }

    private func input(_ logits: Shape, probabilities: Shape, _ rowWeights: Shape?) throws(LossError) -> ClassLossInput {
        let input = try input(logits, rowWeights)
        if probabilities != logits { throw .probabilityShape(found: probabilities, input: logits) }
        return input
    }

    private func input(_ logits: Shape, _ rowWeights: Shape?) throws(LossError) -> ClassLossInput {
        let input = try ClassLossInput(logits, classAxis: classAxis, weight: weight?.shape), classes = input.axis.classes
        if let rowWeights, rowWeights != input.positions(of: logits) {
            throw .rowWeightShape(found: rowWeights, positions: input.positions(of: logits))
        }
        if let wrong = maskedClasses.first(where: { !(0..<classes).contains($0) }) {
            throw .maskedClass(wrong, classes: classes)
        }
        if !maskedClasses.isEmpty, maskedClasses.count == classes { throw .everyClassMasked(classes: classes) }
        return input
    }

    /// The loss of logits with class indices.
    ///
    /// - Shapes: logits `… × classes × …`, labels without the class axis → a scalar, or the labels' shape
    ///   without reduction.
    /// - Parameter rowWeights: one a position, in the labels' shape; constants.
    /// - Complexity: O(logits). One read of untracked logits; tracked ones are replaced by their gradient
    ///   when nobody else holds them, and copied otherwise. A temperature and a soft cap make a copy each, masked
    ///   classes do unless nobody else holds the logits.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func callAsFunction(
        _ logits: consuming Tensor<Scalar>, _ labels: Labels, rowWeights: Tensor<Scalar>? = nil
    ) -> Tensor<Scalar> {
        loss(logits, .labels(labels), rowWeights)
    }

    /// The loss of logits with class probabilities, which may be tracked.
    ///
    /// - Shapes: logits and probabilities `… × classes × …` → as with labels. A probability of a masked class makes the
    ///   loss +∞.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func callAsFunction(
        _ logits: consuming Tensor<Scalar>, probabilities: Tensor<Scalar>, rowWeights: Tensor<Scalar>? = nil
    ) -> Tensor<Scalar> {
        loss(logits, .probabilities(probabilities), rowWeights)
    }

    /// The loss of logits with class probabilities of which each position names a few; constants.
    ///
    /// - Shapes: logits `… × classes × …`, probabilities of the shape without the class axis → as with labels.
    /// - Complexity: O(logits); 1 MB of dense probabilities at a time, or those of one sample `classes × …`. Tracked class
    ///   weights make all of them dense on the way back.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func callAsFunction(
        _ logits: consuming Tensor<Scalar>, probabilities: SparseProbabilities<Scalar>, rowWeights: Tensor<Scalar>? = nil
    ) -> Tensor<Scalar> {
        loss(logits, .sparse(probabilities), rowWeights)
    }

    var shaping: LogitShaping<Scalar> { LogitShaping(softCap: softCap.map { Scalar($0) }, temperature: Scalar(temperature)) }

    private func loss(
        _ logits: consuming Tensor<Scalar>, _ target: CrossEntropyTarget<Scalar>, _ rowWeights: Tensor<Scalar>?
    ) -> Tensor<Scalar> {
        shaping.isIdentity ? shapedLoss(logits, target, rowWeights) : shapedLoss(shaping(logits), target, rowWeights)
    }

    private func shapedLoss(
        _ logits: consuming Tensor<Scalar>, _ target: CrossEntropyTarget<Scalar>, _ rowWeights: Tensor<Scalar>?
    ) -> Tensor<Scalar> {
        let shape = logits.shape, (axis, reduced) = checked(shape, target, rowWeights)
        let node = logits.node
        var gradient = logits.buffer
        _ = consume logits
        mask(&gradient, axis)
        // Only when wanted: they hold on to the logits, which then cannot become their gradient in place.
        let isTracked = weight?.isTracked == true || target.isTracked
        let seen = isTracked ? gradient : nil
        let losses = sweep(&gradient, axis, target, scale: reduced.scale, rowWeights: rowWeights, formsGradient: node != nil)
        let value = reduced.value(of: losses)
        let others = seen.map {
            CrossEntropyTargetGradients(
                smoothing: labelSmoothing, maskedClasses: Set(maskedClasses), weight: weight?.detached,
                rowWeights: rowWeights, logits: $0, shape: shape, axis: axis, target: target.detached, reduced: reduced,
                mean: Double(value.buffer.span.isEmpty ? 0 : value.buffer.span[0]), dividesByWeights: denominator == .labelWeights
            ).edges(to: target, weight)
        } ?? Edges()
        let formed = gradient
        var edges = Edges<Scalar>()
        if let node {
            edges.append(
                .init(node: node) { upstream in
                    Tensor(shape: shape, buffer: reduced.applied(upstream, to: formed, axis: axis))
                })
        }
        return Tensor(
            shape: value.shape, buffer: value.buffer, from: "CrossEntropy", edges: edges + others)
    }
}

extension CrossEntropyLoss {
    /// Stops the program when the loss cannot be taken.
    func checked(
        _ logits: Shape, _ target: CrossEntropyTarget<Scalar>, _ rowWeights: Tensor<Scalar>? = nil
    ) -> (axis: ClassAxis, reduced: ReducedLosses<Scalar>) {
        if rowWeights?.isTracked == true { fatalError("CrossEntropyLoss: tracked row weights; expected constants") }
        do {
            let input: ClassLossInput, labelWeights: Double, labelCount: Int
            switch target {
            case .labels(let labels):
                input = try self.input(logits, labels, rowWeights?.shape)
                labelWeights = labelWeight(labels, weight, rowWeights: rowWeights)
                labelCount = labels.count - labels.ignoredCount
            case .probabilities(let probabilities):
                input = try self.input(logits, probabilities: probabilities.shape, rowWeights?.shape)
                (labelCount, labelWeights) = counted(input, rowWeights)
            case .sparse(let probabilities):
                input = try self.input(logits, probabilities, rowWeights?.shape)
                (labelCount, labelWeights) = counted(input, rowWeights)
            }
            let divisor = switch denominator {
            case .labelWeights: labelWeights
            case .labels: Double(labelCount)
            case .positions: Double(input.axis.positions)
            case .number(let number): number
            }
            return (
                input.axis,
                ReducedLosses(
                    reduction: reduction, denominator: divisor, input: input, of: logits, emptyMean: emptyMeanIsZero ? 0 : .nan)
            )
        } catch { fatalError("CrossEntropyLoss: \(error)") }
    }

    /// The positions of class probabilities and their weights. PyTorch counts them as elements over classes: none when there are
    /// no classes.
    private func counted(_ input: ClassLossInput, _ rowWeights: Tensor<Scalar>?) -> (Int, Double) {
        let count = input.axis.classes == 0 ? 0 : input.axis.positions
        return (count, rowWeights.map { count == 0 ? 0 : Scalar.sum($0.span) } ?? Double(count))
    }

    /// Makes the masked classes impossible.
    func mask(_ logits: inout Buffer<Scalar>, _ axis: ClassAxis) {
        if maskedClasses.isEmpty { return }
        var x = logits.mutableSpan
        mask(&x, axis)
    }

    func mask(_ x: inout MutableSpan<Scalar>, _ axis: ClassAxis) {
        for outer in 0..<axis.outer {
            for c in maskedClasses {
                let start = (outer * axis.classes + c) * axis.inner
                for element in start..<start + axis.inner { x[element] = -.infinity }
            }
        }
    }

    /// The losses of the positions. With `formsGradient` the logits are replaced by the gradient of their sum times `scale`,
    /// in place when nobody else holds them.
    func sweep(
        _ logits: inout Buffer<Scalar>, _ axis: ClassAxis, _ target: CrossEntropyTarget<Scalar>, scale: Double,
        rowWeights: Tensor<Scalar>? = nil, formsGradient: Bool
    ) -> Buffer<Scalar> {
        // No classes: every label is ignored, every sum empty.
        if axis.classes == 0 { return Buffer(repeating: 0, count: axis.positions) }
        var losses = Buffer<Scalar>(uninitialized: axis.positions)
        if !formsGradient {
            forEachPart(axis, target, scale, rowWeights) { sweep, positions, elements in
                var out = losses.mutableSpan(positions)
                Scalar.crossEntropy(logits.span.extracting(elements), sweep, losses: &out)
            }
        } else if logits.isUnique() {
            forEachPart(axis, target, scale, rowWeights) { sweep, positions, elements in
                var out = losses.mutableSpan(positions), inOut = logits.mutableSpan(elements)
                Scalar.crossEntropyInPlace(&inOut, sweep, losses: &out)
            }
        } else {
            var gradient = Buffer<Scalar>(uninitialized: logits.count)
            forEachPart(axis, target, scale, rowWeights) { sweep, positions, elements in
                var out = losses.mutableSpan(positions), written = gradient.mutableSpan(elements)
                Scalar.crossEntropy(logits.span.extracting(elements), sweep, losses: &out, gradient: &written)
            }
            logits = gradient
        }
        return losses
    }

    /// All positions at once, or where their probabilities are sparse some whose dense ones stay in the caches.
    private func forEachPart(
        _ axis: ClassAxis, _ target: CrossEntropyTarget<Scalar>, _ scale: Double, _ rowWeights: Tensor<Scalar>?,
        _ body: (borrowing CrossEntropySweep<Scalar>, _ positions: Range<Int>, _ elements: Range<Int>) -> Void
    ) {
        let kernelTarget: Target<Scalar>
        switch target {
        case .labels(let labels): kernelTarget = .labels(labels.classes)
        case .probabilities(let probabilities): kernelTarget = .probabilities(probabilities.buffer)
        case .sparse(let probabilities):
            let size = axis.classes * axis.inner
            let height = max(1, (1 << 20) / MemoryLayout<Scalar>.stride / max(1, size))
            for start in stride(from: 0, to: axis.outer, by: height) {
                let outer = start..<min(axis.outer, start + height)
                let positions = outer.lowerBound * axis.inner..<outer.upperBound * axis.inner
                let part = ClassAxis(outer: outer.count, classes: axis.classes, inner: axis.inner)
                let weights = rowWeights.map { $0.buffer.copy(of: positions) }
                body(
                    kernelSweep(part, .probabilities(probabilities.dense(Array(positions), inner: axis.inner)), scale, weights),
                    positions, outer.lowerBound * size..<outer.upperBound * size)
            }
            return
        }
        body(
            kernelSweep(axis, kernelTarget, scale, rowWeights?.buffer), 0..<axis.positions,
            0..<axis.positions * axis.classes)
    }

    /// What the kernels are told of these options.
    func kernelSweep(
        _ axis: ClassAxis, _ target: Target<Scalar>, _ scale: Double, _ rowWeights: Buffer<Scalar>?
    ) -> CrossEntropySweep<Scalar> {
        var sweep = CrossEntropySweep(
            axis: axis, target: target, weight: weight?.buffer, smoothing: labelSmoothing, scale: scale)
        sweep.rowWeights = rowWeights
        sweep.zLoss = zLoss
        sweep.openClasses = openClasses(axis.classes)
        return sweep
    }

    /// Those that smoothing spreads over, where there are others: 1, or 0.
    func openClasses(_ count: Int) -> Buffer<Scalar>? {
        if maskedClasses.isEmpty || labelSmoothing == 0 { return nil }
        var open = [Scalar](repeating: 1, count: count)
        for c in maskedClasses { open[c] = 0 }
        return Buffer(open)
    }
}
