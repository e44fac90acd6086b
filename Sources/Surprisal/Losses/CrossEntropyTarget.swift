import SurprisalKernels

/// What the probabilities of the logits are held against.
enum CrossEntropyTarget<Scalar: Surprisal.Scalar>: Sendable {
    case labels(Labels)
    case probabilities(Tensor<Scalar>)
    case sparse(SparseProbabilities<Scalar>)

    var isTracked: Bool {
        if case .probabilities(let probabilities) = self { probabilities.isTracked } else { false }
    }

    var detached: CrossEntropyTarget {
        if case .probabilities(let probabilities) = self { .probabilities(probabilities.detached) } else { self }
    }
}
