import Surprisal
import SurprisalReference
import Testing

@Suite struct ConfusionMatrixTests {
    @Test func agreesWithScikitLearn() throws {
        func check<T: Surprisal.Scalar>(_ golden: MetricCase, _ type: T.Type) throws {
            let matrix = ConfusionMatrix(golden.tensor(of: type), try golden.labels)
            #expect(matrix.counts == golden.confusion, "\(golden.name)")
            #expect(matrix.accuracy == golden.accuracy, "\(golden.name)")
            for (how, expected) in [
                (ConfusionMatrix.Normalization.labels, golden.normalizedTrue), (.predictions, golden.normalizedPred),
                (.all, golden.normalizedAll),
            ] {
                let normalized = matrix.normalized(by: how)
                #expect(normalized.shape == [golden.classes, golden.classes])
                #expect(normalized.scalars == expected, "\(golden.name) by \(how)")
            }
        }
        try MetricCase.forEach { try check($0, $1) }
    }

    @Test(arguments: MetricBatch.shapes) func equalsTheNaiveLoop(shape: [Int]) {
        let x: Tensor<Float> = CrossEntropyRelationTests.logits(shape), y = CrossEntropyRelationTests.labels(shape)
        let naive = Reference.confusionMatrix(
            x.scalars, labels: MetricBatch.values(y), shape: ReferenceShape(shape, along: 1), ignoring: -1)
        #expect(ConfusionMatrix(x, y).counts == naive)
        #expect(ConfusionMatrix(MetricBatch.spoilt(x, where: y), y).counts == naive)
    }

    @Test func rowsAreTrueAndColumnsPredicted() throws {
        let labels = try Labels([0, 0, 1, -100, 1], classCount: 3)
        let matrix = try ConfusionMatrix(predictions: [0, 2, 1, 99, 2] as [UInt8], labels)
        #expect(matrix[0, 2] == 1 && matrix[2, 0] == 0 && matrix[1, 2] == 1)
        #expect(matrix.labelCounts == [2, 2, 0])
        #expect(matrix.predictionCounts == [1, 1, 2])
        #expect(matrix.count == 4 && matrix.accuracy == 0.5)
        // A class without labels: 0, not NaN.
        #expect(matrix.normalized(by: .labels)[2, 2] == 0)
    }

    @Test func batchesAddUp() throws {
        let x: Tensor<Double> = CrossEntropyRelationTests.logits([40, 3])
        let y = CrossEntropyRelationTests.labels([40, 3])
        let (first, rest) = (Array(0..<13), Array(13..<40))
        var sum = ConfusionMatrix(x.rows(first), y[first])
        sum += ConfusionMatrix(x.rows(rest), y[rest])
        #expect(sum == ConfusionMatrix(x, y))
        #expect(ConfusionMatrix(x.rows(rest), y[rest]) + ConfusionMatrix(x.rows(first), y[first]) == sum)
    }

    /// A prediction that is NaN or the first of equals is that of `argmax(along:)`.
    @Test func rowsOfNaNAndTies() throws {
        let x = Tensor<Float>([[1, 2, 2], [1, .nan, 3], [.nan, .nan, .nan], [-.infinity, -.infinity, -.infinity]])
        let matrix = ConfusionMatrix(x, try Labels([2, 2, 2, 2], classCount: 3))
        #expect(matrix.counts == [0, 0, 0, 0, 0, 0, 2, 2, 0])
        #expect(matrix.predictionCounts == [2, 2, 0])
    }

    @Test func predictionsThatAreNone() throws {
        let labels = try Labels([0, 1, -100, 1], shape: [2, 2], classCount: 3)
        #expect(throws: MetricError.prediction(value: "3", position: [1, 1], classCount: 3)) {
            try ConfusionMatrix(predictions: [0, 1, -7, 3], labels)
        }
        #expect(throws: MetricError.prediction(value: "-1", position: [0, 0], classCount: 3)) {
            try ConfusionMatrix(predictions: [-1, 1, 0, 0], labels)
        }
        #expect(throws: MetricError.predictionCount(found: 1, labels: 4)) {
            try ConfusionMatrix(predictions: [0], labels)
        }
        let error = MetricError.prediction(value: "3", position: [1, 1], classCount: 3)
        #expect("\(error)" == "prediction 3 at position [1, 1]; expected 0 to 2 (3 classes)")
    }

    @Test func namesThatDoNotFit() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = ConfusionMatrix(Tensor<Float>.zeros([1, 3]), try Labels([0], classCount: 3), classNames: ["a", "b"])
        }
        #expect(String(decoding: result.standardErrorContent, as: UTF8.self)
            .contains("ConfusionMatrix: 2 class names; expected 3"))
    }

    @Test func nothing() throws {
        let empty = ConfusionMatrix(Tensor<Float>.zeros([0, 2]), try Labels([Int](), classCount: 2))
        #expect(empty.counts == [0, 0, 0, 0] && empty.accuracy.isNaN && empty.count == 0)
        #expect(empty.normalized(by: .all) == .zeros([2, 2]))
        let classless = ConfusionMatrix(Tensor<Float>.zeros([2, 0]), try Labels([-100, -100], classCount: 0))
        #expect(classless.counts.isEmpty && classless.classCount == 0)
        #expect(ClassificationReport(classless).classes.isEmpty)
    }

    @Test func printsATable() throws {
        let labels = try Labels([0, 0, 1, 1, 2], classCount: 3)
        let matrix = try ConfusionMatrix(predictions: [0, 2, 1, 1, 2], labels, classNames: ["cat", "dog", "elephant"])
        #expect(
            matrix.description == """
                true \\ predicted  cat  dog  elephant
                             cat    1    0         1
                             dog    0    2         0
                        elephant    0    0         1
                """)
    }
}
