import CBenchmarks
import Surprisal
import SurprisalKernels

/// Times an exercise: the naive loops and the engine in turn, in one process.
struct Contest {
    var rounds: Int
    /// Seconds that a row may take; fewer rounds are run, though at least `leastRounds`, when one is long.
    var budget: Double
    var timesNaive = true
    /// Asked between samples; a contest that is stopped has no result.
    var isStopped: () -> Bool

    static let leastRounds = 5
    /// Long enough for the clock, short enough to fall between the disturbances of a shared machine.
    private static let sampleSeconds = 2e-3

    struct Result {
        var naive: Timing?
        var engine: Timing
        var ratio: Interval?
        /// Where they are metered.
        var products: ProductUse?
        var memory: MemoryUse
    }

    func run(_ exercise: Exercise, metersProducts: Bool = false) -> Result? {
        var calls = 1, engineSample = 0.0
        if exercise.renew == nil {
            // Warm, and as many calls as fill a sample.
            while true {
                engineSample = sample(exercise, calls: calls)
                if engineSample >= Self.sampleSeconds || calls > 1 << 20 { break }
                calls = engineSample * 4 < Self.sampleSeconds ? calls * 4 : calls * 2
            }
        } else {
            for _ in 0..<2 { engineSample = sample(exercise, calls: 1) }
        }
        let loops = timesNaive ? exercise.naive : nil
        let one = loops.map { seconds($0) } ?? 0
        let naiveCalls = max(1, min(1 << 20, Int(Self.sampleSeconds / max(one, 1e-9))))
        let round = one * Double(naiveCalls) + max(engineSample, Self.sampleSeconds)
        let rounds = max(min(rounds, Self.leastRounds), min(rounds, Int(budget / round)))

        var naive: [Double] = [], engine: [Double] = [], products: [ProductUse.Sample] = [], faults = 0
        func timedEngine() {
            let metered = timed(exercise, calls, afterNaive: loops != nil, metersProducts, &faults)
            engine.append(metered.seconds)
            if let used = metered.products { products.append(used) }
        }
        let blocks = BufferPool.freshBlockCount
        for round in 0..<rounds {
            if isStopped() { return nil }
            // Whoever comes second finds the caches as the first left them: in turn.
            if round.isMultiple(of: 2) { timedEngine() }
            if let body = loops {
                naive.append(seconds { for _ in 0..<naiveCalls { body() } } / Double(naiveCalls))
            }
            if !round.isMultiple(of: 2) { timedEngine() }
        }
        let fresh = BufferPool.freshBlockCount - blocks
        return Result(
            naive: naive.isEmpty ? nil : Timing(samples: naive), engine: Timing(samples: engine),
            ratio: naive.isEmpty ? nil : Interval.ratio(of: naive, over: engine),
            products: ProductUse(products), memory: Self.memory(exercise, freshBlocks: fresh, pageFaults: faults))
    }

    /// Seconds a call, and what of them products take.
    private func timed(
        _ exercise: Exercise, _ calls: Int, afterNaive: Bool, _ metersProducts: Bool, _ faults: inout Int
    ) -> (seconds: Double, products: ProductUse.Sample?) {
        // Where the naive loops ran in between, one call to have the engine's own data and code at hand.
        if afterNaive { _ = sample(exercise, calls: 1) }
        exercise.renew?()
        let before = cb_page_faults()
        var time = 0.0
        func call() { time = exercise.renew == nil ? sample(exercise, calls: calls) : seconds(exercise.engine) }
        let used = metersProducts ? MatrixProduct.metered(call) : nil
        if !metersProducts { call() }
        faults += cb_page_faults() - before
        return (time / Double(calls), used.flatMap { ProductUse.Sample($0, of: time, calls: calls) })
    }

    private func sample(_ exercise: Exercise, calls: Int) -> Double {
        exercise.renew?()
        return seconds { for _ in 0..<calls { exercise.engine() } }
    }

    static func memory(_ exercise: Exercise, freshBlocks: Int = 0, pageFaults: Int = 0) -> MemoryUse {
        exercise.renew?()
        cb_heap_begin()
        exercise.engine()
        let objects = cb_heap_end().objects
        // Without the pool every block comes from the heap and goes back to it, and so is counted.
        let limit = BufferPool.limit
        BufferPool.limit = 0
        exercise.renew?()
        cb_heap_begin()
        exercise.engine()
        let peak = cb_heap_end().peak
        BufferPool.limit = limit
        return MemoryUse(
            extraPeakBytes: Int(peak), heapObjects: Double(objects), freshBlocks: freshBlocks, pageFaults: pageFaults)
    }
}
