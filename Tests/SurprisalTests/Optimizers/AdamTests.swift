import Surprisal
import Testing

@Suite struct AdamTests {
    private struct Parameter<T: Surprisal.Scalar>: Model {
        var value: Tensor<T>
        mutating func forEachParameter(_ body: (String, inout Tensor<T>) -> Void) { body("value", &value) }
    }

    /// Each step's parameters, and what PyTorch's are.
    private func follow<T: Surprisal.Scalar>(
        _ golden: GoldenCase, _ type: T.Type, _ compare: (_ found: Tensor<T>, _ expected: [Double]) -> Void
    ) throws {
        let start: Tensor<T> = golden.tensor(try #require(golden.input), golden.shape)
        var model = Parameter(value: start)
        let decay = golden.weightDecay ?? 0
        var optimizer = Adam(
            for: model, learningRate: try #require(golden.learningRate), betas: (0.875, 0.9375),
            weightDecay: golden.decay == "decoupled" ? .decoupled(decay) : golden.decay == "l2" ? .l2(decay) : .none)
        let (gradients, outputs) = (try #require(golden.gradients), try #require(golden.output))
        for step in 0..<(try #require(golden.steps)) {
            let part = step * start.count..<(step + 1) * start.count
            let slope: Tensor<T> = golden.tensor(Array(gradients[part]), golden.shape)
            optimizer.update(&model, along: valueWithGradient(at: model) { ($0.value * slope).sum() }.gradient)
            compare(model.value, Array(outputs[part]))
        }
        #expect(optimizer.stepCount == golden.steps)
    }

    @Test(arguments: InstructionSet.available) func followsPyTorch(isa: InstructionSet) throws {
        let cases = try GoldenCase.cases("adam")
        #expect(cases.count == 24)
        try InstructionSet.override.withValue(isa) {
            for golden in cases {
                if golden.dtype == "float64", isa != .baseline {
                    // Multiplications and additions in one rounding, as PyTorch's: the very bits, but after its last whole
                    // vector, where it takes two, and where its square root is MKL's and not the nearest number: of 275
                    // elements at 2 here, and in the steps after.
                    var others = 0
                    try follow(golden, Double.self) { found, expected in
                        #expect(found.count == expected.count)
                        for (i, (a, b)) in zip(found.scalars, expected).enumerated() {
                            // Of the element, or of the step, which is of the rate's size.
                            #expect(abs(a - b) <= 2 * max(b.ulp, 0.0625.ulp), "\(golden.name) on \(isa), element \(i)")
                            if a != b, i < expected.count / 8 * 8 { others += 1 }
                        }
                    }
                    #expect(others <= 2, "\(golden.name) on \(isa)")
                } else {
                    // In two roundings, and in Float by PyTorch's vectors or its loops: a few ULP of 1, the largest step, apart.
                    func near<T: Surprisal.Scalar>(_ type: T.Type) throws {
                        try follow(golden, type) { found, expected in
                            golden.expect(
                                found, expected, exact: nil, shape: golden.shape, "parameters", ulp: 8,
                                absolute: 8 * Double(T.ulpOfOne))
                        }
                    }
                    if golden.dtype == "float32" { try near(Float.self) } else { try near(Double.self) }
                }
            }
        }
    }

    /// The same numbers in any number of parts.
    @Test func isTheSameOnAnyNumberOfThreads() {
        let start: Tensor<Float> = CrossEntropyRelationTests.logits([300, 1000], seed: 1)
        let slope: Tensor<Float> = CrossEntropyRelationTests.logits([300, 1000], seed: 2)
        func run() -> Tensor<Float> {
            var model = Parameter(value: start)
            var optimizer = Adam(for: model, weightDecay: .decoupled(0.01))
            for _ in 0..<3 { optimizer.update(&model, along: valueWithGradient(at: model) { ($0.value * slope).sum() }.gradient) }
            return model.value
        }
        let one = Parallel.override.withValue(1, operation: run)
        for threads in [2, 3] { #expect(Parallel.override.withValue(threads, operation: run) == one) }
    }

    @Test func whatIsOutOfRangeStopsTheProgram() async throws {
        let beta = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Adam(for: Linear<Float>(weight: .ones([1, 1])), betas: (1, 0.9))
        }
        #expect(String(decoding: beta.standardErrorContent, as: UTF8.self).contains("Adam: betas.first is 1.0; expected 0 to below 1"))
        let other = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            var model = Linear<Float>(weight: .ones([1, 2]))
            var optimizer = Adam(for: Linear<Float>(weight: .ones([2, 2])))
            let gradient = valueWithGradient(at: model) { $0.weight.sum() }.gradient
            optimizer.update(&model, along: gradient)
        }
        #expect(String(decoding: other.standardErrorContent, as: UTF8.self)
            .contains("Adam: parameter weight has shape [1, 2], its gradient [1, 2]; expected weight of shape [2, 2]"))
        let nesterov = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = SGD(for: Linear<Float>(weight: .ones([1, 1])), learningRate: 1, nesterov: true)
        }
        #expect(String(decoding: nesterov.standardErrorContent, as: UTF8.self).contains("SGD: nesterov with momentum 0.0"))
    }
}
