import Surprisal
import Testing

@Suite struct LinearTests {
    @Test func initialisesWithinPyTorchsBound() {
        var generator = SplitMix64(seed: 1)
        let layer = Linear<Float>(100, 50, using: &generator)
        #expect(layer.weight.shape == [50, 100] && layer.bias?.shape == [50])
        let sizes = layer.weight.scalars.map(abs)
        #expect(sizes.allSatisfy { $0 <= 0.1 } && (sizes.max() ?? 0) > 0.099)
        #expect(layer.parameters.map(\.name) == ["weight", "bias"])
        #expect(layer.parameterCount == 5050)
        #expect(Linear<Float>(3, 2, bias: false, using: &generator).parameters.map(\.name) == ["weight"])
    }

    @Test func emptySizes() {
        // No inputs: the bias alone, whatever the memory held before.
        let none = Linear<Float>(weight: .zeros([2, 0]), bias: Tensor([3, 4]))
        #expect(none(.zeros([2, 0])) == Tensor([[3, 4], [3, 4]]))
        #expect(Linear<Float>(weight: .zeros([2, 0]))(.zeros([1, 0])) == Tensor([[0, 0]]))
        #expect(Linear<Float>(weight: .zeros([0, 3]))(.zeros([2, 3])).shape == [2, 0])
        #expect(Linear<Float>(weight: .zeros([4, 3]))(.zeros([0, 3])).shape == [0, 4])
    }

    @Test func untrackedInputsGetNoGradient() {
        let x: Tensor<Float> = CrossEntropyRelationTests.logits([4, 3])
        let w: Tensor<Float> = CrossEntropyRelationTests.logits([2, 3], seed: 2)
        let alone = valueWithGradient(at: w) { Linear(weight: $0)(x).sum() }.gradient
        let both = valueWithGradient(at: x, w) { Linear(weight: $1)($0).sum() }.gradients
        #expect(alone == both.1)
    }

    @Test func infinityTimesZeroIsNaN() {
        let y = Linear<Float>(weight: Tensor([[0, 1]]))(Tensor([[.infinity, 1]]))
        #expect(y.item().isNaN)
    }
}
