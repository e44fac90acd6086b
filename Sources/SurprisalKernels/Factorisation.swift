import CLAPACKE

/// Dense factorisations by LAPACK, in Double: what Newton's method, inference and orthogonal initialisation need.
///
/// Matrices are row-major; of a symmetric one only the upper triangle is read. LAPACK's are column-major, so the upper
/// triangle here is the lower one there, and nothing is transposed on the way. All run on the caller's thread, with the
/// BLAS below them kept to one thread as everywhere in this package.
public enum Factorisation {
    /// What a call wants of its arguments; anything else is a mistake of the program.
    fileprivate static func order(_ n: Int, _ count: Int, _ what: StaticString) -> Int32 {
        require(n >= 0 && n <= 1 << 15, "\(what): order \(n); expected 0 to \(1 << 15)")
        require(count == n * n, "\(what): \(count) elements; expected \(n) × \(n)")
        MatrixProduct.useOneThread()
        return Int32(n)
    }
}

/// Why a factorisation failed: what LAPACK's `info` means.
public enum FactorisationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The leading minor of this order is not positive, so the matrix is not positive definite.
    case notPositiveDefinite(order: Int)
    /// The factor's diagonal element at this index is 0, so the matrix has no inverse.
    case singular(index: Int)
    /// This many off-diagonal elements did not converge to 0.
    case noConvergence(Int)
    /// The matrix holds a NaN.
    case notANumber
    /// LAPACK found no memory to work in.
    case noMemory

    public var description: String {
        switch self {
        case .notPositiveDefinite(let order):
            "the matrix is not positive definite: its leading minor of order \(order) is not positive"
        case .singular(let index): "the matrix is singular: element \(index) of its factor's diagonal is 0"
        case .noConvergence(let count): "\(count) off-diagonal elements did not converge to 0"
        case .notANumber: "the matrix holds a NaN"
        case .noMemory: "LAPACK found no memory to work in"
        }
    }

    /// What LAPACKE answers when it could not allocate: its LAPACK_WORK_MEMORY_ERROR and LAPACK_TRANSPOSE_MEMORY_ERROR.
    private static let memoryCodes: [Int32] = [-1010, -1011]

    /// - Parameter positive: what a positive `info` of this routine means.
    fileprivate static func check(
        _ info: Int32, _ routine: StaticString, _ positive: (Int) -> FactorisationError
    ) throws(FactorisationError) {
        if info == 0 { return }
        if info > 0 { throw positive(Int(info)) }
        if memoryCodes.contains(info) { throw .noMemory }
        // The arguments are checked before every call, so that what LAPACKE can still refuse is a NaN among the numbers.
        throw .notANumber
    }
}

extension Factorisation {
    /// A = Uᵀ·U of a symmetric positive definite A.
    public struct Cholesky: Sendable {
        public let order: Int
        private var factor: Buffer<Double>

        /// - Parameter matrix: order × order; its upper triangle is replaced by U.
        /// - Complexity: order³/3 multiply-adds.
        public init(_ matrix: consuming Buffer<Double>, order: Int) throws(FactorisationError) {
            let n = Factorisation.order(order, matrix.count, "Cholesky")
            self.order = order
            factor = matrix
            if order == 0 { return }
            var elements = factor.mutableSpan
            let info = unsafe elements.withUnsafeMutableBufferPointer { a in
                unsafe LAPACKE_dpotrf(LAPACK_COL_MAJOR, CChar(UInt8(ascii: "L")), n, a.baseAddress, n)
            }
            try FactorisationError.check(info, "dpotrf") { .notPositiveDefinite(order: $0) }
        }

        /// x of A·x = b.
        public func solve(_ b: [Double]) throws(FactorisationError) -> [Double] {
            require(b.count == order, "Cholesky: a right side of \(b.count) elements; expected \(order)")
            if order == 0 { return b }
            var x = b
            let info = unsafe factor.span.withUnsafeBufferPointer { a in
                unsafe x.withUnsafeMutableBufferPointer { x in
                    unsafe LAPACKE_dpotrs(
                        LAPACK_COL_MAJOR, CChar(UInt8(ascii: "L")), Int32(order), 1, a.baseAddress, Int32(order),
                        x.baseAddress, Int32(order))
                }
            }
            try FactorisationError.check(info, "dpotrs") { .singular(index: $0 - 1) }
            return x
        }

        /// A⁻¹, both triangles.
        public consuming func inverse() throws(FactorisationError) -> Buffer<Double> {
            let n = order
            var inverse = factor
            if n == 0 { return inverse }
            var elements = inverse.mutableSpan
            let info = unsafe elements.withUnsafeMutableBufferPointer { a in
                unsafe LAPACKE_dpotri(LAPACK_COL_MAJOR, CChar(UInt8(ascii: "L")), Int32(n), a.baseAddress, Int32(n))
            }
            try FactorisationError.check(info, "dpotri") { .singular(index: $0 - 1) }
            for i in 0..<n {
                for j in 0..<i { elements[i * n + j] = elements[j * n + i] }
            }
            return inverse
        }
    }

    /// The eigenvalues of a symmetric matrix in ascending order, and their eigenvectors of length 1.
    ///
    /// - Returns: `vectors`, order × order, holds that of `values[i]` as row i.
    /// - Complexity: O(order³).
    public static func symmetricEigen(
        _ matrix: consuming Buffer<Double>, order: Int
    ) throws(FactorisationError) -> (values: [Double], vectors: Buffer<Double>) {
        let n = Self.order(order, matrix.count, "symmetric eigenproblem")
        var vectors = matrix
        var values = [Double](repeating: 0, count: order)
        if order == 0 { return (values, vectors) }
        var elements = vectors.mutableSpan
        let info = unsafe elements.withUnsafeMutableBufferPointer { a in
            unsafe values.withUnsafeMutableBufferPointer { w in
                unsafe LAPACKE_dsyevd(
                    LAPACK_COL_MAJOR, CChar(UInt8(ascii: "V")), CChar(UInt8(ascii: "L")), n, a.baseAddress, n, w.baseAddress)
            }
        }
        try FactorisationError.check(info, "dsyevd") { .noConvergence($0) }
        return (values, vectors)
    }

    /// x that makes ‖A·x − b‖ smallest, the shortest of them when there are many, and the rank of A.
    ///
    /// - Parameters:
    ///   - matrix: rows × columns.
    ///   - tolerance: singular values below this part of the largest count as 0.
    public static func leastSquares(
        _ matrix: Buffer<Double>, rows: Int, columns: Int, _ b: [Double], tolerance: Double = 1e-12
    ) throws(FactorisationError) -> (solution: [Double], rank: Int) {
        require(rows >= 0 && columns >= 0 && rows <= Int(Int32.max) && columns <= Int(Int32.max) && matrix.count == rows * columns,
            "least squares: \(matrix.count) elements; expected \(rows) × \(columns)")
        require(b.count == rows, "least squares: a right side of \(b.count) elements; expected \(rows)")
        if rows == 0 || columns == 0 { return (Array(repeating: 0, count: columns), 0) }
        MatrixProduct.useOneThread()
        var a = matrix
        var x = b + Array(repeating: 0, count: max(0, columns - rows))
        var singular = [Double](repeating: 0, count: min(rows, columns)), rank: Int32 = 0
        var elements = a.mutableSpan
        let info = unsafe elements.withUnsafeMutableBufferPointer { a in
            unsafe x.withUnsafeMutableBufferPointer { x in
                unsafe singular.withUnsafeMutableBufferPointer { s in
                    unsafe LAPACKE_dgelsd(
                        LAPACK_ROW_MAJOR, Int32(rows), Int32(columns), 1, a.baseAddress, Int32(columns), x.baseAddress, 1,
                        s.baseAddress, tolerance, &rank)
                }
            }
        }
        try FactorisationError.check(info, "dgelsd") { .noConvergence($0) }
        return (Array(x.prefix(columns)), Int(rank))
    }
}

extension Factorisation {
    /// The QR factorisation of Xᵀ, for a row-major X: its rows are the vectors made orthonormal, in their order (Gram and
    /// Schmidt's result, by Householder's reflections).
    ///
    /// X = Rᵀ·Q with `rows ≤ columns`; Q is kept as reflections until it is asked for.
    public struct QR<Element: Scalar>: Sendable {
        public let rows, columns: Int
        /// rows × rows, upper triangular.
        public let r: Buffer<Element>
        private var reflections: Buffer<Element>
        private let factors: [Element]

        /// - Complexity: 2·rows²·columns operations.
        public init(_ matrix: consuming Buffer<Element>, rows: Int, columns: Int) throws(FactorisationError) {
            require(rows >= 0 && rows <= columns && columns <= Int(Int32.max), "QR: \(rows) vectors of \(columns) elements; expected no more vectors than elements")
            require(matrix.count == rows * columns, "QR: \(matrix.count) elements; expected \(rows) × \(columns)")
            (self.rows, self.columns) = (rows, columns)
            var a = matrix, r = Buffer<Element>(repeating: 0, count: rows * rows)
            var tau = [Element](repeating: 0, count: rows)
            if rows > 0 {
                MatrixProduct.useOneThread()
                var elements = a.mutableSpan
                let info = unsafe elements.withUnsafeMutableBufferPointer { a in
                    unsafe tau.withUnsafeMutableBufferPointer { unsafe Self.reduce(columns, rows, a.baseAddress, $0.baseAddress) }
                }
                try FactorisationError.check(info, "geqrf") { .singular(index: $0 - 1) }
                var triangle = r.mutableSpan
                for i in 0..<rows {
                    for j in i..<rows { triangle[i * rows + j] = elements[j * columns + i] }
                }
            }
            (self.r, reflections, factors) = (r, a, tau)
        }

        /// Q: rows × columns, with orthonormal rows.
        ///
        /// - Complexity: 2·rows²·columns operations.
        public consuming func orthonormal() throws(FactorisationError) -> Buffer<Element> {
            var q = reflections
            if rows == 0 { return q }
            let (rows, columns, tau) = (rows, columns, factors)
            var elements = q.mutableSpan
            let info = unsafe elements.withUnsafeMutableBufferPointer { a in
                unsafe tau.withUnsafeBufferPointer { unsafe Self.form(columns, rows, a.baseAddress, $0.baseAddress) }
            }
            try FactorisationError.check(info, "orgqr") { .singular(index: $0 - 1) }
            return q
        }

        /// A column-major m × n matrix to R and reflections.
        private static func reduce(
            _ m: Int, _ n: Int, _ a: UnsafeMutablePointer<Element>?, _ tau: UnsafeMutablePointer<Element>?
        ) -> Int32 {
            let a = UnsafeMutableRawPointer(a), tau = UnsafeMutableRawPointer(tau), m = Int32(m), n = Int32(n)
            if Element.self == Float.self {
                return unsafe LAPACKE_sgeqrf(
                    LAPACK_COL_MAJOR, m, n, a?.assumingMemoryBound(to: Float.self), m, tau?.assumingMemoryBound(to: Float.self))
            }
            return unsafe LAPACKE_dgeqrf(
                LAPACK_COL_MAJOR, m, n, a?.assumingMemoryBound(to: Double.self), m, tau?.assumingMemoryBound(to: Double.self))
        }

        /// The reflections to the first n columns of their product.
        private static func form(
            _ m: Int, _ n: Int, _ a: UnsafeMutablePointer<Element>?, _ tau: UnsafePointer<Element>?
        ) -> Int32 {
            let a = UnsafeMutableRawPointer(a), tau = unsafe UnsafeRawPointer(tau), m = Int32(m), n = Int32(n)
            if Element.self == Float.self {
                return unsafe LAPACKE_sorgqr(
                    LAPACK_COL_MAJOR, m, n, n, a?.assumingMemoryBound(to: Float.self), m, tau?.assumingMemoryBound(to: Float.self))
            }
            return unsafe LAPACKE_dorgqr(
                LAPACK_COL_MAJOR, m, n, n, a?.assumingMemoryBound(to: Double.self), m, tau?.assumingMemoryBound(to: Double.self))
        }
    }
}

extension Factorisation.QR where Element == Double {
    /// Z·Q of some rows Z, count × rows: count × columns, without forming Q.
    ///
    /// - Complexity: 4·count·rows·columns operations.
    public func product(_ z: [Double], count: Int) throws(FactorisationError) -> [Double] {
        require(z.count == count * rows, "QR: \(z.count) elements; expected \(count) × \(rows)")
        var product = [Double](repeating: 0, count: count * columns)
        for i in 0..<count {
            for j in 0..<rows { product[i * columns + j] = z[i * rows + j] }
        }
        if rows == 0 || count == 0 { return product }
        MatrixProduct.useOneThread()
        let info = unsafe reflections.span.withUnsafeBufferPointer { a in
            unsafe factors.withUnsafeBufferPointer { tau in
                unsafe product.withUnsafeMutableBufferPointer { c in
                    unsafe LAPACKE_dormqr(
                        LAPACK_COL_MAJOR, CChar(UInt8(ascii: "L")), CChar(UInt8(ascii: "N")), Int32(columns), Int32(count),
                        Int32(rows), a.baseAddress, Int32(columns), tau.baseAddress, c.baseAddress, Int32(columns))
                }
            }
        }
        try FactorisationError.check(info, "dormqr") { .singular(index: $0 - 1) }
        return product
    }
}
