/// Q, the target of one class after label smoothing: `P · (1 − ε) + ε/C`, P itself without.
private struct SmoothedTarget<T: ReferenceScalar> {
  let isSmoothed: Bool
  let kept: T
  let share: T

  init(_ labelSmoothing: Double, _ shape: ReferenceShape) {
    isSmoothed = labelSmoothing > 0
    kept = T(1 - labelSmoothing)
    share = T(labelSmoothing / Double(shape.classes))
  }

  @inline(__always)
  func callAsFunction(_ probability: T) -> T {
    isSmoothed ? probability * kept + share : probability
  }
}

/// `target · lp`, where a target of 0 on an impossible class counts 0.
@inline(__always)
private func expectation<T: ReferenceScalar>(_ target: T, _ logProbability: T) -> T {
  target == 0 && logProbability == -T.infinity ? 0 : target * logProbability
}

/// What the mean over probability targets divides by: elements over classes, so that it is NaN without classes.
private func meanDivisor(_ shape: ReferenceShape) -> Double {
  Double(shape.count) / Double(shape.classes)
}

/// `Σ w[c] · Q[c] · lp[c]`, the negated loss of one position.
@inline(__always)
private func expectedLogProbability<T: ReferenceScalar>(
  _ logits: [T], _ probabilities: [T], at position: Int, _ shape: ReferenceShape,
  _ weights: [T]?,
  _ smoothed: SmoothedTarget<T>, _ row: RowNormaliser<T>
) -> T {
  let start = shape.start(of: position)
  var sum: T = 0
  for c in 0..<shape.classes {
    let at = start + c * shape.inner
    sum +=
      (weights?[c] ?? 1) * expectation(smoothed(probabilities[at]), row.logProbability(logits[at]))
  }
  return sum
}

extension Reference {
  /// The cross-entropy of each position with a target distribution over the classes: `−Σ w[c] · Q[c] · lp[c]`, lp the
  /// log-softmax of the logits and `Q = P · (1 − ε) + ε/C`. A Q of 0 on an impossible class counts 0.
  ///
  /// - Parameters:
  ///   - logits: `outer × classes × inner`.
  ///   - probabilities: P, of the same shape; any numbers are accepted.
  ///   - weights: w, one a class; 1 when absent.
  ///   - labelSmoothing: ε, from 0 to 1.
  ///   - losses: one a position.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func crossEntropies<T: ReferenceScalar>(
    _ logits: [T], probabilities: [T], shape: ReferenceShape, weights: [T]? = nil,
    labelSmoothing: Double = 0, into losses: inout [T]
  ) {
    requireTargets(
      logits.count, probabilities.count, shape, weights, labelSmoothing, of: "crossEntropies")
    requireCount(losses.count, shape.positions, "losses", of: "crossEntropies")
    let smoothed = SmoothedTarget<T>(labelSmoothing, shape)
    for position in 0..<shape.positions {
      let row = RowNormaliser(logits, start: shape.start(of: position), shape)
      losses[position] = -expectedLogProbability(
        logits, probabilities, at: position, shape, weights, smoothed, row)
    }
  }

  /// The cross-entropy of each position with a target distribution, as a new array of one a position.
  public static func crossEntropies<T: ReferenceScalar>(
    _ logits: [T], probabilities: [T], shape: ReferenceShape, weights: [T]? = nil,
    labelSmoothing: Double = 0
  ) -> [T] {
    array(shape.positions, of: 0) {
      crossEntropies(
        logits, probabilities: probabilities, shape: shape, weights: weights,
        labelSmoothing: labelSmoothing, into: &$0)
    }
  }

  /// The cross-entropy with target distributions, reduced. The mean is over the positions, whatever the weights.
  ///
  /// Accumulated in Double, in the order of the positions.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func crossEntropy<T: ReferenceScalar>(
    _ logits: [T], probabilities: [T], shape: ReferenceShape, weights: [T]? = nil,
    labelSmoothing: Double = 0, reduction: ReferenceReduction = .mean
  ) -> T {
    requireTargets(
      logits.count, probabilities.count, shape, weights, labelSmoothing, of: "crossEntropy")
    let smoothed = SmoothedTarget<T>(labelSmoothing, shape)
    var total = 0.0
    for position in 0..<shape.positions {
      let row = RowNormaliser(logits, start: shape.start(of: position), shape)
      total += Double(
        expectedLogProbability(logits, probabilities, at: position, shape, weights, smoothed, row))
    }
    return T(-total / (reduction == .mean ? meanDivisor(shape) : 1))
  }

  /// The gradient with respect to the logits: `dx[c] = g · (p[c] · Σ w · Q − w[c] · Q[c])`, g the upstream derivative
  /// divided by the number of positions under the mean.
  ///
  /// - Parameter result: `outer × classes × inner`.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func crossEntropyGradient<T: ReferenceScalar>(
    _ logits: [T], probabilities: [T], shape: ReferenceShape, weights: [T]? = nil,
    labelSmoothing: Double = 0, upstream: ReferenceUpstream<T> = .mean(1),
    into result: inout [T]
  ) {
    requireTargets(
      logits.count, probabilities.count, shape, weights, labelSmoothing, of: "crossEntropyGradient")
    requireCount(result.count, shape.count, "result", of: "crossEntropyGradient")
    upstream.require(shape, of: "crossEntropyGradient")
    formGradient(logits, probabilities, shape, weights, labelSmoothing, upstream, into: &result) { _, _ in }
  }

  /// The cross-entropy of each position and the gradient of their mean with respect to the logits, each row
  /// normalised once.
  ///
  /// - Parameters:
  ///   - losses: one a position.
  ///   - gradient: `outer × classes × inner`.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func crossEntropiesWithGradient<T: ReferenceScalar>(
    _ logits: [T], probabilities: [T], shape: ReferenceShape, weights: [T]? = nil,
    labelSmoothing: Double = 0, losses: inout [T], gradient: inout [T]
  ) {
    let operation = "crossEntropiesWithGradient"
    requireTargets(logits.count, probabilities.count, shape, weights, labelSmoothing, of: operation)
    requireCount(losses.count, shape.positions, "losses", of: operation)
    requireCount(gradient.count, shape.count, "gradient", of: operation)
    let smoothed = SmoothedTarget<T>(labelSmoothing, shape)
    formGradient(
      logits, probabilities, shape, weights, labelSmoothing, .mean(1), into: &gradient
    ) { position, row in
      losses[position] = -expectedLogProbability(
        logits, probabilities, at: position, shape, weights, smoothed, row)
    }
  }

  @inline(__always)
  private static func formGradient<T: ReferenceScalar>(
    _ logits: [T], _ probabilities: [T], _ shape: ReferenceShape, _ weights: [T]?,
    _ labelSmoothing: Double, _ upstream: ReferenceUpstream<T>, into result: inout [T],
    forRow: (_ position: Int, RowNormaliser<T>) -> Void
  ) {
    let smoothed = SmoothedTarget<T>(labelSmoothing, shape)
    for position in 0..<shape.positions {
      let start = shape.start(of: position)
      let row = RowNormaliser(logits, start: start, shape)
      forRow(position, row)
      let scale = upstream.scale(at: position, divisor: meanDivisor(shape))
      var mass: T = 0
      for c in 0..<shape.classes {
        mass += (weights?[c] ?? 1) * smoothed(probabilities[start + c * shape.inner])
      }
      for c in 0..<shape.classes {
        let at = start + c * shape.inner
        let probability = T.exp(row.logProbability(logits[at]))
        result[at] = scale * (probability * mass - (weights?[c] ?? 1) * smoothed(probabilities[at]))
      }
    }
  }

  /// The gradient with respect to the logits, as a new array.
  public static func crossEntropyGradient<T: ReferenceScalar>(
    _ logits: [T], probabilities: [T], shape: ReferenceShape, weights: [T]? = nil,
    labelSmoothing: Double = 0,
    upstream: ReferenceUpstream<T> = .mean(1)
  ) -> [T] {
    array(shape.count, of: 0) {
      crossEntropyGradient(
        logits, probabilities: probabilities, shape: shape, weights: weights,
        labelSmoothing: labelSmoothing, upstream: upstream, into: &$0)
    }
  }

  /// The gradient with respect to the target probabilities: `dP[c] = −g · (1 − ε) · w[c] · lp[c]`.
  ///
  /// - Parameter result: `outer × classes × inner`.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func crossEntropyProbabilityGradient<T: ReferenceScalar>(
    _ logits: [T], shape: ReferenceShape, weights: [T]? = nil, labelSmoothing: Double = 0,
    upstream: ReferenceUpstream<T> = .mean(1), into result: inout [T]
  ) {
    let operation = "crossEntropyProbabilityGradient"
    requireTargets(logits.count, shape.count, shape, weights, labelSmoothing, of: operation)
    requireCount(result.count, shape.count, "result", of: operation)
    upstream.require(shape, of: operation)
    let kept = T(1 - labelSmoothing)
    for position in 0..<shape.positions {
      let start = shape.start(of: position)
      let row = RowNormaliser(logits, start: start, shape)
      let scale = upstream.scale(at: position, divisor: meanDivisor(shape))
      for c in 0..<shape.classes {
        let at = start + c * shape.inner
        result[at] = -scale * kept * (weights?[c] ?? 1) * row.logProbability(logits[at])
      }
    }
  }

  /// The gradient with respect to the target probabilities, as a new array.
  public static func crossEntropyProbabilityGradient<T: ReferenceScalar>(
    _ logits: [T], shape: ReferenceShape, weights: [T]? = nil, labelSmoothing: Double = 0,
    upstream: ReferenceUpstream<T> = .mean(1)
  ) -> [T] {
    array(shape.count, of: 0) {
      crossEntropyProbabilityGradient(
        logits, shape: shape, weights: weights, labelSmoothing: labelSmoothing,
        upstream: upstream,
        into: &$0)
    }
  }

  /// The gradient with respect to the class weights: `dw[c] = −Σ g · Q[c] · lp[c]` over the positions; it does not
  /// depend on the weights. A Q of 0 on an impossible class counts 0.
  ///
  /// - Parameter result: one a class.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func crossEntropyWeightGradient<T: ReferenceScalar>(
    _ logits: [T], probabilities: [T], shape: ReferenceShape, labelSmoothing: Double = 0,
    upstream: ReferenceUpstream<T> = .mean(1), into result: inout [T]
  ) {
    let operation = "crossEntropyWeightGradient"
    requireTargets(
      logits.count, probabilities.count, shape, [T]?.none, labelSmoothing, of: operation)
    requireCount(result.count, shape.classes, "result", of: operation)
    upstream.require(shape, of: operation)
    let smoothed = SmoothedTarget<T>(labelSmoothing, shape)
    var slopes = [Double](repeating: 0, count: shape.classes)
    for position in 0..<shape.positions {
      let start = shape.start(of: position)
      let row = RowNormaliser(logits, start: start, shape)
      let scale = upstream.scale(at: position, divisor: meanDivisor(shape))
      for c in 0..<shape.classes {
        let at = start + c * shape.inner
        slopes[c] -= Double(
          scale * expectation(smoothed(probabilities[at]), row.logProbability(logits[at])))
      }
    }
    for c in 0..<shape.classes { result[c] = T(slopes[c]) }
  }

  /// The gradient with respect to the class weights, as a new array of one a class.
  public static func crossEntropyWeightGradient<T: ReferenceScalar>(
    _ logits: [T], probabilities: [T], shape: ReferenceShape, labelSmoothing: Double = 0,
    upstream: ReferenceUpstream<T> = .mean(1)
  ) -> [T] {
    array(shape.classes, of: 0) {
      crossEntropyWeightGradient(
        logits, probabilities: probabilities, shape: shape,
        labelSmoothing: labelSmoothing,
        upstream: upstream, into: &$0)
    }
  }

  /// Stops the program unless the arguments that all of this file share fit each other.
  private static func requireTargets<T>(
    _ logits: Int, _ probabilities: Int, _ shape: ReferenceShape, _ weights: [T]?,
    _ labelSmoothing: Double,
    of operation: String
  ) {
    requireCount(logits, shape.count, "logits", of: operation)
    requireCount(probabilities, shape.count, "probabilities", of: operation)
    requireWeights(weights, shape, of: operation)
    requireSmoothing(labelSmoothing, of: operation)
  }
}
