import SurprisalReference
import Testing

@Suite struct MaximumTests {
  @Test func firstOfEqualsWins() {
    let shape = ReferenceShape(outer: 2, classes: 4)
    let (values, indices) = Reference.max([1.0, 3, 3, 2, -0.0, 0, 0, -1], shape: shape)
    #expect(values == [3, 0])
    #expect(indices == [1, 0])
    #expect(Reference.argmax([1.0, 3, 3, 2, -0.0, 0, 0, -1], shape: shape) == [1, 0])
  }

  @Test func firstNaNWins() {
    let shape = ReferenceShape(outer: 3, classes: 3)
    let x: [Float] = [1, .nan, .infinity, .nan, 5, .nan, -.infinity, -.infinity, -.infinity]
    let (values, indices) = Reference.max(x, shape: shape)
    expectSame(values, [.nan, .nan, -.infinity])
    #expect(indices == [1, 0, 0])
    #expect(Reference.argmax(x, shape: shape) == [1, 0, 0])
  }

  @Test func innerAxis() {
    let shape = ReferenceShape(outer: 1, classes: 3, inner: 2)
    let (values, indices) = Reference.max([1.0, 6, 5, 2, 3, 4], shape: shape)
    #expect(values == [5, 6])
    #expect(indices == [1, 0])
    #expect(Reference.argmax([1.0, 6, 5, 2, 3, 4], shape: shape) == [1, 0])
  }
}

@Suite struct TopKTests {
  @Test func fromTheLargestDown() {
    let shape = ReferenceShape(outer: 1, classes: 6)
    let (values, indices) = Reference.topK([1.0, 5, 3, 5, -2, 3], k: 4, shape: shape)
    #expect(values == [5, 5, 3, 3])
    #expect(indices == [1, 3, 2, 5])
    #expect(Reference.topK([1.0, 5, 3, 5, -2, 3], k: 0, shape: shape).indices.isEmpty)
  }

  @Test func nanStandsFirst() {
    let (values, indices) = Reference.topK(
      [1.0, .infinity, .nan, 2, .nan], k: 3, shape: ReferenceShape(outer: 1, classes: 5))
    expectSame(values, [.nan, .nan, .infinity])
    #expect(indices == [2, 4, 1])
  }

  /// Against the standard library's stable sort, ties included, for every k.
  @Test func isAPrefixOfTheSortedRow() {
    var random = SplitMix64(seed: 11)
    let shape = ReferenceShape(outer: 3, classes: 9, inner: 2)
    let x = (0..<shape.count).map { _ in Double(Int.random(in: 0..<5, using: &random)) }
    for k in 0...shape.classes {
      let top = ReferenceShape(outer: shape.outer, classes: k, inner: shape.inner)
      let (values, indices) = Reference.topK(x, k: k, shape: shape)
      for position in 0..<shape.positions {
        func value(_ c: Int) -> Double { x[shape.index(position: position, class: c)] }
        let sorted = (0..<shape.classes).sorted {
          value($0) > value($1) || (value($0) == value($1) && $0 < $1)
        }
        for rank in 0..<k {
          let at = top.index(position: position, class: rank)
          #expect(indices[at] == sorted[rank])
          #expect(values[at] == value(sorted[rank]))
        }
      }
    }
  }

  @Test func gradientGoesToTheChosen() {
    var random = SplitMix64(seed: 12)
    let shape = ReferenceShape(outer: 2, classes: 5, inner: 2)
    let x = random.uniform(shape.count)
    for k in [1, 3] {
      let g = random.uniform(shape.positions * k)
      let chosen = Reference.topK(x, k: k, shape: shape).indices
      expectGradient(
        Reference.topKGradient(indices: chosen, upstream: g, k: k, shape: shape), at: x
      ) {
        inner(g, Reference.topK($0, k: k, shape: shape).values)
      }
    }
  }
}

@Suite struct SumTests {
  @Test func sumsAndMeans() {
    #expect(Reference.sum([1.0, 2, 4]) == 7)
    #expect(Reference.mean([1.0, 2, 6]) == 3)
    #expect(Reference.sum([Double]()) == 0)
    #expect(Reference.mean([Double]()).isNaN)
    let shape = ReferenceShape(outer: 2, classes: 2, inner: 2)
    #expect(Reference.sum([1.0, 2, 3, 4, 5, 6, 7, 8], shape: shape) == [4, 6, 12, 14])
    #expect(Reference.mean([1.0, 2, 3, 4, 5, 6, 7, 8], shape: shape) == [2, 3, 6, 7])
  }

  /// 2²⁴ is where a sum of ones in Float stops growing.
  @Test func floatsAreAccumulatedInDouble() {
    let shape = ReferenceShape(outer: 1, classes: 4)
    let x: [Float] = [0x1p24, 1, 1, 1]
    #expect(Reference.sum(x) == 0x1p24 + 4)
    #expect(Reference.sum(x, shape: shape) == [0x1p24 + 4])
    #expect(Reference.mean(x) == (0x1p24 + 4) / 4)
    #expect(Reference.mean(x, shape: shape) == [(0x1p24 + 4) / 4])
  }
}

@Suite struct SGDTests {
  /// Worked by hand from PyTorch's formula; a second step shows the buffer, its dampening and the decay.
  @Test func momentumDampeningAndDecay() {
    var (p, buffer) = ([1.0], [Double]())
    for (g, expected) in [(0.5, 0.949), (0.2, 0.8842459)] {
      Reference.sgdStep(
        &p, gradient: [g], buffer: &buffer, learningRate: 0.1, momentum: 0.9, dampening: 0.1,
        weightDecay: 0.01)
      expectPrinted(p, [expected], decimals: 12)
    }
  }

  @Test func nesterov() {
    var (p, buffer) = ([1.0], [Double]())
    for (g, expected) in [(0.5, 0.9031), (0.2, 0.82207411)] {
      Reference.sgdStep(
        &p, gradient: [g], buffer: &buffer, learningRate: 0.1, momentum: 0.9, weightDecay: 0.01,
        nesterov: true)
      expectPrinted(p, [expected], decimals: 12)
    }
  }

  @Test func withoutMomentum() {
    var (p, buffer) = ([1.0, -2], [Double]())
    Reference.sgdStep(&p, gradient: [0.5, 1], buffer: &buffer, learningRate: 0.5)
    #expect(p == [0.75, -2.5])
    #expect(buffer.isEmpty)
  }
}
