import SurprisalKernels

extension Categorical {
    /// The log-probability of a class of each row, in nats: minus its surprisal.
    ///
    /// - Shapes: labels of the batch's shape, or of samples `… × batch` → the labels'; others stop the program.
    /// - Returns: 0 at an ignored label, from which nothing flows back.
    /// - Derivative: `∂/∂x_c = [c = y] − p_c` with respect to logits.
    /// - Complexity: O(labels); on the way back O(labels + parameters).
    public func logProbability(of labels: Labels) -> Tensor<Scalar> {
        if labels.classCount != classCount {
            fatalError("Categorical.logProbability: labels of \(labels.classCount) classes; expected \(classCount)")
        }
        return logProbability(of: labels.indices, labels.shape)
    }

    /// The log-probability of samples, or of other indices of classes along the last axis.
    ///
    /// - Shapes: indices of the batch's shape, or `… × batch` → the same; others, and an index that is no class, stop
    ///   the program.
    public func logProbability(of indices: Indices) -> Tensor<Scalar> {
        for (n, c) in indices.values.enumerated() where c < 0 || c >= classCount {
            fatalError(
                "Categorical.logProbability: class \(c) at position \(indices.shape.indices(ofElement: n)); expected 0 to \(classCount - 1)")
        }
        return logProbability(of: indices.values.map { Int32($0) }, indices.shape)
    }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    private func logProbability(of classes: [Int32], _ shape: Shape) -> Tensor<Scalar> {
        guard shape.count >= batchShape.count, Array(shape.suffix(batchShape.count)) == batchShape else {
            fatalError("Categorical.logProbability: classes of shape \(shape); expected … × \(batchShape)")
        }
        let rows = Swift.max(1, batchShape.elementCount), width = classCount, whole = logProbabilities.shape
        var values = Buffer<Scalar>(repeating: 0, count: classes.count)
        var out = values.mutableSpan
        let lp = logProbabilities.span
        for (n, c) in classes.enumerated() where c >= 0 { out[n] = lp[n % rows * width + Int(c)] }
        return Tensor(
            shape: shape, buffer: values, from: "CategoricalLogProbability",
            edges: logProbabilities.edge { dy in
                // In Double: there may be many samples of a class.
                var sums = [Double](repeating: 0, count: whole.elementCount)
                for (n, c) in classes.enumerated() where c >= 0 { sums[n % rows * width + Int(c)] += Double(dy.span[n]) }
                return Tensor(sums.map { Scalar($0) }, shape: whole)
            })
    }
}
