import SurprisalKernels

extension Gradient {
    /// √Σx² over the elements of all parameters.
    ///
    /// - Accuracy: squares are added in Double, so that no Float overflows; Double that would is scaled. Within 2⁻⁴⁷ of
    ///   itself, of a norm that is representable.
    /// - Complexity: O(parameters).
    public var norm: Double { GradientNorm.norm(inOrder) }

    /// Scales the gradient down to a norm: `g·min(1, maximum/(norm + 10⁻⁶))`, PyTorch's `clip_grad_norm_`.
    ///
    /// A norm that is infinite makes 0 of what is finite and NaN of the rest, one that is NaN makes NaN of everything, as
    /// in PyTorch; a program that would rather know calls `checkFinite` before.
    ///
    /// Stops the program when the maximum is negative or NaN.
    /// - Returns: the norm before.
    /// - Complexity: O(parameters), one read, and a write where it is larger than the maximum.
    @discardableResult
    public mutating func clip(toNorm maximum: Double) -> Double {
        guard maximum >= 0 else { fatalError("clip: norm \(maximum); expected at least 0") }
        let norm = norm, factor = maximum / (norm + 1e-6)
        // A NaN is no reason to leave the gradient as it is.
        if !(factor >= 1) { map(.scale(M.Scalar(factor))) }
        return norm
    }

    /// Takes each element to within ±limit: PyTorch's `clip_grad_value_`. NaN stays NaN.
    ///
    /// Stops the program when the limit is negative or NaN.
    public mutating func clip(toValue limit: Double) {
        guard limit >= 0 else { fatalError("clip: value \(limit); expected at least 0") }
        map(.clamp(M.Scalar(limit)))
    }

    /// Whether all elements are finite; PyTorch's `error_if_nonfinite`.
    public func checkFinite() throws(GradientError) {
        if norm.isFinite { return }
        for (name, value) in parameters {
            for (element, number) in value.scalars.enumerated() where !number.isFinite {
                throw .notFinite(Double(number), parameter: name, position: value.shape.indices(ofElement: element))
            }
        }
    }

    private mutating func map(_ operation: UnaryOperation<M.Scalar>) {
        self = Gradient(at: values, inOrder: inOrder.map { GradientNorm.mapped($0, operation) })
    }
}

/// Why a gradient is of no use.
public enum GradientError: Error, Equatable, CustomStringConvertible {
    case notFinite(Double, parameter: String, position: [Int])

    public var description: String {
        switch self {
        case .notFinite(let value, let parameter, let position):
            "the gradient of \(parameter) is \(value) at position \(position); expected a finite number"
        }
    }
}

/// What clipping does to tensors: of `Scalar` alone, so that it is compiled for Float and Double.
enum GradientNorm {
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    static func norm<Scalar>(_ tensors: [Tensor<Scalar>]) -> Double {
        let sum = squares(tensors, scale: 1)
        // Squares of Float neither overflow nor vanish in Double. Below 2⁻⁹⁰⁰ squares of Double may have lost digits.
        if sum.isFinite && sum > 0x1p-900 || sum.isNaN || Scalar.self == Float.self { return sum.squareRoot() }
        var largest: Scalar = 0
        for tensor in tensors {
            let x = tensor.span
            for i in x.indices { largest = max(largest, abs(x[i])) }
        }
        guard largest > 0, largest.isFinite else { return Double(largest) }
        // Two steps, as the power of a subnormal number's inverse is infinite.
        let scale = Double(sign: .plus, exponent: -Int(largest.exponent) / 2, significand: 1)
        return squares(tensors, scale: scale).squareRoot() / scale / scale
    }

    /// Σ(x·scale²)², in blocks whose sums are added with their rounding errors.
    private static func squares<Scalar>(_ tensors: [Tensor<Scalar>], scale: Double) -> Double {
        var sum = 0.0, error = 0.0
        for tensor in tensors {
            let x = tensor.span
            for start in stride(from: 0, to: x.count, by: 256) {
                let end = min(start + 256, x.count)
                // Four sums at a time do not wait for each other.
                var lanes = SIMD4<Double>(repeating: 0)
                var i = start
                while i + 4 <= end {
                    let v = SIMD4(Double(x[i]), Double(x[i + 1]), Double(x[i + 2]), Double(x[i + 3])) * scale * scale
                    lanes += v * v
                    i += 4
                }
                var block = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
                while i < end {
                    let v = Double(x[i]) * scale * scale
                    block += v * v
                    i += 1
                }
                // Squares are not negative, so the sum is the larger of the two or the block is.
                let next = sum + block
                if next.isFinite { error += sum >= block ? (sum - next) + block : (block - next) + sum }
                sum = next
            }
        }
        return sum + error
    }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    static func mapped<Scalar>(_ tensor: Tensor<Scalar>, _ operation: UnaryOperation<Scalar>) -> Tensor<Scalar> {
        var buffer = Buffer<Scalar>(uninitialized: tensor.count)
        var out = buffer.mutableSpan
        Scalar.map(operation, tensor.span, into: &out)
        return Tensor(shape: tensor.shape, buffer: buffer)
    }
}
