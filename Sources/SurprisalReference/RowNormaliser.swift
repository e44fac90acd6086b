/// What turns a logit of one row into its log-probability: `lp = (x − maximum) − logSum`.
///
/// Subtracting the maximum first keeps every exponential within 0...1; subtracting it and the logarithm apart, rather
/// than their rounded sum, keeps the result accurate when all logits share a large offset.
/// A row that holds NaN or +∞, and one of nothing but −∞, has only NaN log-probabilities.
struct RowNormaliser<T: ReferenceScalar> {
  let maximum: T
  let logSum: T

  @inline(__always)
  init(_ logits: [T], start: Int, _ shape: ReferenceShape) {
    var maximum = -T.infinity
    for c in 0..<shape.classes {
      let x = logits[start + c * shape.inner]
      if x > maximum { maximum = x }
    }
    var sum: T = 0
    for c in 0..<shape.classes {
      sum += T.exp(logits[start + c * shape.inner] - maximum)
    }
    self.maximum = maximum
    self.logSum = T.log(sum)
  }

  @inline(__always)
  func logProbability(_ x: T) -> T { (x - maximum) - logSum }
}
