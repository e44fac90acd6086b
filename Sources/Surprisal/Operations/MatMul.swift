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
        return Tensor(
            shape: [m, n], buffer: product(MatrixProduct(m: m, n: n, k: k), a, b), from: "MatMul",
            edges: edge { dC in
                Tensor(shape: [m, k], buffer: product(MatrixProduct(m: m, n: k, k: n, transposedB: true), dC.buffer, b))
            } + other.edge { dC in
                Tensor(shape: [k, n], buffer: product(MatrixProduct(m: k, n: n, k: m, transposedA: true), a, dC.buffer))
            })
    }
}

func product<Scalar: Surprisal.Scalar>(
    _ plan: MatrixProduct, _ a: Buffer<Scalar>, _ b: Buffer<Scalar>
) -> Buffer<Scalar> {
    var buffer = Buffer<Scalar>(uninitialized: plan.m * plan.n)
    var out = buffer.mutableSpan
    Scalar.multiply(plan, a.span, b.span, into: &out)
    return buffer
}
