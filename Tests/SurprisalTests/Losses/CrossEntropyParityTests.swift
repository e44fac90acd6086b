import Surprisal
import Testing

/// Cross-entropy and NLL against PyTorch's results, forward and gradient.
@Suite struct CrossEntropyParityTests {
    // PyTorch's Double results are themselves some ULP off, and where terms of different signs cancel
    // (smoothing, a gradient near 0) both are off by ULPs of the terms: 64 ULP of the value, or 8 ULP of 1.
    private static func bounds<T: Surprisal.Scalar>(_ type: T.Type) -> (ulp: Double, absolute: Double) {
        (64, 8 * Double(T.ulpOfOne))
    }

    @Test(arguments: ["cross-entropy", "nll-loss"])
    func agreesWithPyTorch(file: String) throws {
        var count = 0
        for golden in try GoldenCase.cases(file) where golden.error == nil {
            if golden.dtype == "float32" { try compare(golden, Float.self) } else { try compare(golden, Double.self) }
            count += 1
        }
        // All of the file, none skipped by a decoding that went wrong.
        #expect(count >= (file == "cross-entropy" ? 1500 : 500))
    }

    private func compare<T: Surprisal.Scalar>(_ golden: GoldenCase, _ type: T.Type) throws {
        // PyTorch takes ε < 0 for 0; here it is refused, which an exit test shows.
        if golden.deviation == "smoothing-range" { return }
        let (ulp, absolute) = Self.bounds(type)
        let x: Tensor<T> = golden.tensor(try #require(golden.input), golden.shape)
        let weight: Tensor<T>? = golden.weight.map { golden.tensor($0, [$0.count]) }
        let reduction = try #require(Reduction(rawValue: golden.reduction ?? "mean"))
        let classes = golden.shape[golden.shape.count == 1 ? 0 : 1]

        func reduced(_ losses: Tensor<T>) -> Tensor<T> {
            guard reduction == .none, let upstream = golden.upstream else { return losses.sum() }
            return losses.weighted(by: golden.tensor(upstream, losses.shape))
        }
        let loss: (Tensor<T>, Tensor<T>?, Tensor<T>?) -> Tensor<T>
        if let target = golden.target {
            let labels = try Labels(
                target, shape: golden.targetShape, classCount: classes, ignoring: golden.ignoreIndex ?? -100)
            if golden.op == "nll_loss" {
                loss = { x, _, w in NLLLoss(weight: w, reduction: reduction)(x, labels) }
            } else {
                loss = { x, _, w in
                    CrossEntropyLoss(weight: w, labelSmoothing: golden.labelSmoothing ?? 0, reduction: reduction)(x, labels)
                }
            }
        } else {
            loss = { x, q, w in
                CrossEntropyLoss(weight: w, labelSmoothing: golden.labelSmoothing ?? 0, reduction: reduction)(
                    x, probabilities: q ?? x)
            }
        }
        let q: Tensor<T>? = golden.targetProbabilities.map { golden.tensor($0, golden.shape) }
        golden.expect(
            loss(x, q, weight), golden.output, exact: golden.exactOutput, expected: golden.expectedOutput,
            shape: golden.outputShape, "loss", ulp: ulp, absolute: absolute)
        if golden.gradient != nil {
            let gradient = valueWithGradient(at: x) { reduced(loss($0, q, weight)) }.gradient
            golden.expect(
                gradient, golden.gradient, exact: golden.exactGradient, expected: golden.expectedGradient, shape: golden.shape, "gradient", ulp: ulp,
                absolute: absolute)
        }
        if golden.gradientTarget != nil, let q {
            // −lp, as in PyTorch: +∞ for a class that is impossible, whether or not it has a probability.
            let gradient = valueWithGradient(at: q) { reduced(loss(x, $0, weight)) }.gradient
            golden.expect(
                gradient, golden.gradientTarget, exact: golden.exactGradientTarget, shape: golden.shape,                "target gradient", ulp: ulp, absolute: absolute)
        }
        if golden.gradientWeight != nil, let weight {
            let gradient = valueWithGradient(at: weight) { reduced(loss(x, q, $0)) }.gradient
            golden.expect(
                gradient, golden.gradientWeight, exact: golden.exactGradientWeight,
                expected: golden.expectedGradientWeight, shape: [classes],                "weight gradient", ulp: ulp, absolute: absolute * Double(max(1, x.count)))
        }
    }

    /// Every golden error is an error here too, said before anything is computed.
    @Test func refusesWhatPyTorchRefuses() throws {
        var refused = 0
        for golden in try GoldenCase.cases("cross-entropy") + GoldenCase.cases("nll-loss") where golden.error != nil {
            guard let target = golden.target, !golden.shape.isEmpty else { continue }
            let classes = golden.shape[golden.shape.count == 1 ? 0 : 1]
            let isRefused: Bool
            do {
                let labels = try Labels(
                    target, shape: golden.targetShape, classCount: classes, ignoring: golden.ignoreIndex ?? -100)
                let weight: Tensor<Double>? = golden.weight.map { golden.tensor($0, golden.weightShape ?? [$0.count]) }
                try CrossEntropyLoss<Double>.check(labelSmoothing: golden.labelSmoothing ?? 0)
                try CrossEntropyLoss(weight: weight).check(golden.shape, labels)
                isRefused = false
            } catch { isRefused = true }
            // What PyTorch refuses for its type alone is welcome here: any integer type, any spelling. So is the
            // gradient of class weights.
            let isTypeError = golden.error?.contains("expected target dtype") == true
                || golden.error?.contains("expected scalar type") == true
                || golden.error?.contains("not a valid value") == true
                || golden.error?.contains("got Long") == true
                || golden.error?.contains("not differentiable") == true
            if isTypeError { continue }
            #expect(isRefused, "\(golden.name): PyTorch says \(golden.error ?? "")")
            refused += 1
        }
        #expect(refused >= 8)
    }
}
