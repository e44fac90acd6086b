import SurprisalKernels

extension CrossEntropyLoss {
    /// The loss of logits with class indices and its gradient, without a graph.
    ///
    /// - Shapes: logits `… × classes × …`, labels without the class axis → a scalar, and the logits' shape. The loss must be
    ///   reduced; `reduction: .none` stops the program.
    /// - Complexity: O(logits). The gradient takes the memory of logits that nobody else holds (`consume logits`), and
    ///   memory of its own otherwise.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func valueWithGradient(
        at logits: consuming Tensor<Scalar>, _ labels: Labels, rowWeights: Tensor<Scalar>? = nil
    ) -> (value: Tensor<Scalar>, gradient: Tensor<Scalar>) {
        differentiated(logits, .labels(labels), rowWeights)
    }

    /// The loss of logits with class probabilities and its gradient with respect to the logits, without a graph.
    ///
    /// - Shapes: logits and probabilities `… × classes × …` → a scalar, and the logits' shape.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func valueWithGradient(
        at logits: consuming Tensor<Scalar>, probabilities: Tensor<Scalar>, rowWeights: Tensor<Scalar>? = nil
    ) -> (value: Tensor<Scalar>, gradient: Tensor<Scalar>) {
        differentiated(logits, .probabilities(probabilities), rowWeights)
    }

    /// The loss of logits with sparse class probabilities and its gradient, without a graph.
    ///
    /// - Shapes: logits `… × classes × …`, probabilities of the shape without the class axis → a scalar, and the logits' shape.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func valueWithGradient(
        at logits: consuming Tensor<Scalar>, probabilities: SparseProbabilities<Scalar>, rowWeights: Tensor<Scalar>? = nil
    ) -> (value: Tensor<Scalar>, gradient: Tensor<Scalar>) {
        differentiated(logits, .sparse(probabilities), rowWeights)
    }

    private func differentiated(
        _ logits: consuming Tensor<Scalar>, _ target: CrossEntropyTarget<Scalar>, _ rowWeights: Tensor<Scalar>?
    ) -> (value: Tensor<Scalar>, gradient: Tensor<Scalar>) {
        if reduction == .none { fatalError("CrossEntropyLoss: a gradient without reduction; expected a mean or a sum") }
        if logits.isTracked || weight?.isTracked == true || target.isTracked {
            fatalError("CrossEntropyLoss: valueWithGradient of something tracked; there are first derivatives only (take its `detached`)")
        }
        let shape = logits.shape, (axis, reduced) = checked(shape, target, rowWeights)
        var gradient = logits.buffer
        _ = consume logits
        let given = softCap == nil ? nil : gradient
        if !shaping.isIdentity { shaping.shape(&gradient) }
        mask(&gradient, axis)
        // Over the temperature with the mean's factor: not another pass over the gradient.
        let losses = sweep(
            &gradient, axis, target, scale: reduced.scale / Double(shaping.temperature), rowWeights: rowWeights,
            formsGradient: true)
        if softCap != nil {
            var formed = gradient.mutableSpan
            shaping.differentiate(&formed, at: given?.span)
        }
        let value = reduced.value(of: losses)
        return (
            Tensor(shape: value.shape, buffer: value.buffer, operation: "CrossEntropy"),
            Tensor(shape: shape, buffer: gradient)
        )
    }
}
