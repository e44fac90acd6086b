import Glibc
import SurprisalKernels
import Synchronization
import Testing

@Suite struct ParallelTests {
    @Test(arguments: [1, 2, 3, 8]) func runsEachPartOnce(threads: Int) {
        Parallel.override.withValue(threads) {
            for parts in [0, 1, 2, 7, 1000] {
                let counts = Mutex([Int](repeating: 0, count: parts))
                Parallel.forEach(parts: parts) { part in counts.withLock { $0[part] += 1 } }
                #expect(counts.withLock { $0 } == [Int](repeating: 1, count: parts))
            }
        }
    }

    @Test func partsMayCallInAgain() {
        Parallel.override.withValue(4) {
            let total = Atomic<Int>(0)
            Parallel.forEach(parts: 8) { _ in
                Parallel.forEach(parts: 8) { _ in total.add(1, ordering: .relaxed) }
            }
            #expect(total.load(ordering: .relaxed) == 64)
        }
    }

    @Test func concurrentCallersAllFinish() async {
        await withTaskGroup(of: Int.self) { group in
            for _ in 0..<64 {
                group.addTask {
                    Parallel.override.withValue(3) {
                        let sum = Atomic<Int>(0)
                        for _ in 0..<200 { Parallel.forEach(parts: 5) { sum.add($0, ordering: .relaxed) } }
                        return sum.load(ordering: .relaxed)
                    }
                }
            }
            for await sum in group { #expect(sum == 2000) }
        }
    }

    /// The first part waits for all others, half of which are its own thread's.
    @Test func whoIsDoneHelps() async {
        await #expect(processExitsWith: .success) { Self.checkHelp() }
    }

    /// In a process of its own: where another caller has the pool, parts run one after the other.
    private static func checkHelp() {
        Parallel.override.withValue(2) {
            let done = Atomic<Int>(0)
            Parallel.forEach(parts: 8) { part in
                guard part == 0 else {
                    done.add(1, ordering: .relaxed)
                    return
                }
                for _ in 0..<10_000 where done.load(ordering: .relaxed) < 7 { usleep(1000) }
                #expect(done.load(ordering: .relaxed) == 7)
            }
        }
    }

    @Test func idleWorkersSleep() async {
        await #expect(processExitsWith: .success) { Self.checkIdleWorkers() }
    }

    /// In a process of its own: other tests take processor time too.
    private static func checkIdleWorkers() {
        Parallel.override.withValue(2) { Parallel.forEach(parts: 100) { _ in usleep(10) } }
        func processorTime() -> Double {
            var time = timespec()
            unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
        }
        // The test runner's own start-up takes time in the first of these; a worker that spun would in all.
        var least = Double.infinity
        for _ in 0..<20 {
            let before = processorTime()
            usleep(50_000)
            least = min(least, processorTime() - before)
        }
        #expect(least < 0.005, "\(least) s of processor time in 0.05 s of rest")
    }
}
