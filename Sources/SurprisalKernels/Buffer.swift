/// A row of numbers in memory that is recycled: a value, copied on write.
///
/// `@unchecked Sendable`, the only one of the package: the memory's pointer and counts never change, and its
/// elements are written only through `mutableSpan`, which requires that a single buffer holds the memory, and
/// exclusive access to that buffer (or by the initialisers, before anyone else has it). So no write is concurrent
/// with any other access.
public struct Buffer<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
    @usableFromInline var memory: BufferMemory

    /// Memory for `count` elements, whatever it last held: the caller writes every element before
    /// anyone reads one.
    @inlinable
    public init(uninitialized count: Int) {
        memory = BufferMemory.make(count: count, stride: MemoryLayout<Element>.stride)
    }

    @inlinable
    public init(_ values: some Collection<Element>) {
        self.init(uninitialized: values.count)
        let base = unsafe memory.base(as: Element.self), count = count
        let copied: Void? = values.withContiguousStorageIfAvailable { elements in
            require(elements.count == count, "Buffer: a collection of \(count) elements that has \(elements.count)")
            if let start = elements.baseAddress { unsafe base.update(from: start, count: count) }
        }
        if copied != nil { return }
        var i = 0
        for value in values {
            require(i < count, "Buffer: a collection of \(count) elements that has more")
            unsafe base[i] = value
            i += 1
        }
        require(i == count, "Buffer: a collection of \(count) elements that has \(i)")
    }

    /// Memory of `owner`, which lives as long as the buffer.
    init(base: UnsafeMutableRawPointer, count: Int, owner: AnyObject) {
        memory = unsafe BufferMemory.borrow(base: base, count: count, from: owner)
    }

    @inlinable
    public var count: Int { memory.count }

    /// Whether nobody else holds this memory, so that it may be overwritten.
    @inlinable
    public mutating func isUnique() -> Bool { isKnownUniquelyReferenced(&memory) }

    @inlinable
    public var span: Span<Element> {
        @_lifetime(borrow self)
        get {
            let span = unsafe Span(_unsafeStart: UnsafePointer(memory.base(as: Element.self)), count: memory.count)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// The elements for writing, copied first when somebody else holds them.
    @inlinable
    public var mutableSpan: MutableSpan<Element> {
        @_lifetime(&self)
        mutating get {
            if !isUnique() { memory = memory.copy(stride: MemoryLayout<Element>.stride) }
            let span = unsafe MutableSpan(_unsafeStart: memory.base(as: Element.self), count: memory.count)
            return unsafe _overrideLifetime(span, mutating: &self)
        }
    }

    /// Some of the elements for writing.
    @_lifetime(&self)
    public mutating func mutableSpan(_ range: Range<Int>) -> MutableSpan<Element> {
        require(
            range.lowerBound >= 0 && range.upperBound <= count, "Buffer: elements \(range) of \(count)")
        if !isUnique() { memory = memory.copy(stride: MemoryLayout<Element>.stride) }
        let start = unsafe memory.base(as: Element.self) + range.lowerBound
        let span = unsafe MutableSpan(_unsafeStart: start, count: range.count)
        return unsafe _overrideLifetime(span, mutating: &self)
    }
}

extension Buffer {
    /// Some rows of equal width, one after the other. All of them must be there.
    package func copy(ofRows rows: ArraySlice<Int>, width: Int) -> Buffer {
        let copy = Buffer(uninitialized: rows.count * width)
        let available = width == 0 ? Int.max : count / width
        let byteCount = width * MemoryLayout<Element>.stride
        let from = unsafe memory.fixedHeader.base, to = unsafe copy.memory.fixedHeader.base
        // 64 KB, from which another processor's own bandwidth is worth waking it.
        let perPart = max(1, (1 << 16) / max(1, byteCount))
        Parallel.forEach(parts: (rows.count + perPart - 1) / perPart) { part in
            for place in part * perPart..<min(rows.count, (part + 1) * perPart) {
                let row = rows[rows.startIndex + place]
                require(row >= 0 && row < available, "Buffer: row \(row) of \(available)")
                unsafe (to + place * byteCount).copyMemory(from: from + row * byteCount, byteCount: byteCount)
            }
        }
        return copy
    }
}

extension Buffer where Element: Scalar {
    public init(repeating value: Element, count: Int) {
        self.init(uninitialized: count)
        var elements = mutableSpan
        Element.fill(&elements, with: value)
    }
}

@safe @usableFromInline
struct BufferHeader {
    @usableFromInline let base: UnsafeMutableRawPointer
    @usableFromInline let count: Int
    /// 0 for elements within the object, −1 for those of an owner, which the object's only unit refers to.
    let blockSize: Int
}

/// The memory behind buffers: few elements within the object itself, many in a block of the pool. Not generic, so
/// that whatever the element type is it is compiled once and needs no metadata at run time.
@usableFromInline
final class BufferMemory: ManagedBuffer<BufferHeader, BufferMemory.Unit> {
    /// Aligned as a Double; vectors are loaded wherever they lie. For 16 bytes the runtime would ask `posix_memalign`
    /// instead of `malloc`, which is slower.
    @usableFromInline typealias Unit = UInt64

    /// With the object's own 40 bytes below the 1032 that glibc's thread caches hand out in 10–20 ns, without a lock.
    private static let inlineByteCount = 960

    @usableFromInline
    static func make(count: Int, stride: Int) -> BufferMemory {
        require(count >= 0, "Buffer: \(count) elements; expected at least 0")
        let (byteCount, overflow) = count.multipliedReportingOverflow(by: stride)
        if overflow { fatalError("Buffer: \(count) elements exceed the address space") }
        let isSmall = byteCount <= inlineByteCount
        let units = isSmall ? (byteCount + MemoryLayout<Unit>.stride - 1) / MemoryLayout<Unit>.stride : 0
        let memory = create(minimumCapacity: units) { memory in
            if isSmall {
                let base = unsafe memory.withUnsafeMutablePointerToElements { UnsafeMutableRawPointer($0) }
                return unsafe BufferHeader(base: base, count: count, blockSize: 0)
            }
            var size = BufferPool.blockSize(byteCount)
            let base = unsafe BufferPool.take(&size)
            return unsafe BufferHeader(base: base, count: count, blockSize: size)
        }
        return unsafe unsafeDowncast(memory, to: BufferMemory.self)
    }

    static func borrow(base: UnsafeMutableRawPointer, count: Int, from owner: AnyObject) -> BufferMemory {
        let memory = create(minimumCapacity: 1) { memory in
            let reference = unsafe UInt(bitPattern: Unmanaged.passRetained(owner).toOpaque())
            unsafe memory.withUnsafeMutablePointerToElements { unsafe $0.initialize(to: Unit(reference)) }
            return unsafe BufferHeader(base: base, count: count, blockSize: -1)
        }
        return unsafe unsafeDowncast(memory, to: BufferMemory.self)
    }

    /// `header`, without the check that nobody writes it meanwhile: nobody ever does.
    @inlinable
    var fixedHeader: BufferHeader { unsafe withUnsafeMutablePointerToHeader { unsafe $0.pointee } }

    @inlinable
    var count: Int { fixedHeader.count }

    @inlinable
    func base<Element>(as type: Element.Type) -> UnsafeMutablePointer<Element> {
        unsafe fixedHeader.base.assumingMemoryBound(to: type)
    }

    @usableFromInline
    func copy(stride: Int) -> BufferMemory {
        let copy = BufferMemory.make(count: count, stride: stride)
        unsafe copy.fixedHeader.base.copyMemory(from: fixedHeader.base, byteCount: count * stride)
        return copy
    }

    deinit {
        let header = fixedHeader
        if header.blockSize > 0 { unsafe BufferPool.give(header.base, header.blockSize) }
        if header.blockSize < 0 {
            let reference = unsafe withUnsafeMutablePointerToElements { unsafe UInt($0.pointee) }
            if let owner = unsafe UnsafeRawPointer(bitPattern: reference) {
                unsafe Unmanaged<AnyObject>.fromOpaque(owner).release()
            }
        }
    }
}
