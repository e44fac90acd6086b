extension Reference {
  /// A linear layer: `y = x · Wᵀ + b`.
  ///
  /// - Parameters:
  ///   - input: x, `rows × inputs`.
  ///   - weight: W, `outputs × inputs`.
  ///   - bias: b, one an output; 0 when absent.
  ///   - result: y, `rows × outputs`.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func linear<T: ReferenceScalar>(
    _ input: [T], weight: [T], bias: [T]? = nil, rows: Int, inputs: Int, outputs: Int,
    into result: inout [T]
  ) {
    requireCount(input.count, rows * inputs, "input", of: "linear")
    requireCount(weight.count, outputs * inputs, "weight", of: "linear")
    if let bias { requireCount(bias.count, outputs, "bias", of: "linear") }
    requireCount(result.count, rows * outputs, "result", of: "linear")
    // Spans: whether an array is its holder's alone would be asked for every element.
    let x = input.span, w = weight.span
    var y = result.mutableSpan
    for row in 0..<rows {
      for output in 0..<outputs {
        var sum: T = 0
        for i in 0..<inputs { sum += x[row * inputs + i] * w[output * inputs + i] }
        y[row * outputs + output] = sum + (bias?[output] ?? 0)
      }
    }
  }

  /// A linear layer, as a new array.
  public static func linear<T: ReferenceScalar>(
    _ input: [T], weight: [T], bias: [T]? = nil, rows: Int, inputs: Int, outputs: Int
  ) -> [T] {
    array(rows * outputs, of: 0) {
      linear(
        input, weight: weight, bias: bias, rows: rows, inputs: inputs, outputs: outputs,
        into: &$0)
    }
  }

  /// The gradient with respect to the input: `dx = dy · W`.
  ///
  /// - Parameters:
  ///   - upstream: dy, `rows × outputs`.
  ///   - weight: W, `outputs × inputs`.
  ///   - result: dx, `rows × inputs`.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func linearInputGradient<T: ReferenceScalar>(
    upstream: [T], weight: [T], rows: Int, inputs: Int, outputs: Int,
    into result: inout [T]
  ) {
    requireCount(upstream.count, rows * outputs, "upstream", of: "linearInputGradient")
    requireCount(weight.count, outputs * inputs, "weight", of: "linearInputGradient")
    requireCount(result.count, rows * inputs, "result", of: "linearInputGradient")
    // Sums grow side by side, along the rows of memory: one after the other they would go across them.
    let dy = upstream.span, w = weight.span
    var dx = result.mutableSpan
    for i in dx.indices { dx[i] = 0 }
    for row in 0..<rows {
      for output in 0..<outputs {
        let factor = dy[row * outputs + output]
        for i in 0..<inputs { dx[row * inputs + i] += factor * w[output * inputs + i] }
      }
    }
  }

  /// The gradient with respect to the input, as a new array.
  public static func linearInputGradient<T: ReferenceScalar>(
    upstream: [T], weight: [T], rows: Int, inputs: Int, outputs: Int
  ) -> [T] {
    array(rows * inputs, of: 0) {
      linearInputGradient(
        upstream: upstream, weight: weight, rows: rows, inputs: inputs, outputs: outputs,
        into: &$0)
    }
  }

  /// The gradient with respect to the weight: `dW = dyᵀ · x`.
  ///
  /// - Parameters:
  ///   - upstream: dy, `rows × outputs`.
  ///   - input: x, `rows × inputs`.
  ///   - result: dW, `outputs × inputs`.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func linearWeightGradient<T: ReferenceScalar>(
    upstream: [T], input: [T], rows: Int, inputs: Int, outputs: Int,
    into result: inout [T]
  ) {
    requireCount(upstream.count, rows * outputs, "upstream", of: "linearWeightGradient")
    requireCount(input.count, rows * inputs, "input", of: "linearWeightGradient")
    requireCount(result.count, outputs * inputs, "result", of: "linearWeightGradient")
    let dy = upstream.span, x = input.span
    var dw = result.mutableSpan
    for i in dw.indices { dw[i] = 0 }
    for row in 0..<rows {
      for output in 0..<outputs {
        let factor = dy[row * outputs + output]
        for i in 0..<inputs { dw[output * inputs + i] += factor * x[row * inputs + i] }
      }
    }
  }

  /// The gradient with respect to the weight, as a new array.
  public static func linearWeightGradient<T: ReferenceScalar>(
    upstream: [T], input: [T], rows: Int, inputs: Int, outputs: Int
  ) -> [T] {
    array(outputs * inputs, of: 0) {
      linearWeightGradient(
        upstream: upstream, input: input, rows: rows, inputs: inputs, outputs: outputs,
        into: &$0)
    }
  }

  /// The gradient with respect to the bias: `db = Σ dy` over the rows.
  ///
  /// - Parameters:
  ///   - upstream: dy, `rows × outputs`.
  ///   - result: db, one an output.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func linearBiasGradient<T: ReferenceScalar>(
    upstream: [T], rows: Int, outputs: Int, into result: inout [T]
  ) {
    requireCount(upstream.count, rows * outputs, "upstream", of: "linearBiasGradient")
    requireCount(result.count, outputs, "result", of: "linearBiasGradient")
    for output in 0..<outputs { result[output] = 0 }
    for row in 0..<rows {
      for output in 0..<outputs { result[output] += upstream[row * outputs + output] }
    }
  }

  /// The gradient with respect to the bias, as a new array of one an output.
  public static func linearBiasGradient<T: ReferenceScalar>(upstream: [T], rows: Int, outputs: Int)
    -> [T]
  {
    array(outputs, of: 0) {
      linearBiasGradient(upstream: upstream, rows: rows, outputs: outputs, into: &$0)
    }
  }
}
