import SurprisalKernels

/// What becomes of the losses of the positions.
public enum Reduction: String, Sendable, CaseIterable {
    /// One loss a position, in the shape of the labels.
    case none
    /// Their sum.
    case sum
    /// Their sum over the weights of the labels that count: of those not ignored, each its class's weight,
    /// or 1. NaN when there are none. With class probabilities: over the number of positions.
    case mean
}

/// The last step of every loss: from row losses to what was asked for.
struct ReducedLosses<Scalar: Surprisal.Scalar> {
    let reduction: Reduction
    /// What a mean divides by.
    let denominator: Double
    let input: ClassLossInput

    /// The factor that a mean puts on every gradient. A mean over a weight of 0 has no value, not an infinite one.
    var scale: Double { reduction == .mean ? (denominator == 0 ? .nan : 1 / denominator) : 1 }

    func value(of losses: Buffer<Scalar>) -> (shape: Shape, buffer: Buffer<Scalar>) {
        switch reduction {
        case .none: (input.positions, losses)
        case .sum: ([], Buffer(repeating: Scalar(Scalar.sum(losses.span)), count: 1))
        case .mean:
            ([], Buffer(repeating: denominator == 0 ? .nan : Scalar(Scalar.sum(losses.span) / denominator), count: 1))
        }
    }

    /// A gradient that was formed for an upstream of 1 (a mean's scale included) times the actual one: a
    /// number, or one a position.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    func applied(_ upstream: Tensor<Scalar>, to gradient: consuming Buffer<Scalar>, axis: ClassAxis) -> Buffer<Scalar> {
        var gradient = gradient
        if reduction == .none {
            var span = gradient.mutableSpan
            scaleRows(&span, by: upstream.span, axis: axis)
        } else if upstream.item() != 1 {
            var span = gradient.mutableSpan
            Scalar.scaleInPlace(&span, by: upstream.item())
        }
        return gradient
    }
}

/// Σ of the weights of the labels that count.
@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
func labelWeight<Scalar: Surprisal.Scalar>(_ labels: Labels, _ weight: Tensor<Scalar>?) -> Double {
    guard let weight else { return Double(labels.count - labels.ignoredCount) }
    let w = weight.span
    var counts = [Int](repeating: 0, count: labels.classCount)
    for index in labels.indices where index >= 0 { counts[Int(index)] += 1 }
    var sum = 0.0
    for c in counts.indices where counts[c] > 0 { sum += Double(counts[c]) * Double(w[c]) }
    return sum
}
