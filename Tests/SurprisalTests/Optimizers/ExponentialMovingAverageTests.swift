import Surprisal
import Testing

@Suite struct ExponentialMovingAverageTests {
    private struct Parameter<T: Surprisal.Scalar>: Model {
        var value: Tensor<T>
        mutating func forEachParameter(_ body: (String, inout Tensor<T>) -> Void) { body("value", &value) }
    }

    @Test func followsPyTorch() throws {
        let cases: [ClippingGolden] = try goldens("clipping").filter { (golden: ClippingGolden) in golden.op == "average" }
        #expect(cases.count == 6)
        func follow<T: Surprisal.Scalar>(_ golden: ClippingGolden, _ type: T.Type) throws {
            let rows = golden.input.map { T($0) }
            var average = ExponentialMovingAverage(
                of: Parameter(value: Tensor(rows[..<9], shape: golden.shape)), decay: try #require(golden.decay))
            for step in 1..<6 {
                average.update(with: Parameter(value: Tensor(rows[9 * step..<9 * step + 9], shape: golden.shape)))
                for (a, b) in zip(average.model.value.scalars, golden.output[9 * (step - 1)..<9 * step]) {
                    // PyTorch's a + (1 − β)·(p − a) rounds otherwise: an ULP of numbers up to 12 each step.
                    #expect(abs(Double(a) - b) <= Double(step) * 8 * Double(T.ulpOfOne), "\(golden.name)")
                }
            }
            #expect(average.stepCount == 5)
        }
        for golden in cases {
            if golden.dtype == "float32" { try follow(golden, Float.self) } else { try follow(golden, Double.self) }
        }
    }

    @Test(arguments: [0.0, 0.5, 0.9, 0.9999, 1 - 1e-12]) func biasCorrectedIsTheWeightedMean(decay: Double) {
        let values = [5.0, -2, 7, 1, 0.25]
        var average = ExponentialMovingAverage(of: Parameter(value: Tensor([1e9])), decay: decay, biasCorrected: true)
        var sum = 0.0, weights = 0.0
        for value in values {
            average.update(with: Parameter(value: Tensor([value])))
            (sum, weights) = (decay * sum + value, decay * weights + 1)
            // A few roundings of numbers up to 7 each step.
            #expect(abs(average.model.value[0] - sum / weights) <= 1e-14)
        }
    }

    /// The model that goes on training is not touched, nor the average by it.
    @Test func sharesNothing() {
        let model = Parameter<Double>(value: Tensor([2, 4]))
        var average = ExponentialMovingAverage(of: model, decay: 0.5)
        average.update(with: Parameter(value: Tensor([0, 0])))
        #expect(model.value == Tensor([2, 4]) && average.model.value == Tensor([1, 2]))
    }
}
