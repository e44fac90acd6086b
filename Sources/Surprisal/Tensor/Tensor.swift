import SurprisalKernels

/// Float or Double.
public typealias Scalar = SurprisalKernels.Scalar

/// Numbers of any rank, contiguous in row-major order: a value, shared between threads freely.
///
/// A tensor computed from a tracked one is tracked itself: it remembers how, so that `valueWithGradient`
/// can go back. Nothing else switches recording on or off.
public struct Tensor<Scalar: Surprisal.Scalar>: Sendable {
    /// The sizes of the axes, outermost first; `[]` for a scalar.
    public let shape: Shape
    var buffer: Buffer<Scalar>
    /// How it was computed, when from something tracked.
    let node: Node<Scalar>?
    /// The name of the operation that produced it: `CrossEntropy`, `LogSoftmax`, …
    public let operation: String?

    init(shape: Shape, buffer: Buffer<Scalar>, node: Node<Scalar>? = nil, operation: String? = nil) {
        self.shape = shape
        self.buffer = buffer
        self.node = node
        self.operation = operation
    }

    /// A tensor of elements that lie elsewhere, as in a mapped file.
    package init(shape: Shape, mapped buffer: Buffer<Scalar>) {
        if buffer.count != shape.elementCount {
            fatalError("Tensor: \(buffer.count) values for shape \(shape); expected \(shape.elementCount)")
        }
        self.init(shape: shape, buffer: buffer)
    }

    /// A tensor of `values` in row-major order.
    ///
    /// Stops the program when their number is not the shape's.
    public init(_ values: some Collection<Scalar>, shape: Shape) {
        if values.count != shape.elementCount {
            fatalError("Tensor: \(values.count) values for shape \(shape); expected \(shape.elementCount)")
        }
        self.init(shape: shape, buffer: Buffer(values))
    }

    /// A vector.
    public init(_ values: [Scalar]) { self.init(values, shape: [values.count]) }

    /// A matrix of equally long rows.
    public init(_ rows: [[Scalar]]) {
        let width = rows.first?.count ?? 0
        for (index, row) in rows.enumerated() where row.count != width {
            fatalError("Tensor: row \(index) has \(row.count) values; expected \(width), as row 0")
        }
        self.init(Array(rows.joined()), shape: [rows.count, width])
    }

    /// A scalar.
    public init(_ value: Scalar) { self.init(CollectionOfOne(value), shape: []) }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public init(repeating value: Scalar, shape: Shape) {
        self.init(shape: shape, buffer: Buffer(repeating: value, count: shape.elementCount))
    }

    public static func zeros(_ shape: Shape) -> Tensor { Tensor(repeating: 0, shape: shape) }
    public static func ones(_ shape: Shape) -> Tensor { Tensor(repeating: 1, shape: shape) }

    public var rank: Int { shape.count }
    public var count: Int { buffer.count }

    /// The elements in row-major order.
    public var span: Span<Scalar> {
        @_lifetime(borrow self)
        get { buffer.span }
    }

    /// The elements in row-major order, copied.
    public var scalars: [Scalar] {
        let span = buffer.span
        return [Scalar](capacity: span.count) { out in for i in span.indices { out.append(span[i]) } }
    }

    /// The only element.
    ///
    /// Stops the program when there is not exactly one.
    public func item() -> Scalar {
        if count != 1 { fatalError("item: a tensor of shape \(shape) has \(count) elements; expected 1") }
        return buffer.span[0]
    }

    /// The element at an index for each axis.
    public subscript(_ index: Int...) -> Scalar {
        if index.count != rank { fatalError("subscript: \(index.count) indices for shape \(shape)") }
        var offset = 0
        for (axis, i) in index.enumerated() {
            if i < 0 || i >= shape[axis] { fatalError("subscript: index \(i) on axis \(axis) of shape \(shape)") }
            offset = offset * shape[axis] + i
        }
        return buffer.span[offset]
    }

    /// Whether gradients flow through it.
    public var isTracked: Bool { node != nil }

    /// The same numbers, without how they came about: nothing flows back through the result.
    public var detached: Tensor { Tensor(shape: shape, buffer: buffer) }
}

extension Tensor: Equatable {
    /// Equal shapes and equal elements in the sense of `==` on them; history does not count.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public static func == (a: Tensor, b: Tensor) -> Bool {
        guard a.shape == b.shape else { return false }
        let x = a.buffer.span, y = b.buffer.span
        for i in x.indices where x[i] != y[i] { return false }
        return true
    }
}
