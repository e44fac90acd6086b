import SurprisalKernels

extension Tensor {
    /// Every element 0 with this probability, otherwise over 1 less it, so that its mean stays. (N. Srivastava et al.,
    /// "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15, 2014.)
    ///
    /// One number of the generator is drawn. The choices follow from it and the element's place, so that they are made
    /// again on the way back, and not kept: nothing but that number is.
    /// Derivative: `dy`, dropped and scaled alike. A probability not within 0...1 stops the program.
    /// - Complexity: O(count).
    public func dropout(_ probability: Double, using generator: inout some RandomNumberGenerator) -> Tensor {
        if !(probability >= 0 && probability <= 1) {
            fatalError("dropout: probability is \(probability); expected 0 to 1")
        }
        return dropped(DropoutChoices(seed: generator.next(), probability: probability))
    }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    private func dropped(_ choices: DropoutChoices) -> Tensor {
        let shape = shape
        return Tensor(
            shape: shape, buffer: choices.applied(to: span), from: "Dropout",
            edges: edge { Tensor(shape: shape, buffer: choices.applied(to: $0.span)) })
    }
}

private struct DropoutChoices: Sendable {
    let seed: UInt64
    /// Of 2³², how many are dropped.
    let threshold: UInt64
    let factor: Double

    init(seed: UInt64, probability: Double) {
        self.seed = seed
        threshold = UInt64((probability * 0x1p32).rounded())
        factor = 1 / (1 - probability)
    }

    func applied<Scalar: Surprisal.Scalar>(to x: Span<Scalar>) -> Buffer<Scalar> {
        let count = x.count, factor = Scalar(factor)
        var buffer = Buffer<Scalar>(uninitialized: count)
        var out = buffer.mutableSpan
        Parallel.forRows(count, elementsPerRow: 1, writing: &out) { part, out in
            // The generator that a place starts is its own: no place depends on how the elements are divided.
            for i in part {
                var generator = SplitMix64(seed: seed &+ UInt64(i) &* 0x9E37_79B9_7F4A_7C15)
                out[i] = generator.next() >> 32 < threshold ? 0 : x[i] * factor
            }
        }
        return buffer
    }
}

/// PyTorch's `nn.Dropout`: while training `Tensor.dropout(_:using:)`, otherwise nothing.
public struct Dropout<Scalar: Surprisal.Scalar>: ParameterFreeLayer {
    public let probability: Double

    /// A probability not within 0...1 stops the program.
    public init(_ probability: Double = 0.5) {
        if !(probability >= 0 && probability <= 1) {
            fatalError("Dropout: probability is \(probability); expected 0 to 1")
        }
        self.probability = probability
    }

    public func callAsFunction(_ x: Tensor<Scalar>) -> Tensor<Scalar> { x }

    public func callAsFunction(
        _ x: Tensor<Scalar>, training generator: inout some RandomNumberGenerator
    ) -> Tensor<Scalar> { x.dropout(probability, using: &generator) }
}
