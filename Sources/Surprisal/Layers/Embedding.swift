import SurprisalKernels

/// A row of features for each class, to be learned: words, places, anything that is counted and not measured.
/// PyTorch's `nn.Embedding`.
///
/// - Shapes: indices `…` → `… × features`; `weight` is `classes × features`.
public struct Embedding<Scalar: Surprisal.Scalar>: Model {
    public var weight: Tensor<Scalar>
    /// A class whose row is not learned: what fills up sequences that are too short.
    public let padding: Int?

    /// A layer with a given table.
    ///
    /// Stops the program when it is no matrix, or has no row for the padding.
    public init(weight: Tensor<Scalar>, padding: Int? = nil) {
        if weight.rank != 2 { fatalError("Embedding: weight has shape \(weight.shape); expected classes × features") }
        if let padding, padding < 0 || padding >= weight.shape[0] {
            fatalError("Embedding: padding is \(padding); expected 0 to \(weight.shape[0] - 1), of weight \(weight.shape)")
        }
        self.weight = weight
        self.padding = padding
    }

    /// A layer with a random table of normal numbers around 0, as PyTorch's; the padding's row is 0.
    public init(
        _ classes: Int, _ features: Int, standardDeviation: Double = 1, padding: Int? = nil,
        using generator: inout some RandomNumberGenerator
    ) {
        guard standardDeviation >= 0, standardDeviation.isFinite else {
            fatalError("Embedding: standardDeviation is \(standardDeviation); expected a finite number, at least 0")
        }
        var weight = Tensor<Scalar>.normal([classes, features], standardDeviation: standardDeviation, using: &generator)
        if let padding, padding >= 0, padding < classes {
            var elements = weight.buffer.mutableSpan
            for element in padding * features..<(padding + 1) * features { elements[element] = 0 }
        }
        self.init(weight: weight, padding: padding)
    }

    public var classes: Int { weight.shape[0] }
    public var features: Int { weight.shape[1] }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public mutating func forEachParameter(_ body: (String, inout Tensor<Scalar>) -> Void) { body("weight", &weight) }

    /// Whether there is a row for each of these indices, and one of them for each position of the shape.
    public func check(_ indices: [Int], shape: Shape? = nil) throws(EmbeddingError) {
        let shape = shape ?? [indices.count]
        for size in shape where size < 0 { throw .negativeSize(size, shape: shape) }
        guard indices.count == shape.elementCount else { throw .wrongCount(found: indices.count, shape: shape) }
        let classes = classes
        for (position, index) in indices.enumerated() where index < 0 || index >= classes {
            throw .outOfRange(value: index, position: shape.indices(ofElement: position), classCount: classes)
        }
    }

    /// The rows of what `argmax`, `topK` and the like found.
    public func callAsFunction(_ indices: Indices) -> Tensor<Scalar> { self(indices.values, shape: indices.shape) }

    /// - Parameter shape: of the indices, which are in row-major order; one axis unless given.
    /// - Shapes: `…` → `… × features`.
    /// - Derivative: a row of the table gets the sum of what its copies got, with the rounding errors kept; 0 where there is
    ///   no copy, and of the padding.
    /// - Complexity: O(indices · features); O((classes + indices) · features) on the way back, which makes the whole
    ///   table's gradient.
    ///
    /// Stops the program when `check` would throw.
    public func callAsFunction(_ indices: [Int], shape: Shape? = nil) -> Tensor<Scalar> {
        do { try check(indices, shape: shape) } catch { fatalError("Embedding: \(error)") }
        return weight.copies(
            ofRows: indices[...], shape: (shape ?? [indices.count]) + [features], from: "Embedding", constant: padding)
    }
}

/// Why there are no rows for some indices.
public enum EmbeddingError: Error, Equatable, CustomStringConvertible {
    case outOfRange(value: Int, position: [Int], classCount: Int)
    case wrongCount(found: Int, shape: Shape)
    case negativeSize(Int, shape: Shape)

    public var description: String {
        switch self {
        case .outOfRange(let value, let position, 0): "index \(value) at position \(position): there are no classes"
        case .outOfRange(let value, let position, let classCount):
            "index \(value) at position \(position); expected 0 to \(classCount - 1) (\(classCount) classes)"
        case .wrongCount(let found, let shape): "\(found) indices for shape \(shape); expected \(shape.elementCount)"
        case .negativeSize(let size, let shape): "indices of shape \(shape): size \(size); expected at least 0"
        }
    }
}
