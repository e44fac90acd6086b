import SurprisalKernels

/// What a piece of a batch adds to the loss and to its gradient.
///
/// Of `Scalar` alone, so that it is compiled for Float and Double, whatever the model is.
@usableFromInline
struct PieceGradient<Scalar: Surprisal.Scalar>: Sendable {
    @usableFromInline var loss: Double
    /// One a parameter, in the model's order.
    @usableFromInline var gradients: [Tensor<Scalar>]

    @inlinable
    init(loss: Double, gradients: [Tensor<Scalar>]) { (self.loss, self.gradients) = (loss, gradients) }

    /// The sum over pieces, each of a thread, in their order: of the same bits for any number of threads.
    @usableFromInline
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    static func sum(of pieces: Int, workers: Int?, _ piece: (Int) -> PieceGradient) -> PieceGradient {
        if let workers { return Parallel.override.withValue(workers) { Self.sum(of: pieces, workers: nil, piece) } }
        if pieces == 1 { return piece(0) }
        var found = Parallel.map(pieces, piece)
        var sum = found.removeFirst()
        for part in found {
            sum.loss += part.loss
            for place in sum.gradients.indices { sum.gradients[place].accumulate(part.gradients[place]) }
        }
        return sum
    }
}

extension Tensor {
    /// Adds another's elements, in place where nobody else holds the receiver's.
    fileprivate mutating func accumulate(_ other: Tensor) {
        var sums = buffer.mutableSpan
        Scalar.gather(&sums, other.span, momentum: 1, fresh: 1)
    }
}
