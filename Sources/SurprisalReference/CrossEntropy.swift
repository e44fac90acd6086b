/// `Σ w[c] · lp[c]` of one row, of which label smoothing subtracts its share.
@inline(__always)
private func weightedSum<T: ReferenceScalar>(
  _ logits: [T], start: Int, _ row: RowNormaliser<T>, _ shape: ReferenceShape, _ weights: [T]?
) -> T {
  var sum: T = 0
  for c in 0..<shape.classes {
    sum += (weights?[c] ?? 1) * row.logProbability(logits[start + c * shape.inner])
  }
  return sum
}

extension Reference {
  /// The cross-entropy of each label: `(1 − ε) · (−w[y] · lp[y]) + ε/C · (−Σ w[c] · lp[c])`, lp the log-softmax of the
  /// logits, and 0 where the label is ignored.
  ///
  /// With label smoothing an impossible class (a logit of −∞) makes the loss of its row +∞, as the formula says.
  ///
  /// - Parameters:
  ///   - logits: `outer × classes × inner`.
  ///   - labels: y, one a position.
  ///   - weights: w, one a class; 1 when absent.
  ///   - ignored: the label of positions that count for nothing, whatever they hold.
  ///   - labelSmoothing: ε, from 0 to 1.
  ///   - losses: one a position.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func crossEntropies<T: ReferenceScalar>(
    _ logits: [T], labels: [Int], shape: ReferenceShape, weights: [T]? = nil,
    ignoring ignored: Int? = nil,
    labelSmoothing: Double = 0, into losses: inout [T]
  ) {
    requireLabelled(
      logits.count, labels, shape, weights, ignored, labelSmoothing, of: "crossEntropies")
    requireCount(losses.count, shape.positions, "losses", of: "crossEntropies")
    for position in 0..<shape.positions {
      if labels[position] == ignored {
        losses[position] = 0
      } else {
        let row = RowNormaliser(logits, start: shape.start(of: position), shape)
        losses[position] = loss(of: position, logits, labels, shape, weights, labelSmoothing, row)
      }
    }
  }

  @inline(__always)
  private static func loss<T: ReferenceScalar>(
    of position: Int, _ logits: [T], _ labels: [Int], _ shape: ReferenceShape, _ weights: [T]?,
    _ labelSmoothing: Double, _ row: RowNormaliser<T>
  ) -> T {
    let label = labels[position]
    let start = shape.start(of: position)
    let target = -(weights?[label] ?? 1) * row.logProbability(logits[start + label * shape.inner])
    guard labelSmoothing > 0 else { return target }
    let uniform = -weightedSum(logits, start: start, row, shape, weights)
    return T(1 - labelSmoothing) * target + T(labelSmoothing / Double(shape.classes)) * uniform
  }

  /// The cross-entropy of each label, as a new array of one a position.
  public static func crossEntropies<T: ReferenceScalar>(
    _ logits: [T], labels: [Int], shape: ReferenceShape, weights: [T]? = nil,
    ignoring ignored: Int? = nil,
    labelSmoothing: Double = 0
  ) -> [T] {
    array(shape.positions, of: 0) {
      crossEntropies(
        logits, labels: labels, shape: shape, weights: weights, ignoring: ignored,
        labelSmoothing: labelSmoothing, into: &$0)
    }
  }

  /// The cross-entropy of the labels, reduced. The mean of nothing is NaN.
  ///
  /// The mean is `(1 − ε) · Σ (−w[y] · lp[y]) / Z + ε/C · Σ Σ (−w[c] · lp[c]) / Z`, both parts over the same Z, the
  /// weights of the labels that are not ignored. Accumulated in Double, in the order of the positions.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func crossEntropy<T: ReferenceScalar>(
    _ logits: [T], labels: [Int], shape: ReferenceShape, weights: [T]? = nil,
    ignoring ignored: Int? = nil,
    labelSmoothing: Double = 0, reduction: ReferenceReduction = .mean
  ) -> T {
    requireLabelled(
      logits.count, labels, shape, weights, ignored, labelSmoothing, of: "crossEntropy")
    var target = 0.0
    var uniform = 0.0
    for position in 0..<shape.positions where labels[position] != ignored {
      let label = labels[position]
      let start = shape.start(of: position)
      let row = RowNormaliser(logits, start: start, shape)
      target -= Double(
        (weights?[label] ?? 1) * row.logProbability(logits[start + label * shape.inner]))
      if labelSmoothing > 0 {
        uniform -= Double(weightedSum(logits, start: start, row, shape, weights))
      }
    }
    let divisor = reduction == .mean ? totalWeight(labels, weights, ignoring: ignored) : 1
    guard labelSmoothing > 0 else { return T(target / divisor) }
    // Without classes every label is ignored and the smoothing part is empty, not 0/0.
    let share = shape.classes == 0 ? 0 : labelSmoothing / Double(shape.classes)
    return T((1 - labelSmoothing) * target / divisor + share * uniform / divisor)
  }

  /// The gradient with respect to the logits:
  /// `dx[c] = g · ((1 − ε) · w[y] · (p[c] − [c = y]) + ε/C · (p[c] · Σ w − w[c]))`, exactly 0 in ignored rows, g the
  /// upstream derivative divided by the total weight under the mean.
  ///
  /// - Parameter result: `outer × classes × inner`.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func crossEntropyGradient<T: ReferenceScalar>(
    _ logits: [T], labels: [Int], shape: ReferenceShape, weights: [T]? = nil,
    ignoring ignored: Int? = nil,
    labelSmoothing: Double = 0, upstream: ReferenceUpstream<T> = .mean(1),
    into result: inout [T]
  ) {
    requireLabelled(
      logits.count, labels, shape, weights, ignored, labelSmoothing, of: "crossEntropyGradient")
    requireCount(result.count, shape.count, "result", of: "crossEntropyGradient")
    upstream.require(shape, of: "crossEntropyGradient")
    formGradient(
      logits, labels, shape, weights, ignored, labelSmoothing, upstream, into: &result
    ) { _, _ in }
  }

  /// The cross-entropy of each label and the gradient of their mean with respect to the logits, each row normalised
  /// once.
  ///
  /// - Parameters:
  ///   - losses: one a position.
  ///   - gradient: `outer × classes × inner`.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func crossEntropiesWithGradient<T: ReferenceScalar>(
    _ logits: [T], labels: [Int], shape: ReferenceShape, weights: [T]? = nil,
    ignoring ignored: Int? = nil, labelSmoothing: Double = 0, losses: inout [T],
    gradient: inout [T]
  ) {
    let operation = "crossEntropiesWithGradient"
    requireLabelled(logits.count, labels, shape, weights, ignored, labelSmoothing, of: operation)
    requireCount(losses.count, shape.positions, "losses", of: operation)
    requireCount(gradient.count, shape.count, "gradient", of: operation)
    for position in 0..<shape.positions where labels[position] == ignored { losses[position] = 0 }
    formGradient(
      logits, labels, shape, weights, ignored, labelSmoothing, .mean(1), into: &gradient
    ) { position, row in
      losses[position] = loss(of: position, logits, labels, shape, weights, labelSmoothing, row)
    }
  }

  @inline(__always)
  private static func formGradient<T: ReferenceScalar>(
    _ logits: [T], _ labels: [Int], _ shape: ReferenceShape, _ weights: [T]?, _ ignored: Int?,
    _ labelSmoothing: Double, _ upstream: ReferenceUpstream<T>, into result: inout [T],
    forRow: (_ position: Int, RowNormaliser<T>) -> Void
  ) {
    let divisor = totalWeight(labels, weights, ignoring: ignored)
    let kept = T(1 - labelSmoothing)
    let share = T(labelSmoothing / Double(shape.classes))
    var weightSum = T(shape.classes)
    if let weights {
      weightSum = 0
      for weight in weights { weightSum += weight }
    }
    for position in 0..<shape.positions {
      let start = shape.start(of: position)
      let label = labels[position]
      if label == ignored {
        for c in 0..<shape.classes { result[start + c * shape.inner] = 0 }
      } else {
        let row = RowNormaliser(logits, start: start, shape)
        forRow(position, row)
        let scale = upstream.scale(at: position, divisor: divisor)
        let labelWeight = weights?[label] ?? 1
        for c in 0..<shape.classes {
          let at = start + c * shape.inner
          let probability = T.exp(row.logProbability(logits[at]))
          var slope = kept * labelWeight * (probability - (c == label ? 1 : 0))
          if labelSmoothing > 0 {
            slope += share * (probability * weightSum - (weights?[c] ?? 1))
          }
          result[at] = scale * slope
        }
      }
    }
  }

  /// The gradient with respect to the logits, as a new array.
  public static func crossEntropyGradient<T: ReferenceScalar>(
    _ logits: [T], labels: [Int], shape: ReferenceShape, weights: [T]? = nil,
    ignoring ignored: Int? = nil,
    labelSmoothing: Double = 0, upstream: ReferenceUpstream<T> = .mean(1)
  ) -> [T] {
    array(shape.count, of: 0) {
      crossEntropyGradient(
        logits, labels: labels, shape: shape, weights: weights, ignoring: ignored,
        labelSmoothing: labelSmoothing, upstream: upstream, into: &$0)
    }
  }

  /// The gradient with respect to the class weights.
  ///
  /// With `N = Σ g · loss` the weighted numerator, `dN/dw[c] = Σ g · ((1 − ε) · [c = y] + ε/C) · (−lp[c])`. The mean is
  /// `N / Z`, whose derivative is `(dN/dw[c] − mean · dZ/dw[c]) / Z`, and `dZ/dw[c]` counts the labels c.
  /// When every label is ignored nothing depends on the weights and the gradient is 0.
  ///
  /// - Parameters:
  ///   - weights: w, one a class.
  ///   - result: one a class.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func crossEntropyWeightGradient<T: ReferenceScalar>(
    _ logits: [T], labels: [Int], shape: ReferenceShape, weights: [T],
    ignoring ignored: Int? = nil,
    labelSmoothing: Double = 0, upstream: ReferenceUpstream<T> = .mean(1),
    into result: inout [T]
  ) {
    requireLabelled(
      logits.count, labels, shape, weights, ignored, labelSmoothing,
      of: "crossEntropyWeightGradient")
    requireCount(result.count, shape.classes, "result", of: "crossEntropyWeightGradient")
    upstream.require(shape, of: "crossEntropyWeightGradient")
    var slopes = [Double](repeating: 0, count: shape.classes)
    var labelCounts = [Double](repeating: 0, count: shape.classes)
    let share = labelSmoothing / Double(shape.classes)
    for position in 0..<shape.positions where labels[position] != ignored {
      let start = shape.start(of: position)
      let label = labels[position]
      let row = RowNormaliser(logits, start: start, shape)
      let scale = Double(upstream.scale(at: position, divisor: 1))
      labelCounts[label] += 1
      slopes[label] -=
        scale * (1 - labelSmoothing)
        * Double(row.logProbability(logits[start + label * shape.inner]))
      if labelSmoothing > 0 {
        for c in 0..<shape.classes {
          slopes[c] -= scale * share * Double(row.logProbability(logits[start + c * shape.inner]))
        }
      }
    }
    guard case .mean(let whole) = upstream, labelCounts.contains(where: { $0 > 0 }) else {
      for c in 0..<shape.classes { result[c] = T(slopes[c]) }
      return
    }
    let mean = Double(
      crossEntropy(
        logits, labels: labels, shape: shape, weights: weights, ignoring: ignored,
        labelSmoothing: labelSmoothing, reduction: .mean))
    let divisor = totalWeight(labels, weights, ignoring: ignored)
    for c in 0..<shape.classes {
      result[c] = T((slopes[c] - Double(whole) * mean * labelCounts[c]) / divisor)
    }
  }

  /// The gradient with respect to the class weights, as a new array of one a class.
  public static func crossEntropyWeightGradient<T: ReferenceScalar>(
    _ logits: [T], labels: [Int], shape: ReferenceShape, weights: [T], ignoring ignored: Int? = nil,
    labelSmoothing: Double = 0, upstream: ReferenceUpstream<T> = .mean(1)
  ) -> [T] {
    array(shape.classes, of: 0) {
      crossEntropyWeightGradient(
        logits, labels: labels, shape: shape, weights: weights, ignoring: ignored,
        labelSmoothing: labelSmoothing, upstream: upstream, into: &$0)
    }
  }

  /// Stops the program unless the arguments that all of this file share fit each other.
  private static func requireLabelled<T>(
    _ logits: Int, _ labels: [Int], _ shape: ReferenceShape, _ weights: [T]?, _ ignored: Int?,
    _ labelSmoothing: Double, of operation: String
  ) {
    requireCount(logits, shape.count, "logits", of: operation)
    requireLabels(labels, ignoring: ignored, shape, of: operation)
    requireWeights(weights, shape, of: operation)
    requireSmoothing(labelSmoothing, of: operation)
  }
}
