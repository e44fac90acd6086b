import Surprisal
import Testing

/// What is no distribution, and in which words it is refused.
@Suite struct CategoricalErrorTests {
    /// What PyTorch refuses is refused here.
    @Test func refusesWhatPyTorchRefuses() throws {
        var count = 0
        for golden in try GoldenCase.cases("categorical") where golden.error != nil || golden.deviation == "negative-probabilities" {
            let x: Tensor<Double> = golden.tensor(try #require(golden.input), golden.shape)
            if let target = golden.target {
                #expect(throws: LabelError.self, "\(golden.name)") {
                    try Labels(target, shape: golden.targetShape, classCount: golden.shape.last ?? 0)
                }
            } else {
                #expect(throws: CategoricalError.self, "\(golden.name)") {
                    _ = golden.parameters == "logits" ? try Categorical(logits: x) : try Categorical(probabilities: x)
                }
            }
            count += 1
        }
        #expect(count >= 14)
    }

    @Test func logitsAreNamedWithRowAndClass() {
        #expect(throws: CategoricalError.logit(.infinity, row: [1, 0], class: 2)) {
            try Categorical(logits: Tensor<Float>([1, 2, 3, 4, 5, 6, 7, 8, .infinity, 1, 2, 3], shape: [2, 2, 3]))
        }
        let error = #expect(throws: CategoricalError.self) {
            try Categorical(logits: Tensor<Double>([[1, 2], [.nan, 1]]))
        }
        #expect(error?.description == "logit nan of class 0 in row [1]; expected a number below +∞")
        #expect(throws: CategoricalError.impossibleRow([1])) {
            try Categorical(logits: Tensor<Float>([[0, -.infinity], [-.infinity, -.infinity]]))
        }
        #expect(throws: CategoricalError.impossibleRow([])) { try Categorical(logits: Tensor<Float>([-.infinity])) }
    }

    @Test func probabilitiesAreNamedWithRowAndClass() {
        for bad in [-0.25, .infinity, -.infinity] {
            #expect(throws: CategoricalError.probability(bad, row: [1], class: 1)) {
                try Categorical(probabilities: Tensor<Double>([[1, 2], [3, bad]]))
            }
        }
        let error = #expect(throws: CategoricalError.self) { try Categorical(probabilities: Tensor<Double>([.nan])) }
        #expect(error?.description == "probability nan of class 0 in row []; expected a finite number, at least 0")
        #expect(throws: CategoricalError.emptyRow([0])) { try Categorical(probabilities: Tensor<Float>([[0, 0], [1, 0]])) }
        #expect(throws: Never.self) { try Categorical(probabilities: Tensor<Float>([0, -0.0, 3])) }
    }

    @Test func classesAreNeeded() throws {
        #expect(throws: CategoricalError.noClasses(shape: [2, 0])) { try Categorical(logits: Tensor<Float>.zeros([2, 0])) }
        #expect(throws: CategoricalError.noClasses(shape: [])) { try Categorical(probabilities: Tensor<Float>(1)) }
        let none = try Categorical(logits: Tensor<Float>.zeros([0, 3]))
        #expect(none.entropy.shape == [0] && none.mode.values.isEmpty)
    }

    @Test func shapesThatDoNotFit() async throws {
        func text(_ result: ExitTest.Result) -> String { String(decoding: result.standardErrorContent, as: UTF8.self) }
        let classes = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = try Categorical(logits: Tensor<Float>.zeros([2, 3])).logProbability(of: try Labels([0, 1], classCount: 2))
        }
        #expect(text(classes).contains("Categorical.logProbability: labels of 2 classes; expected 3"))
        let shape = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = try Categorical(logits: Tensor<Float>.zeros([2, 3])).logProbability(of: try Labels([0, 1, 2], classCount: 3))
        }
        #expect(text(shape).contains("Categorical.logProbability: classes of shape [3]; expected … × [2]"))
        let others = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let p = try Categorical(logits: Tensor<Float>.zeros([2, 3]))
            _ = p.kullbackLeiblerDivergence(to: try Categorical(logits: Tensor<Float>.zeros([3])))
        }
        #expect(text(others).contains("parameters of shape [2, 3] and [3]; expected equal ones"))
    }
}
