extension Reference {
  /// The objective of softmax regression and its gradient: `Σ s_i·ℓ_i + ½·penalty·‖W‖²`, ℓ the cross-entropy of `W·x + b`.
  ///
  /// - Parameters:
  ///   - x: `rows × features`.
  ///   - targets: a probability for each class of each row.
  ///   - rowWeights: s, one a row.
  ///   - weight: W, `classes × features`.
  public static func softmaxRegression(
    _ x: [Double], targets: [Double], rowWeights: [Double], weight: [Double], bias: [Double], penalty: Double
  ) -> (value: Double, weightGradient: [Double], biasGradient: [Double]) {
    let rows = rowWeights.count, classes = bias.count, features = rows == 0 ? 0 : x.count / rows
    requireCount(targets.count, rows * classes, "targets", of: "softmaxRegression")
    requireCount(weight.count, classes * features, "weight", of: "softmaxRegression")
    var value = 0.0
    var weightGradient = [Double](repeating: 0, count: weight.count)
    var biasGradient = [Double](repeating: 0, count: classes)
    let logits = linear(x, weight: weight, bias: bias, rows: rows, inputs: features, outputs: classes)
    for i in 0..<rows {
      let z = Array(logits[i * classes..<(i + 1) * classes]), top = z.max() ?? 0
      let exponentials = z.map { Double.exp($0 - top) }, sum = exponentials.reduce(0, +)
      for c in 0..<classes {
        let target = targets[i * classes + c]
        value -= rowWeights[i] * target * (z[c] - top - Double.log(sum))
        let error = rowWeights[i] * (exponentials[c] / sum - target)
        biasGradient[c] += error
        for j in 0..<features { weightGradient[c * features + j] += error * x[i * features + j] }
      }
    }
    for place in weight.indices {
      value += penalty / 2 * weight[place] * weight[place]
      weightGradient[place] += penalty * weight[place]
    }
    return (value, weightGradient, biasGradient)
  }

  /// The Hessian of `Σ s_i·ℓ_i` with respect to W: `Σ s_i·(p_a·[a = b] − p_a·p_b)·x_j·x_k`, class by class.
  public static func softmaxRegressionHessian(
    _ x: [Double], probabilities: [Double], rowWeights: [Double], features: Int, classes: Int
  ) -> [Double] {
    let order = classes * features
    requireCount(probabilities.count, rowWeights.count * classes, "probabilities", of: "softmaxRegressionHessian")
    return array(order * order, of: 0) { hessian in
      for i in rowWeights.indices {
        for a in 0..<classes {
          for b in 0..<classes {
            let pa = probabilities[i * classes + a], pb = probabilities[i * classes + b]
            let factor = rowWeights[i] * ((a == b ? pa : 0) - pa * pb)
            for j in 0..<features {
              for k in 0..<features {
                hessian[(a * features + j) * order + b * features + k] += factor * x[i * features + j] * x[i * features + k]
              }
            }
          }
        }
      }
    }
  }

  /// Rows for a classifier to learn, the same bits wherever they are made: features uniform in ±√3, labels the largest of
  /// the classes' scores, which are linear in the features but for noise.
  ///
  /// The generator gives the true weights first, then each row's features and noise. A uniform number is 53 bits of one
  /// of its numbers; sums are taken in the order of the features, so that another language makes the same.
  public static func syntheticClasses(
    rows: Int, features: Int, classes: Int, noise: Double, using generator: inout some RandomNumberGenerator
  ) -> (x: [Double], labels: [Int]) {
    func uniform() -> Double { Double(generator.next() >> 11) * 0x1p-53 }
    var weights = [Double](repeating: 0, count: classes * features)
    for place in weights.indices { weights[place] = 2 * uniform() - 1 }
    var x = [Double](repeating: 0, count: rows * features), labels = [Int](repeating: 0, count: rows)
    var scores = [Double](repeating: 0, count: classes)
    for row in 0..<rows {
      for c in 0..<classes { scores[c] = 0 }
      for j in 0..<features {
        let value = (2 * uniform() - 1) * 1.7320508075688772
        x[row * features + j] = value
        for c in 0..<classes { scores[c] += value * weights[c * features + j] }
      }
      var best = 0
      for c in 0..<classes {
        scores[c] += noise * uniform()
        if scores[c] > scores[best] { best = c }
      }
      labels[row] = best
    }
    return (x, labels)
  }
}
