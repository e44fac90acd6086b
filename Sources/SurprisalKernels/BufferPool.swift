import Glibc
import Synchronization

/// Recycles the memory of buffers, from about a kilobyte on.
///
/// Above 32 MB every `malloc` is a fresh mapping whose first touch costs about 0.6 ms/MB, more than
/// all the arithmetic of a loss on it. So blocks go back to lists by size, up to `limit` bytes.
public enum BufferPool {
    private static let lists = Mutex(FreeBlocks())

    /// Bytes held for reuse.
    public static var heldByteCount: Int { lists.withLock { $0.held } }

    /// Blocks that were not found in the pool so far: once warm, a training step asks for none. Buffers of less than a
    /// kilobyte are none of the pool's.
    public static var freshBlockCount: Int { lists.withLock { $0.fresh } }

    /// Bytes that may be held for reuse; a block that would exceed them is given back to the system.
    /// 1 GiB unless set.
    public static var limit: Int {
        get { lists.withLock { $0.limit } }
        set {
            require(newValue >= 0, "BufferPool.limit: \(newValue) bytes; expected at least 0")
            lists.withLock { $0.limit = newValue }
            if heldByteCount > newValue { empty() }
        }
    }

    /// Gives everything held back to the system.
    public static func empty() {
        for chain in lists.withLock({ $0.removeAll() }) { chain.deallocate() }
    }

    private static let page = 4096, large = 1 << 16, huge = 1 << 22

    /// The size of the block for a request. Small ones are a power of two or one and a half times it, so that few
    /// sizes serve all; of large ones less than a page is unused.
    static func blockSize(_ byteCount: Int) -> Int {
        if byteCount > large { return (byteCount + page - 1) / page * page }
        if byteCount <= 1024 { return 1024 }
        let power = 1 << (Int.bitWidth - (byteCount - 1).leadingZeroBitCount)
        return byteCount <= power / 4 * 3 ? power / 4 * 3 : power
    }

    /// A block of at least `size` bytes and its size.
    static func take(_ size: inout Int) -> UnsafeMutableRawPointer {
        // A large block may serve a request of at least 7/8 of it.
        let most = size > large ? size / 7 * 8 : size
        let sizes = size...most
        if let (block, found) = lists.withLock({ $0.take(sizes) }) {
            size = found
            return unsafe FreeBlocks.pointer(block)
        }
        return unsafe fresh(size)
    }

    private static func fresh(_ size: Int) -> UnsafeMutableRawPointer {
        if size < huge { return UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64) }
        let base = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 1 << 21)
        // Whole 2 MB pages: the first touch of 64 MB takes 7 ms instead of 38. Refused, nothing is lost.
        unsafe madvise(base, size, MADV_HUGEPAGE)
        return unsafe base
    }

    static func give(_ base: UnsafeMutableRawPointer, _ size: Int) {
        let block = UInt(bitPattern: base)
        for chain in lists.withLock({ $0.give(block, size) }) { chain.deallocate() }
    }
}
