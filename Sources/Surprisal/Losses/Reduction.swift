import SurprisalKernels

/// What becomes of the losses of the positions.
public enum Reduction: String, Sendable, CaseIterable {
    /// One loss a position, in the shape of the labels.
    case none
    /// Their sum.
    case sum
    /// Their sum over a `MeanDenominator`; NaN when there is nothing to take a mean of.
    case mean
}

/// What a mean divides by.
public enum MeanDenominator: Sendable, Equatable {
    /// The weights of the labels that count: of those not ignored, each its class's weight times its row's, or 1. With class
    /// probabilities the rows' weights alone. As in PyTorch.
    case labelWeights
    /// The number of labels that are not ignored, whatever their weights.
    case labels
    /// The number of positions, ignored ones included.
    case positions
    /// A finite number above 0, as when a batch is one part of a larger one.
    case number(Double)
}

/// The last step of every loss: from row losses to what was asked for.
struct ReducedLosses<Scalar: Surprisal.Scalar> {
    let reduction: Reduction
    /// What a mean divides by.
    let denominator: Double
    /// The shape of the losses, where they are not reduced.
    let positions: Shape
    /// A mean over a weight of 0 has no value, not an infinite one; 0 when that is wanted.
    let emptyMean: Double

    init(reduction: Reduction, denominator: Double, positions: Shape, emptyMean: Double = .nan) {
        self.reduction = reduction
        self.denominator = denominator
        self.positions = positions
        self.emptyMean = emptyMean
    }

    init(reduction: Reduction, denominator: Double, input: ClassLossInput, of shape: Shape, emptyMean: Double = .nan) {
        self.init(
            reduction: reduction, denominator: denominator, positions: reduction == .none ? input.positions(of: shape) : [],
            emptyMean: emptyMean)
    }

    /// The factor that a mean puts on every gradient.
    var scale: Double { reduction == .mean ? (denominator == 0 ? emptyMean : 1 / denominator) : 1 }

    func value(of losses: consuming Buffer<Scalar>) -> (shape: Shape, buffer: Buffer<Scalar>) {
        if reduction == .none { return (positions, losses) }
        let value = reduced(Scalar.sum(losses.span))
        // In the memory of a loss that is the only one.
        if losses.count != 1 { losses = Buffer(uninitialized: 1) }
        var span = losses.mutableSpan
        span[0] = value
        return ([], losses)
    }

    func value(ofSum sum: Double) -> (shape: Shape, buffer: Buffer<Scalar>) {
        ([], Buffer(repeating: reduced(sum), count: 1))
    }

    func reduced(_ sum: Double) -> Scalar {
        Scalar(reduction == .sum ? sum : denominator == 0 ? emptyMean : sum / denominator)
    }

    /// A gradient that was formed for an upstream of 1 (a mean's scale included) times the actual one: a
    /// number, or one a position.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    func applied(_ upstream: Tensor<Scalar>, to gradient: consuming Buffer<Scalar>, axis: ClassAxis) -> Buffer<Scalar> {
        var gradient = gradient
        if reduction == .none {
            var span = gradient.mutableSpan
            Scalar.scaleRows(&span, by: upstream.span, axis: axis)
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
func labelWeight<Scalar: Surprisal.Scalar>(
    _ labels: Labels, _ weight: Tensor<Scalar>?, rowWeights: Tensor<Scalar>? = nil
) -> Double {
    if weight == nil, rowWeights == nil { return Double(labels.count - labels.ignoredCount) }
    var counts = [Double](repeating: 0, count: labels.classCount)
    for (position, index) in labels.indices.enumerated() where index >= 0 {
        counts[Int(index)] += rowWeights.map { Double($0.span[position]) } ?? 1
    }
    var sum = 0.0
    for c in counts.indices where counts[c] != 0 { sum += counts[c] * (weight.map { Double($0.span[c]) } ?? 1) }
    return sum
}

/// ∂L/∂w of a loss that is w_y times a number of each position: what arrives at each class, and, of a mean over the
/// labels' weights, less L/Z for each label.
@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
func labelWeightGradient<Scalar: Surprisal.Scalar>(
    _ upstream: Tensor<Scalar>, _ reduced: ReducedLosses<Scalar>, _ labels: Labels, _ weight: Buffer<Scalar>,
    meanIsOverWeights: Bool = true, unweighted: (_ position: Int, _ label: Int) -> Double
) -> Tensor<Scalar> {
    var sums = [Double](repeating: 0, count: labels.classCount), total = 0.0
    var counts = [Int](repeating: 0, count: labels.classCount)
    for n in 0..<labels.count {
        guard let y = labels[n] else { continue }
        let part = Double(upstream.span[reduced.reduction == .none ? n : 0]) * reduced.scale * unweighted(n, y)
        sums[y] += part
        counts[y] += 1
        total += part * Double(weight.span[y])
    }
    if reduced.reduction == .mean && meanIsOverWeights {
        for c in sums.indices { sums[c] -= Double(counts[c]) * total / reduced.denominator }
    }
    return Tensor(sums.map { Scalar($0) }, shape: [labels.classCount])
}
