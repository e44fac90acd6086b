import Synchronization

/// What matrix products took.
package struct ProductTime {
    package var seconds = 0.0
    /// Two a multiply-add.
    package var operations = 0.0
    package var count = 0
}

extension MatrixProduct {
    private static let isMetered = Atomic<Bool>(false)
    private static let spent = Mutex(ProductTime())

    /// The time from the beginning to the end of each product that `body` asks for, on whichever thread, bias and division
    /// among the threads included: benchmarks say by it what part of some work is in products. Two clock readings a product;
    /// nothing when nobody asks. Not for two at the same time.
    package static func metered(_ body: () -> Void) -> ProductTime {
        spent.withLock { $0 = ProductTime() }
        isMetered.store(true, ordering: .relaxed)
        body()
        isMetered.store(false, ordering: .relaxed)
        return spent.withLock { $0 }
    }

    /// The time, when it is metered.
    static var start: ContinuousClock.Instant? { isMetered.load(ordering: .relaxed) ? .now : nil }

    func meter(since start: ContinuousClock.Instant) {
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        Self.spent.withLock {
            $0.seconds += seconds
            $0.operations += 2 * Double(m) * Double(n) * Double(k)
            $0.count += 1
        }
    }
}
