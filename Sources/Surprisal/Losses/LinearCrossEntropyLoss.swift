import SurprisalKernels

/// Cross-entropy of the logits of a linear layer, in nats, without the logits: a classifier head of any number of
/// classes in bounded memory.
///
/// It equals, but for the order in which the products' terms are added, these two lines:
/// ```swift
/// let logits = head(x)
/// let loss = CrossEntropyLoss(weight: w, labelSmoothing: e, reduction: r, classAxis: -1)(logits, labels)
/// ```
/// It takes all the options of that loss (`init(_:gradientFilter:blockBytes:)`), and all its targets.
///
/// Rows go through the layer and the loss in blocks whose logits take at most `blockBytes`; of a mean or a sum the
/// gradients are formed while a block is there, in three matrix products in all, two when the head or the features are
/// not tracked, one when neither is. Without reduction the way back computes the logits again. A row that is ignored or of
/// weight 0 takes part in nothing: neither time nor NaN comes from it. A budget of less than a row is kept as well: the classes then come in tiles,
/// for whose gradients the logits are computed again.
public struct LinearCrossEntropyLoss<Scalar: Surprisal.Scalar>: Sendable {
    /// The loss of the logits, along the last axis.
    public let rows: CrossEntropyLoss<Scalar>
    /// What the products of the way back leave out.
    public let gradientFilter: GradientFilter
    /// Bytes of logits at a time, and of what goes with them: copied rows where some are left out, dense class probabilities, the
    /// layer's own logits beside capped ones.
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
        self.init(
            CrossEntropyLoss(weight: weight, labelSmoothing: labelSmoothing, reduction: reduction),
            gradientFilter: gradientFilter, blockBytes: blockBytes)
    }

    /// The loss of a layer's logits that `loss` is of logits.
    ///
    /// - Parameters:
    ///   - loss: its class axis is the last, the only one that stands for classes here: −1 or not given; another stops the
    ///     program. Its class weights are not tracked.
    ///   - gradientFilter: an ε that is none stops the program.
    ///   - blockBytes: at least `leastBlockBytes`.
    public init(
        _ loss: CrossEntropyLoss<Scalar>, gradientFilter: GradientFilter = .exact,
        blockBytes: Int = Self.defaultBlockBytes
    ) {
        rows = loss.along(-1)
        self.gradientFilter = gradientFilter
        self.blockBytes = blockBytes
        do { try gradientFilter.check() } catch { refuse("\(error)") }
        if let axis = loss.classAxis, axis != -1 { refuse("class axis \(axis); expected -1, or none given") }
        if weight?.isTracked == true { refuse("tracked class weights; expected constants (CrossEntropyLoss differentiates them)") }
    }

    /// Whether the loss can be taken of an input of this shape through this layer with these labels.
    public func check(
        _ input: Shape, _ head: Linear<Scalar>, _ labels: Labels, rowWeights: Shape? = nil
    ) throws(LossError) {
        try rows.check(try logits(input, head), labels, rowWeights: rowWeights)
    }

    /// Whether the loss can be taken of an input of this shape through this layer with probabilities of that one.
    public func check(
        _ input: Shape, _ head: Linear<Scalar>, probabilities: Shape, rowWeights: Shape? = nil
    ) throws(LossError) {
        try rows.check(try logits(input, head), probabilities: probabilities, rowWeights: rowWeights)
    }

    /// Whether the loss can be taken of an input of this shape through this layer with these sparse probabilities.
    public func check(
        _ input: Shape, _ head: Linear<Scalar>, probabilities: SparseProbabilities<Scalar>, rowWeights: Shape? = nil
    ) throws(LossError) {
        try rows.check(try logits(input, head), probabilities: probabilities, rowWeights: rowWeights)
    }

    /// The least `blockBytes` with these labels: what a logit takes, and where some rows are left out the copy of one.
    public func leastBlockBytes(_ head: Linear<Scalar>, _ labels: Labels, rowWeights: Tensor<Scalar>? = nil) -> Int {
        LinearCrossEntropySweep.leastBytes(head, .labels(labels), rowWeights?.buffer, rows)
    }

    /// The least `blockBytes` with class probabilities.
    public func leastBlockBytes(_ head: Linear<Scalar>, rowWeights: Tensor<Scalar>? = nil) -> Int {
        LinearCrossEntropySweep.leastBytes(head, .probabilities(Tensor([], shape: [0])), rowWeights?.buffer, rows)
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
    public func callAsFunction(
        _ input: Tensor<Scalar>, _ head: Linear<Scalar>, _ labels: Labels, rowWeights: Tensor<Scalar>? = nil
    ) -> Tensor<Scalar> {
        loss(input, head, .labels(labels), rowWeights)
    }

    /// The loss of the layer's logits with class probabilities, which are not tracked.
    ///
    /// - Shapes: `… × features`, a head of `classes × features`, probabilities `… × classes` → as with labels.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func callAsFunction(
        _ input: Tensor<Scalar>, _ head: Linear<Scalar>, probabilities: Tensor<Scalar>, rowWeights: Tensor<Scalar>? = nil
    ) -> Tensor<Scalar> {
        loss(input, head, .probabilities(probabilities), rowWeights)
    }

    /// The loss of the layer's logits with class probabilities of which each row names a few.
    ///
    /// - Shapes: `… × features`, a head of `classes × features`, probabilities of positions `…` → as with labels.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func callAsFunction(
        _ input: Tensor<Scalar>, _ head: Linear<Scalar>, probabilities: SparseProbabilities<Scalar>,
        rowWeights: Tensor<Scalar>? = nil
    ) -> Tensor<Scalar> {
        loss(input, head, .sparse(probabilities), rowWeights)
    }

    /// What runs over the rows, and what becomes of their losses. Stops the program when the loss cannot be taken.
    func sweep(
        _ input: Tensor<Scalar>, _ head: Linear<Scalar>, _ target: CrossEntropyTarget<Scalar>, _ rowWeights: Tensor<Scalar>?
    ) -> (sweep: LinearCrossEntropySweep<Scalar>, reduced: ReducedLosses<Scalar>) {
        do {
            switch target {
            case .labels(let labels): try check(input.shape, head, labels, rowWeights: rowWeights?.shape)
            case .probabilities(let q): try check(input.shape, head, probabilities: q.shape, rowWeights: rowWeights?.shape)
            case .sparse(let q): try check(input.shape, head, probabilities: q, rowWeights: rowWeights?.shape)
            }
        } catch { refuse("\(error)") }
        if target.isTracked { refuse("tracked class probabilities; expected constants (CrossEntropyLoss differentiates them)") }
        if rowWeights?.isTracked == true { refuse("tracked row weights; expected constants") }
        let (_, reduced) = rows.checked(input.shape.dropLast() + [head.outputs], target, rowWeights)
        let sweep = LinearCrossEntropySweep(
            input: input.buffer, head: head, target: target.detached, rowWeights: rowWeights?.buffer, loss: rows,
            scale: reduced.scale, filter: gradientFilter, blockBytes: blockBytes)
        return (sweep, reduced)
    }

    private func loss(
        _ input: Tensor<Scalar>, _ head: Linear<Scalar>, _ target: CrossEntropyTarget<Scalar>, _ rowWeights: Tensor<Scalar>?
    ) -> Tensor<Scalar> {
        let (sweep, reduced) = sweep(input, head, target, rowWeights)
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
    func copy(of range: Range<Int>) -> Buffer {
        var copy = Buffer(uninitialized: range.count)
        var out = copy.mutableSpan
        Element.map(.scale(1), span.extracting(range), into: &out)
        return copy
    }
}
