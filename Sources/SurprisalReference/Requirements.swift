// `precondition` drops its text in release builds; these keep it.

/// Stops the program unless `argument` of `operation` has `expected` elements.
func requireCount(_ count: Int, _ expected: Int, _ argument: String, of operation: String) {
  guard count == expected else {
    fatalError("\(operation): \(argument) has \(count) elements, expected \(expected)")
  }
}

/// Stops the program unless there is one weight a class.
func requireWeights<T>(_ weights: [T]?, _ shape: ReferenceShape, of operation: String) {
  if let weights { requireCount(weights.count, shape.classes, "weights", of: operation) }
}

/// Stops the program unless there is one label a position, each the ignored one or a class.
func requireLabels(
  _ labels: [Int], ignoring ignored: Int?, _ shape: ReferenceShape, of operation: String
) {
  requireCount(labels.count, shape.positions, "labels", of: operation)
  for (position, label) in labels.enumerated() where label != ignored {
    guard label >= 0, label < shape.classes else {
      fatalError(
        "\(operation): label \(label) at position \(position), expected 0..<\(shape.classes)")
    }
  }
}

/// Stops the program unless each index is a class.
func requireIndices(_ indices: [Int], _ classes: Int, of operation: String) {
  for (position, index) in indices.enumerated() where index < 0 || index >= classes {
    fatalError("\(operation): index \(index) at position \(position), expected 0..<\(classes)")
  }
}

/// Stops the program unless `smoothing` is a number from 0 to 1.
func requireSmoothing(_ smoothing: Double, of operation: String) {
  guard smoothing >= 0, smoothing <= 1 else {
    fatalError("\(operation): label smoothing is \(smoothing), expected a number from 0 to 1")
  }
}
