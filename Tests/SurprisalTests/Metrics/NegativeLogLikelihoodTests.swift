import Surprisal
import Testing

@Suite struct NegativeLogLikelihoodTests {
    @Test func agreesWithPyTorch() throws {
        func check<T: Surprisal.Scalar>(_ golden: MetricCase, _ type: T.Type) throws {
            let logits = golden.tensor(of: type), labels = try golden.labels
            // Of confident rows PyTorch loses the digits below those of 1.
            expectClose(
                logits.negativeLogLikelihood(against: labels), golden.nll, relative: roundings(of: type), absolute: 1e-15,
                "\(golden.name): negative log-likelihood")
            // A relative error of the exponential is the exponent's absolute one.
            expectClose(
                logits.perplexity(against: labels), golden.perplexity,
                relative: roundings(of: type) * max(1, golden.nll), "\(golden.name): perplexity")
        }
        try MetricCase.forEach { try check($0, $1) }
    }

    @Test(arguments: MetricBatch.shapes) func isTheLossBeforeItsLastRounding(shape: [Int]) {
        func check<T: Surprisal.Scalar>(_ type: T.Type) {
            let x: Tensor<T> = CrossEntropyRelationTests.logits(shape), y = CrossEntropyRelationTests.labels(shape)
            let mean = x.negativeLogLikelihood(against: y), loss = CrossEntropyLoss()(x, y).item()
            #expect(T(mean) == loss || (mean.isNaN && loss.isNaN))
            let spoilt = MetricBatch.spoilt(x, where: y).negativeLogLikelihood(against: y)
            #expect(spoilt == mean || (mean.isNaN && spoilt.isNaN))
        }
        check(Float.self)
        check(Double.self)
    }

    @Test func infinitiesNaNAndNothing() throws {
        let x = Tensor<Float>([[.nan, 1], [2, 1], [0, -.infinity]])
        func nll(_ labels: [Int]) throws -> Double { x.negativeLogLikelihood(against: try Labels(labels, classCount: 2)) }
        #expect(try nll([0, 0, 0]).isNaN)
        #expect(try nll([-100, -100, 1]) == .infinity)
        #expect(try nll([-100, -100, 0]) == 0)
        #expect(try nll([-100, -100, -100]).isNaN)
        #expect(x.perplexity(against: try Labels([-100, -100, 1], classCount: 2)) == .infinity)
        #expect(Tensor<Float>.zeros([0, 3]).negativeLogLikelihood(against: try Labels([Int](), classCount: 3)).isNaN)
        #expect(Tensor<Float>.zeros([0, 3]).perplexity(against: try Labels([Int](), classCount: 3)).isNaN)
        #expect(Tensor<Float>.zeros([2, 0]).perplexity(against: try Labels([-100, -100], classCount: 0)).isNaN)
        #expect(Tensor<Float>([[3], [-7]]).perplexity(against: try Labels([0, 0], classCount: 1)) == 1)
        // A single row, with its label as a vector of one, as in the losses.
        #expect(Tensor<Double>([0, 0]).perplexity(against: try Labels([0], classCount: 2)) == 2)
    }

    @Test func aFittingShapeIsAskedFor() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor<Float>.zeros([3, 4]).perplexity(against: try Labels([0, 1], classCount: 4))
        }
        let text = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(text.contains("perplexity: labels of shape [2] for an input of shape [3, 4]; expected [3]"))
    }

    @Test func recordsNothing() throws {
        let labels = try Labels([1], classCount: 2)
        let gradient = valueWithGradient(at: Tensor<Double>([[1, 2]])) { x in
            x.sum() * x.negativeLogLikelihood(against: labels)
        }.gradient
        #expect(gradient[0, 0] == gradient[0, 1])
    }
}
