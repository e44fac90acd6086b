import SurprisalKernels

extension Tensor {
    /// The Brier score of these logits: the mean over the rows of `Σ_c (p_c − [c = y])²`, from 0 to 2.
    ///
    /// This is the sum over all classes, of two as well (G. W. Brier, "Verification of forecasts expressed in terms of
    /// probability", Monthly Weather Review 78, 1950). scikit-learn's `brier_score_loss` with `scale_by_half=False`; for
    /// two classes it halves the sum unless told, to `(p₁ − y)²`.
    ///
    /// - Parameter classAxis: from the end when negative; 1 unless given, 0 of a single row.
    /// - Shapes: `… × classes × …`, labels without the class axis; others stop the program.
    /// - Accuracy: `Accuracy.brierULP` of the element type for each row, confident rows included: `p_c − [c = y]` is the
    ///   gradient of the cross-entropy, which takes `p_y − 1` for the sum of the other classes.
    /// - Complexity: O(count), in the logits' memory when nobody else holds them (`consume`). NaN where no label
    ///   counts, and where a row that counts has no probabilities.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public consuming func brierScore(against labels: Labels, classAxis: Int? = nil) -> Double {
        _ = metricAxis("brierScore", shape, labels, classAxis)
        let logits = Tensor(shape: shape, buffer: buffer)
        _ = consume self
        let loss = CrossEntropyLoss<Scalar>(reduction: .sum, classAxis: classAxis)
        let difference = loss.valueWithGradient(at: consume logits, labels).gradient
        return sumOfSquares(difference.span) / Double(labels.countedCount)
    }
}

/// Σ x², in Double: in Float the squares of a confident row's 10⁻²⁰ would be 0.
@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
private func sumOfSquares<Scalar: Surprisal.Scalar>(_ x: Span<Scalar>) -> Double {
    // Eight sums side by side, so that an addition need not wait for the one before it.
    var low = SIMD4<Double>(), high = SIMD4<Double>()
    let whole = x.count / 8 * 8
    for i in stride(from: 0, to: whole, by: 8) {
        let a = SIMD4(Double(x[i]), Double(x[i + 1]), Double(x[i + 2]), Double(x[i + 3]))
        let b = SIMD4(Double(x[i + 4]), Double(x[i + 5]), Double(x[i + 6]), Double(x[i + 7]))
        low += a * a
        high += b * b
    }
    var sum = (low + high).sum()
    for i in whole..<x.count { sum += Double(x[i]) * Double(x[i]) }
    return sum
}
