extension Reference {
  /// The loss as a first lesson writes it by hand: for each sample pick `−lp[label]`, accumulate, divide by the count.
  ///
  /// - Parameters:
  ///   - logProbabilities: `samples × classes`.
  ///   - labels: one class a sample.
  /// - Returns: the mean in the type of the log-probabilities, accumulated in it too; NaN without samples.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func notebookNLL<T: ReferenceScalar>(
    _ logProbabilities: [T], labels: [Int], classes: Int
  ) -> T {
    requireCount(
      logProbabilities.count, labels.count * classes, "logProbabilities", of: "notebookNLL")
    requireLabels(
      labels, ignoring: nil, ReferenceShape(outer: labels.count, classes: classes),
      of: "notebookNLL")
    var loss: T = 0
    for sample in 0..<labels.count {
      loss += -logProbabilities[sample * classes + labels[sample]]
    }
    return loss / T(labels.count)
  }
}
