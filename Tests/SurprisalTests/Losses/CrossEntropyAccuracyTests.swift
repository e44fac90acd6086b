import Surprisal
import Testing

/// Loss, log-probabilities and gradient of single rows against 50-digit truth.
@Suite struct CrossEntropyAccuracyTests {
    @Test(arguments: InstructionSet.available) func float(isa: InstructionSet) { check(Float.self, "float32", isa) }
    @Test(arguments: InstructionSet.available) func double(isa: InstructionSet) { check(Double.self, "float64", isa) }

    private func check<T: Surprisal.Scalar>(_ type: T.Type, _ dtype: String, _ isa: InstructionSet) {
        var worst = (loss: 0.0, logProbability: 0.0, label: 0.0, other: 0.0)
        var count = 0
        InstructionSet.override.withValue(isa) {
            for truth in TruthCase.all where truth.dtype == dtype {
                count += 1
                let row = truth.row(type)
                // Contiguous, and along an inner axis, where positions go across lanes.
                for inner in truth.classes <= 4099 ? [1, 3] : [1] {
                    let x = Tensor((0..<row.count).flatMap { Array(repeating: row[$0], count: inner) },
                        shape: [1, row.count, inner])
                    guard let y = try? Labels([Int](repeating: truth.label, count: inner), shape: [1, inner], classCount: row.count)
                    else { Issue.record("\(truth.name): label \(truth.label)"); continue }
                    let loss = CrossEntropyLoss<T>(reduction: .none)
                    let untracked = loss(x, y)
                    var tracked = untracked
                    let gradient = valueWithGradient(at: x) { tracked = loss($0, y).detached; return loss($0, y).sum() }.gradient
                    #expect(tracked == untracked || untracked[0, 0].isNaN, "\(truth.name): loss with and without gradient")
                    let lp = x.logSoftmax()
                    for i in 0..<inner {
                        report(truth, "loss", untracked[0, i], truth.loss, Accuracy.lossULP, &worst.loss)
                        for (sample, j) in truth.indices.enumerated() {
                            report(
                                truth, "log-probability \(j)", lp[0, j, i], truth.logProbabilities[sample],
                                Accuracy.lossULP, &worst.logProbability)
                            let g = gradient[0, j, i], expected = truth.gradients[sample]
                            if abs(Double(g) - expected[0]) <= Accuracy.gradientFloor(type) { continue }
                            if j == truth.label {
                                report(truth, "gradient at the label", g, expected, Accuracy.labelGradientULP, &worst.label)
                            } else {
                                report(truth, "gradient \(j)", g, expected, Accuracy.gradientULP, &worst.other)
                            }
                        }
                    }
                }
            }
        }
        #expect(count == (dtype == "float32" ? 1359 : 1504), "rows of truth.jsonl, none lost")
        print("worst ULP, \(dtype) on \(isa), \(count) rows: loss \(worst.loss), log-probability "
            + "\(worst.logProbability), gradient at the label \(worst.label), elsewhere \(worst.other)")
    }

    private func report<T: Surprisal.Scalar>(
        _ truth: TruthCase, _ what: String, _ found: T, _ value: [Double], _ bound: Double, _ worst: inout Double
    ) {
        let distance = ulps(found, value)
        if !(distance <= bound) {
            Issue.record("\(truth.name) \(truth.dtype): \(what) is \(found), truth \(value[0]): \(distance) ULP, bound \(bound)")
        }
        worst = max(worst, distance)
    }
}
