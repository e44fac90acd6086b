import Surprisal
import SurprisalReference
import Testing

/// Bad and hard input: the right answer, or an error that says what is wrong.
@Suite struct HardInputTests {
    private static let solvers: [SoftmaxRegression.Solver] = [.newton, .newtonCG, .lbfgs]

    private func fit(
        _ rows: [[Double]], _ labels: [Int], classes: Int? = nil, _ penalty: SoftmaxRegression.Penalty,
        _ solver: SoftmaxRegression.Solver = .automatic, tolerance: Double = 1e-9
    ) throws -> FittedSoftmaxRegression {
        let y = try Labels(labels, classCount: classes ?? (labels.max() ?? -1) + 1)
        return try SoftmaxRegression(penalty: penalty, solver: solver, tolerance: tolerance).fit(Tensor(rows), y)
    }

    /// Rows of one feature with classes that overlap.
    private let line = (0..<12).map { [Double($0)] }
    private let overlapping = [0, 0, 0, 1, 0, 1, 1, 0, 1, 1, 0, 1]

    @Test(arguments: solvers)
    func completeSeparationIsRecognised(solver: SoftmaxRegression.Solver) throws {
        let labels = (0..<12).map { $0 < 6 ? 0 : 1 }
        #expect(throws: SoftmaxRegressionError.separated(classes: [0, 1])) { try fit(line, labels, .none, solver) }
        // With a penalty there is an optimum, and all rows are right.
        #expect(try fit(line, labels, .l2(1), solver).trainingAccuracy == 1)
    }

    /// A row on the border: the classes meet in it, but the likelihood still has no maximum.
    @Test(arguments: solvers)
    func quasiCompleteSeparationIsRecognised(solver: SoftmaxRegression.Solver) throws {
        let rows = [[0.0], [1], [2], [3], [3], [4], [5]]
        let error = #expect(throws: SoftmaxRegressionError.self) { try fit(rows, [0, 0, 0, 0, 1, 1, 1], .none, solver) }
        if case .separated = error {} else { Issue.record("\(String(describing: error))") }
    }

    @Test(arguments: solvers)
    func aSeparatedClassAmongOthersIsNamed(solver: SoftmaxRegression.Solver) throws {
        let iris = try RegressionSample.named("iris")
        #expect(throws: SoftmaxRegressionError.separated(classes: [0])) {
            try SoftmaxRegression(penalty: .none, solver: solver).fit(iris.x, iris.labels)
        }
        let text = SoftmaxRegressionError.separated(classes: [0]).description(features: [], classes: ["a", "b", "c"])
        #expect(text == "the features separate class \"a\" from the others, so that the likelihood has no maximum: coefficients grow for ever; expected a penalty")
    }

    /// One row among many in the wrong place is enough for a maximum, far out as it is.
    @Test(arguments: solvers)
    func nearlySeparatedIsNotSeparated(solver: SoftmaxRegression.Solver) throws {
        var rows = (0..<200).map { [Double($0)] }, labels = (0..<200).map { $0 < 100 ? 0 : 1 }
        rows += [[98.5], [100.5]]
        labels += [1, 0]
        let found = try fit(rows, labels, .none, solver, tolerance: solver == .lbfgs ? 1e-8 : 1e-9)
        #expect(found.layer.weight[1, 0] > 0.1)
        #expect(found.trainingAccuracy ?? 0 > 0.98)
    }

    @Test func aConstantColumn() throws {
        let rows = line.map { $0 + [2.5] }
        #expect(throws: SoftmaxRegressionError.constantColumn(1)) { try fit(rows, overlapping, .none) }
        // With a penalty the free intercept does its work: its weight is 0 and the rest as without it.
        for solver in Self.solvers {
            let with = try fit(rows, overlapping, .l2(1), solver, tolerance: 1e-12)
            let without = try fit(line, overlapping, .l2(1), solver, tolerance: 1e-12)
            #expect(abs(with.layer.weight[0, 1]) <= 1e-12 && abs(with.layer.weight[1, 1]) <= 1e-12)
            #expect(abs(with.layer.weight[1, 0] - without.layer.weight[1, 0]) <= 1e-9)
        }
        #expect(throws: SoftmaxRegressionError.constantColumn(0)) {
            // A constant whose sum rounds is as constant.
            try fit(line.map { [0.1, $0[0]] }, overlapping, .none)
        }
    }

    @Test func identicalColumns() throws {
        let rows = line.enumerated().map { [$1[0], Double($0 * 7 % 5), $1[0]] }
        #expect(throws: SoftmaxRegressionError.dependentColumns([0, 2])) { try fit(rows, overlapping, .none) }
        // A penalty shares the weight out equally.
        for solver in Self.solvers {
            let found = try fit(rows, overlapping, .l2(0.5), solver, tolerance: 1e-12)
            #expect(abs(found.layer.weight[1, 0] - found.layer.weight[1, 2]) <= 1e-9)
        }
        // A sum of others, and the intercept's share in it.
        let sums = line.enumerated().map { [$1[0], Double($0 * 7 % 5), 3 - $1[0] - Double($0 * 7 % 5)] }
        #expect(throws: SoftmaxRegressionError.dependentColumns([0, 1, 2])) { try fit(sums, overlapping, .none) }
    }

    @Test func aClassWithOneRow() throws {
        let labels = overlapping.enumerated().map { $0 == 5 ? 2 : $1 }
        for solver in Self.solvers {
            let found = try fit(line, labels, .l2(1), solver)
            #expect(found.report.stop == .converged)
            // Its intercept stands for its share: probabilities of the classes sum to their counts.
            let sums = found.layer(Tensor(line)).softmax().sum(along: 0).scalars
            #expect(abs(sums[2] - 1) <= 1e-6)
        }
        #expect(throws: SoftmaxRegressionError.smallClass(2, rows: 1)) { try fit(line, labels, .crossValidated(folds: 3)) }
    }

    @Test func aClassWithoutRows() throws {
        #expect(throws: SoftmaxRegressionError.emptyClass(2)) { try fit(line, overlapping, classes: 3, .l2(1)) }
        let y = try Labels(overlapping, classCount: 2)
        let weights = Tensor(overlapping.map { Double(1 - $0) })
        #expect(throws: SoftmaxRegressionError.emptyClass(1)) {
            try SoftmaxRegression().fit(Tensor(line), y, rowWeights: weights)
        }
        #expect(throws: SoftmaxRegressionError.emptyClass(1)) {
            try SoftmaxRegression().fit(Tensor(line), probabilities: Tensor(line.map { _ in [1, 0.0] }))
        }
    }

    @Test func moreClassesThanRows() throws {
        #expect(throws: SoftmaxRegressionError.emptyClass(3)) { try fit([[0], [1], [2]], [0, 1, 2], classes: 8, .l2(1)) }
        // As many as rows: each its own.
        for solver in Self.solvers {
            let found = try fit([[0, 1], [1, 0], [2, 2]], [0, 1, 2], .l2(0.01), solver)
            #expect(found.trainingAccuracy == 1)
        }
    }

    @Test func fewerRowsThanCoefficients() throws {
        let rows = (0..<4).map { i in (0..<6).map { Double((i * 5 + $0 * 3) % 7) } }
        #expect(throws: SoftmaxRegressionError.tooFewRows(rows: 4, coefficients: 7)) { try fit(rows, [0, 1, 0, 1], .none) }
        let found = try fit(rows, [0, 1, 0, 1], .l2(1))
        #expect(found.trainingAccuracy == 1)
        #expect(try found.inference().coefficients.count == 7)
    }

    /// Without a penalty features may be scaled as one likes: weights scale back, logits stay.
    @Test(arguments: solvers)
    func featuresOfAnyScale(solver: SoftmaxRegression.Solver) throws {
        var generator = SplitMix64(seed: 3)
        let data = Reference.syntheticClasses(rows: 300, features: 3, classes: 3, noise: 6, using: &generator)
        let scales = [1e8, 1e-8, 1.0]
        let x = Tensor(data.x, shape: [300, 3]), y = try Labels(data.labels, classCount: 3)
        let scaled = Tensor(data.x.enumerated().map { $1 * scales[$0 % 3] }, shape: x.shape)
        let regression = SoftmaxRegression(penalty: .none, solver: solver, tolerance: 1e-11)
        let plain = try regression.fit(x, y), found = try regression.fit(scaled, y)
        for c in 0..<3 {
            for j in 0..<3 {
                let expected = plain.layer.weight[c, j] / scales[j]
                #expect(abs(found.layer.weight[c, j] - expected) <= 1e-7 * abs(expected))
            }
        }
        let (a, b) = (try plain.inference(), try found.inference())
        for (p, q) in zip(a.coefficients, b.coefficients) { #expect(abs(p.z - q.z) <= 1e-6 * abs(p.z)) }
        // With one, it is the gradient of the features as they are that vanishes.
        let penalised = try SoftmaxRegression(penalty: .l2(1), solver: solver, tolerance: 1e-11).fit(scaled, y)
        #expect(penalised.report.stop != .iterations)
        #expect(penalised.layer.weight.scalars.allSatisfy { $0.isFinite })
    }

    @Test func offsetsFarBeyondTheSpread() throws {
        let far = try fit(line.map { [$0[0] + 1e6] }, overlapping, .none), near = try fit(line, overlapping, .none)
        #expect(abs(far.layer.weight[1, 0] - near.layer.weight[1, 0]) <= 1e-7)
    }

    @Test func valuesThatAreNotFinite() throws {
        for bad in [Double.nan, .infinity, -.infinity] {
            var rows = line
            rows[7] = [bad]
            let error = #expect(throws: SoftmaxRegressionError.self) { try fit(rows, overlapping, .l2(1)) }
            if case .notFinite(let value, 7, 0) = error {
                #expect(value == bad || value.isNaN && bad.isNaN)
            } else { Issue.record("\(String(describing: error))") }
        }
        let y = try Labels(overlapping, classCount: 2), x = Tensor(line)
        #expect(throws: SoftmaxRegressionError.rowWeight(value: -1, row: 2)) {
            try SoftmaxRegression().fit(x, y, rowWeights: Tensor([1, 1, -1, 1, 1, 1, 1, 1, 1, 1, 1, 1]))
        }
        #expect(throws: SoftmaxRegressionError.classWeight(value: 0, class: 1)) {
            try SoftmaxRegression(classWeights: .each([1, 0])).fit(x, y)
        }
        #expect(throws: SoftmaxRegressionError.probability(value: -0.5, row: 0, class: 1)) {
            try SoftmaxRegression().fit(x, probabilities: Tensor(line.map { _ in [1, -0.5] }))
        }
    }

    @Test func shapesAndOptions() throws {
        let x = Tensor(line), y = try Labels(overlapping, classCount: 2)
        func expect(_ error: SoftmaxRegressionError, _ body: () throws -> FittedSoftmaxRegression) {
            #expect(throws: error) { _ = try body() }
        }
        expect(.inputShape([12])) { try SoftmaxRegression().fit(Tensor(line.map { $0[0] }), y) }
        expect(.inputShape([12, 0])) { try SoftmaxRegression().fit(Tensor([Double](), shape: [12, 0]), y) }
        expect(.labelShape(found: [2], rows: 12)) { try SoftmaxRegression().fit(x, try Labels([0, 1], classCount: 2)) }
        expect(.rowWeightShape(found: [1], rows: 12)) { try SoftmaxRegression().fit(x, y, rowWeights: Tensor([1.0])) }
        expect(.probabilityShape(found: [1, 2], rows: 12)) { try SoftmaxRegression().fit(x, probabilities: Tensor([[0.5, 0.5]])) }
        expect(.tooFewClasses(1)) { try SoftmaxRegression().fit(x, try Labels(Array(repeating: 0, count: 12), classCount: 1)) }
        expect(.noRows) { try SoftmaxRegression().fit(x, try Labels(Array(repeating: -100, count: 12), classCount: 2)) }
        expect(.noRows) { try SoftmaxRegression().fit(Tensor([Double](), shape: [0, 3]), try Labels([Int](), classCount: 2)) }
        expect(.classWeightCount(found: 1, classes: 2)) { try SoftmaxRegression(classWeights: .each([1])).fit(x, y) }
        expect(.crossValidatedProbabilities) {
            try SoftmaxRegression(penalty: .crossValidated()).fit(x, probabilities: Tensor(line.map { _ in [0.5, 0.5] }))
        }
        expect(.tooManyFolds(13, rows: 12)) { try SoftmaxRegression(penalty: .crossValidated(folds: 13)).fit(x, y) }
        expect(.option("penalty", value: -1, expected: "a finite number above 0, or none")) {
            try SoftmaxRegression(penalty: .l2(-1)).fit(x, y)
        }
        expect(.option("folds", value: 1, expected: "at least 2")) { try SoftmaxRegression(penalty: .crossValidated(folds: 1)).fit(x, y) }
        expect(.option("tolerance", value: 1, expected: "0 to below 1")) { try SoftmaxRegression(tolerance: 1).fit(x, y) }
        let found = try SoftmaxRegression().fit(x, y)
        #expect(throws: SoftmaxRegressionError.option("confidence", value: 1, expected: "above 0 and below 1")) {
            try found.inference(confidence: 1)
        }
        #expect(throws: SoftmaxRegressionError.option("base class", value: 2, expected: "0 to 1")) {
            try found.inference(base: .class(2))
        }
    }

    /// Features that tell nothing: the start is the optimum.
    @Test func featuresWithoutInformation() throws {
        let rows = [[1.0], [-1], [1], [-1]]
        for solver in Self.solvers {
            let found = try fit(rows, [0, 0, 1, 1], .l2(1), solver)
            #expect(found.report.iterations == 0 && found.report.stop == .converged)
            #expect(found.layer.weight.scalars == [0, 0])
            #expect(abs(found.mcFaddenR2) <= 1e-15)
        }
    }
}
