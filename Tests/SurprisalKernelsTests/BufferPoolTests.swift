import SurprisalKernels
import Testing

/// Each in a process of its own: the pool is everybody's.
@Suite struct BufferPoolTests {
    @Test func largeBlocksAreExactAndServeSomewhatSmallerRequests() async {
        await #expect(processExitsWith: .success) {
            BufferPool.empty()
            do { _ = Buffer<Float>(uninitialized: 1_000_000) }
            // A page at most is unused.
            let held = BufferPool.heldByteCount
            #expect(held >= 4_000_000 && held < 4_000_000 + 4096)
            let fresh = BufferPool.freshBlockCount
            do { _ = Buffer<Double>(uninitialized: 450_000) }
            #expect(BufferPool.freshBlockCount == fresh && BufferPool.heldByteCount == held)
            do { _ = Buffer<Float>(uninitialized: 800_000) }
            #expect(BufferPool.freshBlockCount == fresh + 1)
        }
    }

    @Test func theSmallestBlockThatFitsIsTaken() async {
        await #expect(processExitsWith: .success) {
            BufferPool.empty()
            do {
                let sizes = [100_000, 96_000, 104_000, 400_000]
                let buffers = sizes.map { Buffer<Float>(uninitialized: $0) }
                #expect(buffers.count == 4)
            }
            let all = BufferPool.heldByteCount
            let buffer = Buffer<Float>(uninitialized: 95_000)
            #expect(all - BufferPool.heldByteCount == 96_000 * 4 / 4096 * 4096 + 4096)
            #expect(buffer.count == 95_000)
        }
    }

    @Test func sizesOutOfUseMakeRoom() async {
        await #expect(processExitsWith: .success) {
            BufferPool.empty()
            BufferPool.limit = 8 << 20
            for megabytes in 1...3 { _ = Buffer<UInt8>(uninitialized: megabytes << 20) }
            for _ in 0..<5000 { _ = Buffer<UInt8>(uninitialized: 1 << 20) }
            // 6 MB are held; the blocks of 2 and 3 MB have had no use for thousands of gives.
            _ = Buffer<UInt8>(uninitialized: 7 << 20)
            #expect(BufferPool.heldByteCount == 8 << 20)
        }
    }

    @Test(arguments: [0, 1, 239, 240, 241, 300, 20_000]) func copiesHoldTheSameElements(count: Int) {
        let a = Buffer<Float>((0..<count).map { Float($0) })
        var b = a
        do {
            var span = b.mutableSpan
            for i in span.indices { span[i] += 1 }
        }
        #expect(a.count == count && b.count == count)
        for i in 0..<count where a.span[i] != Float(i) || b.span[i] != Float(i) + 1 {
            Issue.record("element \(i) of \(count): \(a.span[i]), \(b.span[i])")
        }
        #expect(Buffer<Float>(AnyCollection(0..<count).lazy.map { Float($0) }).count == count)
    }
}
