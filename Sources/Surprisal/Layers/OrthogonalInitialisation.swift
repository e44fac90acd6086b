import SurprisalKernels

extension Linear {
    /// A layer with a random orthogonal weight: its rows, or its columns when there are more outputs than inputs, are
    /// perpendicular and of length `gain`; the bias is 0. Signals keep their length through it, forward or back.
    ///
    /// All such weights are equally likely: Q of the QR factorisation of normal numbers, with the sign of R's diagonal, as
    /// PyTorch's `nn.init.orthogonal_`.
    /// Source: F. Mezzadri, "How to generate random matrices from the classical compact groups", Notices of the AMS 54,
    /// 2007.
    /// - Complexity: O(inputs · outputs · min(inputs, outputs)).
    public init(
        orthogonal inputs: Int, _ outputs: Int, gain: Double = 1, bias: Bool = true,
        using generator: inout some RandomNumberGenerator
    ) {
        let rows = min(inputs, outputs), columns = max(inputs, outputs)
        let numbers = (0..<rows * columns).map { _ in Scalar(NormalDistribution.random(using: &generator)) }
        let qr: Factorisation.QR<Scalar>, q: Buffer<Scalar>
        do {
            qr = try Factorisation.QR(Buffer(numbers), rows: rows, columns: columns)
            q = try qr.orthonormal()
        } catch {
            fatalError("Linear: an orthogonal weight of \(inputs) inputs and \(outputs) outputs: \(error)")
        }
        var weight = Buffer<Scalar>(uninitialized: rows * columns)
        var out = weight.mutableSpan
        for i in 0..<rows {
            let factor = Scalar(qr.r.span[i * (rows + 1)] < 0 ? -gain : gain)
            for j in 0..<columns {
                out[outputs <= inputs ? i * columns + j : j * rows + i] = factor * q.span[i * columns + j]
            }
        }
        self.init(
            weight: Tensor(shape: [outputs, inputs], buffer: weight), bias: bias ? .zeros([outputs]) : nil)
    }
}
