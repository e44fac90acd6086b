import SurprisalKernels

/// A linear layer's cross-entropy, its gradients, and what was asked for of each row, of one sweep.
public struct LinearCrossEntropyResults<Scalar: Surprisal.Scalar>: Sendable {
    /// The reduced loss.
    public let value: Tensor<Scalar>
    /// Its gradient with respect to the features.
    public let input: Tensor<Scalar>
    /// A layer whose parameters are the gradient.
    public let head: Linear<Scalar>
    /// None unless asked for.
    public let rows: RowResults<Scalar>?
    /// The share of the logits' gradients that the filter left out of the products: 0 with none, and of no rows.
    public let skippedShare: Double
}

extension LinearCrossEntropyLoss {
    /// What a report wants of every row, from one sweep without gradients: loss, log-sum-exp, entropy, the label's probability,
    /// argmax and the `k` most probable classes.
    /// They are those of the logits as the loss sees them: capped, over the temperature, masked.
    ///
    /// A row is looked at while it is in cache, between the product and the loss. In Double: each number is within a few ULP
    /// of what the logits give, an entropy of a confident row included.
    ///
    /// - Parameter topK: from 0 to the number of classes; anything else stops the program.
    /// - Complexity: as the loss; some O(rows · topK) of memory for the results, which `blockBytes` do not count.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func rowResults(
        of input: Tensor<Scalar>, _ head: Linear<Scalar>, _ labels: Labels, rowWeights: Tensor<Scalar>? = nil, topK k: Int = 0
    ) -> RowResults<Scalar> {
        rowResults(input, head, .labels(labels), rowWeights, k)
    }

    /// The same with class probabilities.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func rowResults(
        of input: Tensor<Scalar>, _ head: Linear<Scalar>, probabilities: Tensor<Scalar>, rowWeights: Tensor<Scalar>? = nil,
        topK k: Int = 0
    ) -> RowResults<Scalar> {
        rowResults(input, head, .probabilities(probabilities), rowWeights, k)
    }

    /// The same with sparse class probabilities.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func rowResults(
        of input: Tensor<Scalar>, _ head: Linear<Scalar>, probabilities: SparseProbabilities<Scalar>,
        rowWeights: Tensor<Scalar>? = nil, topK k: Int = 0
    ) -> RowResults<Scalar> {
        rowResults(input, head, .sparse(probabilities), rowWeights, k)
    }

    private func rowResults(
        _ input: Tensor<Scalar>, _ head: Linear<Scalar>, _ target: CrossEntropyTarget<Scalar>, _ rowWeights: Tensor<Scalar>?,
        _ k: Int
    ) -> RowResults<Scalar> {
        let (sweep, reduced) = sweep(input, head, target, rowWeights)
        check(topK: k, head)
        let outcome = sweep.run(.none, reporting: k)
        return RowResults(outcome.losses, outcome.reports, reduced, input.shape.dropLast(), k: k)
    }

    /// The loss and its gradients with respect to features, weight and bias, without a graph; and where `topK` is given, what
    /// `rowResults` gives, from the same sweep.
    ///
    /// The loss must be reduced; `reduction: .none` stops the program, and so does anything tracked.
    /// - Complexity: three products, as the loss with both sides tracked.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func valueWithGradients(
        at input: Tensor<Scalar>, _ head: Linear<Scalar>, _ labels: Labels, rowWeights: Tensor<Scalar>? = nil,
        topK k: Int? = nil
    ) -> LinearCrossEntropyResults<Scalar> {
        differentiated(input, head, .labels(labels), rowWeights, k)
    }

    /// The same with class probabilities.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func valueWithGradients(
        at input: Tensor<Scalar>, _ head: Linear<Scalar>, probabilities: Tensor<Scalar>, rowWeights: Tensor<Scalar>? = nil,
        topK k: Int? = nil
    ) -> LinearCrossEntropyResults<Scalar> {
        differentiated(input, head, .probabilities(probabilities), rowWeights, k)
    }

    /// The same with sparse class probabilities.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func valueWithGradients(
        at input: Tensor<Scalar>, _ head: Linear<Scalar>, probabilities: SparseProbabilities<Scalar>,
        rowWeights: Tensor<Scalar>? = nil, topK k: Int? = nil
    ) -> LinearCrossEntropyResults<Scalar> {
        differentiated(input, head, .sparse(probabilities), rowWeights, k)
    }

    private func differentiated(
        _ input: Tensor<Scalar>, _ head: Linear<Scalar>, _ target: CrossEntropyTarget<Scalar>, _ rowWeights: Tensor<Scalar>?,
        _ k: Int?
    ) -> LinearCrossEntropyResults<Scalar> {
        if reduction == .none { refuse("gradients without reduction; expected a mean or a sum") }
        if input.isTracked || head.weight.isTracked || head.bias?.isTracked == true {
            refuse("valueWithGradients of something tracked; there are first derivatives only (take its `detached`)")
        }
        let (sweep, reduced) = sweep(input, head, target, rowWeights)
        if let k { check(topK: k, head) }
        let outcome = sweep.run(GradientsWanted(input: true, weight: true, bias: head.bias != nil), reporting: k)
        guard let dx = outcome.gradients.input, let dw = outcome.gradients.weight else { refuse("no gradients") }
        let value = reduced.value(of: outcome.losses), formed = outcome.multiplied + outcome.skipped
        return LinearCrossEntropyResults(
            value: Tensor(shape: value.shape, buffer: value.buffer, operation: "LinearCrossEntropy"),
            input: Tensor(shape: input.shape, buffer: dx),
            head: Linear(
                weight: Tensor(shape: head.weight.shape, buffer: dw),
                bias: outcome.gradients.bias.map { Tensor(shape: [head.outputs], buffer: $0) }),
            rows: k.map { RowResults(outcome.losses, outcome.reports, reduced, input.shape.dropLast(), k: $0) },
            skippedShare: formed == 0 ? 0 : Double(outcome.skipped) / Double(formed))
    }

    private func check(topK k: Int, _ head: Linear<Scalar>) {
        if !(0...head.outputs).contains(k) { refuse("topK is \(k); expected 0 to \(head.outputs), the number of classes") }
    }
}
