import SurprisalKernels

/// What a classification loss knows of every row, beside the loss: the material of metrics and of searches for the rows
/// that a model gets wrong.
///
/// Of a position whose label is ignored, or whose weight is 0, there is nothing: its loss is 0, as without reduction, its other numbers are NaN, its
/// classes −1, and it is not right. A row of logits that is no distribution (NaN, +∞, nothing but −∞) has NaN for its
/// loss, entropy and probabilities.
public struct RowResults<Scalar: Surprisal.Scalar>: Sendable {
    /// The reduced loss.
    public let value: Tensor<Scalar>
    /// As without reduction: class weights, smoothing and the row's weight included.
    public let losses: Tensor<Scalar>
    /// `log Σ exp(x)` of the logits.
    public let logSumExps: Tensor<Scalar>
    /// `−Σ p·log p`, in nats: from 0 to log of the number of classes. An impossible class adds nothing.
    public let entropies: Tensor<Scalar>
    /// The probability of the label; with class probabilities, of the first most probable of them.
    public let labelProbabilities: Tensor<Scalar>
    /// The class with the largest logit: NaN counts as largest, of equals the first.
    public let argmax: Indices
    /// Whether `argmax` is the label; with class probabilities, the first most probable of them.
    public let isRight: [Bool]
    /// The k classes with the largest logits, from the largest down, along a last axis of k.
    public let topClasses: Indices
    /// Their log-probabilities.
    public let topLogProbabilities: Tensor<Scalar>

    /// The share of right ones among the positions that are not ignored; NaN when there are none.
    public var accuracy: Double {
        Double(isRight.count { $0 }) / Double(argmax.values.count { $0 >= 0 })
    }
}

/// The results of some rows, to be put at their positions.
struct RowReport<Scalar: Surprisal.Scalar>: Sendable {
    let logSumExp, entropy, labelProbability: Scalar
    let argmax: Int
    let isRight: Bool
    let topClasses: [Int]
    let topLogProbabilities: [Scalar]

    init(_ row: OnlineRow<Scalar>) {
        (logSumExp, entropy, labelProbability) = (row.logSumExp, row.entropy, row.labelProbability)
        argmax = row.argmax
        isRight = row.argmax == row.label
        (topClasses, topLogProbabilities) = (row.topClasses, row.topLogProbabilities)
    }
}

extension RowResults {
    init(_ losses: Buffer<Scalar>, _ reports: [RowReport<Scalar>?], _ reduced: ReducedLosses<Scalar>, _ shape: Shape, k: Int) {
        func tensor(_ number: (RowReport<Scalar>) -> Scalar) -> Tensor<Scalar> {
            Tensor(reports.map { $0.map(number) ?? .nan }, shape: shape)
        }
        let (valueShape, buffer) = reduced.value(of: losses)
        value = Tensor(shape: valueShape, buffer: buffer)
        self.losses = Tensor(shape: shape, buffer: losses)
        logSumExps = tensor(\.logSumExp)
        entropies = tensor(\.entropy)
        labelProbabilities = tensor(\.labelProbability)
        argmax = Indices(shape: shape, values: reports.map { $0?.argmax ?? -1 })
        isRight = reports.map { $0?.isRight ?? false }
        topClasses = Indices(
            shape: shape + [k], values: reports.flatMap { $0?.topClasses ?? Array(repeating: -1, count: k) })
        topLogProbabilities = Tensor(
            reports.flatMap { $0?.topLogProbabilities ?? Array(repeating: .nan, count: k) }, shape: shape + [k])
    }
}
