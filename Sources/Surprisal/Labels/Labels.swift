import SurprisalKernels

/// The class of each position, checked once and trusted after.
public struct Labels: Sendable, Equatable {
    /// The positions' shape: a batch, or a batch of segmented images; `[]` for a single row.
    public let shape: Shape
    /// Every label that is not ignored is at least 0 and less than this.
    public let classCount: Int
    /// The class of each position in row-major order, −1 where it is ignored.
    let classes: ClassIndices
    public let ignoredCount: Int
    /// The positions that take part.
    var countedCount: Int { count - ignoredCount }

    /// - Parameters:
    ///   - values: of any integer type, in row-major order.
    ///   - shape: one axis unless given.
    ///   - ignoring: positions with this value take no part in a loss; −100 unless given, as PyTorch. It may
    ///     be a class, which then still has its place among the logits; `nil`: none is ignored.
    /// - Throws: `LabelError` when a value is neither a class nor ignored, or when the values do not fill the shape.
    public init<Value: BinaryInteger>(
        _ values: [Value], shape: Shape? = nil, classCount: Int, ignoring: Int? = -100
    ) throws(LabelError) {
        try self.init(values, shape: shape, classCount: classCount) { value in ignoring.map { value == $0 } == true }
    }

    /// The same with several values that take no part: padding, and whatever else is not to be learned.
    public init<Value: BinaryInteger>(
        _ values: [Value], shape: Shape? = nil, classCount: Int, ignoring: Set<Int>
    ) throws(LabelError) {
        try self.init(values, shape: shape, classCount: classCount) { Int(exactly: $0).map(ignoring.contains) == true }
    }

    private init<Value: BinaryInteger>(
        _ values: [Value], shape: Shape?, classCount: Int, isIgnored: (Value) -> Bool
    ) throws(LabelError) {
        let shape = shape ?? [values.count]
        for size in shape where size < 0 { throw LabelError.negativeSize(size, shape: shape) }
        guard shape.elementCount == values.count else {
            throw LabelError.wrongCount(found: values.count, shape: shape)
        }
        guard (0...Int(Int32.max)).contains(classCount) else { throw LabelError.classCount(classCount) }
        var indices = [Int32]()
        indices.reserveCapacity(values.count)
        var ignoredCount = 0
        for (position, value) in values.enumerated() {
            if isIgnored(value) {
                indices.append(-1)
                ignoredCount += 1
            } else if value >= 0, value < classCount {
                indices.append(Int32(value))
            } else {
                throw LabelError.outOfRange(
                    value: String(value), position: shape.indices(ofElement: position), classCount: classCount)
            }
        }
        self.shape = shape
        self.classCount = classCount
        classes = ClassIndices(indices)
        self.ignoredCount = ignoredCount
    }

    var indices: [Int32] { classes.values }

    public var count: Int { indices.count }

    /// The class of the position'th label in row-major order, `nil` where it is ignored.
    public subscript(position: Int) -> Int? { indices[position] < 0 ? nil : Int(indices[position]) }

    /// The labels at some positions of a vector of labels: a batch's.
    ///
    /// Stops the program when the labels are no vector, or at a position it has not.
    @inlinable
    public subscript(positions: some Sequence<Int>) -> Labels { gathered(Array(positions)[...]) }

    @usableFromInline func gathered(_ positions: ArraySlice<Int>) -> Labels {
        if shape.count != 1 { fatalError("Labels: positions of labels of shape \(shape); expected a vector") }
        let indices = indices
        return Labels(
            checked: positions.map { position in
                guard indices.indices.contains(position) else {
                    fatalError("Labels: position \(position) of \(count); expected 0 to \(count - 1)")
                }
                return indices[position]
            }, classCount: classCount)
    }

    /// A vector of labels, each a class or −1.
    init(checked indices: [Int32], classCount: Int) {
        classes = ClassIndices(indices)
        self.classCount = classCount
        shape = [indices.count]
        ignoredCount = indices.count { $0 < 0 }
    }
}

/// Why labels were rejected.
public enum LabelError: Error, Equatable, CustomStringConvertible {
    case outOfRange(value: String, position: [Int], classCount: Int)
    case wrongCount(found: Int, shape: Shape)
    case negativeSize(Int, shape: Shape)
    case classCount(Int)

    public var description: String {
        switch self {
        case .outOfRange(let value, let position, 0):
            "label \(value) at position \(position): there are no classes"
        case .outOfRange(let value, let position, let classCount):
            "label \(value) at position \(position); expected 0 to \(classCount - 1) (\(classCount) classes)"
        case .wrongCount(let found, let shape):
            "\(found) labels for shape \(shape); expected \(shape.reduce(1, *))"
        case .negativeSize(let size, let shape):
            "labels of shape \(shape): size \(size); expected at least 0"
        case .classCount(let count):
            "class count \(count); expected 0 to \(Int32.max)"
        }
    }
}
