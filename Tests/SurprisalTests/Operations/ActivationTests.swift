import Surprisal
import SurprisalReference
import Testing

@Suite struct ActivationTests {
    /// 50-digit values, written by `scripts/generate-layer-goldens.py`.
    struct Truth: Decodable {
        let name: String
        let x: [Double]
        let value, derivative: [[Double]]

        func apply<T: Surprisal.Scalar>(_ x: Tensor<T>) -> Tensor<T> {
            switch name {
            case "sigmoid": x.sigmoid()
            case "silu": x.silu()
            case "gelu": x.gelu()
            default: x.gelu(approximation: .tanh)
            }
        }
        /// The ULP that the roundings of the tanh's argument cost: three of them, of what is exponentiated twice over.
        func rounding(_ x: Double) -> Double { name == "gelu-tanh" ? 6 * abs(0.8 * (x + 0.044715 * x * x * x)) : 0 }
    }

    private func compare<T: Surprisal.Scalar>(_ type: T.Type) throws {
        let truths: [Truth] = try goldens("activations")
        #expect(truths.map(\.name) == ["sigmoid", "silu", "gelu", "gelu-tanh"])
        for truth in truths {
            let x = Tensor(truth.x.map { T($0) })
            let y = truth.apply(x), slope = valueWithGradient(at: x) { truth.apply($0).sum() }.gradient
            #expect(y.shape == x.shape && slope.shape == x.shape)
            for (i, point) in truth.x.enumerated() {
                // The exponential of a tail may be subnormal: |x| times its rounding.
                let lost = (1 + abs(point)) * Double(T.leastNonzeroMagnitude)
                let bound = Accuracy.activationULP + truth.rounding(point)
                #expect(
                    ulps(y.scalars[i], truth.value[i]) <= bound || abs(Double(y.scalars[i]) - truth.value[i][0]) <= lost,
                    "\(truth.name)(\(point)) of \(type) is \(y.scalars[i]), expected \(truth.value[i][0])")
                let off = abs((Double(slope.scalars[i]) - truth.derivative[i][0]) - truth.derivative[i][1])
                // SiLU's and the GELUs' derivatives are 0 once, between −2 and −0.5.
                let nearZero = truth.name != "sigmoid" && point < -0.5 && point > -2 ? bound * Double(T.ulpOfOne) : 0
                #expect(
                    ulps(slope.scalars[i], truth.derivative[i]) <= bound || off <= max(nearZero, (1 + abs(point)) * lost),
                    "derivative of \(truth.name) at \(point) of \(type) is \(slope.scalars[i]), expected \(truth.derivative[i][0])")
            }
        }
    }

    @Test(arguments: InstructionSet.available) func isWithinItsBound(isa: InstructionSet) throws {
        try InstructionSet.override.withValue(isa) {
            try compare(Float.self)
            try compare(Double.self)
        }
    }

    @Test(arguments: InstructionSet.available) func edges(isa: InstructionSet) {
        InstructionSet.override.withValue(isa) {
            let x = Tensor<Float>([0, -0.0, .infinity, -.infinity, .nan, 3e38, -3e38])
            for (name, apply) in [
                ("silu", { $0.silu() }), ("gelu", { $0.gelu() }), ("gelu-tanh", { $0.gelu(approximation: .tanh) }),
            ] as [(String, (Tensor<Float>) -> Tensor<Float>)] {
                let y = apply(x).scalars, slope = valueWithGradient(at: x) { apply($0).sum() }.gradient.scalars
                #expect(Array(y[0...3]) == [0, 0, .infinity, 0] && y[4].isNaN && y[5] == 3e38 && y[6] == 0, "\(name): \(y)")
                #expect(Array(slope[0...3]) == [0.5, 0.5, 1, 0] && slope[4].isNaN && slope[5] == 1 && slope[6] == 0, "\(name): \(slope)")
            }
            let s = x.sigmoid().scalars, slope = valueWithGradient(at: x) { $0.sigmoid().sum() }.gradient.scalars
            #expect(Array(s[0...3]) == [0.5, 0.5, 1, 0] && s[4].isNaN && s[5] == 1 && s[6] == 0)
            #expect(Array(slope[0...3]) == [0.25, 0.25, 0, 0] && slope[4].isNaN)
        }
    }

    @Test func tanhIsTheSoftCapAtOne() {
        let x: Tensor<Double> = CrossEntropyRelationTests.logits([3, 7], seed: 2)
        #expect(x.tanh() == x.softCapped(at: 1))
    }

    /// The ends of vectors and of parts.
    @Test(arguments: [0, 1, 7, 8, 9, 40_000]) func anyNumberOfElements(count: Int) {
        let x: Tensor<Float> = CrossEntropyRelationTests.logits([count], seed: 3)
        let y = x.gelu()
        for threads in [1, 2, 3] { #expect(Parallel.override.withValue(threads) { x.gelu() } == y) }
        for i in Set([0, count / 2, count - 1]).filter({ $0 >= 0 && $0 < count }) {
            #expect(Tensor([x.scalars[i]]).gelu().scalars[0] == y.scalars[i])
        }
    }
}
