import SurprisalKernels

extension Tensor {
    /// The mean surprisal of the labels under these logits, in nats: `CrossEntropyLoss` with its mean kept in Double.
    ///
    /// - Parameter classAxis: from the end when negative; 1 unless given, 0 of a single row.
    /// - Shapes: `… × classes × …`, labels without the class axis; others stop the program.
    /// - Formula: `(1/N)·Σ −log p_y` over the N labels that are not ignored. NaN where there are none, and where a
    ///   row that counts holds a NaN or a +∞; +∞ where a label has the logit −∞.
    /// - Accuracy: `Accuracy.lossULP` of the element type for each row.
    /// - Complexity: O(count), one read.
    public func negativeLogLikelihood(against labels: Labels, classAxis: Int? = nil) -> Double {
        _ = metricAxis("negativeLogLikelihood", shape, labels, classAxis)
        let losses = CrossEntropyLoss<Scalar>(reduction: .none, classAxis: classAxis)(detached, labels)
        return Scalar.sum(losses.span) / Double(labels.countedCount)
    }

    /// The number of equally likely classes among which a label would be as surprising: e to the power of
    /// `negativeLogLikelihood(against:classAxis:)`.
    ///
    /// +∞ where it exceeds the largest Double, from 709.8 nats on. A relative error of it is the absolute one of the
    /// negative log-likelihood.
    public func perplexity(against labels: Labels, classAxis: Int? = nil) -> Double {
        _ = metricAxis("perplexity", shape, labels, classAxis)
        return SpecialFunctions.exp(negativeLogLikelihood(against: labels, classAxis: classAxis))
    }
}
