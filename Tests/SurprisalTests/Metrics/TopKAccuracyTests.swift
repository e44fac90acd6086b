import Surprisal
import SurprisalReference
import Testing

@Suite struct TopKAccuracyTests {
    @Test func agreesWithNumPy() throws {
        func check<T: Surprisal.Scalar>(_ golden: MetricCase, _ type: T.Type) throws {
            let logits = golden.tensor(of: type), labels = try golden.labels
            #expect(logits.accuracy(against: labels) == golden.accuracy, "\(golden.name)")
            for k in 1...golden.classes {
                #expect(logits.topKAccuracy(k, against: labels) == golden.topK[k - 1], "\(golden.name), k \(k)")
            }
        }
        try MetricCase.forEach { try check($0, $1) }
    }

    /// Rounded logits, so that there are ties in every row, and some rows of NaN and ±∞.
    @Test(arguments: MetricBatch.shapes) func equalsTheNaiveLoop(shape: [Int]) {
        let spread: Tensor<Float> = CrossEntropyRelationTests.logits(shape, spread: 2)
        let values = spread.scalars.enumerated().map { i, value in
            i % 11 == 3 ? .nan : i % 13 == 5 ? .infinity : i % 7 == 2 ? -.infinity : value.rounded()
        }
        let y = CrossEntropyRelationTests.labels(shape), axis = ReferenceShape(shape, along: 1)
        for k in 1...min(shape[1], 5) {
            let naive = Reference.topKAccuracy(values, k: k, labels: MetricBatch.values(y), shape: axis, ignoring: -1)
            let x = Tensor(values, shape: shape)
            for found in [x, MetricBatch.spoilt(x, where: y)].map({ $0.topKAccuracy(k, against: y) }) {
                #expect(found == naive || (found.isNaN && naive.isNaN), "\(shape), k \(k)")
            }
        }
    }

    @Test func theFirstOfEqualsIsThePrediction() throws {
        let x = Tensor<Float>([[1, 3, 3], [.nan, 5, .nan], [-.infinity, -.infinity, -.infinity]])
        func accuracy(_ k: Int, _ labels: [Int]) throws -> Double {
            x.topKAccuracy(k, against: try Labels(labels, classCount: 3))
        }
        #expect(try accuracy(1, [1, -100, -100]) == 1)
        #expect(try accuracy(1, [2, -100, -100]) == 0)
        #expect(try accuracy(2, [2, -100, -100]) == 1)
        #expect(try accuracy(1, [-100, 0, 0]) == 1)
        #expect(try accuracy(2, [-100, 2, 2]) == 0.5)
        #expect(try accuracy(2, [-100, 1, 1]) == 0.5)
        #expect(try accuracy(3, [2, 1, 2]) == 1)
        #expect(try accuracy(1, [-100, -100, -100]).isNaN)
    }

    @Test func nothingAndOneClass() throws {
        #expect(Tensor<Float>.zeros([0, 3]).topKAccuracy(2, against: try Labels([Int](), classCount: 3)).isNaN)
        #expect(Tensor<Float>.zeros([2, 0]).accuracy(against: try Labels([-100, -100], classCount: 0)).isNaN)
        #expect(Tensor<Float>([[3], [.nan]]).accuracy(against: try Labels([0, 0], classCount: 1)) == 1)
    }

    @Test func kThatCannotBe() async throws {
        #expect(throws: MetricError.k(0, classes: 3)) { try MetricError.check(k: 0, classes: 3) }
        #expect(throws: Never.self) { try MetricError.check(k: 3, classes: 3) }
        #expect("\(MetricError.k(1, classes: 0))" == "k is 1: there are no classes")
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor<Float>.zeros([1, 3]).topKAccuracy(4, against: try Labels([0], classCount: 3))
        }
        #expect(String(decoding: result.standardErrorContent, as: UTF8.self)
            .contains("topKAccuracy: k is 4 of 3 classes; expected 1 to 3"))
    }
}
