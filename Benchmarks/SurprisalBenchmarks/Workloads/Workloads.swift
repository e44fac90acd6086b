extension Workload {
    /// All of them, in the order of the table of targets; the passes of one shape one after the other.
    static var all: [Workload] {
        logSoftmax(1, rows: 4096, classes: 1000, Float.self)
        + [(3, 1, 10), (3, 128, 10), (4, 65536, 10), (4, 65536, 3), (5, 4096, 1000), (6, 512, 32000), (6, 2048, 32000),
            (6, 256, 128_256)]
            .flatMap { crossEntropy($0.0, shape: [$0.1, $0.2], Float.self) }
        + crossEntropy(7, shape: [4096, 1000], Float.self, .options)
        + [FurtherLoss.zLoss, .temperature].flatMap { furtherLoss(7, $0, rows: 4096, classes: 1000) }
        + crossEntropy(8, shape: [4096, 1000], Float.self, .soft)
        + crossEntropy(9, shape: [4, 21, 256, 256], Float.self, .segmentation)
        + [(1024, 2048, 1000), (128, 784, 512), (128, 512, 10)]
            .flatMap { linear(10, rows: $0.0, inputs: $0.1, outputs: $0.2, Float.self) }
        + step(11, batch: 3, sizes: [2, 8, 3], relu: false)
        + step(12, batch: 128, sizes: [784, 512, 10], relu: true)
        + epoch(17, rows: 1437, batch: 64, sizes: [64, 128, 10])
        + epoch(17, rows: 60000, batch: 128, sizes: [784, 512, 10])
        + [(13, 4096, 1000), (13, 2048, 32000)].flatMap { crossEntropy($0.0, shape: [$0.1, $0.2], Double.self) }
        + [(256, 128, 4000), (2048, 768, 32000), (1024, 1024, 128_256)]
            .flatMap { linearCrossEntropy(14, rows: $0.0, features: $0.1, classes: $0.2) }
        + linearCrossEntropyOfWords(14, rows: 1024, features: 256, classes: 32000)
        + linearCrossEntropyRows(14, rows: 1024, features: 512, classes: 32000)
        + [
            .synthetic(rows: 200_000, features: 20, classes: 4, noise: 8), .digits,
            .synthetic(rows: 5000, features: 50, classes: 100, noise: 4),
            .synthetic(rows: 200, features: 2000, classes: 3, noise: 40),
        ].flatMap { regression(15, $0) }
        + [FurtherLoss.focal, .poly, .divergence, .multiMargin, .binary]
            .flatMap { furtherLoss(16, $0, rows: 4096, classes: 1000) }
        + adaptiveLogSoftmax(16, rows: 256, features: 64, classes: 5000, cutoffs: [200, 1000])
        + adaptiveLogSoftmax(16, rows: 1024, features: 512, classes: 100_000, cutoffs: [2000, 20_000])
    }

    static func name<T>(of type: T.Type) -> String { type == Float.self ? "Float" : "Double" }
}

/// Workloads that are measured around one shape when they are asked for by name.
enum NamedSweep: String, CaseIterable {
    case linearCrossEntropy = "linear-cross-entropy"

    var workloads: [Workload] {
        switch self {
        case .linearCrossEntropy: Workload.linearCrossEntropySweep
        }
    }
}
