import SurprisalKernels

/// Cross-entropy of the logits of a linear layer, in nats, without the logits: a classifier head of any number of
/// classes in bounded memory.
///
/// It equals, but for the order in which the products' terms are added, these two lines:
/// ```swift
/// let logits = head(x)
/// let loss = CrossEntropyLoss(weight: w, labelSmoothing: e, reduction: r, classAxis: -1)(logits, labels)
/// ```
/// Rows go through the layer and the loss in blocks whose logits take at most `blockBytes`; of a mean or a sum the
/// gradients are formed while a block is there, in three matrix products in all, two when the head or the features are
/// not tracked, one when neither is. Without reduction the way back computes the logits again. An ignored row takes part
/// in nothing: neither time nor NaN comes from it. A budget of less than a row is kept as well: the classes then come in tiles,
/// for whose gradients the logits are computed again.
public struct LinearCrossEntropyLoss<Scalar: Surprisal.Scalar>: Sendable {
    /// Class weights, smoothing and reduction, along the last axis.
    private let rows: CrossEntropyLoss<Scalar>
    /// What the products of the way back leave out.
    public let gradientFilter: GradientFilter
    /// Bytes of logits, and of copied rows where there are ignored ones, at a time.
    public let blockBytes: Int

    /// 64 MB: at 32,000 classes some 500 rows of Float, above which the products gain no more.
    public static var defaultBlockBytes: Int { 64 << 20 }

    public var weight: Tensor<Scalar>? { rows.weight }
    public var labelSmoothing: Double { rows.labelSmoothing }
    public var reduction: Reduction { rows.reduction }

    /// - Parameters:
    ///   - weight: one a class, in shape `[classes]`; not tracked.
    ///   - labelSmoothing: ε in 0...1; anything else stops the program.
    ///   - gradientFilter: an ε that is none stops the program.
    ///   - blockBytes: at least what one logit takes (`leastBlockBytes`), or the call stops the program.
    public init(
        weight: Tensor<Scalar>? = nil, labelSmoothing: Double = 0, reduction: Reduction = .mean,
        gradientFilter: GradientFilter = .exact, blockBytes: Int = Self.defaultBlockBytes
    ) {
        rows = CrossEntropyLoss(weight: weight, labelSmoothing: labelSmoothing, reduction: reduction, classAxis: -1)
        self.gradientFilter = gradientFilter
        self.blockBytes = blockBytes
        do { try gradientFilter.check() } catch { refuse("\(error)") }
        if weight?.isTracked == true { refuse("tracked class weights; expected constants (CrossEntropyLoss differentiates them)") }
    }

    /// Whether the loss can be taken of an input of this shape through this layer with these labels.
    public func check(_ input: Shape, _ head: Linear<Scalar>, _ labels: Labels) throws(LossError) {
        try rows.check(try logits(input, head), labels)
    }

    /// Whether the loss can be taken of an input of this shape through this layer with probabilities of that one.
    public func check(_ input: Shape, _ head: Linear<Scalar>, probabilities: Shape) throws(LossError) {
        try rows.check(try logits(input, head), probabilities: probabilities)
    }

    /// The least `blockBytes` with these labels: what a logit takes, and where some are ignored the copy of a row.
    public func leastBlockBytes(_ head: Linear<Scalar>, _ labels: Labels) -> Int {
        LinearCrossEntropySweep<Scalar>.leastBytes(head, copiesRows: labels.ignoredCount > 0)
    }

    /// The least `blockBytes` with class probabilities.
    public func leastBlockBytes(_ head: Linear<Scalar>) -> Int {
        LinearCrossEntropySweep<Scalar>.leastBytes(head, copiesRows: false)
    }

    private func logits(_ input: Shape, _ head: Linear<Scalar>) throws(LossError) -> Shape {
        guard input.last == head.inputs else { throw .features(input: input, weight: head.weight.shape) }
        return input.dropLast() + [head.outputs]
    }

    /// The loss of the layer's logits with class indices.
    ///
    /// - Shapes: `… × features`, a head of `classes × features`, labels `…` → a scalar, or the labels' shape without
    ///   reduction.
    /// - Complexity: O(rows · features · classes), one product, two for each tracked side besides; `blockBytes` of memory
    ///   beyond the inputs and their gradients.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func callAsFunction(_ input: Tensor<Scalar>, _ head: Linear<Scalar>, _ labels: Labels) -> Tensor<Scalar> {
        loss(input, head, checked(input.shape, head, labels))
    }

    /// The loss of the layer's logits with class probabilities, which are not tracked.
    ///
    /// - Shapes: `… × features`, a head of `classes × features`, probabilities `… × classes` → as with labels.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func callAsFunction(
        _ input: Tensor<Scalar>, _ head: Linear<Scalar>, probabilities: Tensor<Scalar>
    ) -> Tensor<Scalar> {
        loss(input, head, checked(input.shape, head, probabilities))
    }

    /// Stops the program when the loss cannot be taken.
    func checked(_ input: Shape, _ head: Linear<Scalar>, _ labels: Labels) -> CrossEntropyTarget<Scalar> {
        do { try check(input, head, labels) } catch { refuse("\(error)") }
        return .labels(labels)
    }

    /// Stops the program when the loss cannot be taken.
    func checked(
        _ input: Shape, _ head: Linear<Scalar>, _ probabilities: Tensor<Scalar>
    ) -> CrossEntropyTarget<Scalar> {
        do { try check(input, head, probabilities: probabilities.shape) } catch { refuse("\(error)") }
        if probabilities.isTracked { refuse("tracked class probabilities; expected constants (CrossEntropyLoss differentiates them)") }
        return .probabilities(probabilities)
    }

    /// What runs over the rows, and what becomes of their losses.
    func sweep(
        _ input: Tensor<Scalar>, _ head: Linear<Scalar>, _ target: CrossEntropyTarget<Scalar>
    ) -> (sweep: LinearCrossEntropySweep<Scalar>, reduced: ReducedLosses<Scalar>) {
        let (_, reduced) = rows.checked(input.shape.dropLast() + [head.outputs], target)
        let sweep = LinearCrossEntropySweep(
            input: input.buffer, head: head, target: target.detached, classWeight: weight?.buffer,
            smoothing: labelSmoothing, scale: reduced.scale, filter: gradientFilter, blockBytes: blockBytes)
        return (sweep, reduced)
    }

    private func loss(
        _ input: Tensor<Scalar>, _ head: Linear<Scalar>, _ target: CrossEntropyTarget<Scalar>
    ) -> Tensor<Scalar> {
        let (sweep, reduced) = sweep(input, head, target)
        let tracked = GradientsWanted(input: input.isTracked, weight: head.weight.isTracked, bias: head.bias?.isTracked == true)
        let outcome = sweep.run(reduction == .none ? .none : tracked)
        let value = reduced.value(of: outcome.losses)
        return Tensor(
            shape: value.shape, buffer: value.buffer, from: "LinearCrossEntropy",
            edges: reduction == .none
                ? recomputedEdges(sweep, tracked, input, head) : formedEdges(outcome.gradients, reduced, input, head))
    }

    /// To gradients that the sweep has formed.
    private func formedEdges(
        _ gradients: LinearGradients<Scalar>, _ reduced: ReducedLosses<Scalar>, _ input: Tensor<Scalar>,
        _ head: Linear<Scalar>
    ) -> Edges<Scalar> {
        func edge(_ tensor: Tensor<Scalar>?, _ gradient: Buffer<Scalar>?) -> Edges<Scalar> {
            guard let tensor, let gradient else { return Edges() }
            let shape = tensor.shape, axis = ClassAxis(outer: 1, classes: gradient.count, inner: 1)
            return tensor.edge { Tensor(shape: shape, buffer: reduced.applied($0, to: gradient, axis: axis)) }
        }
        return edge(input, gradients.input) + edge(head.weight, gradients.weight) + edge(head.bias, gradients.bias)
    }

    /// To gradients that are computed on the way back. One sweep forms all of them: they come as one tensor, the
    /// gradient of a node of which the inputs are parts.
    private func recomputedEdges(
        _ sweep: LinearCrossEntropySweep<Scalar>, _ tracked: GradientsWanted, _ input: Tensor<Scalar>, _ head: Linear<Scalar>
    ) -> Edges<Scalar> {
        guard tracked.any else { return Edges() }
        var parts = Edges<Scalar>(), start = 0
        for tensor in [input, head.weight, head.bias].compactMap(\.self) where tensor.isTracked {
            let shape = tensor.shape, range = start..<start + tensor.count
            parts = parts + tensor.edge { Tensor(shape: shape, buffer: $0.buffer.copy(of: range)) }
            start += tensor.count
        }
        let count = start
        return Edges(.init(node: Node(parts)) { upstream in
            let gradients = sweep.run(tracked, upstream: upstream.buffer).gradients
            var all = Buffer<Scalar>(uninitialized: count), start = 0
            for part in [gradients.input, gradients.weight, gradients.bias].compactMap(\.self) {
                var place = all.mutableSpan(start..<start + part.count)
                Scalar.map(.scale(1), part.span, into: &place)
                start += part.count
            }
            return Tensor(shape: [count], buffer: all)
        })
    }

    func refuse(_ message: String) -> Never { fatalError("LinearCrossEntropyLoss: \(message)") }
}

extension Buffer where Element: Surprisal.Scalar {
    fileprivate func copy(of range: Range<Int>) -> Buffer {
        var copy = Buffer(uninitialized: range.count)
        var out = copy.mutableSpan
        Element.map(.scale(1), span.extracting(range), into: &out)
        return copy
    }
}
