import Surprisal
import Testing

@Suite struct SGDTests {
    private struct Parameter<T: Surprisal.Scalar>: Model {
        var value: Tensor<T>
        mutating func forEachParameter(_ body: (String, inout Tensor<T>) -> Void) { body("value", &value) }
    }

    @Test func followsPyTorchToTheLastBits() throws {
        func follow<T: Surprisal.Scalar>(_ golden: GoldenCase, _ type: T.Type) throws {
            let start: Tensor<T> = golden.tensor(try #require(golden.input), golden.shape)
            var model = Parameter(value: start)
            var optimizer = SGD(
                for: model, learningRate: try #require(golden.learningRate), momentum: golden.momentum ?? 0,
                weightDecay: golden.weightDecay ?? 0, nesterov: golden.nesterov ?? false)
            let (gradients, outputs) = (try #require(golden.gradients), try #require(golden.output))
            for step in 0..<(try #require(golden.steps)) {
                let part = step * start.count..<(step + 1) * start.count
                let slope: Tensor<T> = golden.tensor(Array(gradients[part]), golden.shape)
                // The gradient of Σ slope·value is the slope.
                let gradient = valueWithGradient(at: model) { ($0.value * slope).sum() }.gradient
                optimizer.update(&model, along: gradient)
                // PyTorch multiplies and adds in one rounding where it vectorises: a few ULP apart.
                golden.expect(
                    model.value, Array(outputs[part]), exact: nil, shape: golden.shape, "parameters", ulp: 4,
                    absolute: 4 * Double(T.ulpOfOne))
            }
        }
        let cases = try GoldenCase.cases("sgd")
        #expect(cases.count >= 6)
        for golden in cases {
            if golden.dtype == "float32" { try follow(golden, Float.self) } else { try follow(golden, Double.self) }
        }
    }

    @Test func dampeningHoldsBackFromTheSecondStepOn() {
        var model = Parameter(value: Tensor<Double>([1]))
        var optimizer = SGD(for: model, learningRate: 1, momentum: 0.5, dampening: 0.25)
        for expected in [0.0, -1.25, -2.625] {
            optimizer.update(&model, along: valueWithGradient(at: model) { $0.value.sum() }.gradient)
            // v is 1, then 0.5·1 + 0.75, then 0.5·1.25 + 0.75.
            #expect(model.value.item() == expected)
        }
    }

    @Test func trainsInPlace() {
        var generator = SplitMix64(seed: 5)
        var model = Linear<Double>(3, 2, using: &generator)
        var optimizer = SGD(for: model, learningRate: 0.5, momentum: 0.9)
        let x: Tensor<Double> = CrossEntropyRelationTests.logits([20, 3])
        let y = CrossEntropyRelationTests.labels([20, 2], all: true)
        let before = CrossEntropyLoss()(model(x), y).item()
        for _ in 0..<200 {
            optimizer.update(&model, along: valueWithGradient(at: model) { CrossEntropyLoss()($0(x), y) }.gradient)
        }
        #expect(CrossEntropyLoss()(model(x), y).item() < before)
    }
}
