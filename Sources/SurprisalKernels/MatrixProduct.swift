import COpenBLAS

/// C ← A·B (+ C), row-major: A is m×k, B k×n after transposition, C m×n.
///
/// The product is divided into tiles of C whose boundaries depend on the shape alone; each is one
/// single-threaded BLAS call, run by the package's pool. So the bits do not depend on the number of threads,
/// and no second pool of spinning threads competes for the processors.
public struct MatrixProduct: Sendable {
    public let m, n, k: Int
    public let transposedA, transposedB, accumulates: Bool

    public init(
        m: Int, n: Int, k: Int, transposedA: Bool = false, transposedB: Bool = false, accumulates: Bool = false
    ) {
        for (name, size) in [("m", m), ("n", n), ("k", k)] where size < 0 || size > Int(Int32.max) {
            fatalError("matrix product: \(name) is \(size); expected 0 to \(Int32.max)")
        }
        self.m = m
        self.n = n
        self.k = k
        self.transposedA = transposedA
        self.transposedB = transposedB
        self.accumulates = accumulates
    }

    func require(_ a: Int, _ b: Int, _ c: Int) {
        for (count, expected, name) in [(a, m * k, "A"), (b, k * n, "B"), (c, m * n, "C")] {
            SurprisalKernels.require(count == expected, "matrix product: \(name) has \(count) elements; expected \(expected)")
        }
    }

    struct Tile {
        let row, column, m, n: Int
    }

    var strideA: Int { max(1, transposedA ? m : k) }
    var strideB: Int { max(1, transposedB ? k : n) }

    /// OpenBLAS with one thread, from the first product on: its own workers would spin against the pool's.
    private static let singleThreaded: Void = openblas_set_num_threads(1)

    /// Rows or columns a tile has at least, so that what BLAS packs for each tile is used at least so often.
    private static let tileEdge = 128
    /// Multiply-adds below which a product is one tile: some 20 µs.
    private static let tileWork = 1 << 20

    /// Cuts the longer side of C.
    var tiles: [Tile] {
        let long = max(m, n)
        let byWork = m * n / 1024 * k / (Self.tileWork / 1024)
        let count = max(1, min(16, long / Self.tileEdge, byWork))
        // Multiples of 16: whole register blocks.
        let edge = (long / count + 15) / 16 * 16
        return stride(from: 0, to: long, by: max(1, edge)).map { start in
            let size = min(edge, long - start)
            return m >= n
                ? Tile(row: start, column: 0, m: size, n: n) : Tile(row: 0, column: start, m: m, n: size)
        }
    }

    /// Calls `product` for every tile with the tile's part of A, B and C.
    @inline(__always)
    func run<T: Scalar>(
        _ a: UnsafePointer<T>?, _ b: UnsafePointer<T>?, _ c: UnsafeMutablePointer<T>?,
        product: (Tile, UnsafePointer<T>, UnsafePointer<T>, UnsafeMutablePointer<T>) -> Void
    ) {
        guard m > 0, n > 0, let c = unsafe c else { return }
        guard k > 0, let a = unsafe a, let b = unsafe b else {
            // The empty sum; BLAS is not asked, as it need not touch C then.
            if !accumulates { unsafe c.update(repeating: 0, count: m * n) }
            return
        }
        Self.singleThreaded
        let tiles = tiles
        Parallel.forEach(parts: tiles.count) { part in
            let tile = tiles[part]
            unsafe product(
                tile, a + tile.row * (transposedA ? 1 : strideA), b + tile.column * (transposedB ? strideB : 1),
                c + tile.row * n + tile.column)
        }
    }
}
