/// A row of numbers in 64-byte aligned memory that the pool recycles: a value, copied on write.
public struct Buffer<Element: BitwiseCopyable & Sendable>: Sendable {
    private var memory: Memory<Element>

    /// Memory for `count` elements, whatever it last held: the caller writes every element before
    /// anyone reads one.
    public init(uninitialized count: Int) {
        memory = Memory(count: count)
    }

    public init(repeating value: Element, count: Int) {
        self.init(uninitialized: count)
        var elements = mutableSpan
        for i in elements.indices { elements[i] = value }
    }

    public init(_ values: some Collection<Element>) {
        self.init(uninitialized: values.count)
        var elements = mutableSpan
        var i = 0
        for value in values {
            elements[i] = value
            i += 1
        }
        require(i == count, "Buffer: a collection of \(count) elements that has \(i)")
    }

    public var count: Int { memory.count }

    /// Whether nobody else holds this memory, so that it may be overwritten.
    public mutating func isUnique() -> Bool { isKnownUniquelyReferenced(&memory) }

    public var span: Span<Element> {
        @_lifetime(borrow self)
        get {
            let span = unsafe Span(_unsafeStart: UnsafePointer(memory.base), count: memory.count)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// The elements for writing, copied first when somebody else holds them.
    public var mutableSpan: MutableSpan<Element> {
        @_lifetime(&self)
        mutating get {
            if !isUnique() { memory = memory.copy() }
            let span = unsafe MutableSpan(_unsafeStart: memory.base, count: memory.count)
            return unsafe _overrideLifetime(span, mutating: &self)
        }
    }
}

/// The memory behind buffers.
///
/// `@unchecked Sendable`, the only one of the package: the pointer and the counts never change, and the
/// elements are written only through `Buffer.mutableSpan`, which requires that a single buffer holds this
/// object, and exclusive access to that buffer. So no write is concurrent with any other access.
@safe private final class Memory<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
    let base: UnsafeMutablePointer<Element>
    let count: Int
    let sizeClass: Int

    init(count: Int) {
        require(count >= 0, "Buffer: \(count) elements; expected at least 0")
        let (byteCount, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
        if overflow { fatalError("Buffer: \(count) elements exceed the address space") }
        sizeClass = BufferPool.sizeClass(byteCount)
        self.count = count
        unsafe base = BufferPool.take(sizeClass: sizeClass).bindMemory(to: Element.self, capacity: count)
    }

    func copy() -> Memory {
        let copy = Memory(count: count)
        unsafe copy.base.update(from: base, count: count)
        return copy
    }

    deinit {
        unsafe BufferPool.give(UnsafeMutableRawPointer(base), sizeClass: sizeClass)
    }
}
