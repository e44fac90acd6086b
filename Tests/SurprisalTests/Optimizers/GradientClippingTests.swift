import Surprisal
import Testing

/// One line of `clipping.jsonl`.
struct ClippingGolden: Decodable {
    let name, op, dtype: String
    let shape: [Int]
    let bound, decay, norm: Double?
    let input, output: [Double]
    let other, clamped: [Double]?
}

private struct Two<T: Surprisal.Scalar>: Model {
    var first, second: Tensor<T>
    mutating func forEachParameter(_ body: (String, inout Tensor<T>) -> Void) {
        body("first", &first)
        body("second", &second)
    }

    /// A gradient with these numbers: that of Σ slope·parameter.
    static func gradient(_ first: Tensor<T>, _ second: Tensor<T>) -> Gradient<Two> {
        valueWithGradient(at: Two(first: .zeros(first.shape), second: .zeros(second.shape))) {
            ($0.first * first).sum() + ($0.second * second).sum()
        }.gradient
    }
}

@Suite struct GradientClippingTests {
    @Test func followsPyTorch() throws {
        let cases: [ClippingGolden] = try goldens("clipping").filter { (golden: ClippingGolden) in golden.op == "clip" }
        #expect(cases.count == 54)
        for golden in cases {
            if golden.dtype == "float32" { try follow(golden, Float.self) } else { try follow(golden, Double.self) }
        }
    }

    private func follow<T: Surprisal.Scalar>(_ golden: ClippingGolden, _ type: T.Type) throws {
        let gradient = Two.gradient(
            Tensor(golden.input.map { T($0) }, shape: golden.shape), Tensor((golden.other ?? []).map { T($0) }))
        let bound = try #require(golden.bound), expectedNorm = try #require(golden.norm)
        var scaled = gradient, clamped = gradient
        let norm = scaled.clip(toNorm: bound)
        clamped.clip(toValue: bound)
        // PyTorch sums in the type itself, of Float so 39 squares in any order: half as many ULP at most.
        let tolerance = 20 * Double(T.ulpOfOne)
        #expect(norm == expectedNorm || norm.isNaN && expectedNorm.isNaN || abs(norm - expectedNorm) <= tolerance * norm, "\(golden.name)")
        for (gradient, expected, tolerance) in [(scaled, golden.output, tolerance), (clamped, golden.clamped ?? [], 0)] {
            #expect(gradient.first.shape == golden.shape)
            let found = gradient.first.scalars + gradient.second.scalars
            #expect(found == gradient.parameters.flatMap(\.value.scalars) || !expectedNorm.isFinite)
            #expect(found.count == expected.count)
            for (a, b) in zip(found, expected.map { Double(T($0)) }) {
                #expect(a.isNaN && b.isNaN || Double(a) == b || abs(Double(a) - b) <= tolerance * abs(b), "\(golden.name)")
            }
        }
    }

    /// What an optimiser takes is clipped too, not only what is read.
    @Test func theStepIsClipped() {
        var model = Two<Double>(first: .zeros([2]), second: .zeros([1]))
        var gradient = Two.gradient(Tensor([30, 0]), Tensor([40.0]))
        gradient.clip(toNorm: 5)
        var optimizer = SGD(for: model, learningRate: 1)
        optimizer.update(&model, along: gradient)
        #expect(abs(model.first[0] + 3) < 1e-6 && abs(model.second[0] + 4) < 1e-6)
    }

    @Test func normsNeitherOverflowNorVanish() {
        #expect(Two.gradient(Tensor<Float>([3e30]), Tensor<Float>([4e30])).norm == Double(hypot3(3e30, 4e30)))
        for scale in [1e200, 1e-200, 0x1p-1030, 5e307] {
            let norm = Two.gradient(Tensor([3 * scale]), Tensor([-4 * scale])).norm
            // Subnormal numbers have 40 bits left.
            #expect(abs(norm / 5 / scale - 1) < (scale < 1e-300 ? 1e-11 : 1e-14) || scale == 5e307 && norm == .infinity, "\(scale): \(norm)")
        }
        #expect(Two.gradient(Tensor<Double>([0, 0]), Tensor([0])).norm == 0)
        // 2²⁰ equal numbers: n·x² exactly.
        #expect(Two.gradient(Tensor<Float>(repeating: 0.1, shape: [1 << 20]), Tensor([0])).norm.rounded(toPlaces: 9)
            == (1024 * Double(Float(0.1))).rounded(toPlaces: 9))
    }

    private func hypot3(_ a: Float, _ b: Float) -> Double { (Double(a) * Double(a) + Double(b) * Double(b)).squareRoot() }

    @Test func namesWhatIsNotFinite() {
        #expect(throws: Never.self) { try Two.gradient(Tensor<Float>([3e38, 3e38]), Tensor([1])).checkFinite() }
        let error = GradientError.notFinite(-.infinity, parameter: "second", position: [1])
        #expect(throws: error) { try Two.gradient(Tensor<Float>([1]), Tensor([1, -.infinity])).checkFinite() }
        #expect("\(error)" == "the gradient of second is -inf at position [1]; expected a finite number")
    }
}

extension Double {
    fileprivate func rounded(toPlaces places: Int) -> Double {
        let scale = (0..<places).reduce(1.0) { product, _ in product * 10 }
        return (self * scale).rounded() / scale
    }
}
