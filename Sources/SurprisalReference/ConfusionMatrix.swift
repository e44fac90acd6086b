extension Reference {
  /// How often each class (rows) was taken for each (columns), in row-major order.
  public static func confusionMatrix<T: ReferenceScalar>(
    _ logits: [T], labels: [Int], shape: ReferenceShape, ignoring ignored: Int? = nil
  ) -> [Int] {
    requireLabels(labels, ignoring: ignored, shape, of: "confusionMatrix")
    let predictions = argmax(logits, shape: shape)
    return array(shape.classes * shape.classes, of: 0) { counts in
      for position in 0..<shape.positions where labels[position] != ignored {
        counts[labels[position] * shape.classes + predictions[position]] += 1
      }
    }
  }
}
