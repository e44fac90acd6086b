/// The blocks that the pool holds, by their sizes.
///
/// A free block's first word holds the address of the next of its size, so holding one takes no memory. Addresses
/// are numbers here: nobody else knows a block while it is in a list.
struct FreeBlocks: Sendable {
    /// Blocks of one size, the one given last at the head.
    struct Chain: Sendable {
        let size: Int
        /// 0: none.
        fileprivate(set) var head: UInt = 0
        fileprivate var length = 0
        /// By the clock of gives.
        fileprivate var lastUse: Int

        fileprivate mutating func push(_ block: UInt) {
            unsafe FreeBlocks.pointer(block).storeBytes(of: head, as: UInt.self)
            head = block
            length += 1
        }

        fileprivate mutating func pop() -> UInt {
            let block = head
            head = unsafe FreeBlocks.pointer(block).load(as: UInt.self)
            length -= 1
            return block
        }

        fileprivate var byteCount: Int { size * length }

        consuming func deallocate() {
            var rest = self
            while rest.head != 0 { unsafe FreeBlocks.pointer(rest.pop()).deallocate() }
        }
    }

    static func pointer(_ block: UInt) -> UnsafeMutableRawPointer {
        // Made from a pointer, never 0.
        unsafe UnsafeMutableRawPointer(bitPattern: block).unsafelyUnwrapped
    }

    /// Ascending in size.
    private(set) var chains: [Chain] = []
    private var emptyChains = 0
    private var clock = 0
    private(set) var held = 0
    private(set) var fresh = 0
    var limit = 1 << 30

    /// A block of the least size among these that there is, and its size.
    mutating func take(_ sizes: ClosedRange<Int>) -> (block: UInt, size: Int)? {
        var place = place(of: sizes.lowerBound)
        while place < chains.count, chains[place].size <= sizes.upperBound {
            if chains[place].head != 0 {
                let size = chains[place].size, block = chains[place].pop()
                chains[place].lastUse = clock
                held -= size
                if chains[place].head == 0 { countEmptyChain() }
                return (block, size)
            }
            place += 1
        }
        fresh += 1
        return nil
    }

    /// Keeps a block. What is returned is to be deallocated: nothing as a rule; beyond the limit blocks of sizes that
    /// are out of use, or this one.
    mutating func give(_ block: UInt, _ size: Int) -> [Chain] {
        clock += 1
        var refused: [Chain] = []
        while size <= limit, held + size > limit, let stale = removeStale() { refused.append(stale) }
        if held + size > limit {
            var alone = Chain(size: size, lastUse: clock)
            alone.push(block)
            return refused + [alone]
        }
        let place = place(of: size)
        if place == chains.count || chains[place].size != size {
            chains.insert(Chain(size: size, lastUse: clock), at: place)
        } else if chains[place].head == 0 {
            emptyChains -= 1
        }
        chains[place].push(block)
        chains[place].lastUse = clock
        held += size
        return refused
    }

    mutating func removeAll() -> [Chain] {
        defer { (chains, emptyChains, held) = ([], 0, 0) }
        return chains
    }

    /// The first chain of at least this size.
    private func place(of size: Int) -> Int {
        var low = 0, high = chains.count
        while low < high {
            let middle = (low + high) / 2
            if chains[middle].size < size { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Removes the blocks that were longest of no use, more gives ago than any step of a program takes; blocks that
    /// are merely too many for the limit stay, or a step larger than it would evict what it needs next.
    private mutating func removeStale() -> Chain? {
        let used = chains.indices.filter { chains[$0].head != 0 && clock - chains[$0].lastUse > 4096 }
        guard let oldest = used.min(by: { chains[$0].lastUse < chains[$1].lastUse }) else { return nil }
        let stale = chains.remove(at: oldest)
        held -= stale.byteCount
        return stale
    }

    /// Empty chains wait for the next block of their size; they are removed when they are most of all.
    private mutating func countEmptyChain() {
        emptyChains += 1
        guard emptyChains > 64, emptyChains > chains.count / 2 else { return }
        chains.removeAll { $0.head == 0 }
        emptyChains = 0
    }
}
