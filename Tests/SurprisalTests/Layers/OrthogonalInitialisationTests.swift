import Surprisal
import Testing

@Suite struct OrthogonalInitialisationTests {
    @Test(arguments: [(1, 1), (5, 3), (3, 5), (64, 64), (0, 3), (3, 0)])
    func rowsOrColumnsArePerpendicular(size: (Int, Int)) {
        expect(size, Double.self, 1e-14)
        expect(size, Float.self, 1e-6)
    }

    private func expect<T: Surprisal.Scalar>(_ size: (Int, Int), _ type: T.Type, _ tolerance: Double) {
        var generator = SplitMix64(seed: 2)
        let (inputs, outputs) = size, gain = 1.5
        let layer = Linear<T>(orthogonal: inputs, outputs, gain: gain, using: &generator), w = layer.weight
        #expect(w.shape == [outputs, inputs] && layer.bias == .zeros([outputs]))
        let byRows = outputs <= inputs, count = min(inputs, outputs), length = max(inputs, outputs)
        for a in 0..<count {
            for b in 0..<count {
                let product = (0..<length).reduce(0.0) { sum, j in
                    sum + (byRows ? Double(w[a, j]) * Double(w[b, j]) : Double(w[j, a]) * Double(w[j, b]))
                }
                #expect(abs(product - (a == b ? gain * gain : 0)) <= tolerance * Double(length))
            }
        }
    }

    /// Without the signs of R's diagonal, Householder's first element would nearly always be of one sign.
    @Test func noDirectionIsPreferred() {
        var generator = SplitMix64(seed: 3), positive = 0
        for _ in 0..<400 {
            let layer = Linear<Double>(orthogonal: 3, 3, bias: false, using: &generator)
            #expect(layer.bias == nil)
            if layer.weight[0, 0] > 0 { positive += 1 }
        }
        // Binomial with deviation 10: four of them.
        #expect(abs(positive - 200) <= 40)
    }
}
