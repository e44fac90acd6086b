import Surprisal
import Testing

/// The rows and batches at the edge: where the package promises more than the reference, and what is empty.
@Suite struct CrossEntropyEdgeTests {
    private let loss = CrossEntropyLoss<Float>()

    @Test(arguments: [5, 10, 16, 17, 20, 40, 80] as [Float], [2, 3, 10, 100, 1000])
    func confidentRowKeepsItsDigits(margin: Float, classes: Int) throws {
        var row = [Float](repeating: 0, count: classes)
        row[classes - 1] = margin
        let x = Tensor(row, shape: [1, classes]), y = try Labels([classes - 1], classCount: classes)
        let (value, gradient) = valueWithGradient(at: x) { loss($0, y) }
        // All the others are e^−margin: their sum R gives the loss log1p(R) and the gradient −R/(1 + R).
        let r = Double(classes - 1) * Tensor<Double>(-Double(margin)).exp().item()
        let truth = margin > 10 ? r - r * r / 2 : Tensor<Double>(1 + r).log().item()
        #expect(abs(Double(value.item()) - truth) <= Accuracy.lossULP * Double(value.item().ulp))
        let slope = Double(gradient[0, classes - 1])
        #expect(abs(slope + r / (1 + r)) <= Accuracy.labelGradientULP * abs(slope.magnitude).ulp * 0x1p29)
        #expect(value.item() > 0 && slope < 0)
    }

    /// Float.ulp seen from Double is 2²⁹ ulps.
    @Test func confidentRowsThroughNLL() throws {
        let x = Tensor<Float>([[0, 20, 0]]), y = try Labels([1], classCount: 3)
        let one = valueWithGradient(at: x) { CrossEntropyLoss()($0, y) }.gradient
        let other = valueWithGradient(at: x) { NLLLoss()($0.logSoftmax(), y) }.gradient
        for j in 0..<3 { #expect(abs(one[0, j] - other[0, j]) <= 16 * abs(one[0, j]).ulp) }
        #expect(other[0, 1] < 0)
    }

    @Test(arguments: [3, 40, 300]) func ignoredRowContributesNothing(classes: Int) throws {
        for poison in [Float.nan, .infinity, -.infinity] {
            let clean = CrossEntropyRelationTests.logits([2, classes]) as Tensor<Float>
            let x = Tensor(clean.scalars + [Float](repeating: poison, count: classes), shape: [3, classes])
            let y = try Labels([0, 1, -100], classCount: classes)
            let (value, gradient) = valueWithGradient(at: x) { loss($0, y) }
            let alone = valueWithGradient(at: clean) { loss($0, y[[0, 1]]) }
            #expect(value == alone.value)
            #expect(gradient.scalars == alone.gradient.scalars + [Float](repeating: 0, count: classes))
            let smoothed = CrossEntropyLoss<Float>(labelSmoothing: 0.1)
            let soft = valueWithGradient(at: x) { smoothed($0, y) }
            #expect(soft.value.item().isFinite && soft.gradient.scalars.suffix(classes).allSatisfy { $0 == 0 })
        }
    }

    @Test func allIgnoredIsNaNWithZeroGradient() throws {
        let x = Tensor<Float>([[1, 2, 3], [4, 5, 6]]), y = try Labels([-100, -100], classCount: 3)
        for smoothing in [0, 0.1] {
            let (value, gradient) = valueWithGradient(at: x) { CrossEntropyLoss(labelSmoothing: smoothing)($0, y) }
            #expect(value.item().isNaN)
            #expect(gradient.scalars.allSatisfy { $0 == 0 })
            #expect(CrossEntropyLoss(labelSmoothing: smoothing, reduction: .sum)(x, y).item() == 0)
        }
    }

    @Test(arguments: [3, 40, 300]) func impossibleClasses(classes: Int) throws {
        var row = [Float](repeating: 1, count: classes)
        row[1] = -.infinity
        let x = Tensor(row, shape: [1, classes])
        let zero = try Labels([0], classCount: classes), one = try Labels([1], classCount: classes)
        let possible = valueWithGradient(at: x) { loss($0, zero) }
        #expect(possible.value.item().isFinite && possible.gradient[0, 1] == 0)
        #expect(x.softmax()[0, 1] == 0)
        #expect(x.logSoftmax()[0, 1] == -.infinity)
        let impossible = valueWithGradient(at: x) { loss($0, one) }
        #expect(impossible.value.item() == .infinity)
        #expect(impossible.gradient[0, 1] == -1)
        // A class that is impossible and has no probability is no loss.
        var q = [Float](repeating: 0, count: classes)
        q[0] = 1
        #expect(loss(x, probabilities: Tensor(q, shape: [1, classes])) == possible.value)
    }

    /// As in the reference: a weight of 0 does not silence an impossible label, by index or one-hot.
    @Test func weightZeroAtMinusInfinityIsNaN() throws {
        let x = Tensor<Double>([[-.infinity, 1, 2]]), weight = Tensor<Double>([0, 1, 1])
        let y = try Labels([0], classCount: 3)
        let loss = CrossEntropyLoss(weight: weight, reduction: .sum)
        #expect(loss(x, y).item().isNaN)
        #expect(loss(x, probabilities: Tensor([[1, 0, 0]])).item().isNaN)
        #expect(loss(x, probabilities: Tensor([[0, 1, 0]])).item().isFinite)
    }

    @Test func emptyBatches() throws {
        for shape in [[0, 3], [0, 3, 2], [2, 3, 0], [2, 4, 0, 3]] {
            let x = Tensor<Float>.zeros(shape)
            let positions = Array(shape[..<1] + shape[2...])
            let y = try Labels([Int](), shape: positions, classCount: shape[1])
            #expect(loss(x, y).item().isNaN)
            #expect(CrossEntropyLoss(reduction: .sum)(x, y).item() == 0)
            #expect(CrossEntropyLoss(reduction: .none)(x, y).shape == positions)
            #expect(valueWithGradient(at: x) { loss($0, y) }.gradient.shape == shape)
            #expect(loss(x, probabilities: x).item().isNaN)
        }
    }

    @Test func oneClassIsCertain() throws {
        let x = Tensor<Float>([[3], [-7]]), y = try Labels([0, 0], classCount: 1)
        for smoothing in [0, 0.3] {
            let (value, gradient) = valueWithGradient(at: x) { CrossEntropyLoss(labelSmoothing: smoothing)($0, y) }
            #expect(value.item() == 0)
            #expect(gradient.scalars == [0, 0])
        }
    }

    @Test func zeroClasses() throws {
        let x = Tensor<Float>.zeros([2, 0]), y = try Labels([-100, -100], classCount: 0)
        #expect(loss(x, y).item().isNaN)
        #expect(CrossEntropyLoss(reduction: .none)(x, y).scalars == [0, 0])
        #expect(CrossEntropyLoss(reduction: .sum)(x, probabilities: x).item() == 0)
        #expect(x.logSumExp().scalars == [-.infinity, -.infinity])
        #expect(x.logSoftmax().shape == [2, 0])
        #expect(throws: LabelError.outOfRange(value: "0", position: [0], classCount: 0)) {
            try Labels([0, -100], classCount: 0)
        }
    }

    @Test func rowsThatAreNoDistributionAreNaNAlone() throws {
        for classes in [3, 40, 300] {
            for poison: Float in [.nan, .infinity] {
                var x = (CrossEntropyRelationTests.logits([3, classes]) as Tensor<Float>).scalars
                x[classes + 1] = poison
                let y = try Labels([0, 0, 0], classCount: classes)
                let tensor = Tensor(x, shape: [3, classes])
                let losses = CrossEntropyLoss(reduction: .none)(tensor, y).scalars
                #expect(losses[0].isFinite && losses[1].isNaN && losses[2].isFinite)
                let gradient = valueWithGradient(at: tensor) { CrossEntropyLoss(reduction: .sum)($0, y) }.gradient.scalars
                #expect(gradient[..<classes].allSatisfy { $0.isFinite })
                #expect(gradient[classes..<2 * classes].allSatisfy { $0.isNaN })
                #expect(gradient[(2 * classes)...].allSatisfy { $0.isFinite })
                let lse = tensor.logSumExp().scalars
                #expect(poison.isNaN ? lse[1].isNaN : lse[1] == .infinity)
            }
        }
    }

    @Test func meanOfManyRowsIsExact() throws {
        let rows = 70_000
        let x = Tensor<Float>.zeros([rows, 2]), y = try Labels([Int](repeating: 0, count: rows), classCount: 2)
        #expect(loss(x, y).item() == Float(0.6931471805599453))
    }
}
