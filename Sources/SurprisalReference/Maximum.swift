extension Reference {
  /// The largest element along the classes and its class. NaN wins; the first of equals wins.
  ///
  /// - Shapes: `outer × classes × inner` → one value and one index a position. Without classes the program stops.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func max<T: ReferenceScalar>(
    _ values: [T], shape: ReferenceShape, values maxima: inout [T],
    indices: inout [Int]
  ) {
    requireCount(values.count, shape.count, "values", of: "max")
    requireCount(maxima.count, shape.positions, "maxima", of: "max")
    requireCount(indices.count, shape.positions, "indices", of: "max")
    guard shape.classes > 0 || shape.positions == 0 else {
      fatalError("max: the axis has no classes, expected at least 1")
    }
    for position in 0..<shape.positions {
      let start = shape.start(of: position)
      var best = values[start]
      var index = 0
      for c in 1..<shape.classes where !best.isNaN {
        let value = values[start + c * shape.inner]
        if value.isNaN || value > best {
          best = value
          index = c
        }
      }
      maxima[position] = best
      indices[position] = index
    }
  }

  /// The largest element along the classes and its class, as new arrays of one a position.
  public static func max<T: ReferenceScalar>(
    _ values: [T], shape: ReferenceShape
  ) -> (values: [T], indices: [Int]) {
    var indices: [Int] = []
    let maxima = array(shape.positions, of: T.zero) { maxima in
      indices = array(shape.positions, of: 0) { indices in
        max(values, shape: shape, values: &maxima, indices: &indices)
      }
    }
    return (maxima, indices)
  }

  /// The class of the largest element of each position. NaN wins; the first of equals wins.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func argmax<T: ReferenceScalar>(
    _ values: [T], shape: ReferenceShape, into indices: inout [Int]
  ) {
    requireCount(values.count, shape.count, "values", of: "argmax")
    requireCount(indices.count, shape.positions, "indices", of: "argmax")
    guard shape.classes > 0 || shape.positions == 0 else {
      fatalError("argmax: the axis has no classes, expected at least 1")
    }
    for position in 0..<shape.positions {
      let start = shape.start(of: position)
      var index = 0
      for c in 1..<shape.classes {
        let best = values[start + index * shape.inner]
        let value = values[start + c * shape.inner]
        if value > best || (value.isNaN && !best.isNaN) { index = c }
      }
      indices[position] = index
    }
  }

  /// The class of the largest element of each position, as a new array.
  public static func argmax<T: ReferenceScalar>(_ values: [T], shape: ReferenceShape) -> [Int] {
    array(shape.positions, of: 0) { argmax(values, shape: shape, into: &$0) }
  }
}
