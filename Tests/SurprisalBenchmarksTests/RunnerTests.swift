import Surprisal
import SurprisalKernels
import SurprisalReference
import Testing

@testable import SurprisalBenchmarks

/// The runner on its smallest workloads: what is verified, counted and timed.
@Suite struct RunnerTests {
    private static func workload(_ identifier: String) throws -> Workload {
        try #require(Workload.all.first { $0.identifier == identifier })
    }

    @Test func everyWorkloadHasItsOwnIdentifier() {
        let identifiers = Workload.all.map(\.identifier)
        #expect(Set(identifiers).count == identifiers.count)
        // All of the tables of targets.
        #expect(Set(Workload.all.map(\.number)) == Set(1...17))
        for sweep in NamedSweep.allCases {
            let points = sweep.workloads.map(\.identifier)
            #expect(points.count > 8 && Set(points).count == points.count && Set(points).isDisjoint(with: identifiers))
        }
    }

    @Test(arguments: [
        "cross-entropy/1×10/Float/forward", "cross-entropy/128×10/Float/both", "cross-entropy/128×10/Float/both-consumed",
        "linear/128×512→10/Float/both", "step/2→8→3 batch 3/Float/step", "step-graph/2→8→3 batch 3/Float/step",
        "linear-cross-entropy/256×128→4000/Float/both", "adaptive-log-softmax/256×64→5000/Float/both",
    ])
    func isVerifiedAndTakesNoFreshMemoryOnceWarm(identifier: String) async {
        // In a process of its own: the pool and the heap that are counted are everybody's.
        await #expect(processExitsWith: .success) { [identifier = identifier as String] in
            let workload = try Self.workload(identifier), exercise = workload.make()
            let verdict = try exercise.verify()
            #expect(verdict.error <= verdict.bound)
            let contest = Contest(rounds: 5, budget: 1, isStopped: { false })
            let result = try #require(contest.run(exercise))
            #expect(result.engine.samples.count == 5 && result.naive?.samples.count == 5)
            #expect(result.engine.median > 0)
            #expect(result.memory.freshBlocks == 0)
            if workload.name == "step" {
                #expect(result.memory.extraPeakBytes == 0 && result.memory.heapObjects == 0)
            } else {
                #expect(result.memory.extraPeakBytes > 0 && result.memory.heapObjects > 0)
            }
            #expect(result.products == nil)
            if workload.consumesInput {
                // Row losses and the result, not a copy of the logits.
                #expect(result.memory.extraPeakBytes < 128 * 10 * 4)
            }
        }
    }

    /// What is in products, and what memory is not the result's.
    @Test func productsAndMemoryOfTheFusedLoss() async {
        await #expect(processExitsWith: .success) {
            let budget = 1 << 20, (rows, features, classes) = (128, 64, 4000)
            for workload in Workload.linearCrossEntropy(14, rows: rows, features: features, classes: classes, blockBytes: budget) {
                let exercise = workload.make(), verdict = try exercise.verify()
                #expect(verdict.error <= verdict.bound)
                let contest = Contest(rounds: 5, budget: 1, timesNaive: false, isStopped: { false })
                let result = try #require(contest.run(exercise, metersProducts: true))
                let products = try #require(result.products)
                // 128 rows of 16 kB: two blocks.
                #expect(products.count == (workload.pass == .both ? 6 : 2))
                #expect(products.lowerQuartile <= products.share && products.share <= products.upperQuartile)
                #expect(products.share > 0.05 && products.share < 1 && products.rate > 1e8)
                // A block of logits, and some numbers a row.
                let beyond = result.memory.extraPeakBytes - (try #require(workload.resultBytes))
                #expect(beyond > budget / 2 && beyond < budget + budget / 16)
            }
        }
    }

    @Test(arguments: FurtherLoss.allCases) func furtherLossesAreVerified(form: FurtherLoss) throws {
        for workload in Workload.furtherLoss(16, form, rows: 32, classes: 60) {
            let exercise = workload.make(), verdict = try exercise.verify()
            #expect(verdict.error > 0 && verdict.error <= verdict.bound)
            exercise.engine()
            exercise.naive?()
            #expect(exercise.agreement().isFinite)
        }
    }

    @Test func aStoppedContestHasNoResult() throws {
        let contest = Contest(rounds: 5, budget: 1, isStopped: { true })
        #expect(contest.run(try Self.workload("cross-entropy/1×10/Float/forward").make()) == nil)
    }

    /// One wrong digit in any of a row's numbers is found.
    @Test func aWrongEngineIsFound() throws {
        let logits: [Float] = [0.5, -1, 2, 0.25, 1, 3], labels = [2, 0], view = ReferenceShape(outer: 2, classes: 3)
        func verifier() -> RowVerifier<Float> {
            RowVerifier(
                what: "test", view: view, logits: logits,
                target: RowTarget(labels: labels, probabilities: nil, weights: nil, smoothing: 0))
        }
        let naive = Reference.crossEntropies(logits, labels: labels, shape: view)
        let naiveGradient = Reference.crossEntropyGradient(logits, labels: labels, shape: view)
        let y = try Labels(labels, classCount: 3), x = Tensor(logits, shape: [2, 3])
        let losses = CrossEntropyLoss<Float>(reduction: .none)(x, y).scalars
        let (mean, gradient) = CrossEntropyLoss<Float>().valueWithGradient(at: x, y)

        var right = verifier()
        try right.losses(Tensor(losses).span, naive: naive)
        try right.mean(mean.item(), of: Tensor(losses).span)
        try right.gradient(gradient.span, naive: naiveGradient)
        #expect(right.worst > 0 && right.worst <= right.bound)

        for i in losses.indices {
            var wrong = losses
            wrong[i] += 6 * wrong[i].ulp
            #expect(throws: VerificationFailure.self) {
                var verifier = verifier()
                try verifier.losses(Tensor(wrong).span, naive: naive)
            }
        }
        for i in 0..<6 {
            var wrong = gradient.scalars
            wrong[i] += 6 * wrong[i].ulp
            #expect(throws: VerificationFailure.self) {
                var verifier = verifier()
                try verifier.gradient(Tensor(wrong).span, naive: naiveGradient)
            }
        }
        #expect(throws: VerificationFailure.self) {
            var verifier = verifier()
            try verifier.mean(mean.item().nextUp.nextUp, of: Tensor(losses).span)
        }
        #expect(throws: VerificationFailure.self) {
            var verifier = verifier()
            try verifier.losses(Tensor([losses[0]]).span, naive: naive)
        }
    }

    @Test func whatFitsASecondCacheIsAPartOfTheSame() throws {
        var taken: [Int] = []
        func part(_ rows: Int, _ bytes: Double) -> CachedPart? {
            CachedPart(rows: rows, bytes: bytes) { rows in
                taken.append(rows)
                let spin = {
                    let start = ContinuousClock.now
                    while ContinuousClock.now - start < .microseconds(200) {}
                }
                return Exercise(
                    engine: spin, verify: { Verdict(error: 0, bound: 0) }, inputs: [], agreement: { 0 })
            }
        }
        #expect(part(64, 524_288) == nil)
        let rows = try #require(part(65, 532_480)), row = try #require(part(2, 2_000_000))
        #expect(rows.times == 65.0 / 64 && row.times == 2)
        _ = (rows.make(), row.make())
        #expect(taken == [64, 1])

        var workload = try Self.workload("cross-entropy/1×10/Float/both")
        #expect(LimitMeter.shareOfCached(workload, taking: 1) == nil)
        // Two rows of 200 µs each, by two threads in 400 µs: half of what they could.
        workload.cached = row
        let share = try #require(Parallel.override.withValue(2) { LimitMeter.shareOfCached(workload, taking: 400e-6) })
        #expect(share >= 0.5 && share < 0.75)
    }

    @Test func theLowerRoofBinds() throws {
        let meter = LimitMeter(instructionSet: .baseline)
        var limits = SampleReports.limits
        var workload = try Self.workload("cross-entropy/4096×1000/Float/both-consumed")
        (workload.bytes, workload.operations) = (32e6, 64e6)
        // No processor computes as fast, and each moves more slowly than it would take to bind then: 64 ns for 32 MB.
        limits.float.allCores = 1e15
        #expect(meter.limit(of: workload, taking: 1e-3, in: limits).kind == .update)
        limits.float.allCores = 1e9
        let limit = meter.limit(of: workload, taking: 0.1, in: limits)
        #expect(limit.kind == .arithmetic && limit.rate == 1e9 && abs(limit.share - 0.64) < 1e-12)
        workload.limit = .none
        #expect(meter.limit(of: workload, taking: 0.1, in: limits).kind == .none)
    }

    @Test func theLimitsAreInOrder() {
        let meter = LimitMeter(instructionSet: .baseline)
        let limits = meter.limits(threads: 1, instructionSet: .baseline)
        for rate in [limits.read, limits.copy, limits.update, limits.float.matrixProduct, limits.double.oneCore] {
            #expect(rate > 1e8 && rate < 1e13)
        }
        // Half as many numbers in a vector. Other tests run meanwhile and may slow either of the two, not both in the
        // same way each time.
        let ratios = (0..<20).lazy.map { _ in
            meter.multiplyAdds(threads: 1, Float.self) / meter.multiplyAdds(threads: 1, Double.self)
        }
        #expect(ratios.contains { (1.6...2.4).contains($0) })
    }
}
