import SurprisalKernels

extension Tensor {
    /// The part of the labels that are their row's largest logit.
    ///
    /// Of equal logits the first class is the prediction, and NaN is larger than any number, as with `argmax(along:)`:
    /// a row of nothing but NaN predicts class 0. (Its `negativeLogLikelihood` tells.) NaN where no label counts.
    /// - Shapes: `… × classes × …`, labels without the class axis; others stop the program.
    /// - Complexity: O(count), one read.
    public func accuracy(against labels: Labels, classAxis: Int? = nil) -> Double {
        let axis = metricAxis("accuracy", shape, labels, classAxis)
        return Surprisal.topKAccuracy(1, span, labels.classes, axis)
    }

    /// The part of the labels that are among the k largest logits of their rows, as `topK` would choose them.
    ///
    /// Stops the program when k is not 1 to the number of classes.
    /// - Shapes: `… × classes × …`, labels without the class axis; others stop the program.
    /// - Complexity: O(count) whatever k is, one read: of each row the classes before its label are counted.
    public func topKAccuracy(_ k: Int, against labels: Labels, classAxis: Int? = nil) -> Double {
        let axis = metricAxis("topKAccuracy", shape, labels, classAxis)
        do { try MetricError.check(k: k, classes: axis.classes) } catch { fatalError("topKAccuracy: \(error)") }
        return Surprisal.topKAccuracy(k, span, labels.classes, axis)
    }
}

/// The part of the labels that count which have less than k classes before them.
func topKAccuracy<Scalar: Surprisal.Scalar>(
    _ k: Int, _ x: Span<Scalar>, _ labels: ClassIndices, _ axis: ClassAxis
) -> Double {
    // No label counts; nor does one of no classes.
    if labels.largest < 0 { return .nan }
    var ranks = Buffer<Int32>(uninitialized: axis.positions)
    var rank = ranks.mutableSpan
    Scalar.rank(labels, in: x, axis: axis, into: &rank)
    var count = 0, hits = 0
    for n in rank.indices where rank[n] >= 0 {
        count += 1
        if Int(rank[n]) < k { hits += 1 }
    }
    return Double(hits) / Double(count)
}

extension MetricError {
    /// Whether there is an accuracy among the k largest of so many classes.
    public static func check(k: Int, classes: Int) throws(MetricError) {
        guard k >= 1, k <= classes else { throw .k(k, classes: classes) }
    }
}
