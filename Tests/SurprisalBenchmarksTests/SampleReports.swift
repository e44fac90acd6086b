@testable import SurprisalBenchmarks

/// Reports with the shapes, names and magnitudes of real ones.
enum SampleReports {
    static let limits = Limits(
        threads: 2, instructionSet: "avx512", read: 27.3e9, copy: 21.4e9, update: 31.8e9,
        float: .init(oneCore: 132e9, allCores: 259e9, matrixProduct: 238e9),
        double: .init(oneCore: 66e9, allCores: 130e9, matrixProduct: 119e9))

    static let empty = Report(
        date: "2025-06-14",
        machine: MachineDescription(
            processor: "Xeon <A&B> | \"8488C\"", processorCount: 2, system: "Linux 6.1", blas: "OpenBLAS 0.3.21"),
        limits: limits)

    static func row(
        _ workload: String = "cross-entropy", shape: String = "4096×1000", type: String = "Float",
        pass: Row.Pass = .both, consumesInput: Bool = false, threads: Int = 2, instructionSet: String = "avx512",
        samples: [Double] = [0.001], ratio: Interval? = Interval(value: 24.1, low: 23.5, high: 24.8),
        bytes: Double = 32_768_000, operations: Double = 106_496_000, limit: Limit.Kind = .copy
    ) -> Row {
        let engine = Timing(samples: samples)
        return Row(
            number: 5, workload: workload, shape: shape, type: type, pass: pass, consumesInput: consumesInput,
            threads: threads, instructionSet: instructionSet, naive: ratio.map { _ in Timing(samples: [0.0241]) },
            engine: engine, ratio: ratio, bytes: bytes, operations: operations,
            limit: Limit(kind: limit, rate: 21.4e9, share: bytes / engine.median / 21.4e9),
            shareOfCached: limit == .copy ? 0.884 : nil,
            memory: MemoryUse(extraPeakBytes: 16_384_128, heapObjects: 2, freshBlocks: 0, pageFaults: 300),
            error: 1.85, errorBound: 4)
    }

    /// 34 rows, many of which share an intensity, as those of cross-entropy do.
    static var full: Report {
        var report = empty
        let shapes = [
            ("cross-entropy", "1×10", 10.0, "Float"), ("cross-entropy", "65536×3", 196_608, "Float"),
            ("cross-entropy", "512×32000", 16_384_000, "Float"), ("cross-entropy", "2048×32000", 65_536_000, "Float"),
            ("cross-entropy-options", "4096×1000", 4_096_000, "Float"),
            ("cross-entropy-soft", "4096×1000", 4_096_000, "Float"),
            ("segmentation", "4×21×256×256", 5_505_024, "Float"), ("cross-entropy", "4096×1000", 4_096_000, "Double"),
        ]
        for (index, shape) in shapes.enumerated() {
            for (offset, pass) in [(Row.Pass.forward, false), (.gradient, false), (.both, false), (.both, true)]
                .enumerated() {
                let isForward = pass.0 == .forward, bytes = shape.2 * (isForward ? 1 : 2) * (shape.3 == "Float" ? 4 : 8)
                let ratio = 3 * Double(1 + (index * 4 + offset) % 20)
                report.rows.append(
                    row(
                        shape.0, shape: shape.1, type: shape.3, pass: pass.0, consumesInput: pass.1,
                        samples: [1e-6 + bytes / (14e9 + 0.4e9 * Double(index * 4 + offset))],
                        ratio: Interval(value: ratio, low: ratio * 0.97, high: ratio * 1.04), bytes: bytes,
                        operations: shape.2 * (isForward ? 25 : 26)))
            }
        }
        report.rows += [
            row(
                "linear", shape: "1024×2048→1000", pass: .forward, samples: [0.02], bytes: 20_680_000,
                operations: 4_194_304_000, limit: .matrixProduct),
            row(
                "step", shape: "3×2→8→3", pass: .step, samples: [1e-6],
                ratio: Interval(value: 0.92, low: 0.9, high: 0.95), bytes: 240, operations: 300, limit: .none),
        ]
        report.sweeps = [
            Sweep(name: "rows", points: points { Sweep.Point(rows: $0 / 100, classes: 100, seconds: $1) }),
            Sweep(name: "classes", points: points { Sweep.Point(rows: 10, classes: $0 / 10, seconds: $1 * 1.2) }),
        ]
        return report
    }

    private static func points(_ make: (Int, Double) -> Sweep.Point) -> [Sweep.Point] {
        [1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000].map { make($0, 2e-6 + 3.3e-10 * Double($0)) }
    }
}
