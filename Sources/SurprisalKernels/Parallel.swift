import CKernels
import Synchronization

/// Work divided over the package's one thread pool.
public enum Parallel {
    private static let setThreadCount = Atomic<Int>(0)

    /// Threads that a call may use, the caller's among them: what `SURPRISAL_THREADS` says, otherwise the
    /// number of processors. No result depends on it.
    public static var threadCount: Int {
        get {
            if let scoped = override.value { return scoped }
            let set = setThreadCount.load(ordering: .relaxed)
            return set > 0 ? set : initialThreadCount
        }
        set {
            require((1...256).contains(newValue), "Parallel.threadCount: \(newValue); expected 1 to 256")
            setThreadCount.store(newValue, ordering: .relaxed)
        }
    }

    /// A thread count for the current task alone.
    package static let override = Override<Int>()

    private static let initialThreadCount: Int = {
        guard let text = Environment.value(of: "SURPRISAL_THREADS") else { return Int(ck_processor_count()) }
        guard let count = Int(text), (1...256).contains(count) else {
            Environment.stop("SURPRISAL_THREADS is \(Environment.quoted(text)); expected a whole number from 1 to 256")
        }
        return count
    }()

    /// A bad setting shows at once, not with the first large input. Asked of a flag, as a lazy value costs a small call 4 ns.
    private static let isChecked = Atomic<Bool>(false)
    private static func checkSetting() {
        if isChecked.load(ordering: .relaxed) { return }
        _ = initialThreadCount
        isChecked.store(true, ordering: .relaxed)
    }

    /// Runs `body(part)` for each part once, on at most `threadCount` threads; returns when all are done.
    ///
    /// For this package only: the bodies run at the same time, which the compiler cannot see.
    @usableFromInline package static func forEach(parts: Int, _ body: (Int) -> Void) {
        if parts <= 1 {
            checkSetting()
            if parts == 1 { body(0) }
            return
        }
        let threads = threadCount
        if threads == 1 {
            for part in 0..<parts { body(part) }
            return
        }
        withoutActuallyEscaping(body) { escaping in
            unsafe withUnsafePointer(to: escaping) { context in
                unsafe ck_parallel(
                    parts, threads,
                    { context, part in
                        unsafe context.assumingMemoryBound(to: ((Int) -> Void).self).pointee(Int(part))
                    }, UnsafeMutableRawPointer(mutating: context))
            }
        }
    }

    /// What `body` makes of each number below `count`, in their order.
    ///
    /// For this package only, as `forEach`.
    @inlinable package static func map<T>(_ count: Int, _ body: (Int) -> T) -> [T] {
        unsafe [T](unsafeUninitializedCapacity: count) { elements, initialized in
            if let start = elements.baseAddress {
                forEach(parts: count) { unsafe (start + $0).initialize(to: body($0)) }
            }
            initialized = count
        }
    }

    /// About 10 µs of exponentials: below, handing work over costs what it saves.
    static let leastElements = 1 << 15

    /// Divides `rows` into ranges worth a thread's while and runs `body(begin, end)` on each. Which ranges, no result may
    /// depend on; those of short rows begin at multiples of 64, whole numbers of vectors.
    ///
    /// - Parameter cost: how much longer an element takes than an exponential.
    static func forRows(_ rows: Int, elementsPerRow: Int, cost: Int = 1, _ body: (Int, Int) -> Void) {
        // Of much work sixteen parts a thread: the processor and the kernels ask ahead within a part alone. (Zen 5, loss and
        // gradient of 512x32000 on two threads: 1.68 ms instead of 2.15.)
        let least = leastElements, elements = rows * elementsPerRow * cost
        if elements <= least {
            // As in `forEach`, whose closure a small call would pay for.
            checkSetting()
            if rows > 0 { body(0, rows) }
            return
        }
        let wanted = max(1, max(least, elements / (16 * threadCount)) / max(1, elementsPerRow * cost))
        let rowsPerPart = wanted >= 64 ? wanted / 64 * 64 : wanted
        forEach(parts: (rows + rowsPerPart - 1) / rowsPerPart) { part in body(part * rowsPerPart, min(rows, (part + 1) * rowsPerPart)) }
    }

    /// The same for loops that write spans: each body is given all of them and writes what belongs to its rows alone.
    ///
    /// For this package only, as `forEach`.
    package static func forRows<T, U>(
        _ rows: Int, elementsPerRow: Int, cost: Int = 1, writing y: inout MutableSpan<T>, _ z: inout MutableSpan<U>,
        _ body: (Range<Int>, inout MutableSpan<T>, inout MutableSpan<U>) -> Void
    ) {
        unsafe y.withUnsafeMutableBufferPointer { y in
            unsafe z.withUnsafeMutableBufferPointer { z in
                forRows(rows, elementsPerRow: elementsPerRow, cost: cost) { begin, end in
                    var y = unsafe y.mutableSpan, z = unsafe z.mutableSpan
                    body(begin..<end, &y, &z)
                }
            }
        }
    }

    package static func forRows<T>(
        _ rows: Int, elementsPerRow: Int, cost: Int = 1, writing y: inout MutableSpan<T>,
        _ body: (Range<Int>, inout MutableSpan<T>) -> Void
    ) {
        var none = MutableSpan<T>()
        forRows(rows, elementsPerRow: elementsPerRow, cost: cost, writing: &y, &none) { part, y, _ in body(part, &y) }
    }
}
