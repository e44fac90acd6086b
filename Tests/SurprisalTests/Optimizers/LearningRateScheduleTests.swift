import Surprisal
import Testing

/// One line of `schedules.jsonl`.
private struct ScheduleGolden: Decodable {
    let name, op: String
    let rate: Double
    let steps: Int?
    let factor, end, power, rise: Double?
    let shape: String?
    let threePhase: Bool?
    let rates, stepped: [Double]?
    let mode, thresholdMode: String?
    let threshold, change: Double?
    let patience, cooldown: Int?
    let measures: [Double]?

    func schedule() throws -> any LearningRateSchedule {
        let steps = steps ?? 0
        switch op {
        case "step": return StepSchedule(rate, times: try #require(factor), every: steps)
        case "exponential": return ExponentialSchedule(rate, times: try #require(factor))
        case "cosine": return CosineSchedule(rate, to: try #require(end), over: steps)
        case "polynomial": return PolynomialSchedule(rate, power: try #require(power), over: steps)
        case "warmup exponential":
            return LinearWarmup(into: ExponentialSchedule(rate, times: 0.9), over: steps, from: try #require(factor))
        case "warmup cosine":
            return LinearWarmup(into: CosineSchedule(rate, to: 1e-6, over: 20), over: steps, from: try #require(factor))
        default:
            return OneCycleSchedule(
                to: rate, steps: steps, rise: try #require(rise), divisor: 20, finalDivisor: 500,
                shape: shape == "cos" ? .cosine : .linear, isThreePhase: threePhase == true)
        }
    }
}

@Suite struct LearningRateScheduleTests {
    @Test func followsPyTorch() throws {
        let cases: [ScheduleGolden] = try goldens("schedules").filter { (golden: ScheduleGolden) in golden.op != "plateau" }
        #expect(cases.count == 50)
        for golden in cases {
            let schedule = try golden.schedule(), stepped = try #require(golden.stepped)
            // Multiplied step by step some 50 roundings add up, in the cosine's recursion some more. One-cycle is in closed
            // form in PyTorch as well.
            let isClosed = golden.op == "one-cycle"
            for (step, rate) in stepped.enumerated() {
                let bound = (isClosed ? 1e-15 : 1e-11) * max(rate, golden.rate * 1e-3)
                #expect(abs(schedule(step) - rate) <= bound, "\(golden.name), step \(step)")
            }
            for (step, rate) in (golden.rates ?? []).enumerated() {
                // The end of a cosine is a difference of numbers of the size of the first rate.
                #expect(abs(schedule(step) - rate) <= 1e-15 * (golden.op == "cosine" ? golden.rate : rate), "\(golden.name), step \(step)")
            }
        }
    }

    @Test func constantAndItsWarmup() {
        let schedule = LinearWarmup(into: ConstantSchedule(0.5), over: 4, from: 0)
        #expect((0..<6).map { schedule($0) } == [0, 0.125, 0.25, 0.375, 0.5, 0.5])
        // Warm-ups compose.
        let twice = LinearWarmup(into: schedule, over: 2, from: 1)
        #expect((0..<4).map { twice($0) } == [0, 0, 0, 0.125])
    }

    @Test func reducesOnAPlateauAsPyTorch() throws {
        let cases: [ScheduleGolden] = try goldens("schedules").filter { (golden: ScheduleGolden) in golden.op == "plateau" }
        #expect(cases.count == 12)
        for golden in cases {
            let threshold = try #require(golden.threshold)
            var plateau = ReduceOnPlateau(
                golden.mode == "min" ? .minimum : .maximum, factor: 0.5, patience: try #require(golden.patience),
                threshold: golden.thresholdMode == "rel" ? .relative(threshold) : .absolute(threshold),
                cooldown: try #require(golden.cooldown), minimumRate: try #require(golden.end),
                smallestChange: try #require(golden.change))
            var rate = golden.rate
            var rates: [Double] = []
            for measure in try #require(golden.measures) {
                rate = plateau.rate(after: measure, from: rate)
                rates.append(rate)
            }
            #expect(rates == golden.rates, "\(golden.name)")
        }
    }

    @Test func whatIsOutOfRangeStopsTheProgram() async throws {
        let steps = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = CosineSchedule(0.1, over: 0)
        }
        #expect(String(decoding: steps.standardErrorContent, as: UTF8.self).contains("CosineSchedule: steps is 0; expected at least 1"))
        let end = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = OneCycleSchedule(to: 0.1, steps: 10)(10)
        }
        #expect(String(decoding: end.standardErrorContent, as: UTF8.self).contains("OneCycleSchedule: step 10; expected 0 to 9"))
    }
}
