import ArgumentParser
import Foundation
import Surprisal
import SurprisalKernels

@main
struct BenchmarkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "surprisal-bench",
        abstract: "Measures the engine against naive loops and the machine's limits, after verifying it.",
        discussion: "Every workload is compared with the naive loops and with a high-precision reference before it is timed. Times are medians of rounds in which the naive loops and the engine take turns.",
        subcommands: [Measure.self, Read.self, Serve.self], defaultSubcommand: Measure.self)
}

struct Measure: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure", abstract: "Verify, time and report (the default).")

    @Option(help: ArgumentHelp("Only workloads whose identifier contains this; may be repeated.", valueName: "text"))
    var filter: [String] = []
    @Option(help: "Threads of the engine, 1 to 256; the number of processors unless given.")
    var threads: Int?
    @Option(help: "The instruction set: baseline, avx2 or avx512; the best of the processor unless given.")
    var isa: String?
    @Option(help: "Rounds of each workload, at most; 5 at least are run of a long one.")
    var rounds = 21
    @Option(help: "Seconds that the rounds of a workload may take.")
    var seconds = 3.0
    @Flag(help: "Leave out the naive loops.")
    var skipNaive = false
    @Flag(help: "Leave out the sweeps over 10³ to 10⁸ entries.")
    var skipSweeps = false
    @Option(help: ArgumentHelp("Only a sweep around one shape: linear-cross-entropy, over rows, classes, features and bytes of a block.", valueName: "name"))
    var sweep: NamedSweep?
    @Flag(help: "List the workloads' identifiers and stop.")
    var list = false
    @Option(help: ArgumentHelp("Write everything measured as JSON.", valueName: "file"))
    var json: String?
    @Option(help: ArgumentHelp("Write the tables as Markdown.", valueName: "file"))
    var markdown: String?
    @Option(help: ArgumentHelp("Draw a roofline, bars and the sweeps.", valueName: "file"))
    var svg: String?
    @Option(help: ArgumentHelp("Compare with the JSON of an earlier run.", valueName: "file"))
    var baseline: String?

    func validate() throws {
        if rounds < 2 { throw ValidationError("--rounds is \(rounds); expected at least 2") }
        if !(seconds > 0 && seconds.isFinite) { throw ValidationError("--seconds is \(seconds); expected more than 0") }
        if let threads, !(1...256).contains(threads) {
            throw ValidationError("--threads is \(threads); expected 1 to 256")
        }
    }

    func run() throws {
        let isa = try instructionSet(), workloads = try Self.with(isa) { try chosen() }
        if list {
            for workload in workloads { print(workload.identifier) }
            return
        }
        // Before the minutes of measuring, not after.
        let earlier = try baseline.map { try Baseline(contentsOf: $0) }
        for path in [json, markdown, svg].compactMap(\.self) { try ReportFile.requireWritable(path) }
        if let threads { Parallel.threadCount = threads }
        Interruption.watch()
        try Self.with(isa) { try measure(workloads, isa, earlier) }
    }

    /// Without an override when none is wanted: to look for it takes part of a small call's time.
    private static func with<R>(_ isa: InstructionSet, _ body: () throws -> R) rethrows -> R {
        isa == .current ? try body() : try InstructionSet.override.withValue(isa, operation: body)
    }

    private func chosen() throws -> [Workload] {
        let unasked = sweep?.workloads ?? Workload.all, all = sweep?.workloads ?? unasked + Workload.long
        let workloads = filter.isEmpty ? unasked : all.filter { workload in
            // `x` may stand for the `×` of the identifiers.
            filter.contains { workload.identifier.contains($0) || workload.identifier.replacing("×", with: "x").contains($0) }
        }
        if workloads.isEmpty {
            throw ValidationError("--filter \(filter.joined(separator: ", ")) matches none of \(all.count) workloads; --list shows them")
        }
        return workloads
    }

    private func instructionSet() throws -> InstructionSet {
        guard let isa else { return InstructionSet.current }
        guard let set = InstructionSet(rawValue: isa), set.isAvailable else {
            let available = InstructionSet.available.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--isa is \(isa); expected one of \(available), which this processor has")
        }
        return set
    }

    private func measure(_ workloads: [Workload], _ isa: InstructionSet, _ earlier: Baseline?) throws {
        let progress = Progress(), meter = LimitMeter(instructionSet: isa)
        progress.show("the machine's limits")
        var report = Report(
            date: Date.now.formatted(.iso8601.year().month().day()), machine: .current,
            limits: meter.limits(threads: Parallel.threadCount, instructionSet: isa))
        let runner = Runner(
            contest: Contest(
                rounds: rounds, budget: seconds, timesNaive: !skipNaive && sweep == nil, isStopped: { Interruption.isRequested }),
            instructionSet: isa, progress: progress)
        do {
            try runner.run(workloads, into: &report, meter)
        } catch let failure as VerificationFailure {
            progress.clear()
            throw CommandFailure("verification failed: \(failure)")
        }
        if !skipSweeps, filter.isEmpty, sweep == nil, !Interruption.isRequested {
            report.sweeps = GrowthSweep.run(progress) { Interruption.isRequested }
        }
        report.isPartial = report.isPartial || Interruption.isRequested
        progress.clear()
        let comparison = earlier?.comparison(with: report)
        print(report.text(comparedBy: comparison))
        if let json { try ReportFile.write(report.json(), to: json) }
        if let markdown { try ReportFile.write(Data(report.markdown(comparedBy: comparison).utf8), to: markdown) }
        if let svg { try ReportFile.write(Data(report.svg.utf8), to: svg) }
        // As a shell reports a program that the signal ended.
        if report.isPartial { throw ExitCode(130) }
    }
}

extension NamedSweep: ExpressibleByArgument {}

/// An error of which one line is shown.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
