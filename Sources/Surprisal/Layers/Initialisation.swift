import SurprisalKernels

/// What follows a layer, by which its weight is scaled so that signals keep their size: PyTorch's `nonlinearity`.
public enum Nonlinearity: Sendable, Equatable {
    case linear, sigmoid, tanh, relu, selu
    case leakyReLU(negativeSlope: Double = 0.01)

    /// PyTorch's `calculate_gain`: √2 of a rectifier, √(2/(1 + slope²)) of a leaky one, 5/3 of tanh, ¾ of SELU (found by
    /// experiment: PyTorch's pull request 50664), otherwise 1.
    public var gain: Double {
        switch self {
        case .linear, .sigmoid: 1
        case .tanh: 5.0 / 3
        case .relu: 2.0.squareRoot()
        case .selu: 3.0 / 4
        case .leakyReLU(let slope): (2 / (1 + slope * slope)).squareRoot()
        }
    }
}

/// Which number of connections the weights of a layer are scaled by: of those into an output, or out of an input.
public enum Fan: Sendable, Equatable {
    case input, output
}

extension Shape {
    /// The connections of a layer's weight, `outputs × inputs × …`, the axes after these being shared positions.
    func fans(in operation: String) -> (input: Int, output: Int) {
        guard count >= 2 else { fatalError("\(operation): shape \(self); expected outputs × inputs, and perhaps further axes") }
        let field = dropFirst(2).reduce(1, *)
        return (self[1] * field, self[0] * field)
    }
}

// With `TorchGenerator` each of these has PyTorch's numbers: as `TorchGenerator` says of the uniform and normal ones, and
// as far as the same formula in Double gives the same bound.
extension Tensor {
    /// Independent numbers, uniform from `low` to `high`: `nn.init.uniform_`.
    ///
    /// Stops the program when the bounds do not ascend, or are not finite.
    public static func uniform(
        _ shape: Shape, from low: Double = 0, to high: Double = 1, using generator: inout some RandomNumberGenerator
    ) -> Tensor {
        let distribution = ElementDistribution.uniform(from: low, to: high)
        distribution.require(in: "uniform")
        return generator.tensor(shape, distribution)
    }

    /// Independent normal numbers: `nn.init.normal_`.
    ///
    /// Stops the program when the mean is not finite, or the deviation not a finite number, at least 0.
    public static func normal(
        _ shape: Shape, mean: Double = 0, standardDeviation: Double = 1,
        using generator: inout some RandomNumberGenerator
    ) -> Tensor {
        let distribution = ElementDistribution.normal(mean: mean, standardDeviation: standardDeviation)
        distribution.require(in: "normal")
        return generator.tensor(shape, distribution)
    }

    /// A weight, `outputs × inputs`, uniform in ±gain·√(3/fan): `nn.init.kaiming_uniform_`.
    ///
    /// Source: K. He et al., "Delving deep into rectifiers", ICCV 2015, arXiv 1502.01852.
    public static func kaimingUniform(
        _ shape: Shape, fan: Fan = .input, before nonlinearity: Nonlinearity = .relu,
        using generator: inout some RandomNumberGenerator
    ) -> Tensor {
        let bound = 3.0.squareRoot() * kaimingDeviation(shape, fan, nonlinearity, "kaimingUniform")
        return uniform(shape, from: -bound, to: bound, using: &generator)
    }

    /// A weight, `outputs × inputs`, normal with standard deviation gain/√fan: `nn.init.kaiming_normal_`.
    public static func kaimingNormal(
        _ shape: Shape, fan: Fan = .input, before nonlinearity: Nonlinearity = .relu,
        using generator: inout some RandomNumberGenerator
    ) -> Tensor {
        let deviation = kaimingDeviation(shape, fan, nonlinearity, "kaimingNormal")
        return normal(shape, standardDeviation: deviation, using: &generator)
    }

    private static func kaimingDeviation(
        _ shape: Shape, _ fan: Fan, _ nonlinearity: Nonlinearity, _ operation: String
    ) -> Double {
        let fans = shape.fans(in: operation), connections = fan == .input ? fans.input : fans.output
        return connections == 0 ? 0 : nonlinearity.gain / Double(connections).squareRoot()
    }

    /// A weight, `outputs × inputs`, uniform in ±gain·√(6/(inputs + outputs)): `nn.init.xavier_uniform_`.
    ///
    /// Source: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS
    /// 2010.
    public static func xavierUniform(
        _ shape: Shape, gain: Double = 1, using generator: inout some RandomNumberGenerator
    ) -> Tensor {
        let bound = 3.0.squareRoot() * xavierDeviation(shape, gain, "xavierUniform")
        return uniform(shape, from: -bound, to: bound, using: &generator)
    }

    /// A weight, `outputs × inputs`, normal with standard deviation gain·√(2/(inputs + outputs)): `nn.init.xavier_normal_`.
    public static func xavierNormal(
        _ shape: Shape, gain: Double = 1, using generator: inout some RandomNumberGenerator
    ) -> Tensor {
        normal(shape, standardDeviation: xavierDeviation(shape, gain, "xavierNormal"), using: &generator)
    }

    private static func xavierDeviation(_ shape: Shape, _ gain: Double, _ operation: String) -> Double {
        guard gain >= 0, gain.isFinite else { fatalError("\(operation): gain \(gain); expected a finite number, at least 0") }
        let fans = shape.fans(in: operation), connections = fans.input + fans.output
        return connections == 0 ? 0 : gain * (2 / Double(connections)).squareRoot()
    }
}
