import Synchronization

/// Recycles the memory of buffers.
///
/// Above 32 MB every `malloc` is a fresh mapping whose first touch costs about 0.6 ms/MB, more than
/// all the arithmetic of a loss on it. So blocks go back to lists by size class, up to `limit` bytes.
public enum BufferPool {
    private struct Lists {
        var free: [Int: [Block]] = [:]
        var held = 0
        var fresh = 0
        var limit = 1 << 30
    }

    /// A free block, by its address: nobody else knows it while it is in a list.
    struct Block: Sendable {
        private let address: UInt

        init(_ base: UnsafeMutableRawPointer) { address = UInt(bitPattern: base) }

        var base: UnsafeMutableRawPointer {
            // Made from a pointer, never 0.
            unsafe UnsafeMutableRawPointer(bitPattern: address).unsafelyUnwrapped
        }
    }

    private static let lists = Mutex(Lists())

    /// Bytes held for reuse.
    public static var heldByteCount: Int { lists.withLock { $0.held } }

    /// Blocks that the system was asked for so far: once warm, a training step asks for none.
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
        let blocks = lists.withLock { lists in
            defer { lists.free = [:]; lists.held = 0 }
            return lists.free.values.flatMap { $0 }
        }
        for block in blocks { unsafe block.base.deallocate() }
    }

    /// The size class of a request: a power of two or one and a half times it, at least 256 bytes, so
    /// that at most a third is unused.
    static func sizeClass(_ byteCount: Int) -> Int {
        if byteCount <= 256 { return 256 }
        let power = 1 << (Int.bitWidth - (byteCount - 1).leadingZeroBitCount)
        return byteCount <= power / 4 * 3 ? power / 4 * 3 : power
    }

    static func take(sizeClass: Int) -> UnsafeMutableRawPointer {
        let reused = lists.withLock { lists -> Block? in
            guard let block = lists.free[sizeClass]?.popLast() else {
                lists.fresh += 1
                return nil
            }
            lists.held -= sizeClass
            return block
        }
        if let reused { return unsafe reused.base }
        return UnsafeMutableRawPointer.allocate(byteCount: sizeClass, alignment: 64)
    }

    static func give(_ base: UnsafeMutableRawPointer, sizeClass: Int) {
        let block = unsafe Block(base)
        let kept = lists.withLock { lists in
            guard lists.held + sizeClass <= lists.limit else { return false }
            lists.free[sizeClass, default: []].append(block)
            lists.held += sizeClass
            return true
        }
        if !kept { unsafe base.deallocate() }
    }
}
