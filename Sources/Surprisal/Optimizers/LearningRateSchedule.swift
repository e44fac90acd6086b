import SurprisalKernels

/// The learning rate as a function of the steps (or epochs) taken: a value, which remembers nothing.
///
/// ```swift
/// optimizer.learningRate = schedule(optimizer.stepCount)
/// ```
///
/// The formulas are those of `torch.optim.lr_scheduler`, in closed form: PyTorch multiplies step by step where it can,
/// which adds up rounding errors.
///
/// The schedules stop the program when a number of steps is not positive, or another number not finite; and when a step
/// is negative.
public protocol LearningRateSchedule: Sendable {
    /// - Parameter step: from 0.
    func callAsFunction(_ step: Int) -> Double
}

/// What the schedules want of their numbers.
enum ScheduleChecks {
    static func require(_ schedule: String, _ numbers: (String, Double)..., steps: (String, Int)...) {
        for (name, number) in numbers where !number.isFinite || number < 0 {
            fatalError("\(schedule): \(name) is \(number); expected a finite number, at least 0")
        }
        for (name, count) in steps where count < 1 { fatalError("\(schedule): \(name) is \(count); expected at least 1") }
    }

    static func requireStep(_ step: Int, _ schedule: String) -> Double {
        if step < 0 { fatalError("\(schedule): step \(step); expected at least 0") }
        return Double(step)
    }
}

/// The same rate at every step.
public struct ConstantSchedule: LearningRateSchedule, Equatable {
    public let rate: Double

    public init(_ rate: Double) {
        ScheduleChecks.require("ConstantSchedule", ("rate", rate))
        self.rate = rate
    }

    public func callAsFunction(_ step: Int) -> Double {
        _ = ScheduleChecks.requireStep(step, "ConstantSchedule")
        return rate
    }
}

/// `η·γ^⌊t/n⌋`: PyTorch's `StepLR`.
public struct StepSchedule: LearningRateSchedule, Equatable {
    public let rate, factor: Double
    public let steps: Int

    /// - Parameter steps: n, after which the rate is multiplied by the factor γ, again and again.
    public init(_ rate: Double, times factor: Double = 0.1, every steps: Int) {
        ScheduleChecks.require("StepSchedule", ("rate", rate), ("factor", factor), steps: ("steps", steps))
        (self.rate, self.factor, self.steps) = (rate, factor, steps)
    }

    public func callAsFunction(_ step: Int) -> Double {
        _ = ScheduleChecks.requireStep(step, "StepSchedule")
        return rate * SpecialFunctions.pow(factor, Double(step / steps))
    }
}

/// `η·γ^t`: PyTorch's `ExponentialLR`.
public struct ExponentialSchedule: LearningRateSchedule, Equatable {
    public let rate, factor: Double

    public init(_ rate: Double, times factor: Double) {
        ScheduleChecks.require("ExponentialSchedule", ("rate", rate), ("factor", factor))
        (self.rate, self.factor) = (rate, factor)
    }

    public func callAsFunction(_ step: Int) -> Double {
        rate * SpecialFunctions.pow(factor, ScheduleChecks.requireStep(step, "ExponentialSchedule"))
    }
}

/// `e + (η − e)·(1 + cos(π·t/T))/2`: PyTorch's `CosineAnnealingLR`, which after T steps rises again.
///
/// Source: I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017, arXiv 1608.03983.
public struct CosineSchedule: LearningRateSchedule, Equatable {
    public let rate, end: Double
    public let steps: Int

    /// - Parameters:
    ///   - end: e, the rate at step T.
    ///   - steps: T.
    public init(_ rate: Double, to end: Double = 0, over steps: Int) {
        ScheduleChecks.require("CosineSchedule", ("rate", rate), ("end", end), steps: ("steps", steps))
        (self.rate, self.end, self.steps) = (rate, end, steps)
    }

    public func callAsFunction(_ step: Int) -> Double {
        let angle = Double.pi * ScheduleChecks.requireStep(step, "CosineSchedule") / Double(steps)
        return end + (rate - end) * (1 + SpecialFunctions.cos(angle)) / 2
    }
}

/// `η·(1 − t/T)^p` up to step T, 0 from there on: PyTorch's `PolynomialLR`.
public struct PolynomialSchedule: LearningRateSchedule, Equatable {
    public let rate, power: Double
    public let steps: Int

    /// - Parameters:
    ///   - power: p; 1 is a straight line.
    ///   - steps: T.
    public init(_ rate: Double, power: Double = 1, over steps: Int) {
        ScheduleChecks.require("PolynomialSchedule", ("rate", rate), ("power", power), steps: ("steps", steps))
        (self.rate, self.power, self.steps) = (rate, power, steps)
    }

    public func callAsFunction(_ step: Int) -> Double {
        _ = ScheduleChecks.requireStep(step, "PolynomialSchedule")
        return rate * SpecialFunctions.pow(1 - Double(min(step, steps)) / Double(steps), power)
    }
}

/// A straight rise to the first rate of another schedule, which follows: PyTorch's `LinearLR` and the other one in a
/// `SequentialLR`.
///
/// `η·(f + (1 − f)·t/n)` before step n, where η is the other schedule's rate at its step 0; from there on its rate at t − n.
public struct LinearWarmup<Next: LearningRateSchedule>: LearningRateSchedule {
    public let next: Next
    public let factor: Double
    public let steps: Int

    /// - Parameters:
    ///   - steps: n.
    ///   - factor: f, of the first step's rate.
    public init(into next: Next, over steps: Int, from factor: Double = 1.0 / 3) {
        ScheduleChecks.require("LinearWarmup", ("factor", factor), steps: ("steps", steps))
        (self.next, self.factor, self.steps) = (next, factor, steps)
    }

    public func callAsFunction(_ step: Int) -> Double {
        let t = ScheduleChecks.requireStep(step, "LinearWarmup")
        return step < steps ? next(0) * (factor + (1 - factor) * t / Double(steps)) : next(step - steps)
    }
}

/// Up to the largest rate and down to nearly nothing: PyTorch's `OneCycleLR`, of its rates.
///
/// From max/divisor to max in the share of the steps that rises; then down to max/divisor/finalDivisor, or, with
/// `isThreePhase`, back in as many steps and only then down there. A phase that PyTorch would divide by 0 for, as it has
/// no length, is at its end.
///
/// Source: L. N. Smith, N. Topin, "Super-convergence: very fast training of neural networks using large learning rates",
/// 2019, arXiv 1708.07120.
public struct OneCycleSchedule: LearningRateSchedule, Equatable {
    public enum Shape: Sendable, Equatable { case cosine, linear }

    public let maximum, rise, divisor, finalDivisor: Double
    public let steps: Int
    public let shape: Shape
    public let isThreePhase: Bool

    /// - Parameter rise: the share of the steps with a rising rate, PyTorch's `pct_start`; above 1, or above ½ with three
    ///   phases, stops the program, as divisors below 1 do.
    public init(
        to maximum: Double, steps: Int, rise: Double = 0.3, divisor: Double = 25, finalDivisor: Double = 1e4,
        shape: Shape = .cosine, isThreePhase: Bool = false
    ) {
        ScheduleChecks.require(
            "OneCycleSchedule", ("maximum", maximum), ("rise", rise), ("divisor", divisor), ("finalDivisor", finalDivisor),
            steps: ("steps", steps))
        if rise > (isThreePhase ? 0.5 : 1) { fatalError("OneCycleSchedule: rise is \(rise); expected at most \(isThreePhase ? 0.5 : 1)") }
        for (name, value) in [("divisor", divisor), ("finalDivisor", finalDivisor)] where value < 1 {
            fatalError("OneCycleSchedule: \(name) is \(value); expected at least 1")
        }
        (self.maximum, self.steps, self.rise, self.divisor) = (maximum, steps, rise, divisor)
        (self.finalDivisor, self.shape, self.isThreePhase) = (finalDivisor, shape, isThreePhase)
    }

    /// Stops the program when the step is not one of the cycle's: the first is 0.
    public func callAsFunction(_ step: Int) -> Double {
        if step < 0 || step >= steps { fatalError("OneCycleSchedule: step \(step); expected 0 to \(steps - 1)") }
        let first = maximum / divisor, last = first / finalDivisor
        let end = Double(steps - 1), risen = rise * Double(steps) - 1
        var phases: [(end: Double, from: Double, to: Double)] = [(risen, first, maximum)]
        if isThreePhase {
            phases += [(2 * rise * Double(steps) - 2, maximum, first), (end, first, last)]
        } else {
            phases.append((end, maximum, last))
        }
        var start = 0.0
        for (place, phase) in phases.enumerated() {
            if Double(step) <= phase.end || place == phases.count - 1 {
                let length = phase.end - start
                return between(phase.from, phase.to, length == 0 ? 1 : (Double(step) - start) / length)
            }
            start = phase.end
        }
        return last
    }

    private func between(_ start: Double, _ end: Double, _ share: Double) -> Double {
        switch shape {
        case .cosine: end + (start - end) / 2 * (SpecialFunctions.cos(Double.pi * share) + 1)
        case .linear: (end - start) * share + start
        }
    }
}
