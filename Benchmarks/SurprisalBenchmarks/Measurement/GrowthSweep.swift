import Surprisal

/// Cross-entropy with gradient, in place, from 10³ to 10⁸ entries: time is to grow linearly in rows and in classes.
enum GrowthSweep {
    static let entries = [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000, 100_000_000]

    static func run(_ progress: Progress, isStopped: () -> Bool) -> [Sweep] {
        [("rows", { ($0 / 100, 100) }), ("classes", { (10, $0 / 10) })].compactMap { name, shape in
            var points: [Sweep.Point] = []
            for count in entries {
                if isStopped() { return nil }
                let (rows, classes) = shape(count)
                progress.show("sweep over \(name): \(rows)×\(classes)")
                points.append(.init(rows: rows, classes: classes, seconds: time(rows, classes)))
            }
            return Sweep(name: name, points: points)
        }
    }

    private static func time(_ rows: Int, _ classes: Int) -> Double {
        var inputs = Inputs(seed: 1)
        let logits: [Float] = inputs.normal(rows * classes, deviation: 2)
        let labels = inputs.labels(rows, classes: classes)
        guard let y = try? Labels(labels, classCount: classes) else { fatalError("sweep: labels") }
        let loss = CrossEntropyLoss<Float>()
        // The gradient serves as the next call's logits: their values do not matter to the time.
        var x: Tensor<Float>? = Tensor(logits, shape: [rows, classes])
        func call() {
            if let given = x.take() { x = loss.valueWithGradient(at: consume given, y).gradient }
        }
        let once = seconds(call)
        let calls = max(1, Int(2e-3 / max(seconds(call), 1e-9)))
        let samples = (0..<(once > 0.05 ? 5 : 15)).map { _ in seconds { for _ in 0..<calls { call() } } / Double(calls) }
        return Timing(samples: samples).median
    }
}
