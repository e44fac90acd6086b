import Surprisal

/// So much of a workload that a processor's second cache has all that it reads and writes.
struct CachedPart {
    /// Bytes; the second caches of today's servers have 1 or 2 MB.
    static let room = 524_288.0
    /// How many times the part makes the whole.
    var times: Double
    var make: () -> Exercise

    /// - Parameter bytes: read and written, of a whole of so many rows.
    /// - Parameter make: of a number of rows.
    init?(rows: Int, bytes: Double, make: @escaping (Int) -> Exercise) {
        let part = max(1, Int(Self.room / (bytes / Double(rows))))
        guard part < rows else { return nil }
        times = Double(rows) / Double(part)
        self.make = { make(part) }
    }
}

/// A workload with its inputs, ready to run: what is verified, timed and handed to the peers.
struct Exercise {
    /// One call of the engine.
    var engine: () -> Void
    /// What must be renewed before a call and is no part of it: inputs that the call uses up.
    var renew: (() -> Void)?
    /// The same work by the naive loops.
    var naive: (() -> Void)?
    /// Compares the engine with the naive loops everywhere and with the high-precision reference on a sample.
    var verify: () throws -> Verdict
    /// By the names that the peers know.
    var inputs: [(name: String, values: InputValues)]
    /// A number that every contender must agree on.
    var agreement: () -> Double
}

enum InputValues {
    case float(Tensor<Float>)
    case double(Tensor<Double>)
    case labels([Int], shape: [Int])

    init<T: Element>(_ values: [T], _ shape: [Int]) {
        if let values = values as? [Float] {
            self = .float(Tensor(values, shape: shape))
        } else {
            self = .double(Tensor(values.map { Double($0) }, shape: shape))
        }
    }
}

/// The engine's worst error, in ULP, and the most that is allowed.
struct Verdict {
    var error: Double
    var bound: Double
}

struct VerificationFailure: Error, CustomStringConvertible {
    let description: String
}

/// What is to be measured, before it has inputs.
struct Workload {
    var number: Int
    var name: String
    var shape: String
    var type: String
    var pass: Row.Pass
    var consumesInput = false
    /// Read and written at least, in a call.
    var bytes: Double
    /// Of these, what is read beside what is copied or updated.
    var alsoRead = 0.0
    var operations: Double
    var limit: Limit.Kind
    /// Of what a call returns, where that is told apart from what it takes besides.
    var resultBytes: Int?
    /// Of row kernels that do not fit it: what fits a second cache of the same.
    var cached: CachedPart?
    var make: () -> Exercise

    var identifier: String {
        Row.identifier(name, shape: shape, type: type, pass: pass, consumesInput: consumesInput)
    }
}
