import COpenBLAS
import Synchronization

/// C ← A·B (+ C), row-major: A is m×k, B k×n after transposition, C m×n.
///
/// The product is divided into tiles of C whose boundaries depend on the shape alone; each is one call of a kernel or of
/// BLAS on a single thread, run by the package's pool. So the bits do not depend on the number of threads, and no second
/// pool of spinning threads competes for the processors.
public struct MatrixProduct: Sendable {
    public let m, n, k: Int
    public let transposedA, transposedB: Bool
    public var accumulates: Bool
    /// From one row of A, as it is stored, to the next.
    let strideA: Int

    /// - Parameter strideA: at least the columns of A as it is stored, which it is unless given: A may be some columns of a
    ///   wider matrix, and then ends with its last row's last column.
    public init(
        m: Int, n: Int, k: Int, transposedA: Bool = false, transposedB: Bool = false, accumulates: Bool = false,
        strideA: Int? = nil
    ) {
        // Not a loop over the three: an array of them would be most of the time of a small product.
        func check(_ size: Int, _ name: StaticString) {
            if size < 0 || size > Int(Int32.max) {
                fatalError("matrix product: \(name) is \(size); expected 0 to \(Int32.max)")
            }
        }
        check(m, "m")
        check(n, "n")
        check(k, "k")
        self.m = m
        self.n = n
        self.k = k
        self.transposedA = transposedA
        self.transposedB = transposedB
        self.accumulates = accumulates
        let columns = transposedA ? m : k
        self.strideA = strideA ?? max(1, columns)
        if let strideA, strideA < columns || strideA > Int(Int32.max) {
            fatalError("matrix product: strideA is \(strideA); expected \(columns) to \(Int32.max)")
        }
    }

    func require(_ a: Int, _ b: Int, _ c: Int) {
        func check(_ count: Int, _ expected: Int, _ name: StaticString) {
            SurprisalKernels.require(count == expected, "matrix product: \(name) has \(count) elements; expected \(expected)")
        }
        let (rows, columns) = transposedA ? (k, m) : (m, k)
        check(a, rows == 0 || columns == 0 ? 0 : (rows - 1) * strideA + columns, "A")
        check(b, k * n, "B")
        check(c, m * n, "C")
    }

    struct Tile {
        let row, column, m, n: Int
    }

    var strideB: Int { max(1, transposedB ? k : n) }

    /// OpenBLAS with one thread, from the first product on: its own workers would spin against the pool's.
    private static let singleThreaded: Void = openblas_set_num_threads(1)

    /// For those who call BLAS or LAPACK other than by a matrix product.
    static func useOneThread() { Self.singleThreaded }

    /// What OpenBLAS says of itself.
    package static var library: String { unsafe String(cString: openblas_get_config()) }

    /// Runs `body` with as many of OpenBLAS's own threads, which this package leaves alone otherwise: benchmarks
    /// compare them with tiles.
    package static func withLibraryThreads(_ count: Int, _ body: () -> Void) {
        Self.singleThreaded
        openblas_set_num_threads(Int32(count))
        body()
        openblas_set_num_threads(1)
    }

    /// Benchmarks switch it off, to leave a whole product to OpenBLAS.
    package var isDivided = true

    /// Multiply-adds from which OpenBLAS is faster than the kernel with 256-bit vectors: by 2 to 26 %, and slower by 2 to
    /// 140 % where they are fewer. Measured on Zen 5, whose units are wider than that.
    private static let libraryWork = 0x1p26

    /// Whether the kernel computes it. With 512-bit vectors always: OpenBLAS 0.3.21 is within 7 % of it on large matrices, behind
    /// it by up to a third on middle ones, ahead on some tiny ones, and at half the rate where its environment holds it to 256
    /// bits (Zen 5). Without AVX2 never.
    package var isByKernel: Bool {
        switch InstructionSet.inUse {
        case .avx512: isDivided
        case .avx2: isDivided && work < Self.libraryWork
        case .baseline: false
        }
    }

    private var work: Double { Double(m) * Double(n) * Double(k) }

    /// Multiply-adds from which a product is worth the touching of packing memory: some 20 µs.
    private static let touchingWork = 0x1p20
    private static let floatsTouched = Atomic<Int>(0), doublesTouched = Atomic<Int>(0)

    /// Writes to the memory in which OpenBLAS packs its factors, once for each thread.
    ///
    /// Its kernels prefetch beyond the panel they work on. As long as no product has had a panel there, the system has
    /// given no memory for it, and every such prefetch searches the page tables in vain: products whose C has at most
    /// 320 columns (what a panel holds on AVX2) ran at 11 GFLOP/s on Zen 1 until one with more had run, at 38 after.
    private static func touchPackingMemory<T: Scalar>(_ type: T.Type) {
        let threads = Parallel.threadCount
        func isFirst(_ touched: borrowing Atomic<Int>) -> Bool {
            touched.load(ordering: .relaxed) < threads && touched.exchange(threads, ordering: .relaxed) < threads
        }
        guard MemoryLayout<T>.size == 4 ? isFirst(floatsTouched) : isFirst(doublesTouched) else { return }
        // More columns than a panel has on any processor, enough rows for the prefetches to stay among them.
        let plan = MatrixProduct(m: 64, n: 1024, k: 512)
        Parallel.forEach(parts: threads) { _ in
            // Not of the pool, which would keep it.
            let sizes = (plan.m * plan.k, plan.k * plan.n, plan.m * plan.n)
            unsafe withUnsafeTemporaryAllocation(of: T.self, capacity: sizes.0 + sizes.1 + sizes.2) { memory in
                unsafe memory.initialize(repeating: 0)
                var undivided = plan
                undivided.isDivided = false
                let a = unsafe Span(_unsafeElements: UnsafeBufferPointer(rebasing: memory[..<sizes.0]))
                let b = unsafe Span(_unsafeElements: UnsafeBufferPointer(rebasing: memory[sizes.0..<sizes.0 + sizes.1]))
                var c = unsafe MutableSpan(_unsafeElements: UnsafeMutableBufferPointer(rebasing: memory[(sizes.0 + sizes.1)...]))
                T.multiply(undivided, a, b, into: &c)
            }
        }
    }

    /// Multiply-adds that a tile has at least: some 10 µs. Its factors are mostly in the cache of another processor, and where
    /// the two share none (400 ns there and back, and 1 to 2 ns a float) tiles of 3 µs took twice as long as no tiles.
    private static let tileWork = 0x1p20
    /// Rows or columns that a tile has at least.
    private static let tileEdge = 64
    /// Multiply-adds above which a product is worth more than four processors. Each tile packs the other factor
    /// anew: measured, four tiles are as fast as two, eight 3 % slower.
    private static let largeWork = 0x1p32

    var isWorthTiles: Bool { work >= 2 * Self.tileWork }

    /// How C is cut. Measured, tiles across columns are packed less, unless A is transposed or the rows are many more.
    var tiling: (byRows: Bool, edge: Int, count: Int) {
        let byRows = transposedA ? m > n / 2 : m > n + n / 2, long = byRows ? m : n
        let work = work
        let most = work > Self.largeWork ? 16 : 4
        var count = 1
        while isDivided, count < most, Double(count * 2) * Self.tileWork <= work, count * 2 * Self.tileEdge <= long {
            count *= 2
        }
        // Multiples of 32: whole register blocks of all kernels.
        let edge = max(1, (long / count + 31) / 32 * 32)
        return (byRows, edge, (long + edge - 1) / edge)
    }

    /// Calls `product` for every tile with the tile's part of A, B, the bias of each column when there is one, and C.
    @inline(__always)
    func run<T: Scalar>(
        _ a: UnsafePointer<T>?, _ b: UnsafePointer<T>?, _ bias: UnsafePointer<T>?, _ c: UnsafeMutablePointer<T>?,
        product: (Tile, UnsafePointer<T>, UnsafePointer<T>, UnsafePointer<T>?, UnsafeMutablePointer<T>) -> Void
    ) {
        guard m > 0, n > 0, let c = unsafe c else { return }
        guard k > 0, let a = unsafe a, let b = unsafe b else {
            // The empty sum; neither the kernel nor BLAS is asked, as they need not touch C then.
            if let bias = unsafe bias {
                for row in 0..<m { unsafe (c + row * n).update(from: bias, count: n) }
            } else if !accumulates {
                unsafe c.update(repeating: 0, count: m * n)
            }
            return
        }
        if Self.isMetered { return meter { unsafe divide(a, b, bias, c, product) } }
        unsafe divide(a, b, bias, c, product)
    }

    @inline(__always)
    private func divide<T: Scalar>(
        _ a: UnsafePointer<T>, _ b: UnsafePointer<T>, _ bias: UnsafePointer<T>?, _ c: UnsafeMutablePointer<T>,
        _ product: (Tile, UnsafePointer<T>, UnsafePointer<T>, UnsafePointer<T>?, UnsafeMutablePointer<T>) -> Void
    ) {
        if !isWorthTiles { return unsafe product(Tile(row: 0, column: 0, m: m, n: n), a, b, bias, c) }
        let (byRows, edge, count) = tiling
        Parallel.forEach(parts: count) { part in
            let start = part * edge
            let tile = byRows
                ? Tile(row: start, column: 0, m: min(edge, m - start), n: n)
                : Tile(row: 0, column: start, m: m, n: min(edge, n - start))
            unsafe product(
                tile, a + tile.row * (transposedA ? 1 : strideA), b + tile.column * (transposedB ? strideB : 1),
                bias.map { unsafe $0 + tile.column }, c + tile.row * n + tile.column)
        }
    }

    /// What BLAS needs before a product.
    func prepareLibrary<T: Scalar>(_ type: T.Type) {
        Self.singleThreaded
        if work >= Self.touchingWork { Self.touchPackingMemory(type) }
    }

    /// Puts the bias into a tile of C: BLAS adds the product to it.
    func spread<T>(_ bias: UnsafePointer<T>, over tile: Tile, of c: UnsafeMutablePointer<T>) {
        for row in 0..<tile.m { unsafe (c + row * n).update(from: bias, count: tile.n) }
    }
}
