import Surprisal
import Testing

/// Normalisation, linear layers, reductions and arithmetic against PyTorch's results.
@Suite struct OperationParityTests {
    @Test(arguments: ["log-softmax", "linear", "reductions"]) func agreesWithPyTorch(file: String) throws {
        var count = 0
        for golden in try GoldenCase.cases(file) where golden.error == nil {
            if golden.dtype == "float32" { try compare(golden, Float.self) } else { try compare(golden, Double.self) }
            count += 1
        }
        #expect(count >= 60)
    }

    @Test func sumsAlongAnAxisKeepTheirRoundingErrors() {
        #expect(Tensor<Double>([[1, 1e100, 1, -1e100]]).sum(along: 1).item() == 2)
        #expect(Tensor<Double>([[1], [1e100], [1], [-1e100]]).sum(along: 0).item() == 2)
    }

    private func compare<T: Surprisal.Scalar>(_ golden: GoldenCase, _ type: T.Type) throws {
        // Sums of products of some dozen terms, whose rounding either side may do in its own order.
        let ulp = 64.0, absolute = 32 * Double(T.ulpOfOne)
        let x: Tensor<T> = golden.tensor(try #require(golden.input), golden.shape)
        let other: Tensor<T>? = golden.other.map { golden.tensor($0, golden.otherShape ?? golden.shape) }
        let weight: Tensor<T>? = golden.weight.map { golden.tensor($0, golden.weightShape ?? [$0.count]) }
        let bias: Tensor<T>? = golden.bias.map { golden.tensor($0, [$0.count]) }

        if golden.op == "argmax" || golden.op == "max" || golden.op == "topk" {
            try comparePlaces(golden, x)
        }
        if golden.op == "argmax" { return }
        let operation: ([Tensor<T>]) -> Tensor<T>
        var inputs = [x]
        switch golden.op {
        case "log_softmax": operation = { $0[0].logSoftmax(along: golden.dim) }
        case "softmax": operation = { $0[0].softmax(along: golden.dim) }
        case "logsumexp": operation = { $0[0].logSumExp(along: golden.dim) }
        case "linear":
            inputs += [try #require(weight)] + (bias.map { [$0] } ?? [])
            operation = { Linear(weight: $0[1], bias: $0.count > 2 ? $0[2] : nil)($0[0]) }
        case "max": operation = { $0[0].max(along: golden.dim ?? -1).values }
        case "topk": operation = { $0[0].topK(golden.k ?? 1, along: golden.dim ?? -1).values }
        case "sum": operation = { golden.dim.map($0[0].sum(along:)) ?? $0[0].sum() }
        case "mean": operation = { golden.dim.map($0[0].mean(along:)) ?? $0[0].mean() }
        case "relu": operation = { $0[0].relu() }
        case "exp": operation = { $0[0].exp() }
        case "log": operation = { $0[0].log() }
        case "matmul", "add", "sub", "mul", "div":
            inputs.append(try #require(other))
            operation = {
                switch golden.op {
                case "matmul": $0[0].matmul($0[1])
                case "add": $0[0] + $0[1]
                case "sub": $0[0] - $0[1]
                case "mul": $0[0] * $0[1]
                default: $0[0] / $0[1]
                }
            }
        default:
            Issue.record("\(golden.name): no such operation \(golden.op)")
            return
        }
        let y = operation(inputs)
        golden.expect(y, golden.output, exact: golden.exactOutput, shape: golden.outputShape, "output", ulp: ulp, absolute: absolute)
        guard golden.gradient != nil else { return }
        // PyTorch gives the finite entries beside a +∞ the gradient 0; here a +∞ makes its whole row NaN.
        if golden.op == "logsumexp", x.scalars.contains(.infinity) { return }
        // Among equals PyTorch's topk takes any.
        if golden.op == "topk", golden.name.contains("ties") { return }
        let upstream: Tensor<T> = golden.upstream.map { golden.tensor($0, y.shape) } ?? .ones(y.shape)
        let gradients = valueWithGradient(at: inputs) { operation($0).weighted(by: upstream) }.gradients
        // PyTorch takes exp(x − lse) of a rounded lse: off by as many ULP as lse is large.
        let slack = golden.op == "logsumexp"
            ? absolute * max(1, y.scalars.map { abs(Double($0)) }.filter(\.isFinite).max() ?? 1) : absolute
        golden.expect(
            gradients[0], golden.gradient, exact: golden.exactGradient, shape: golden.shape, "gradient", ulp: ulp,
            absolute: slack)
        if other != nil {
            golden.expect(
                gradients[1], golden.gradientOther, exact: golden.exactGradientOther, shape: golden.otherShape,
                "second gradient", ulp: ulp, absolute: absolute)
        }
        if weight != nil {
            golden.expect(
                gradients[1], golden.gradientWeight, exact: golden.exactGradientWeight, shape: golden.weightShape,
                "weight gradient", ulp: ulp, absolute: absolute)
        }
        if bias != nil {
            golden.expect(
                gradients[2], golden.gradientBias, exact: golden.exactGradientBias, shape: nil, "bias gradient",
                ulp: ulp, absolute: absolute)
        }
    }

    private func comparePlaces<T: Surprisal.Scalar>(_ golden: GoldenCase, _ x: Tensor<T>) throws {
        let places = try #require(golden.indices)
        switch golden.op {
        case "topk":
            let (values, indices) = x.topK(golden.k ?? 1, along: golden.dim ?? -1)
            // PyTorch leaves the order among equals open: the values decide where there are any.
            let isTied = Set(values.scalars.map { "\($0)" }).count < values.count || golden.name.contains("ties")
            if !isTied { #expect(indices.values == places, "\(golden.name)") }
        default:
            #expect(x.argmax(along: golden.dim ?? -1).values == places, "\(golden.name)")
        }
    }
}
