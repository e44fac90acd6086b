import Surprisal
import SurprisalReference
import Testing

@Suite struct ReliabilityDiagramTests {
    @Test func agreesWithNumPy() throws {
        func check<T: Surprisal.Scalar>(_ golden: MetricCase, _ type: T.Type) throws {
            let logits = golden.tensor(of: type), tolerance = roundings(of: type)
            for (key, expected) in golden.calibration {
                let parts = key.split(separator: " ")
                let count = try #require(Int(parts[1]))
                let diagram = ReliabilityDiagram(
                    logits, try golden.labels, bins: parts[0] == "width" ? .equalWidth(count) : .equalMass(count))
                let what = "\(golden.name), \(key)"
                // A quantile is one of our confidences; it need not be NumPy's to the bit.
                expectClose(diagram.bins.map(\.upperBound), expected.upper, relative: tolerance, "\(what): bounds")
                #expect(diagram.bins.map(\.lowerBound) == [0] + diagram.bins.dropLast().map(\.upperBound))
                #expect(diagram.bins.map(\.count) == expected.counts, "\(what)")
                let filled = diagram.bins.filter { $0.count > 0 }
                expectClose(
                    filled.map(\.meanConfidence), expected.confidence, relative: tolerance, "\(what): confidences")
                expectClose(filled.map(\.accuracy), expected.accuracy, relative: 1e-15, "\(what): accuracies")
                // The golden gaps are differences of numbers of at most 1.
                expectClose(
                    diagram.expectedCalibrationError, expected.ece, relative: 0, absolute: tolerance, "\(what): ECE")
                expectClose(
                    diagram.maximumCalibrationError, expected.mce, relative: 0, absolute: tolerance, "\(what): MCE")
                #expect(diagram.count == expected.counts.reduce(0, +) && diagram.undefinedCount == 0)
            }
        }
        try MetricCase.forEach { try check($0, $1) }
    }

    @Test(arguments: MetricBatch.shapes, [1, 10, 15]) func equalsTheNaiveLoop(shape: [Int], bins: Int) {
        let x: Tensor<Double> = CrossEntropyRelationTests.logits(shape), y = CrossEntropyRelationTests.labels(shape)
        for binning in [ReliabilityDiagram.Binning.equalWidth(bins), .equalMass(bins)] {
            let diagram = ReliabilityDiagram(x, y, bins: binning)
            if diagram.count == 0 { continue }
            if case .equalMass = binning {
                // The naive probabilities may be off by some ULP at an edge: only the counts' balance is held to account.
                let sizes = diagram.bins.map(\.count)
                #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1, "\(shape)")
                continue
            }
            let naive = Reference.calibrationErrors(
                x.scalars, labels: MetricBatch.values(y), shape: ReferenceShape(shape, along: 1),
                upperBounds: diagram.bins.map(\.upperBound), ignoring: -1)
            #expect(diagram.bins.map(\.count) == naive.counts, "\(shape)")
            expectClose(diagram.expectedCalibrationError, naive.expected, relative: 0, absolute: 1e-14, "ECE of \(shape)")
            expectClose(diagram.maximumCalibrationError, naive.maximum, relative: 0, absolute: 1e-14, "MCE of \(shape)")
            let spoilt = ReliabilityDiagram(MetricBatch.spoilt(x, where: y), y, bins: binning)
            #expect(spoilt.undefinedCount == 0 && spoilt.bins.map(\.count) == naive.counts)
            #expect(spoilt.expectedCalibrationError == diagram.expectedCalibrationError)
        }
    }

    /// Equal logits have a confidence of exactly 1/classes, which rounds to the edge in either type.
    @Test(arguments: [2, 3, 5, 7, 10, 15]) func anEdgeBelongsToTheBinBelow(classes: Int) throws {
        func check<T: Surprisal.Scalar>(_ type: T.Type) throws {
            let x = Tensor<T>.zeros([4, classes]), y = try Labels([0, 1, 0, 1], classCount: classes)
            let diagram = ReliabilityDiagram(x, y, bins: .equalWidth(classes))
            #expect(diagram.bins.map(\.count) == [4] + [Int](repeating: 0, count: classes - 1))
            #expect(diagram.bins[0].accuracy == 0.5)
            #expect(diagram.bins.dropFirst().allSatisfy { $0.gap.isNaN && $0.accuracy.isNaN && $0.meanConfidence.isNaN })
        }
        try check(Float.self)
        try check(Double.self)
        let edges = try ReliabilityDiagram(
            confidences: [0, 0.25, 0.25.nextUp, 0.5, 1], outcomes: [false, true, true, true, true], bins: .equalWidth(4))
        #expect(edges.bins.map(\.count) == [2, 2, 0, 1])
        #expect(edges.bins.map(\.upperBound) == [0.25, 0.5, 0.75, 1])
    }

    @Test func equalConfidencesStayTogether() throws {
        let diagram = try ReliabilityDiagram(
            confidences: [0.5, 0.2, 0.5, 0.5, 0.9, 0.5], outcomes: [true, false, true, false, true, true], bins: .equalMass(3))
        #expect(diagram.bins.map(\.upperBound) == [0.5, 0.5, 1])
        #expect(diagram.bins.map(\.count) == [5, 0, 1])
        let few = try ReliabilityDiagram(confidences: [0.1, 0.3], outcomes: [true, false], bins: .equalMass(5))
        #expect(few.bins.map(\.count).reduce(0, +) == 2 && few.bins.count == 5)
        #expect(few.maximumCalibrationError == 0.9)
    }

    /// Rows that are surer than 1 − ε and right: the gap is what is left to 1, not the difference of two ones.
    @Test func confidentRowsKeepTheirDigits() throws {
        let x = Tensor<Float>([[20, 0], [0, 20]]), y = try Labels([0, 1], classCount: 2)
        let diagram = ReliabilityDiagram(x, y)
        let truth = HighPrecisionRow([20, 0] as [Float]).probabilities[1].doubleDouble.high
        expectClose(diagram.expectedCalibrationError, truth, relative: 1e-6, "ECE")
        #expect(diagram.bins[14].meanConfidence == 1 && diagram.bins[14].gap > 0)
        // Of an inner axis too, and of one class, which is certain.
        let columns = ReliabilityDiagram(
            Tensor<Float>([20, 0, 0, 20], shape: [1, 2, 2]), try Labels([0, 1], shape: [1, 2], classCount: 2))
        #expect(columns.expectedCalibrationError == diagram.expectedCalibrationError)
        #expect(ReliabilityDiagram(Tensor<Float>([[3], [-7]]), try Labels([0, 0], classCount: 1)).maximumCalibrationError == 0)
    }

    @Test func rowsWithoutAConfidenceAreCounted() throws {
        let x = Tensor<Float>([[.nan, 1], [0, 0], [-.infinity, -.infinity], [.infinity, 0], [.nan, .nan]])
        let all = ReliabilityDiagram(x, try Labels([0, 0, 0, 0, -100], classCount: 2))
        #expect(all.undefinedCount == 3 && all.count == 1)
        #expect(all.expectedCalibrationError.isNaN && all.maximumCalibrationError.isNaN)
        #expect(all.description.hasSuffix("expected calibration error nan, maximum nan\nrows without a confidence: 3"))
        let some = ReliabilityDiagram(x, try Labels([-100, 0, -100, -100, -100], classCount: 2))
        #expect(some.undefinedCount == 0 && some.expectedCalibrationError == 0.5)
        let none = ReliabilityDiagram(x, try Labels([-100, -100, -100, -100, -100], classCount: 2))
        #expect(none.count == 0 && none.expectedCalibrationError.isNaN && none.maximumCalibrationError.isNaN)
        #expect(ReliabilityDiagram(x, try Labels([-100, -100, -100, -100, -100], classCount: 2), bins: .equalMass(3))
            .bins.map(\.upperBound) == [1, 1, 1])
    }

    @Test func whatIsRefused() async throws {
        #expect(throws: MetricError.binCount(0)) { try ReliabilityDiagram.Binning.equalMass(0).check() }
        #expect(throws: MetricError.binCount(-1)) {
            try ReliabilityDiagram(confidences: [], outcomes: [], bins: .equalWidth(-1))
        }
        #expect(throws: MetricError.confidence(1.5, position: 1)) {
            try ReliabilityDiagram(confidences: [1, 1.5], outcomes: [true, true])
        }
        #expect(throws: MetricError.outcomeCount(found: 1, confidences: 2)) {
            try ReliabilityDiagram(confidences: [1, 0.5], outcomes: [true])
        }
        #expect(throws: MetricError.self) { try ReliabilityDiagram(confidences: [.nan], outcomes: [true]) }
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = ReliabilityDiagram(Tensor<Float>.zeros([1, 2]), try Labels([0], classCount: 2), bins: .equalWidth(0))
        }
        #expect(String(decoding: result.standardErrorContent, as: UTF8.self)
            .contains("ReliabilityDiagram: 0 bins; expected at least 1"))
        let shape = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = ReliabilityDiagram(Tensor<Float>.zeros([2, 3]), try Labels([0, 1], classCount: 3), classAxis: 2)
        }
        #expect(String(decoding: shape.standardErrorContent, as: UTF8.self)
            .contains("ReliabilityDiagram: class axis 2 of an input of shape [2, 3]; expected -2 to 1"))
    }

    @Test func printsATable() throws {
        let diagram = try ReliabilityDiagram(
            confidences: [0.3, 0.9, 0.95], outcomes: [false, true, true], bins: .equalWidth(2))
        #expect(
            diagram.description == """
                      confidence   count     mean  accuracy      gap
                (0.0000, 0.5000]       1   0.3000    0.0000  -0.3000
                (0.5000, 1.0000]       2   0.9250    1.0000   0.0750
                expected calibration error 0.1500, maximum 0.3000
                """)
    }
}
