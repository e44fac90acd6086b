import Surprisal
import Testing

/// How many N×C buffers a training step holds, seen from what the pool holds after it. Each in a process of
/// its own: the pool is everybody's.
@Suite struct MemoryTests {
    @Test func logitsThatNobodyHoldsBecomeTheirGradient() async {
        await #expect(processExitsWith: .success) {
            func bytesHeld(_ step: () -> Void) -> Int {
                BufferPool.empty()
                step()
                return BufferPool.heldByteCount
            }
            let x = Tensor<Float>(repeating: 1, shape: [512, 64])
            let w = Tensor<Float>(repeating: 0.01, shape: [2048, 64])
            let y = try Labels([Int](repeating: 3, count: 512), classCount: 2048)
            let logits = 512 * 2048 * 4
            let given = bytesHeld { _ = valueWithGradient(at: w) { CrossEntropyLoss()(Linear(weight: $0)(x), y) } }
            let kept = bytesHeld {
                _ = valueWithGradient(at: w) { w in
                    let held = Linear(weight: w)(x)
                    let loss = CrossEntropyLoss()(held, y)
                    return held.isTracked ? loss : held
                }
            }
            // One buffer of logits, gradient of the weights beside it; the other step needs one more.
            #expect(given >= logits && given < 2 * logits)
            #expect(kept >= 2 * logits && kept < 3 * logits)
        }
    }

    @Test func thePoolIsBounded() async {
        await #expect(processExitsWith: .success) {
            BufferPool.limit = 1 << 20
            _ = Tensor<Float>.zeros([1 << 20]).exp()
            #expect(BufferPool.heldByteCount <= 1 << 20)
            _ = Tensor<Float>.zeros([1 << 10]).exp()
            #expect(BufferPool.heldByteCount > 0)
            BufferPool.empty()
            #expect(BufferPool.heldByteCount == 0)
        }
    }
}
