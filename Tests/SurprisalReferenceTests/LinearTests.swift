import SurprisalReference
import Testing

@Suite struct LinearTests {
  @Test func gradients() {
    var random = SplitMix64(seed: 9)
    let (rows, inputs, outputs) = (3, 4, 5)
    let x = random.uniform(rows * inputs)
    let w = random.uniform(outputs * inputs)
    let b = random.uniform(outputs)
    let g = random.uniform(rows * outputs)
    func value(_ x: [Double], _ w: [Double], _ b: [Double]?) -> Double {
      inner(
        g, Reference.linear(x, weight: w, bias: b, rows: rows, inputs: inputs, outputs: outputs))
    }
    expectGradient(
      Reference.linearInputGradient(
        upstream: g, weight: w, rows: rows, inputs: inputs, outputs: outputs), at: x
    ) { value($0, w, b) }
    expectGradient(
      Reference.linearWeightGradient(
        upstream: g, input: x, rows: rows, inputs: inputs, outputs: outputs), at: w
    ) { value(x, $0, nil) }
    expectGradient(Reference.linearBiasGradient(upstream: g, rows: rows, outputs: outputs), at: b) {
      value(x, w, $0)
    }
  }

  @Test func emptySizes() {
    #expect(
      Reference.linear([Double](), weight: [], bias: [7, 8], rows: 2, inputs: 0, outputs: 2) == [
        7, 8, 7, 8,
      ])
    #expect(Reference.linear([1.0, 2], weight: [], rows: 1, inputs: 2, outputs: 0).isEmpty)
    #expect(Reference.linearBiasGradient(upstream: [Double](), rows: 0, outputs: 2) == [0, 0])
  }

  @Test func impossibleTimesZeroIsNaN() {
    #expect(
      Reference.linear([Double.infinity], weight: [0], rows: 1, inputs: 1, outputs: 1)[0].isNaN)
  }

  /// A layer and its cross-entropy, as PyTorch 2.13 printed them.
  @Test func printedLayerAndLoss() {
    let x = [0.5, -1, 2, 1.5, 0.25, -0.75, 0, 1, 1, -2, 0.5, 0.125]
    let w = [0.2, -0.4, 0.6, 1, 0.5, -0.25, -0.3, 0.7, 0.1, 0.05, -0.15, 0.9, -1, 0.8, 0.4]
    let b = [0.1, -0.2, 0.3, 0, 0.05]
    let labels = [2, 0, -100, 4]
    let weights = [1, 0.5, 2, 0.25, 1.5]
    let shape = ReferenceShape(outer: 4, classes: 5)
    let logits = Reference.linear(x, weight: w, bias: b, rows: 4, inputs: 3, outputs: 5)
    func loss(_ weights: [Double]?, _ reduction: ReferenceReduction) -> Double {
      Reference.crossEntropy(
        logits, labels: labels, shape: shape, weights: weights, ignoring: -100, reduction: reduction
      )
    }
    expectPrinted(
      Reference.crossEntropies(logits, labels: labels, shape: shape, ignoring: -100),
      [3.064374737, 2.173946218, 0, 0.359214692], decimals: 9)
    expectPrinted(
      [loss(nil, .mean), loss(weights, .sum), loss(weights, .mean)],
      [1.865845215, 8.841517729, 1.964781717],
      decimals: 9)
    let g = Reference.crossEntropyGradient(
      logits, labels: labels, shape: shape, weights: weights, ignoring: -100)
    let dx = Reference.linearInputGradient(upstream: g, weight: w, rows: 4, inputs: 3, outputs: 5)
    expectPrinted(Array(dx[..<3]), [0.169189138, -0.377333185, 0.259320736], decimals: 9)
    expectSame(Array(dx[6..<9]), [0, 0, 0])
    let dw = Reference.linearWeightGradient(upstream: g, input: x, rows: 4, inputs: 3, outputs: 5)
    expectPrinted(Array(dw[6..<9]), [-0.304992549, 0.464439296, -0.859900966], decimals: 9)
    expectPrinted(
      Reference.linearBiasGradient(upstream: g, rows: 4, outputs: 5),
      [-0.006340622, 0.164520038, -0.328245288, 0.245651939, -0.075586066], decimals: 9)
  }
}

@Suite struct EmbeddingTests {
  @Test func rowsAndTheirSums() {
    let table = [1.0, 2, 3, 4, 5, 6]
    #expect(
      Reference.embedding(table, indices: [2, 0, 2], classes: 3, features: 2) == [5, 6, 1, 2, 5, 6])
    let g = [1.0, 10, 2, 20, 3, 30]
    #expect(
      Reference.embeddingWeightGradient(upstream: g, indices: [2, 0, 2], classes: 3, features: 2)
        == [2, 20, 0, 0, 4, 40])
    #expect(
      Reference.embeddingWeightGradient(
        upstream: g, indices: [2, 0, 2], classes: 3, features: 2, padding: 2)
        == [2, 20, 0, 0, 0, 0])
  }

  @Test func gradient() {
    var random = SplitMix64(seed: 12)
    let indices = [3, 0, 3, 1, 3], table = random.uniform(4 * 2), g = random.uniform(5 * 2)
    expectGradient(
      Reference.embeddingWeightGradient(upstream: g, indices: indices, classes: 4, features: 2),
      at: table
    ) { inner(g, Reference.embedding($0, indices: indices, classes: 4, features: 2)) }
  }
}

@Suite struct MatMulTests {
  @Test func product() {
    #expect(
      Reference.matmul([1.0, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12], rows: 2, inner: 3, columns: 2)
        == [58, 64, 139, 154])
    #expect(Reference.matmul([Double](), [], rows: 2, inner: 0, columns: 2) == [0, 0, 0, 0])
  }

  /// The same matrices, stored transposed, give the same product to the bit.
  @Test(arguments: [false, true], [false, true])
  func transpositions(left: Bool, right: Bool) {
    var random = SplitMix64(seed: 10)
    let (m, k, n) = (3, 4, 5)
    let (a, b) = (random.uniform(m * k), random.uniform(k * n))
    func transposed(_ x: [Double], _ rows: Int, _ columns: Int) -> [Double] {
      (0..<columns).flatMap { column in (0..<rows).map { x[$0 * columns + column] } }
    }
    #expect(
      Reference.matmul(
        left ? transposed(a, m, k) : a, right ? transposed(b, k, n) : b, rows: m, inner: k,
        columns: n,
        transposingLeft: left, transposingRight: right)
        == Reference.matmul(a, b, rows: m, inner: k, columns: n))
  }
}
