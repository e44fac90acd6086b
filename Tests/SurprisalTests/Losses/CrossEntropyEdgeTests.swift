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

    /// A vocabulary whose first classes are masked: nothing in the first look at the row but −∞.
    @Test(arguments: InstructionSet.available) func rowsThatBeginImpossible(isa: InstructionSet) throws {
        func check<T: Surprisal.Scalar>(_ type: T.Type) throws {
            let rests: [T] = [-177.5, -1e30, -600, -1419.6, 0, 177.5, 1e30]
            for rest in rests {
                var row = [T](repeating: -.infinity, count: 300)
                row[298] = rest
                row[299] = rest
                let x = Tensor(row, shape: [1, 300])
                #expect(abs(x.softmax()[0, 299] - 0.5) <= T(0.5).ulp && x.softmax()[0, 0] == 0, "\(type) \(rest)")
                #expect(x.logSoftmax()[0, 0] == -.infinity)
                let y = try Labels([299], classCount: 300)
                let (value, gradient) = valueWithGradient(at: x) { CrossEntropyLoss()($0, y) }
                #expect(abs(Double(value.item()) - 0.6931471805599453) < 1e-7, "\(type) \(rest)")
                #expect(abs(gradient[0, 298] - 0.5) <= T(0.5).ulp && gradient[0, 299] == -0.5 && gradient[0, 7] == 0)
            }
            #expect(Tensor([T](repeating: -.infinity, count: 300), shape: [1, 300]).logSumExp().item() == -.infinity)
            // One late logit that dwarfs everything.
            var row = [T](repeating: 0, count: 201)
            row[200] = 1e30
            let x = Tensor(row, shape: [1, 201])
            #expect(x.softmax()[0, 200] == 1 && x.softmax()[0, 0] == 0)
            #expect(x.logSoftmax()[0, 0] == -1e30 && x.logSumExp().item() == 1e30)
        }
        try InstructionSet.override.withValue(isa) {
            try check(Float.self)
            try check(Double.self)
        }
    }

    /// A tiny weight on a row whose maximum comes late: the factor of the gradient is subnormal, its products
    /// are not.
    @Test func tinyWeightsKeepTheirDigits() throws {
        func check<T: Surprisal.Scalar>(_ weight: T, _ late: T) throws {
            var row = [T](repeating: 0, count: 100)
            row[99] = late
            let x = Tensor(row, shape: [1, 100]), y = try Labels([99], classCount: 100)
            func gradient(_ w: T) -> T {
                let weights = Tensor(repeating: w, shape: [100])
                return valueWithGradient(at: x) { CrossEntropyLoss(weight: weights, reduction: .sum)($0, y) }.gradient[0, 5]
            }
            let (plain, tiny) = (gradient(1), gradient(weight))
            #expect(abs(tiny / weight - plain) <= 4 * plain.ulp, "\(tiny) of \(plain)")
        }
        try check(Float(0x1p-66), 23)
        try check(Double(0x1p-133), 290)
        try check(Double(0x1p-133), 99)
    }

    @Test func nothingFlowsBackThroughIgnoredRowsOrAZeroUpstream() throws {
        let x = Tensor<Float>([[.nan, 1], [2, 3]]), y = try Labels([-100, 1], classCount: 2)
        let infinite = valueWithGradient(at: x) { CrossEntropyLoss()($0, y) * .infinity }.gradient
        #expect(infinite[0, 0] == 0 && infinite[0, 1] == 0)
        let each = valueWithGradient(at: x) { (CrossEntropyLoss(reduction: .none)($0, y) * .infinity).sum() }.gradient
        #expect(each[0, 0] == 0 && each[0, 1] == 0)
        let all = try Labels([0, 1], classCount: 2)
        let selected = valueWithGradient(at: x) { (CrossEntropyLoss(reduction: .none)($0, all).rows([1])).sum() }.gradient
        #expect(selected[0, 0] == 0 && selected[0, 1] == 0 && selected[1, 1] < 0)
        let sums = valueWithGradient(at: x) { $0.logSumExp().rows([1]).sum() }.gradient
        #expect(sums[0, 0] == 0 && sums[0, 1] == 0)
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
