import Surprisal
import SurprisalReference
import Testing

/// The closed forms of the curvature, against the naive loops and against differences of gradients.
@Suite struct SoftmaxHessianTests {
    private struct Case {
        let x: Tensor<Double>, labels: Labels, weight: Tensor<Double>, rowWeights: Tensor<Double>?
        let features: Int, classes: Int

        init(rows: Int, features: Int, classes: Int, scale: Double = 1, weighted: Bool = false) throws {
            var generator = SplitMix64(seed: UInt64(rows * 100 + features * 10 + classes))
            func numbers(_ count: Int, _ range: ClosedRange<Double>) -> [Double] {
                (0..<count).map { _ in Double.random(in: range, using: &generator) }
            }
            x = Tensor(numbers(rows * features, -1...1), shape: [rows, features])
            labels = try Labels((0..<rows).map { _ in Int.random(in: 0..<classes, using: &generator) }, classCount: classes)
            weight = Tensor(numbers(classes * features, -scale...scale), shape: [classes, features])
            rowWeights = weighted ? Tensor(numbers(rows, 0...2), shape: [rows]) : nil
            (self.features, self.classes) = (features, classes)
        }

        var probabilities: Tensor<Double> { Linear(weight: weight)(x).softmax() }

        /// ∂Σ s·ℓ/∂W, by the graph.
        func gradient(at weight: Tensor<Double>) -> [Double] {
            valueWithGradient(at: weight) { w in
                let losses = CrossEntropyLoss<Double>(reduction: .none)(Linear(weight: w)(x), labels)
                return (rowWeights.map { losses * $0 } ?? losses).sum()
            }.gradient.scalars
        }
    }

    @Test(arguments: [(1, 1, 2), (7, 3, 4), (130, 5, 3), (1100, 17, 5)], [false, true])
    func areTheTextbooks(size: (Int, Int, Int), weighted: Bool) throws {
        let sample = try Case(rows: size.0, features: size.1, classes: size.2, weighted: weighted)
        let p = sample.probabilities, order = size.1 * size.2
        let expected = Reference.softmaxRegressionHessian(
            sample.x.scalars, probabilities: p.scalars,
            rowWeights: sample.rowWeights?.scalars ?? Array(repeating: 1, count: size.0), features: size.1, classes: size.2)
        let hessian = SoftmaxRegression.hessian(sample.x, probabilities: p, rowWeights: sample.rowWeights)
        #expect(hessian.shape == [order, order])
        // Sums of `rows` terms in another order.
        expectClose(hessian.scalars, expected, within: 1e-14 * Double(size.0), "Hessian")

        var generator = SplitMix64(seed: 5)
        let direction = Tensor((0..<order).map { _ in Double.random(in: -1...1, using: &generator) }, shape: [size.2, size.1])
        let product = SoftmaxRegression.hessianProduct(sample.x, probabilities: p, rowWeights: sample.rowWeights, direction)
        #expect(product.shape == [size.2, size.1])
        let byHessian = (0..<order).map { i in (0..<order).reduce(0.0) { $0 + expected[i * order + $1] * direction.scalars[$1] } }
        let largest = max(expected.map(abs).max() ?? 0, 1e-300)
        for (found, wanted) in zip(product.scalars, byHessian) {
            #expect(abs(found - wanted) <= 1e-13 * Double(order) * largest)
        }
    }

    /// Central differences of the graph's gradient: their error is h²/6 of the third derivative, and rounding/h.
    @Test(arguments: [false, true])
    func areDerivativesOfTheGradient(weighted: Bool) throws {
        let sample = try Case(rows: 40, features: 3, classes: 4, scale: 2, weighted: weighted)
        let hessian = SoftmaxRegression.hessian(sample.x, probabilities: sample.probabilities, rowWeights: sample.rowWeights)
        let h = 1e-5, order = 12
        for column in 0..<order {
            func moved(_ by: Double) -> [Double] {
                var values = sample.weight.scalars
                values[column] += by
                return sample.gradient(at: Tensor(values, shape: sample.weight.shape))
            }
            let difference = zip(moved(h), moved(-h)).map { ($0 - $1) / (2 * h) }
            var unit = [Double](repeating: 0, count: order)
            unit[column] = 1
            let product = SoftmaxRegression.hessianProduct(
                sample.x, probabilities: sample.probabilities, rowWeights: sample.rowWeights,
                Tensor(unit, shape: [4, 3])).scalars
            for row in 0..<order {
                #expect(abs(hessian[row, column] - difference[row]) <= 1e-8)
                #expect(abs(product[row] - difference[row]) <= 1e-8)
            }
        }
    }

    /// Where a row is certain, `p(1 − p)` is e^−40: far below the rounding of p.
    @Test func confidentRowsKeepTheirCurvature() {
        let logits = Tensor<Double>([[0, 40]]), p = logits.softmax()
        let hessian = SoftmaxRegression.hessian(Tensor([[1.0]]), probabilities: p)
        let small = p[0, 0]
        #expect(small > 4.2e-18 && small < 4.3e-18)
        #expect(abs(hessian[1, 1] - small) <= 4 * small.ulp)
        #expect(abs(hessian[0, 0] - small) <= 4 * small.ulp)
        #expect(abs(hessian[0, 1] + small) <= 4 * small.ulp)
    }

    /// One class: no choice, no curvature, where differences would leave rounding.
    @Test func aSingleClassHasNone() throws {
        let sample = try Case(rows: 65, features: 9, classes: 1), p = Tensor<Double>.ones([65, 1])
        #expect(SoftmaxRegression.hessian(sample.x, probabilities: p) == .zeros([9, 9]))
        #expect(SoftmaxRegression.hessianProduct(sample.x, probabilities: p, sample.weight) == .zeros([1, 9]))
    }

    @Test func moveNothingWhereAllClassesMoveAlike() throws {
        let sample = try Case(rows: 30, features: 2, classes: 3)
        let product = SoftmaxRegression.hessianProduct(
            sample.x, probabilities: sample.probabilities, Tensor([[1.0, -2], [1, -2], [1, -2]]))
        for value in product.scalars { #expect(abs(value) <= 1e-14) }
    }
}
