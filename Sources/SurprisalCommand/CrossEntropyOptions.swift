import ArgumentParser
import Surprisal

/// The options of the loss of logits, fused with a linear layer or not.
struct CrossEntropyOptions: ParsableArguments {
    // Unconditional: a value that begins with a minus sign is still a value.
    @Option(parsing: .unconditional, help: "ε, from 0 to 1.")
    var labelSmoothing: Double = 0

    @Option(parsing: .unconditional, help: "Logits are divided by it.")
    var temperature: Double = 1

    @Option(parsing: .unconditional, help: ArgumentHelp("Logits become c·tanh(x/c), before the temperature.", valueName: "c"))
    var softCap: Double?

    @Option(parsing: .unconditional, help: ArgumentHelp("λ of λ·lse² in every loss.", valueName: "λ"))
    var zLoss: Double = 0

    @Option(parsing: .unconditionalSingleValue, help: ArgumentHelp("A class that cannot be; may be given several times.", valueName: "class"))
    var mask: [Int] = []

    @Option(parsing: .unconditional, help: "What a mean divides by: label-weights, labels, positions or a number.")
    var denominator: MeanDenominator = .labelWeights

    @Flag(help: "The mean over nothing is 0, not NaN.")
    var emptyMeanIsZero = false

    /// The first that is given and that a loss of log-probabilities has not.
    var ofLogits: String? {
        if labelSmoothing != 0 { return "--label-smoothing" }
        if temperature != 1 { return "--temperature" }
        if softCap != nil { return "--soft-cap" }
        if zLoss != 0 { return "--z-loss" }
        if !mask.isEmpty { return "--mask" }
        if denominator != .labelWeights { return "--denominator" }
        return emptyMeanIsZero ? "--empty-mean-is-zero" : nil
    }

    func loss<Scalar: Surprisal.Scalar>(
        weight: Tensor<Scalar>?, reduction: Reduction, classAxis: Int? = nil
    ) throws -> CrossEntropyLoss<Scalar> {
        try CrossEntropyLoss<Scalar>.check(
            labelSmoothing: labelSmoothing, denominator: denominator, temperature: temperature, softCap: softCap, zLoss: zLoss)
        return CrossEntropyLoss(
            weight: weight, labelSmoothing: labelSmoothing, reduction: reduction, classAxis: classAxis,
            denominator: denominator, emptyMeanIsZero: emptyMeanIsZero, maskedClasses: mask, temperature: temperature,
            softCap: softCap, zLoss: zLoss)
    }
}

extension MeanDenominator: ExpressibleByArgument {
    public init?(argument: String) {
        switch argument {
        case "label-weights": self = .labelWeights
        case "labels": self = .labels
        case "positions": self = .positions
        default:
            guard let number = Double(argument) else { return nil }
            self = .number(number)
        }
    }

    public var defaultValueDescription: String { self == .labelWeights ? "label-weights" : "\(self)" }
}
