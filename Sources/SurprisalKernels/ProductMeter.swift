import Synchronization

/// What matrix products took.
package struct ProductTime {
    package var seconds = 0.0
    /// Two a multiply-add.
    package var operations = 0.0
    package var count = 0
}

extension MatrixProduct {
    private static let meters = Atomic<Bool>(false)
    private static let spent = Mutex(ProductTime())

    /// The time from the beginning to the end of each product that `body` asks for, on whichever thread, bias and division
    /// among the threads included: benchmarks say by it what part of some work is in products. Two clock readings a product;
    /// nothing when nobody asks. Not for two at the same time.
    package static func metered(_ body: () -> Void) -> ProductTime {
        spent.withLock { $0 = ProductTime() }
        meters.store(true, ordering: .relaxed)
        body()
        meters.store(false, ordering: .relaxed)
        return spent.withLock { $0 }
    }

    static var isMetered: Bool { meters.load(ordering: .relaxed) }

    /// Apart from the product itself, of which a clock's instants, whose layout is known at run time alone, were a tenth.
    @inline(never)
    func meter(_ product: () -> Void) {
        let start = ContinuousClock.now
        product()
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        Self.spent.withLock {
            $0.seconds += seconds
            $0.operations += 2 * Double(m) * Double(n) * Double(k)
            $0.count += 1
        }
    }
}
