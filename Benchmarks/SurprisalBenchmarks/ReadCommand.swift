import ArgumentParser
import Foundation
import Surprisal
import SurprisalIO

/// For `scripts/compare-csv`, which lets the readers take turns.
struct Read: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "read", abstract: "Read a CSV file of numbers once for each line of standard input; print the seconds it took and the sum of all numbers.")

    @Argument(help: "A CSV file of numbers with a header or none.")
    var file: String

    func run() throws {
        while readLine() != nil {
            let start = ContinuousClock.now
            let table = try Table<Double>(contentsOf: file, labels: .none)
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            let line = "\(seconds) \(table.features.scalars.reduce(0, +))\n"
            try FileHandle.standardOutput.write(contentsOf: Data(line.utf8))
        }
    }
}
