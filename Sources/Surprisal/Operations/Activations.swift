import SurprisalKernels

/// How the normal distribution of a GELU is computed: PyTorch's `approximate`.
public enum GELUApproximation: Sendable {
    /// By the error function.
    case none
    /// By `½(1 + tanh(√(2/π)(x + 0.044715x³)))`.
    case tanh
}

// Accuracy of all: `Accuracy.activationULP` of the value; where a tail's exponential is subnormal, |x| times the least
// number. A derivative is the same near 0 and in the tails; around the
// place where it passes through 0 it is that many ULP of 1. Complexity: O(count), one pass, and one on the way back.
extension Tensor {
    /// max(x, 0), with derivative 0 at 0; NaN stays NaN.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func relu() -> Tensor { activated(.relu, "Relu") }

    /// 1/(1 + e⁻ˣ), the probability of the logit x. Derivative: `dy·e⁻|x|/(1 + e⁻|x|)²`, which keeps its digits where the
    /// probability is next to 1.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func sigmoid() -> Tensor { activated(.sigmoid, "Sigmoid") }

    /// The hyperbolic tangent: a soft cap at 1. Derivative: `dy·(1 − tanh²x)`.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func tanh() -> Tensor { softCapped(at: 1) }

    /// x·σ(x), σ the sigmoid; 0 at −∞. Derivative: `dy·(σ + x·σ·(1 − σ))`.
    ///
    /// Source: S. Elfwing, E. Uchibe, K. Doya, "Sigmoid-weighted linear units for neural network function approximation
    /// in reinforcement learning", Neural Networks 107, 2018, arXiv 1702.03118.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func silu() -> Tensor { activated(.silu, "Silu") }

    /// x·Φ(x), Φ the normal distribution; 0 at −∞. Derivative: `dy·(Φ(x) + x·φ(x))`, φ its density.
    ///
    /// Where x is very negative, `½(1 + erf)` is rounding error alone; Φ is computed from its own tail here.
    /// The approximation by a tanh has besides 6·|√(2/π)(x + 0.044715x³)| ULP, from the roundings of that.
    /// Source: D. Hendrycks, K. Gimpel, "Gaussian error linear units", 2016, arXiv 1606.08415.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func gelu(approximation: GELUApproximation = .none) -> Tensor {
        activated(approximation == .none ? .gelu : .geluTanh, "Gelu")
    }

    private func activated(_ activation: Activation, _ name: String) -> Tensor {
        var buffer = Buffer<Scalar>(uninitialized: count)
        var out = buffer.mutableSpan
        Scalar.activate(activation, span, into: &out)
        // Relu's output is kept instead of its input: the layer after it keeps that too.
        let (kept, shape) = (activation == .relu ? buffer : self.buffer, shape)
        return Tensor(
            shape: shape, buffer: buffer, from: name,
            edges: edge { dy in
                var gradient = Buffer<Scalar>(uninitialized: shape.elementCount)
                var out = gradient.mutableSpan
                Scalar.activateGradient(activation, kept.span, dy.span, into: &out)
                return Tensor(shape: shape, buffer: gradient)
            })
    }
}
