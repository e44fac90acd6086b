import ArgumentParser
import SurprisalKernels

@main
struct SurprisalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "surprisal",
        abstract: "Multi-class classification on the CPU: exact, fast, in nats.",
        subcommands: [
            TourCommand.self, TrainCommand.self, EvaluateCommand.self, PredictCommand.self, CalibrateCommand.self,
            InspectCommand.self, FitCommand.self, LossCommand.self,
        ])

    static func main() {
        // Files are read where they lie.
        FileMapping.endWhenTruncated(status: Failure.Status.inputOutput.rawValue)
        main(nil)
    }
}
