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
        at logits: consuming Tensor<Scalar>, _ labels: Labels
    ) -> (value: Tensor<Scalar>, gradient: Tensor<Scalar>) {
        differentiated(logits, .labels(labels))
    }

    /// The loss of logits with class probabilities and its gradient with respect to the logits, without a graph.
    ///
    /// - Shapes: logits and probabilities `… × classes × …` → a scalar, and the logits' shape.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func valueWithGradient(
        at logits: consuming Tensor<Scalar>, probabilities: Tensor<Scalar>
    ) -> (value: Tensor<Scalar>, gradient: Tensor<Scalar>) {
        differentiated(logits, .probabilities(probabilities))
    }

    private func differentiated(
        _ logits: consuming Tensor<Scalar>, _ target: CrossEntropyTarget<Scalar>
    ) -> (value: Tensor<Scalar>, gradient: Tensor<Scalar>) {
        if reduction == .none { fatalError("CrossEntropyLoss: a gradient without reduction; expected a mean or a sum") }
        if logits.isTracked || weight?.isTracked == true || target.isTracked {
            fatalError("CrossEntropyLoss: valueWithGradient of something tracked; there are first derivatives only (take its `detached`)")
        }
        let shape = logits.shape, (input, reduced) = checked(shape, target)
        var gradient = logits.buffer
        _ = consume logits
        let losses = sweep(&gradient, input, target, reduced, formsGradient: true)
        let value = reduced.value(of: losses)
        return (
            Tensor(shape: value.shape, buffer: value.buffer, operation: "CrossEntropy"),
            Tensor(shape: shape, buffer: gradient)
        )
    }
}
