import SurprisalKernels

extension Tensor {
    /// A random orthogonal weight, `outputs × inputs`: its rows, or its columns when there are more outputs than inputs, are
    /// perpendicular and of length `gain`, so that signals keep their length through it, forward or back. Axes after the
    /// second count as inputs: PyTorch's `nn.init.orthogonal_`.
    ///
    /// All such weights are equally likely: Q of the QR factorisation of normal numbers, with the sign of R's diagonal.
    /// With `TorchGenerator`, PyTorch's but for the rounding errors of the factorisation.
    /// Source: F. Mezzadri, "How to generate random matrices from the classical compact groups", Notices of the AMS 54,
    /// 2007.
    /// - Complexity: O(inputs · outputs · min(inputs, outputs)).
    public static func orthogonal(
        _ shape: Shape, gain: Double = 1, using generator: inout some RandomNumberGenerator
    ) -> Tensor {
        guard shape.count >= 2 else {
            fatalError("orthogonal: shape \(shape); expected outputs × inputs, and perhaps further axes")
        }
        let outputs = shape[0], inputs = shape.dropFirst().reduce(1, *)
        let numbers = normal([outputs, inputs], using: &generator)
        // LAPACK's columns: the rows of the weight as they are, or its columns.
        let byRows = outputs < inputs, rows = Swift.min(inputs, outputs), columns = Swift.max(inputs, outputs)
        let qr: Factorisation.QR<Scalar>, q: Buffer<Scalar>
        do {
            qr = try Factorisation.QR(
                byRows ? numbers.buffer : transposed(numbers.buffer, rows: outputs, columns: inputs), rows: rows, columns: columns)
            q = try qr.orthonormal()
        } catch {
            fatalError("orthogonal: shape \(shape): \(error)")
        }
        var weight = Buffer<Scalar>(uninitialized: rows * columns)
        var out = weight.mutableSpan
        for i in 0..<rows {
            let factor = Scalar(qr.r.span[i * (rows + 1)] < 0 ? -gain : gain)
            for j in 0..<columns { out[i * columns + j] = factor * q.span[i * columns + j] }
        }
        return Tensor(shape: shape, buffer: byRows ? weight : transposed(weight, rows: inputs, columns: outputs))
    }

    private static func transposed(_ matrix: Buffer<Scalar>, rows: Int, columns: Int) -> Buffer<Scalar> {
        var transpose = Buffer<Scalar>(uninitialized: rows * columns)
        var out = transpose.mutableSpan
        for i in 0..<rows {
            for j in 0..<columns { out[j * rows + i] = matrix.span[i * columns + j] }
        }
        return transpose
    }
}

extension Linear {
    /// A layer with a random orthogonal weight, as `Tensor.orthogonal` makes it; the bias is 0.
    public init(
        orthogonal inputs: Int, _ outputs: Int, gain: Double = 1, bias: Bool = true,
        using generator: inout some RandomNumberGenerator
    ) {
        self.init(
            weight: .orthogonal([outputs, inputs], gain: gain, using: &generator), bias: bias ? .zeros([outputs]) : nil)
    }
}
