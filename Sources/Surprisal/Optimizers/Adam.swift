import SurprisalKernels

/// Adam, by PyTorch's formula: `m ← m + (1−β₁)·(g − m)`, `v ← β₂·v + (1−β₂)·g²`,
/// `p ← p − η/(1−β₁ᵗ) · m/(√v/√(1−β₂ᵗ) + ε)` at step t, counted from 1.
///
/// Source: D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, arXiv 1412.6980. Weight decay,
/// where wanted, is decoupled from the gradient, `p ← p·(1 − η·λ)` before the step (AdamW: I. Loshchilov, F. Hutter,
/// "Decoupled weight decay regularization", ICLR 2019, arXiv 1711.05101), or added to it, `g + λ·p`.
///
/// The numbers are PyTorch's to the last bit in Double, on processors that multiply and add in one rounding, but for the last
/// few elements of a parameter, which PyTorch computes in another way than those in whole vectors.
public struct Adam<M: Model>: Sendable {
    public enum WeightDecay: Sendable, Equatable {
        case none
        /// AdamW's λ, 0.01 in PyTorch.
        case decoupled(Double)
        /// `torch.optim.Adam(weight_decay: λ)`.
        case l2(Double)

        var factor: Double {
            switch self {
            case .none: 0
            case .decoupled(let factor), .l2(let factor): factor
            }
        }
    }

    /// η; setting a negative one, or NaN, stops the program.
    public var learningRate: Double { didSet { Self.check(learningRate, "learningRate") } }
    /// β₁ and β₂.
    public let betas: (first: Double, second: Double)
    public let epsilon: Double
    public let weightDecay: WeightDecay
    /// How many steps were taken.
    public internal(set) var stepCount = 0
    @usableFromInline var moments: AdamMoments<M.Scalar>

    /// Stops the program when a number is negative or not finite, or a β not below 1.
    public init(
        for model: M, learningRate: Double = 1e-3, betas: (first: Double, second: Double) = (0.9, 0.999),
        epsilon: Double = 1e-8, weightDecay: WeightDecay = .none
    ) {
        Self.check(learningRate, "learningRate")
        Self.check(epsilon, "epsilon")
        Self.check(weightDecay.factor, "weightDecay")
        for (beta, name) in [(betas.first, "betas.first"), (betas.second, "betas.second")] where !(beta >= 0 && beta < 1) {
            fatalError("Adam: \(name) is \(beta); expected 0 to below 1")
        }
        (self.learningRate, self.betas, self.epsilon, self.weightDecay) = (learningRate, betas, epsilon, weightDecay)
        moments = AdamMoments(model.parameters.map { ($0.name, $0.value.shape) })
    }

    private static func check(_ number: Double, _ name: String) {
        guard number >= 0, number.isFinite else { fatalError("Adam: \(name) is \(number); expected at least 0") }
    }

    @usableFromInline mutating func nextStep() -> AdamStep<M.Scalar> {
        stepCount += 1
        let (keep, l2) = switch weightDecay {
        case .none: (1.0, 0.0)
        case .decoupled(let factor): (1 - learningRate * factor, 0.0)
        case .l2(let factor): (1.0, factor)
        }
        return AdamMoments.step(stepCount, learningRate, betas.first, betas.second, epsilon, keep: keep, l2: l2)
    }

    /// Moves the model's parameters against their gradient.
    ///
    /// Stops the program when the model's parameters are not those it was made for.
    /// - Complexity: O(parameters), one pass over each; in place where nobody else holds a parameter.
    @inlinable
    public mutating func update(_ model: inout M, along gradient: Gradient<M>) {
        let gradients = gradient.inOrder
        let step = nextStep()
        var next = 0
        model.forEachParameter { name, parameter in
            moments.move(&parameter, next, name, gradients, step)
            next += 1
        }
    }
}

/// What Adam knows of its parameters: of `Scalar` alone, so that it is compiled for Float and Double.
@usableFromInline
struct AdamMoments<Scalar: Surprisal.Scalar>: Sendable {
    let parameters: ParameterList
    /// m and v, one a parameter, from the first step on.
    private var firsts: [Buffer<Scalar>] = [], seconds: [Buffer<Scalar>] = []

    init(_ parameters: [(name: String, shape: Shape)]) { self.parameters = ParameterList("Adam", parameters) }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    static func step(
        _ count: Int, _ rate: Double, _ first: Double, _ second: Double, _ epsilon: Double, keep: Double, l2: Double
    ) -> AdamStep<Scalar> {
        let firstPart = 1 - SpecialFunctions.pow(first, Double(count)), secondPart = 1 - SpecialFunctions.pow(second, Double(count))
        return AdamStep(
            keep: Scalar(keep), l2: Scalar(l2), first: Scalar(1 - first), second: Scalar(second), fresh: Scalar(1 - second),
            rate: Scalar(rate / firstPart), root: Scalar(secondPart.squareRoot()), epsilon: Scalar(epsilon))
    }

    var state: [(name: String, value: Tensor<Scalar>)] {
        parameters.named([("exp_avg", firsts), ("exp_avg_sq", seconds)])
    }

    mutating func restore(
        _ state: [(name: String, value: Tensor<Scalar>)], isBegun: Bool
    ) throws(OptimizerStateError) {
        let lists = try parameters.buffers(state, isBegun ? ["exp_avg", "exp_avg_sq"] : [])
        (firsts, seconds) = isBegun ? (lists[0], lists[1]) : ([], [])
    }

    @usableFromInline
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    mutating func move(
        _ parameter: inout Tensor<Scalar>, _ place: Int, _ name: String, _ gradients: [Tensor<Scalar>],
        _ step: AdamStep<Scalar>
    ) {
        parameters.require(parameter.shape, place, name, gradients)
        move(&parameter.buffer, place, along: gradients[place].buffer, step)
        // It is nobody's result now.
        if parameter.isTracked || parameter.operation != nil { parameter = parameter.detached }
    }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    mutating func move(
        _ parameter: inout Buffer<Scalar>, _ place: Int, along gradient: Buffer<Scalar>, _ step: AdamStep<Scalar>
    ) {
        if place == firsts.count {
            firsts.append(Buffer(repeating: 0, count: parameter.count))
            seconds.append(Buffer(repeating: 0, count: parameter.count))
        }
        var p = parameter.mutableSpan, m = firsts[place].mutableSpan, v = seconds[place].mutableSpan
        Scalar.adam(&p, &m, &v, gradient.span, step)
    }
}
