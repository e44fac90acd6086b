import Surprisal

/// Verifies and measures workloads one after the other.
struct Runner {
    var contest: Contest
    var instructionSet: InstructionSet
    var progress: Progress

    /// The workloads' rows, as far as it came before it was stopped.
    ///
    /// - Throws: `VerificationFailure` when the engine is wrong: its speed is of no interest then.
    func run(_ workloads: [Workload], into report: inout Report, _ meter: LimitMeter) throws {
        for (index, workload) in workloads.enumerated() {
            progress.show("\(index + 1)/\(workloads.count) \(workload.identifier)")
            let exercise = workload.make()
            let verdict = try exercise.verify()
            guard var result = contest.run(exercise, metersProducts: workload.limit == .matrixProduct) else {
                report.isPartial = true
                return
            }
            result.memory.beyondResultBytes = workload.resultBytes.map { result.memory.extraPeakBytes - $0 }
            report.rows.append(
                Row(
                    number: workload.number, workload: workload.name, shape: workload.shape, type: workload.type,
                    pass: workload.pass, consumesInput: workload.consumesInput, threads: Parallel.threadCount,
                    instructionSet: instructionSet.rawValue, naive: result.naive, engine: result.engine,
                    ratio: result.ratio, bytes: workload.bytes, operations: workload.operations,
                    limit: meter.limit(of: workload, taking: result.engine.median, in: report.limits),
                    shareOfCached: LimitMeter.shareOfCached(workload, taking: result.engine.median),
                    products: result.products, memory: result.memory, error: verdict.error, errorBound: verdict.bound))
        }
    }
}
