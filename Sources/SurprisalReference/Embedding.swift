extension Reference {
  /// An embedding: of each index the row of a table.
  ///
  /// - Parameters:
  ///   - weight: the table, `classes × features`.
  ///   - indices: each a class.
  ///   - result: `indices × features`.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func embedding<T: ReferenceScalar>(
    _ weight: [T], indices: [Int], classes: Int, features: Int, into result: inout [T]
  ) {
    requireCount(weight.count, classes * features, "weight", of: "embedding")
    requireCount(result.count, indices.count * features, "result", of: "embedding")
    requireIndices(indices, classes, of: "embedding")
    for (position, index) in indices.enumerated() {
      for i in 0..<features { result[position * features + i] = weight[index * features + i] }
    }
  }

  /// An embedding, as a new array.
  public static func embedding<T: ReferenceScalar>(
    _ weight: [T], indices: [Int], classes: Int, features: Int
  ) -> [T] {
    array(indices.count * features, of: 0) {
      embedding(weight, indices: indices, classes: classes, features: features, into: &$0)
    }
  }

  /// The gradient with respect to the table: each row gets the sum of what its copies got.
  ///
  /// - Parameters:
  ///   - upstream: dy, `indices × features`.
  ///   - padding: a class whose row gets nothing.
  ///   - result: dW, `classes × features`.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func embeddingWeightGradient<T: ReferenceScalar>(
    upstream: [T], indices: [Int], classes: Int, features: Int, padding: Int? = nil,
    into result: inout [T]
  ) {
    requireCount(upstream.count, indices.count * features, "upstream", of: "embeddingWeightGradient")
    requireCount(result.count, classes * features, "result", of: "embeddingWeightGradient")
    requireIndices(indices, classes, of: "embeddingWeightGradient")
    for i in result.indices { result[i] = 0 }
    for (position, index) in indices.enumerated() where index != padding {
      for i in 0..<features { result[index * features + i] += upstream[position * features + i] }
    }
  }

  /// The gradient with respect to the table, as a new array.
  public static func embeddingWeightGradient<T: ReferenceScalar>(
    upstream: [T], indices: [Int], classes: Int, features: Int, padding: Int? = nil
  ) -> [T] {
    array(classes * features, of: 0) {
      embeddingWeightGradient(
        upstream: upstream, indices: indices, classes: classes, features: features,
        padding: padding, into: &$0)
    }
  }
}
