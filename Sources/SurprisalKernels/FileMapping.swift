import Glibc
import Synchronization

/// A file as memory: its bytes come from the disk when they are looked at, and what is written to them stays in this
/// process.
///
/// When another process makes the file shorter meanwhile, the system ends this one at the next look beyond the new end
/// (SIGBUS). `isWhole` asks before; `endWhenTruncated(status:)` has the last word after.
public final class FileMapping: Sendable {
    /// Why there is none, in the operating system's number.
    public struct Failure: Error {
        public let code: Int32
    }

    private let address: UInt
    public let byteCount: Int
    private let descriptor: Int32

    /// Opens the file for reading only.
    public init(path: String) throws(Failure) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 { throw Failure(code: errno) }
        guard let size = Self.size(descriptor) else {
            let code = errno
            close(descriptor)
            throw Failure(code: code)
        }
        var address: UInt = 0
        if size > 0 {
            // Private and writable: a buffer in it is as any other, and the file stays as it is.
            let base = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0)
            guard let base = unsafe base, unsafe base != MAP_FAILED else {
                let code = errno
                close(descriptor)
                throw Failure(code: code)
            }
            address = UInt(bitPattern: base)
        }
        (self.address, byteCount, self.descriptor) = (address, size, descriptor)
    }

    deinit {
        if byteCount > 0 { unsafe munmap(pointer, byteCount) }
        close(descriptor)
    }

    private static func size(_ descriptor: Int32) -> Int? {
        var status = stat()
        return unsafe fstat(descriptor, &status) == 0 ? Int(status.st_size) : nil
    }

    private var pointer: UnsafeMutableRawPointer? { unsafe UnsafeMutableRawPointer(bitPattern: address) }

    /// How long the file is now, `nil` when the system does not say.
    public var currentByteCount: Int? { Self.size(descriptor) }

    /// Whether the file still has every byte of the mapping.
    public var isWhole: Bool { currentByteCount.map { $0 >= byteCount } ?? false }

    public var bytes: Span<UInt8> {
        @_lifetime(borrow self)
        get {
            let bytes = unsafe UnsafeBufferPointer(
                start: pointer.map { unsafe UnsafePointer($0.assumingMemoryBound(to: UInt8.self)) }, count: byteCount)
            return unsafe _overrideLifetime(Span(_unsafeElements: bytes), borrowing: self)
        }
    }

    /// Elements where they lie, without a copy; `nil` when they are not aligned for their type. The mapping lives as long
    /// as the buffer.
    public func buffer<Element>(of type: Element.Type, at offset: Int, count: Int) -> Buffer<Element>? {
        let stride = MemoryLayout<Element>.stride
        require(
            offset >= 0 && count >= 0 && count <= (byteCount - offset) / stride && offset <= byteCount,
            "FileMapping: \(count) elements at byte \(offset) of \(byteCount)")
        guard let base = unsafe pointer, (address + UInt(offset)) % UInt(MemoryLayout<Element>.alignment) == 0 else { return nil }
        return unsafe Buffer(base: base + offset, count: count, owner: self)
    }

    private static let truncationStatus = Atomic<Int32>(0)
    private static let truncationMessage: StaticString = "surprisal: a file became shorter while it was read\n"

    /// From now on the program ends with a line on standard error and this status, and not by a signal, when a mapped file is
    /// truncated while it is read.
    public static func endWhenTruncated(status: Int32) {
        truncationStatus.store(status, ordering: .relaxed)
        // Made now: the handler may do next to nothing.
        _ = truncationMessage
        signal(SIGBUS) { _ in
            _ = unsafe write(2, FileMapping.truncationMessage.utf8Start, FileMapping.truncationMessage.utf8CodeUnitCount)
            _exit(FileMapping.truncationStatus.load(ordering: .relaxed))
        }
    }
}
