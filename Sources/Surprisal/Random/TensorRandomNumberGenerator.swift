import SurprisalKernels

/// A generator with a way of its own to make tensors of its bits, as `TorchGenerator` has PyTorch's.
///
/// Whatever draws tensors (`Tensor.uniform`, `Tensor.kaimingNormal`, `Linear(_:_:using:)`, …) takes any generator, and
/// asks one of these for its own numbers.
public protocol TensorRandomNumberGenerator: RandomNumberGenerator {
    /// Independent numbers, uniform from `low` to `high`.
    mutating func uniform<Scalar: Surprisal.Scalar>(_ shape: Shape, from low: Double, to high: Double) -> Tensor<Scalar>
    /// Independent normal numbers.
    mutating func normal<Scalar: Surprisal.Scalar>(
        _ shape: Shape, mean: Double, standardDeviation: Double
    ) -> Tensor<Scalar>
}

/// How the independent elements of a random tensor are distributed.
enum ElementDistribution {
    case uniform(from: Double, to: Double)
    case normal(mean: Double, standardDeviation: Double)

    /// Stops the program when there is no such distribution.
    func require(in operation: String) {
        switch self {
        case .uniform(let low, let high):
            guard low <= high, (high - low).isFinite else {
                fatalError("\(operation): from \(low) to \(high); expected finite numbers in ascending order")
            }
        case .normal(let mean, let standardDeviation):
            guard mean.isFinite, standardDeviation >= 0, standardDeviation.isFinite else {
                fatalError(
                    "\(operation): mean \(mean) and standard deviation \(standardDeviation); expected finite numbers, the latter at least 0")
            }
        }
    }
}

extension RandomNumberGenerator {
    /// The one place where it matters whether a generator makes tensors itself.
    mutating func tensor<Scalar>(_ shape: Shape, _ distribution: ElementDistribution) -> Tensor<Scalar> {
        if var own = self as? any TensorRandomNumberGenerator {
            let tensor: Tensor<Scalar> = switch distribution {
            case .uniform(let low, let high): own.uniform(shape, from: low, to: high)
            case .normal(let mean, let deviation): own.normal(shape, mean: mean, standardDeviation: deviation)
            }
            if let advanced = own as? Self { self = advanced }
            return tensor
        }
        let numbers: [Scalar] = switch distribution {
        case .uniform(let low, let high):
            (0..<shape.elementCount).map { _ in Scalar(Double.random(in: low...high, using: &self)) }
        case .normal(let mean, let deviation):
            (0..<shape.elementCount).map { _ in Scalar(mean + deviation * NormalDistribution.random(using: &self)) }
        }
        return Tensor(numbers, shape: shape)
    }
}
