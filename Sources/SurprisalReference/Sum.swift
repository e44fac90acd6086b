extension Reference {
  /// The sum of all elements, accumulated in Double from the first to the last; 0 of nothing.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func sum<T: ReferenceScalar>(_ values: [T]) -> T {
    var total = 0.0
    for at in values.indices { total += Double(values[at]) }
    return T(total)
  }

  /// The mean of all elements, accumulated in Double from the first to the last; NaN of nothing.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func mean<T: ReferenceScalar>(_ values: [T]) -> T {
    var total = 0.0
    for at in values.indices { total += Double(values[at]) }
    return T(total / Double(values.count))
  }

  /// The sums along the classes, each accumulated in Double.
  ///
  /// - Shapes: `outer × classes × inner` → one a position.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func sum<T: ReferenceScalar>(
    _ values: [T], shape: ReferenceShape, into result: inout [T]
  ) {
    requireCount(values.count, shape.count, "values", of: "sum")
    requireCount(result.count, shape.positions, "result", of: "sum")
    for position in 0..<shape.positions {
      let start = shape.start(of: position)
      var total = 0.0
      for c in 0..<shape.classes { total += Double(values[start + c * shape.inner]) }
      result[position] = T(total)
    }
  }

  /// The sums along the classes, as a new array of one a position.
  public static func sum<T: ReferenceScalar>(_ values: [T], shape: ReferenceShape) -> [T] {
    array(shape.positions, of: 0) { sum(values, shape: shape, into: &$0) }
  }

  /// The means along the classes, each accumulated in Double; NaN without classes.
  ///
  /// - Shapes: `outer × classes × inner` → one a position.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func mean<T: ReferenceScalar>(
    _ values: [T], shape: ReferenceShape, into result: inout [T]
  ) {
    requireCount(values.count, shape.count, "values", of: "mean")
    requireCount(result.count, shape.positions, "result", of: "mean")
    for position in 0..<shape.positions {
      let start = shape.start(of: position)
      var total = 0.0
      for c in 0..<shape.classes { total += Double(values[start + c * shape.inner]) }
      result[position] = T(total / Double(shape.classes))
    }
  }

  /// The means along the classes, as a new array of one a position.
  public static func mean<T: ReferenceScalar>(_ values: [T], shape: ReferenceShape) -> [T] {
    array(shape.positions, of: 0) { mean(values, shape: shape, into: &$0) }
  }
}
