import Surprisal
import SurprisalDatasets
import SurprisalReference

/// What a regression is measured on.
enum RegressionData {
    /// The digits' 64 pixels, 0 to 1.
    case digits
    case synthetic(rows: Int, features: Int, classes: Int, noise: Double)

    var shape: (rows: Int, features: Int, classes: Int) {
        switch self {
        case .digits: (1797, 64, 10)
        case .synthetic(let rows, let features, let classes, _): (rows, features, classes)
        }
    }

    func make() -> (x: [Double], labels: [Int]) {
        switch self {
        case .digits:
            let table = Digits.table
            return (table.features.scalars.map { $0 / Double(Digits.largestPixel) }, table.classes ?? [])
        case .synthetic(let rows, let features, let classes, let noise):
            var generator = SplitMix64(seed: UInt64(rows + features + classes))
            return Reference.syntheticClasses(
                rows: rows, features: features, classes: classes, noise: noise, using: &generator)
        }
    }
}

extension Workload {
    /// A softmax regression from zero to where the gradient's norm is a millionth of what it was.
    static func regression(_ number: Int, _ data: RegressionData) -> [Workload] {
        let (rows, features, classes) = data.shape
        let name = if case .digits = data { "digits " } else { "" }
        // What it takes depends on how fast it converges: the least that can be said is that the rows are read once.
        return [
            Workload(
                number: number, name: "regression", shape: "\(name)\(rows)×\(features)→\(classes)", type: "Double",
                pass: .fit, bytes: Double(rows * features * 8), operations: Double(4 * rows * features * classes),
                limit: .none, make: { RegressionExercise(data).exercise() })
        ]
    }
}

private final class RegressionExercise {
    /// scikit-learn's C = 1.
    static let penalty = 1.0
    /// Of the gradient's norm to that of weights 0 and the intercepts of the class shares.
    static let target = 1e-6
    let x: Tensor<Double>, y: Labels, labels: [Int]
    let targets: [Double]
    /// The norm is of the layer's parameters, not of the solver's own coordinates, which differ by some factor.
    let regression = SoftmaxRegression(penalty: .l2(penalty), tolerance: target / 10)

    init(_ source: RegressionData) {
        let (rows, features, classes) = source.shape, data = source.make()
        x = Tensor(data.x, shape: [rows, features])
        labels = data.labels
        do { y = try Labels(labels, classCount: classes) } catch { fatalError("regression: \(error)") }
        targets = labels.flatMap { label in (0..<classes).map { $0 == label ? 1 : 0 } }
    }

    func fit() -> FittedSoftmaxRegression {
        do { return try regression.fit(x, y) } catch { fatalError("regression: \(error)") }
    }

    func exercise() -> Exercise {
        Exercise(
            engine: { [self] in keep(fit()) },
            verify: { [self] in try verify() },
            inputs: [
                ("x", .double(x)), ("labels", .labels(labels, shape: [labels.count])),
                ("gradient_norm", .double(Tensor(Self.target * startNorm()))),
            ],
            agreement: { [self] in fit().objective })
    }

    private func norm(_ weight: [Double], _ bias: [Double]) -> Double {
        let (_, w, b) = Reference.softmaxRegression(
            x.scalars, targets: targets, rowWeights: Array(repeating: 1, count: labels.count), weight: weight, bias: bias,
            penalty: Self.penalty)
        return (w + b).reduce(0) { $0 + $1 * $1 }.squareRoot()
    }

    private func startNorm() -> Double {
        var shares = [Double](repeating: 0, count: y.classCount)
        for label in labels { shares[label] += 1 / Double(labels.count) }
        return norm(Array(repeating: 0, count: y.classCount * x.shape[1]), shares.map { Double.log($0) })
    }

    /// That the naive loops' gradient at the engine's optimum is as small as asked for: the error is its norm, the bound
    /// what it may be, in parts of the norm at the start.
    private func verify() throws -> Verdict {
        let layer = fit().layer
        let verdict = Verdict(
            error: norm(layer.weight.scalars, layer.bias?.scalars ?? []) / startNorm(), bound: Self.target)
        guard verdict.error <= verdict.bound else {
            throw VerificationFailure(
                description: "regression: the gradient's norm is \(verdict.error) of its start; expected at most \(verdict.bound)")
        }
        return verdict
    }
}
