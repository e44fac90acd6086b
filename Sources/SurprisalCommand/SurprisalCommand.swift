import ArgumentParser

@main
struct SurprisalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "surprisal",
        abstract: "Multi-class classification losses on the CPU: exact, fast, in nats.",
        subcommands: [TourCommand.self, LossCommand.self, FitCommand.self])
}
