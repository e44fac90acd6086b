extension Reference {
  /// The entropy of each row of logits: `−Σ p_c · lp_c`, a class of probability 0 adding nothing.
  public static func entropy<T: ReferenceScalar>(_ logits: [T], shape: ReferenceShape) -> [T] {
    let lp = logSoftmax(logits, shape: shape)
    return array(shape.positions, of: 0) { entropies in
      for position in 0..<shape.positions {
        for c in 0..<shape.classes {
          let y = lp[shape.index(position: position, class: c)]
          if y > -.infinity { entropies[position] -= T.exp(y) * y }
        }
      }
    }
  }

  /// The Kullback–Leibler divergence of each row of logits from another's: `Σ p_c · (lp_c − lq_c)`, a class of p = 0
  /// adding nothing.
  public static func kullbackLeiblerDivergence<T: ReferenceScalar>(
    _ logits: [T], _ others: [T], shape: ReferenceShape
  ) -> [T] {
    let terms = divergenceTerms(
      logSoftmax(others, shape: shape), targets: logSoftmax(logits, shape: shape), areLogarithms: true)
    return array(shape.positions, of: 0) { divergences in
      for position in 0..<shape.positions {
        for c in 0..<shape.classes { divergences[position] += terms[shape.index(position: position, class: c)] }
      }
    }
  }
}
