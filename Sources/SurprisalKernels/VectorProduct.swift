import COpenBLAS

/// Vectors in Double as whole: what a solver does between two evaluations.
package enum VectorProduct {
    /// Σ x·y
    package static func dot(_ x: Span<Double>, _ y: Span<Double>) -> Double {
        require(x.count == y.count, "dot product: \(x.count) and \(y.count) elements")
        MatrixProduct.useOneThread()
        return unsafe x.withUnsafeBufferPointer { x in
            unsafe y.withUnsafeBufferPointer { y in
                unsafe cblas_ddot(Int32(x.count), x.baseAddress, 1, y.baseAddress, 1)
            }
        }
    }

    /// y ← y + factor·x
    package static func add(_ factor: Double, _ x: Span<Double>, to y: inout MutableSpan<Double>) {
        require(x.count == y.count, "vector sum: \(x.count) and \(y.count) elements")
        MatrixProduct.useOneThread()
        unsafe x.withUnsafeBufferPointer { x in
            unsafe y.withUnsafeMutableBufferPointer { y in
                unsafe cblas_daxpy(Int32(x.count), factor, x.baseAddress, 1, y.baseAddress, 1)
            }
        }
    }
}
