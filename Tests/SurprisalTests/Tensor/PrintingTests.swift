@testable import Surprisal
import Testing

@Suite struct PrintingTests {
    @Test func printsAsPyTorch() throws {
        var count = 0
        for golden in try GoldenCase.cases("printing") {
            let size = golden.shape.reduce(1, *)
            let text = try #require(golden.text)
            let values = golden.input ?? (0..<size).map { Double($0) * (golden.arange ?? 1) }
            switch golden.dtype {
            case "int64":
                let integers = Indices(shape: golden.shape, values: values.map { Int($0) })
                // PyTorch names the type of integers where no element shows it; indices have but one.
                #expect("\(integers)" == text.replacing(", dtype=torch.int64", with: ""), "\(golden.name)")
            case "float32":
                let scale = Float(golden.arange ?? 1)
                let tensor: Tensor<Float> = golden.input == nil
                    ? Tensor((0..<size).map { Float($0) * scale }, shape: golden.shape) : golden.tensor(values, golden.shape)
                #expect("\(tensor)" == text, "\(golden.name)")
            default:
                // PyTorch's longer name of the type, torch.float64, may not fit on a line where ours does.
                let tensor: Tensor<Double> = golden.tensor(values, golden.shape)
                let joined = { (text: String) in text.replacing("torch.", with: "").replacing(",\n       dtype", with: ", dtype") }
                #expect(joined("\(tensor)") == joined(text), "\(golden.name)")
            }
            count += 1
        }
        #expect(count >= 100)
    }

    @Test func namesTheOperation() {
        let x = Tensor<Float>([[1, 2]])
        var text = ""
        _ = valueWithGradient(at: x) { x in
            text = "\(x) \((x * 2).relu())"
            return x.sum()
        }
        #expect(text == "tensor([[1., 2.]], tracked) tensor([[2., 4.]], from: Relu)")
        #expect("\(x)" == "tensor([[1., 2.]])")
        #expect("\(CrossEntropyLoss()(x * 0, probabilities: x))" == "tensor(2.0794, from: CrossEntropy)")
        #expect("\((x * 2).argmax(along: 1))" == "tensor([1])")
    }
}
