import CBenchmarks
import SurprisalKernels

/// Measures what the machine can do at all, with as many threads as the engine has.
///
/// Every rate is the best of several tries: whatever else the machine does can only slow one down.
final class LimitMeter {
    private let isa: Int32
    private var rates: [String: Double] = [:]
    private static let tries = 5
    /// Far larger than the caches.
    private static let farFloats = 1 << 26

    init(instructionSet: InstructionSet) {
        isa = switch instructionSet {
        case .baseline: 0
        case .avx2: 1
        case .avx512: 2
        }
    }

    func limits(threads: Int, instructionSet: InstructionSet) -> Limits {
        Limits(
            threads: threads, instructionSet: instructionSet.rawValue, read: bandwidth(.read, floats: Self.farFloats),
            copy: bandwidth(.copy, floats: Self.farFloats), update: bandwidth(.update, floats: Self.farFloats),
            float: arithmetic(threads, Float.self), double: arithmetic(threads, Double.self))
    }

    /// The limit that binds a row: its memory's, at the row's own footprint, as what fits a cache is faster there, or
    /// the multiply-adds', whichever takes longer.
    func limit(of workload: Workload, taking seconds: Double, in limits: Limits) -> Limit {
        let arithmetic = workload.type == "Float" ? limits.float : limits.double
        func limit(_ kind: Limit.Kind, _ amount: Double, _ rate: Double) -> Limit {
            Limit(kind: kind, rate: rate, share: rate > 0 ? amount / seconds / rate : 0)
        }
        let memory: Double
        switch workload.limit {
        case .none: return Limit(kind: .none, rate: 0, share: 0)
        case .matrixProduct: return limit(.matrixProduct, workload.operations, arithmetic.matrixProduct)
        case .arithmetic: return limit(.arithmetic, workload.operations, arithmetic.allCores)
        case .read: memory = bandwidth(.read, floats: Int(workload.bytes / 4))
        // Half is read, half written, and what is read besides.
        case .copy, .update:
            memory = bandwidth(
                workload.limit, floats: Int((workload.bytes - workload.alsoRead) / 8), alsoRead: Int(workload.alsoRead / 4),
                isRenewed: workload.consumesInput)
        }
        let moved = limit(workload.limit, workload.bytes, memory)
        let computed = limit(.arithmetic, workload.operations, arithmetic.allCores)
        return moved.share >= computed.share ? moved : computed
    }

    /// How near a row is to as many threads that do their parts of it from and to their second caches, without waiting for memory
    /// or for each other: near 1 where the kernel's own arithmetic binds. One thread is measured, in calls that include what a
    /// call costs; the fastest counts.
    static func shareOfCached(_ workload: Workload, taking seconds: Double) -> Double? {
        guard let cached = workload.cached else { return nil }
        let exercise = cached.make()
        let fastest = Parallel.override.withValue(1) {
            (0..<50).reduce(Double.infinity) { fastest, _ in
                exercise.renew?()
                return min(fastest, SurprisalBenchmarks.seconds(exercise.engine))
            }
        }
        return fastest * cached.times / Double(Parallel.threadCount) / seconds
    }

    /// Bytes per second, those read and those written.
    ///
    /// - Parameters:
    ///   - others: floats that are read beside them, no more than those.
    ///   - isRenewed: whether they are written anew before each sweep, as inputs that are given away are: the caches are
    ///     then full of something else.
    private func bandwidth(_ kind: Limit.Kind, floats: Int, alsoRead others: Int = 0, isRenewed: Bool = false) -> Double {
        let key = "\(kind) \(floats) \(others) \(isRenewed)"
        if let known = rates[key] { return known }
        // In the engine's own kind of memory: huge pages alone are worth a part of the rate.
        var x = Buffer<Float>(repeating: 1, count: floats)
        var y = kind == .copy || isRenewed ? Buffer<Float>(repeating: 0, count: floats) : Buffer(uninitialized: 0)
        let z = Buffer<Float>(repeating: 1, count: others)
        var from = x.mutableSpan, to = y.mutableSpan
        let seconds = unsafe from.withUnsafeMutableBufferPointer { x in
            unsafe to.withUnsafeMutableBufferPointer { y in
                unsafe z.span.withUnsafeBufferPointer { z in unsafe sweepTime(kind, x, y, z, isRenewed) }
            }
        }
        let rate = Double(floats * 4 * (kind == .read ? 1 : 2) + others * 4) / seconds
        rates[key] = rate
        return rate
    }

    /// Seconds of one sweep over all of `x`.
    private func sweepTime(
        _ kind: Limit.Kind, _ all: UnsafeMutableBufferPointer<Float>, _ copied: UnsafeMutableBufferPointer<Float>,
        _ others: UnsafeBufferPointer<Float>, _ isRenewed: Bool
    ) -> Double {
        guard let x = all.baseAddress else { fatalError("bandwidth of nothing") }
        let isa = isa, floats = all.count
        // Divided as the engine divides its rows.
        let part = max(1 << 16, floats / (16 * Parallel.threadCount)), parts = (floats + part - 1) / part
        func sweep(_ body: (Int, Int) -> Void) -> Double {
            let repeats = isRenewed ? 1 : max(1, (1 << 24) / floats)
            return Self.best(before: { if isRenewed { _ = unsafe all.update(fromContentsOf: copied) } }) {
                for _ in 0..<repeats {
                    Parallel.forEach(parts: parts) {
                        let start = $0 * part, count = min(part, floats - start)
                        if let z = others.baseAddress, start < others.count {
                            keep(unsafe cb_read(isa, z + start, min(count, others.count - start), 0))
                        }
                        body(start, count)
                    }
                }
            } / Double(repeats)
        }
        // By themselves, and asking ahead, in one step and in two as the kernels do.
        let distances = [0, 2048, Int(CB_TWO_STEPS)]
        var times = distances.map { ahead in
            switch (kind, copied.baseAddress) {
            case (.update, _): sweep { start, count in unsafe cb_update(isa, x + start, count, 1.0000001, ahead) }
            case (.copy, let y?): sweep { start, count in unsafe cb_copy(isa, x + start, y + start, count, ahead) }
            default: sweep { start, count in keep(unsafe cb_read(isa, x + start, count, ahead)) }
            }
        }
        if kind == .copy, let y = copied.baseAddress {
            times.append(sweep { start, count in unsafe cb_stream(isa, x + start, y + start, count) })
        }
        return times.reduce(.infinity, min)
    }

    private func arithmetic<T: Element>(_ threads: Int, _ type: T.Type) -> Limits.Arithmetic {
        Limits.Arithmetic(
            oneCore: multiplyAdds(threads: 1, type), allCores: multiplyAdds(threads: threads, type),
            matrixProduct: matrixProduct(threads, type))
    }

    /// Operations per second, two a multiply-add.
    func multiplyAdds<T: Element>(threads: Int, _ type: T.Type) -> Double {
        let isa = isa, rounds = 2_000_000
        func run() -> Double {
            var unused = 0.0
            return T.self == Float.self
                ? unsafe cb_multiply_add_f32(isa, rounds, &unused) : unsafe cb_multiply_add_f64(isa, rounds, &unused)
        }
        let operations = run()
        return operations * Double(threads) / Self.best { Parallel.forEach(parts: threads) { _ in keep(run()) } }
    }

    /// The best rate of square products, divided by this package or by OpenBLAS itself.
    func matrixProduct<T: Element>(_ threads: Int, _ type: T.Type) -> Double {
        var best = 0.0
        for n in [512, 1024, 2048] {
            var inputs = Inputs(seed: 1)
            let a = Buffer(inputs.normal(n * n) as [T]), b = Buffer(inputs.normal(n * n) as [T])
            var c = Buffer<T>(uninitialized: n * n)
            var plan = MatrixProduct(m: n, n: n, k: n)
            func multiply() {
                var out = c.mutableSpan
                T.multiply(plan, a.span, b.span, into: &out)
            }
            let own = Self.best(multiply)
            plan.isDivided = false
            var library = Double.infinity
            MatrixProduct.withLibraryThreads(threads) { library = Self.best(multiply) }
            best = max(best, 2 * Double(n * n * n) / min(own, library))
        }
        return best
    }

    private static func best(before: () -> Void = {}, _ body: () -> Void) -> Double {
        body()
        return (0..<tries).reduce(.infinity) { best, _ in
            before()
            return min(best, seconds(body))
        }
    }
}
