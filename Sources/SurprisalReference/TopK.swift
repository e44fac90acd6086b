extension Reference {
  /// Whether `a` stands before `b` when sorted from the largest down: NaN first; neither of equals before the other.
  @inline(__always)
  private static func precedes<T: ReferenceScalar>(_ a: T, _ b: T) -> Bool {
    a > b || (a.isNaN && !b.isNaN)
  }

  /// The k largest elements along the classes, from the largest down, and their classes. NaN stands first; of equals
  /// the first class does.
  ///
  /// - Shapes: `outer × classes × inner` → values and indices `outer × k × inner`.
  /// - Complexity: O(count · k), by insertion into a sorted list of k.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func topK<T: ReferenceScalar>(
    _ values: [T], k: Int, shape: ReferenceShape, values top: inout [T],
    indices: inout [Int]
  ) {
    guard k >= 0, k <= shape.classes else {
      fatalError("topK: k is \(k), expected 0...\(shape.classes)")
    }
    requireCount(values.count, shape.count, "values", of: "topK")
    requireCount(top.count, shape.positions * k, "top", of: "topK")
    requireCount(indices.count, shape.positions * k, "indices", of: "topK")
    let topShape = ReferenceShape(outer: shape.outer, classes: k, inner: shape.inner)
    for position in 0..<shape.positions {
      let start = shape.start(of: position)
      let topStart = topShape.start(of: position)
      for c in 0..<shape.classes {
        let value = values[start + c * shape.inner]
        // Elements before this one stay put; those that it precedes move one place down, the last one out.
        var rank = Swift.min(c, k)
        while rank > 0, precedes(value, top[topStart + (rank - 1) * shape.inner]) {
          rank -= 1
          if rank + 1 < k {
            top[topStart + (rank + 1) * shape.inner] = top[topStart + rank * shape.inner]
            indices[topStart + (rank + 1) * shape.inner] = indices[topStart + rank * shape.inner]
          }
        }
        if rank < k {
          top[topStart + rank * shape.inner] = value
          indices[topStart + rank * shape.inner] = c
        }
      }
    }
  }

  /// The k largest elements along the classes and their classes, as new arrays `outer × k × inner`.
  public static func topK<T: ReferenceScalar>(
    _ values: [T], k: Int, shape: ReferenceShape
  ) -> (values: [T], indices: [Int]) {
    var indices: [Int] = []
    let top = array(shape.positions * Swift.max(k, 0), of: T.zero) { top in
      indices = array(shape.positions * Swift.max(k, 0), of: 0) { indices in
        topK(values, k: k, shape: shape, values: &top, indices: &indices)
      }
    }
    return (top, indices)
  }

  /// The gradient of `topK` with respect to its input, and with `k = 1` that of `max`: each upstream derivative goes to
  /// the element that was chosen, 0 to every other.
  ///
  /// - Parameters:
  ///   - indices: the classes chosen, `outer × k × inner`.
  ///   - upstream: of the same shape.
  ///   - result: `outer × classes × inner`.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func topKGradient<T: ReferenceScalar>(
    indices: [Int], upstream: [T], k: Int, shape: ReferenceShape,
    into result: inout [T]
  ) {
    requireCount(indices.count, shape.positions * k, "indices", of: "topKGradient")
    requireCount(upstream.count, shape.positions * k, "upstream", of: "topKGradient")
    requireCount(result.count, shape.count, "result", of: "topKGradient")
    for at in result.indices { result[at] = 0 }
    let topShape = ReferenceShape(outer: shape.outer, classes: k, inner: shape.inner)
    for position in 0..<shape.positions {
      for rank in 0..<k {
        let from = topShape.index(position: position, class: rank)
        result[shape.index(position: position, class: indices[from])] += upstream[from]
      }
    }
  }

  /// The gradient of `topK` with respect to its input, as a new array.
  public static func topKGradient<T: ReferenceScalar>(
    indices: [Int], upstream: [T], k: Int, shape: ReferenceShape
  ) -> [T] {
    array(shape.count, of: 0) {
      topKGradient(indices: indices, upstream: upstream, k: k, shape: shape, into: &$0)
    }
  }
}
