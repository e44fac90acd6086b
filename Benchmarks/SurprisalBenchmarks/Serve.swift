import ArgumentParser
import Foundation
import Surprisal
import SurprisalIO
import SurprisalKernels

/// The engine's side of the comparison with peers: commands on standard input, one line of JSON for each.
struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Answer the peer comparison: rows, rate, prepare, time, products, memory, release.", shouldDisplay: false)

    private struct Answer: Encodable {
        struct Row: Encodable {
            let identifier, workload, shape, type, pass: String
            let number: Int
            let consumesInput: Bool
            /// Of the matrix products that a call cannot do without, where they are its limit.
            let productOperations: Double?

            init(_ workload: Workload) {
                identifier = workload.identifier
                self.workload = workload.name
                shape = workload.shape
                type = workload.type
                pass = workload.pass.rawValue
                number = workload.number
                consumesInput = workload.consumesInput
                productOperations = workload.limit == .matrixProduct ? workload.operations : nil
            }
        }
        var rows: [Row]?
        var loss: Double?
        var seconds: Double?
        var calls: Int?
        /// Operations per second.
        var rate: Double?
        var bytes: Int?
        var error: String?
    }

    func run() throws {
        var exercise: Exercise?, resultBytes: Int?
        while let line = readLine() {
            // Identifiers have spaces in them, paths of temporary folders not.
            var words = line.split(separator: " ", maxSplits: 1).map(String.init)
            if words.first == "prepare", let rest = words.popLast(), let space = rest.lastIndex(of: " ") {
                words += [String(rest[..<space]), String(rest[rest.index(after: space)...])]
            }
            var answer = Answer()
            do {
                switch words.first {
                case "rows": answer.rows = Workload.all.map { Answer.Row($0) }
                case "rate":
                    let meter = LimitMeter(instructionSet: .current)
                    answer.rate = meter.matrixProduct(Parallel.threadCount, Float.self)
                case "prepare" where words.count == 3:
                    exercise = nil
                    let (workload, prepared) = try prepare(words[1], at: words[2])
                    answer.loss = prepared.agreement()
                    (exercise, resultBytes) = (prepared, workload.resultBytes)
                case "time" where words.count == 2:
                    guard let exercise, let least = Double(words[1]), least > 0 else {
                        throw CommandFailure("time: expected a positive number of seconds, after prepare")
                    }
                    (answer.seconds, answer.calls) = Self.time(exercise, atLeast: least)
                case "products" where words.count == 2:
                    guard let exercise, let least = Double(words[1]), least > 0 else {
                        throw CommandFailure("products: expected a positive number of seconds, after prepare")
                    }
                    var calls = 0
                    let used = MatrixProduct.metered { calls = Self.time(exercise, atLeast: least).calls }
                    (answer.seconds, answer.calls) = (used.seconds / Double(calls), calls)
                case "memory":
                    guard let exercise, let resultBytes else {
                        throw CommandFailure("memory: expected a row that tells its result apart, after prepare")
                    }
                    answer.bytes = Contest.memory(exercise).extraPeakBytes - resultBytes
                case "release": exercise = nil
                default: throw CommandFailure("'\(line)'; expected rows, rate, prepare IDENTIFIER PATH, time SECONDS, products SECONDS, memory or release")
                }
            } catch { answer = Answer(error: "\(error)") }
            try FileHandle.standardOutput.write(contentsOf: try JSONEncoder().encode(answer) + Data("\n".utf8))
        }
    }

    private func prepare(_ identifier: String, at path: String) throws -> (Workload, Exercise) {
        guard let workload = Workload.all.first(where: { $0.identifier == identifier }) else {
            throw CommandFailure("no workload '\(identifier)'")
        }
        let exercise = workload.make()
        var writer = SafetensorsWriter()
        for (name, values) in exercise.inputs {
            switch values {
            case .float(let tensor): try writer.add(name, shape: tensor.shape, values: tensor.scalars)
            case .double(let tensor): try writer.add(name, shape: tensor.shape, values: tensor.scalars)
            case .labels(let labels, let shape): try writer.add(name, shape: shape, values: labels)
            }
        }
        try writer.write(to: path)
        exercise.renew?()
        exercise.engine()
        return (workload, exercise)
    }

    /// Seconds a call; what must be renewed before a call is not counted.
    private static func time(_ exercise: Exercise, atLeast least: Double) -> (seconds: Double, calls: Int) {
        var spent = 0.0, calls = 0, batch = 1
        while spent < least {
            exercise.renew?()
            let time = seconds { for _ in 0..<batch { exercise.engine() } }
            spent += time
            calls += batch
            // So many that reading the clock costs nothing beside them.
            if exercise.renew == nil, time < 1e-4 { batch *= 2 }
        }
        return (spent / Double(calls), calls)
    }
}
