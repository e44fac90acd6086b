import SurprisalKernels

/// An exponentially weighted average of a model's parameters over the steps of its training, which is often the better
/// model: `a ← β·a + (1 − β)·p`, PyTorch's `AveragedModel` with `get_ema_multi_avg_fn(β)`.
///
/// ```swift
/// optimizer.update(&model, along: gradient)
/// average.update(with: model)
/// ```
///
/// It begins with the model it is made of. Bias-corrected, that has no weight: the average is `Σ βᵗ⁻ⁱ·pᵢ / Σ βᵗ⁻ⁱ` of the
/// t models of the updates, the first update's alone at first.
public struct ExponentialMovingAverage<M: Model>: Sendable {
    /// The average so far.
    public private(set) var model: M
    /// β.
    public let decay: Double
    public let isBiasCorrected: Bool
    /// How many updates there were.
    public private(set) var stepCount = 0
    /// (1 − β)·Σ βᵗ⁻ⁱ = 1 − βᵗ, as a sum, which loses no digits where β is nearly 1.
    private var weight = 0.0

    /// Stops the program when β is not from 0 to 1.
    public init(of model: M, decay: Double = 0.999, biasCorrected: Bool = false) {
        guard decay >= 0, decay <= 1 else { fatalError("ExponentialMovingAverage: decay is \(decay); expected 0 to 1") }
        (self.model, self.decay, isBiasCorrected) = (model, decay, biasCorrected)
    }

    /// Takes a model's parameters into the average.
    ///
    /// Stops the program when they have other names or shapes than the average's.
    /// - Complexity: O(parameters); in place where nobody else holds the average's.
    public mutating func update(with model: M) {
        stepCount += 1
        var (kept, fresh) = (decay, 1 - decay)
        if isBiasCorrected {
            let next = decay * weight + (1 - decay)
            // β = 1 gives no model any weight.
            if next > 0 { (kept, fresh) = (decay * weight / next, (1 - decay) / next) }
            weight = next
        }
        let parameters = model.parameters
        var next = 0
        self.model.forEachParameter { name, average in
            guard next < parameters.count, parameters[next].name == name, parameters[next].value.shape == average.shape else {
                let found = next < parameters.count ? "\(parameters[next].name) of shape \(parameters[next].value.shape)" : "none"
                fatalError("ExponentialMovingAverage: parameter \(found); expected \(name) of shape \(average.shape)")
            }
            average.mix(parameters[next].value, kept: M.Scalar(kept), fresh: M.Scalar(fresh))
            next += 1
        }
        if next != parameters.count {
            fatalError("ExponentialMovingAverage: parameter \(parameters[next].name); expected no more than \(next)")
        }
    }
}

extension Tensor {
    /// The receiver times one factor plus another tensor times another.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    fileprivate mutating func mix(_ other: Tensor, kept: Scalar, fresh: Scalar) {
        var elements = buffer.mutableSpan
        Scalar.gather(&elements, other.span, momentum: kept, fresh: fresh)
        if isTracked || operation != nil { self = detached }
    }
}
