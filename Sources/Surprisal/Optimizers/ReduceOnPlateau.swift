/// A smaller learning rate when a measure, such as the loss of held-out rows, has stopped getting better: PyTorch's
/// `ReduceLROnPlateau`, with its rules.
///
/// ```swift
/// optimizer.learningRate = plateau.rate(after: heldOutLoss, from: optimizer.learningRate)
/// ```
public struct ReduceOnPlateau: Sendable, Equatable {
    /// What gets better by getting smaller, or larger.
    public enum Direction: Sendable, Equatable { case minimum, maximum }

    /// By how much a measure has to beat the best one so far.
    public enum Threshold: Sendable, Equatable {
        /// By this share of the best one.
        case relative(Double)
        case absolute(Double)
    }

    public let direction: Direction
    public let factor: Double
    public let patience: Int
    public let threshold: Threshold
    public let cooldown: Int
    public let minimumRate, smallestChange: Double
    /// The best measure so far; infinite before the first.
    public private(set) var best: Double
    /// How many measures in a row were no better, since the last reduction or its cooldown.
    public private(set) var badCount = 0
    /// How many more measures count as good after a reduction.
    public private(set) var remainingCooldown = 0

    /// - Parameters:
    ///   - factor: of the reduced rate, below 1.
    ///   - patience: how many bad measures in a row are borne; the next one reduces the rate.
    ///   - cooldown: how many measures after a reduction count as good.
    ///   - minimumRate: no smaller rate is given.
    ///   - smallestChange: a smaller reduction is left out.
    ///
    /// Stops the program when a number is negative or not finite, or the factor not below 1.
    public init(
        _ direction: Direction = .minimum, factor: Double = 0.1, patience: Int = 10, threshold: Threshold = .relative(1e-4),
        cooldown: Int = 0, minimumRate: Double = 0, smallestChange: Double = 1e-8
    ) {
        let margin = switch threshold { case .relative(let value), .absolute(let value): value }
        ScheduleChecks.require(
            "ReduceOnPlateau", ("factor", factor), ("threshold", margin), ("minimumRate", minimumRate),
            ("smallestChange", smallestChange), ("patience", Double(patience)), ("cooldown", Double(cooldown)))
        if factor >= 1 { fatalError("ReduceOnPlateau: factor is \(factor); expected less than 1") }
        (self.direction, self.factor, self.patience, self.threshold) = (direction, factor, patience, threshold)
        (self.cooldown, self.minimumRate, self.smallestChange) = (cooldown, minimumRate, smallestChange)
        best = direction == .minimum ? .infinity : -.infinity
    }

    /// The rate to go on with after a measure: `rate`, or a smaller one. NaN is no better than anything.
    public mutating func rate(after measure: Double, from rate: Double) -> Double {
        if isBetter(measure) {
            best = measure
            badCount = 0
        } else {
            badCount += 1
        }
        if remainingCooldown > 0 {
            remainingCooldown -= 1
            badCount = 0
        }
        guard badCount > patience else { return rate }
        remainingCooldown = cooldown
        badCount = 0
        let reduced = max(rate * factor, minimumRate)
        return rate - reduced > smallestChange ? reduced : rate
    }

    private func isBetter(_ measure: Double) -> Bool {
        switch (direction, threshold) {
        case (.minimum, .relative(let share)): measure < best * (1 - share)
        case (.minimum, .absolute(let margin)): measure < best - margin
        case (.maximum, .relative(let share)): measure > best * (1 + share)
        case (.maximum, .absolute(let margin)): measure > best + margin
        }
    }
}
