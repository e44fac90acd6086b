// Losses that see a row through its label's log-probability lp alone, `w[y] · φ(lp)`: focal and poly.

extension Reference {
  @inline(__always)
  static func labelLosses<T: ReferenceScalar>(
    _ logits: [T], labels: [Int], shape: ReferenceShape, weights: [T]?, ignoring ignored: Int?, of operation: String,
    into losses: inout [T], _ loss: (_ logProbability: T) -> T
  ) {
    requireCount(logits.count, shape.count, "logits", of: operation)
    requireCount(losses.count, shape.positions, "losses", of: operation)
    requireLabels(labels, ignoring: ignored, shape, of: operation)
    requireWeights(weights, shape, of: operation)
    for position in 0..<shape.positions {
      let label = labels[position]
      if label == ignored {
        losses[position] = 0
      } else {
        let row = RowNormaliser(logits, start: shape.start(of: position), shape)
        let lp = row.logProbability(logits[shape.index(position: position, class: label)])
        losses[position] = (weights?[label] ?? 1) * loss(lp)
      }
    }
  }

  /// `dx[c] = g · w[y] · slope · (p[c] − [c = y])`, slope being minus φ's derivative.
  @inline(__always)
  static func labelLossGradient<T: ReferenceScalar>(
    _ logits: [T], labels: [Int], shape: ReferenceShape, weights: [T]?, ignoring ignored: Int?,
    upstream: ReferenceUpstream<T>, of operation: String, into result: inout [T], _ slope: (_ logProbability: T) -> T
  ) {
    requireCount(logits.count, shape.count, "logits", of: operation)
    requireCount(result.count, shape.count, "result", of: operation)
    requireLabels(labels, ignoring: ignored, shape, of: operation)
    requireWeights(weights, shape, of: operation)
    upstream.require(shape, of: operation)
    let divisor = totalWeight(labels, weights, ignoring: ignored)
    for at in result.indices { result[at] = 0 }
    for position in 0..<shape.positions where labels[position] != ignored {
      let label = labels[position]
      let row = RowNormaliser(logits, start: shape.start(of: position), shape)
      let factor = slope(row.logProbability(logits[shape.index(position: position, class: label)]))
      let scale = upstream.scale(at: position, divisor: divisor) * (weights?[label] ?? 1)
      for c in 0..<shape.classes {
        let at = shape.index(position: position, class: c)
        let probability = T.exp(row.logProbability(logits[at]))
        result[at] = scale * factor * (probability - (c == label ? 1 : 0))
      }
    }
  }
}
