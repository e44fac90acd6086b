/// What one run of the runner measured: what the tables, the charts and the JSON file show.
///
/// Times are seconds, amounts bytes or floating-point operations, rates the same per second.
struct Report: Codable, Equatable {
    /// Of this layout; `--baseline` refuses another.
    static let currentFormat = 1

    var format = Report.currentFormat
    var date: String
    var machine: MachineDescription
    var limits: Limits
    var rows: [Row] = []
    var sweeps: [Sweep] = []
    /// Whether the run was stopped before its last row.
    var isPartial = false
}

struct MachineDescription: Codable, Equatable {
    var processor: String
    var processorCount: Int
    var system: String
    var blas: String
}

/// What the machine can do at all with this number of threads, measured in the same run.
struct Limits: Codable, Equatable {
    var threads: Int
    var instructionSet: String
    /// Bytes per second over arrays far larger than the caches: read alone; read plus written of a copy; read plus
    /// written of an update in place.
    var read: Double
    var copy: Double
    var update: Double
    /// Floating-point operations per second, a multiply-add counting two.
    var float: Arithmetic
    var double: Arithmetic

    struct Arithmetic: Codable, Equatable {
        var oneCore: Double
        var allCores: Double
        var matrixProduct: Double
    }
}

struct Row: Codable, Equatable {
    enum Pass: String, Codable, CaseIterable {
        case forward, gradient, both, step, fit
    }

    /// The number of the workload in the table of targets.
    var number: Int
    /// `cross-entropy`, `linear`, …
    var workload: String
    /// `2048×32000`
    var shape: String
    /// `Float` or `Double`
    var type: String
    var pass: Pass
    /// Whether the caller gives its logits away, so that their memory becomes the gradient's.
    var consumesInput: Bool
    var threads: Int
    var instructionSet: String
    /// None when it was not asked for.
    var naive: Timing?
    var engine: Timing
    /// The naive loops' median over the engine's.
    var ratio: Interval?
    /// Read from and written to memory at least, in a call.
    var bytes: Double
    /// Floating-point operations in a call.
    var operations: Double
    var limit: Limit
    /// Of the speed that it would have in the processors' second caches, 0 to 1; none of what fits them and of products.
    var shareOfCached: Double?
    /// Where matrix products are the limit.
    var products: ProductUse?
    var memory: MemoryUse
    /// Worst error against the high-precision reference and what is allowed, in ULP.
    var error: Double
    var errorBound: Double

    var identifier: String {
        Self.identifier(workload, shape: shape, type: type, pass: pass, consumesInput: consumesInput)
    }

    /// `cross-entropy/2048×32000/Float/both`: what `--filter` is matched with and `--baseline` joins by.
    static func identifier(
        _ workload: String, shape: String, type: String, pass: Pass, consumesInput: Bool
    ) -> String {
        "\(workload)/\(shape)/\(type)/\(pass.rawValue)\(consumesInput ? "-consumed" : "")"
    }
}

/// Seconds a call, from as many samples as there were rounds.
struct Timing: Codable, Equatable {
    var median: Double
    var lowerQuartile: Double
    var upperQuartile: Double
    var samples: [Double]
}

struct Interval: Codable, Equatable {
    var value: Double
    /// 95 % interval.
    var low: Double
    var high: Double
}

/// The roof above a row.
struct Limit: Codable, Equatable {
    enum Kind: String, Codable {
        case read, copy, update, arithmetic, matrixProduct, none
    }
    var kind: Kind
    /// Bytes or operations per second, measured in this run; 0 when no limit of the machine binds.
    var rate: Double
    /// Of the limit, 0 to 1.
    var share: Double
}

/// What of a row's time is spent in matrix products, and how fast they are there. Medians of the samples.
struct ProductUse: Codable, Equatable {
    /// Of the time, 0 to 1, and its quartiles.
    var share: Double
    var lowerQuartile: Double
    var upperQuartile: Double
    /// Operations per second while a product runs.
    var rate: Double
    /// Products a call.
    var count: Double
}

struct MemoryUse: Codable, Equatable {
    /// Live heap bytes at their highest during a call, beyond what was live before it, counted by an interposed allocator.
    var extraPeakBytes: Int
    /// What of them is not the result's own; none where that is not told apart.
    var beyondResultBytes: Int?
    /// Heap objects that a call after warm-up takes from the allocator.
    var heapObjects: Double
    /// Blocks of tensor memory that calls after warm-up did not find in the pool.
    var freshBlocks: Int
    /// Page faults of all timed calls.
    var pageFaults: Int
}

/// Time against size, to see that it grows linearly.
struct Sweep: Codable, Equatable {
    struct Point: Codable, Equatable {
        var rows: Int
        var classes: Int
        var seconds: Double
    }
    /// `rows` or `classes`: what grows.
    var name: String
    var points: [Point]
    /// The slope of log time over log entries from 10⁶ entries on: 1 is linear.
    var slope: Double
}
