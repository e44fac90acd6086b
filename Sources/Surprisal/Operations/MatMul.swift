import SurprisalKernels

extension Tensor {
    /// The product of two matrices.
    ///
    /// - Shapes: `m × k`, `k × n` → `m × n`; others stop the program.
    /// - Derivatives: `dA = dC·Bᵀ`, `dB = Aᵀ·dC`.
    /// - Complexity: O(m · k · n).
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func matmul(_ other: Tensor) -> Tensor {
        guard rank == 2, other.rank == 2, shape[1] == other.shape[0] else {
            fatalError("matmul: shapes \(shape) and \(other.shape); expected m × k and k × n")
        }
        let (m, k, n) = (shape[0], shape[1], other.shape[1])
        let (a, b) = (buffer, other.buffer)
        let c = product(MatrixProduct(m: m, n: n, k: k), a, b)
        return Tensor(
            shape: c.shape, buffer: c.buffer, from: "MatMul",
            edges: edge { product(MatrixProduct(m: m, n: k, k: n, transposedB: true), $0.buffer, b) }
                + other.edge { product(MatrixProduct(m: k, n: n, k: m, transposedA: true), a, $0.buffer) })
    }
}

private func product<Scalar: Surprisal.Scalar>(
    _ plan: MatrixProduct, _ a: Buffer<Scalar>, _ b: Buffer<Scalar>
) -> Tensor<Scalar> {
    var buffer = Buffer<Scalar>(uninitialized: plan.m * plan.n)
    var out = buffer.mutableSpan
    Scalar.multiply(plan, a.span, b.span, into: &out)
    return Tensor(shape: [plan.m, plan.n], buffer: buffer)
}
