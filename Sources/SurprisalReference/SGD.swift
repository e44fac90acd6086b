extension Reference {
  /// One step of stochastic gradient descent with momentum, as PyTorch defines it.
  ///
  /// With `d = g + weightDecay · p`, the momentum buffer becomes d on the first step and
  /// `momentum · buffer + (1 − dampening) · d` on later ones; the direction is the buffer, or
  /// `d + momentum · buffer` under Nesterov; then `p −= learningRate · direction`. Without momentum
  /// the direction is d and the buffer is neither read nor written.
  ///
  /// - Parameters:
  ///   - parameters: p, updated in place.
  ///   - gradient: g, as many elements.
  ///   - buffer: empty before the first step, as many elements after it; updated in place.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func sgdStep<T: ReferenceScalar>(
    _ parameters: inout [T], gradient: [T], buffer: inout [T], learningRate: Double,
    momentum: Double = 0, dampening: Double = 0, weightDecay: Double = 0, nesterov: Bool = false
  ) {
    requireCount(gradient.count, parameters.count, "gradient", of: "sgdStep")
    let isFirstStep = buffer.isEmpty
    if momentum != 0 {
      if isFirstStep { buffer = [T](repeating: 0, count: parameters.count) }
      requireCount(buffer.count, parameters.count, "buffer", of: "sgdStep")
    }
    for at in parameters.indices {
      let d = gradient[at] + T(weightDecay) * parameters[at]
      var direction = d
      if momentum != 0 {
        buffer[at] = isFirstStep ? d : T(momentum) * buffer[at] + T(1 - dampening) * d
        direction = nesterov ? d + T(momentum) * buffer[at] : buffer[at]
      }
      parameters[at] -= T(learningRate) * direction
    }
  }
}
