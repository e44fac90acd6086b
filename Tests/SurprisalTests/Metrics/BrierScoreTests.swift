import Surprisal
import SurprisalReference
import Testing

@Suite struct BrierScoreTests {
    @Test func agreesWithScikitLearn() throws {
        func check<T: Surprisal.Scalar>(_ golden: MetricCase, _ type: T.Type) throws {
            // scikit-learn takes p_y − 1 of a rounded p_y: of confident rows it keeps some 1e-16 · √score.
            expectClose(
                golden.tensor(of: type).brierScore(against: try golden.labels), golden.brier,
                relative: 2 * roundings(of: type), absolute: 1e-15 * golden.brier.squareRoot(),
                "\(golden.name): Brier score")
        }
        try MetricCase.forEach { try check($0, $1) }
    }

    @Test(arguments: MetricBatch.shapes) func equalsTheNaiveLoop(shape: [Int]) {
        let x: Tensor<Double> = CrossEntropyRelationTests.logits(shape), y = CrossEntropyRelationTests.labels(shape)
        let naive = Reference.brierScore(
            x.scalars, labels: MetricBatch.values(y), shape: ReferenceShape(shape, along: 1), ignoring: -1)
        let found = x.brierScore(against: y), spoilt = MetricBatch.spoilt(x, where: y).brierScore(against: y)
        expectClose(found, naive, relative: 1e-13, "Brier score of \(shape)")
        #expect(spoilt == found || (found.isNaN && spoilt.isNaN))
    }

    /// Against some 100 bits: the square has twice the gradient's relative error, 8 ULP, and a little of the sum's. An ULP
    /// is at most `ulpOfOne` of its number.
    @Test(arguments: [1, 10, 17, 40, 80] as [Float], [2, 10, 300]) func confidentRowsKeepTheirDigits(
        margin: Float, classes: Int
    ) throws {
        func check<T: Surprisal.Scalar & ReferenceScalar>(_ type: T.Type) throws {
            var row = [T](repeating: 0, count: classes)
            row[classes - 1] = T(margin)
            let labels = try Labels([classes - 1], classCount: classes)
            let truth = HighPrecisionRow(row).gradient(of: classes - 1).reduce(ScaledDoubleDouble.zero) { $0 + $1 * $1 }
            let found = Tensor(row, shape: [1, classes]).brierScore(against: labels)
            expectClose(
                found, truth.doubleDouble.high, relative: Accuracy.brierULP * Double(T.ulpOfOne), "\(type), margin \(margin)")
            #expect(found > 0)
        }
        try check(Float.self)
        try check(Double.self)
    }

    @Test func ignoredRowsNaNAndNothing() throws {
        let x = Tensor<Float>([[.nan, 1], [0, 0], [0, -.infinity], [-.infinity, -.infinity]])
        func brier(_ labels: [Int]) throws -> Double { x.brierScore(against: try Labels(labels, classCount: 2)) }
        #expect(try brier([-100, 0, -100, -100]) == 0.5)
        #expect(try brier([-100, -100, 1, -100]) == 2)
        #expect(try brier([-100, -100, 0, -100]) == 0)
        #expect(try brier([0, 0, 0, -100]).isNaN)
        #expect(try brier([-100, 0, 0, 0]).isNaN)
        #expect(try brier([-100, -100, -100, -100]).isNaN)
        #expect(Tensor<Float>.zeros([0, 3]).brierScore(against: try Labels([Int](), classCount: 3)).isNaN)
        #expect(Tensor<Float>.zeros([2, 0]).brierScore(against: try Labels([-100, -100], classCount: 0)).isNaN)
        #expect(Tensor<Float>([[3], [-7]]).brierScore(against: try Labels([0, 0], classCount: 1)) == 0)
        // The logits are as before, whoever else holds them.
        #expect(x[1, 0] == 0 && x[2, 1] == -.infinity)
    }

    @Test func aFittingShapeIsAskedFor() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor<Float>.zeros([3, 4]).brierScore(against: try Labels([0, 1, 2], classCount: 3))
        }
        #expect(String(decoding: result.standardErrorContent, as: UTF8.self)
            .contains("brierScore: labels of 3 classes; expected the input's 4"))
    }
}
