import FoundationEssentials
import Surprisal
import SurprisalIO

/// What `surprisal fit` prints and writes.
struct FitReport {
    let source: String
    let data: FitData
    let fit: FittedSoftmaxRegression
    let inference: Result<RegressionInference, SoftmaxRegressionError>

    /// Rows of the table that a page holds; JSON has all.
    private static let mostRows = 60
    /// Coefficients whose covariance takes some seconds.
    private static let mostCoefficients = 3000

    init(
        source: String, data: FitData, fit: FittedSoftmaxRegression, base: RegressionInference.Base, confidence: Double
    ) {
        (self.source, self.data, self.fit) = (source, data, fit)
        if fit.coefficientCount > Self.mostCoefficients {
            inference = .failure(
                .option("coefficients", value: Double(fit.coefficientCount), expected: "at most \(Self.mostCoefficients) for their standard errors"))
        } else {
            inference = Result { () throws(SoftmaxRegressionError) in try fit.inference(base: base, confidence: confidence) }
        }
    }

    func text() -> String {
        var lines = ["\(source): \(data.rowCount - fit.ignoredCount) rows\(fit.ignoredCount > 0 ? ", \(fit.ignoredCount) left out" : ""), \(data.features.shape[1]) features, \(data.classNames.count) classes"]
        if let path = fit.validation {
            lines.append(
                "penalty \(number(fit.penalty)), best of \(path.steps.count) by \(path.folds)-fold cross-validation: held-out loss "
                    + format("%.4f", path.chosen.loss) + ", accuracy " + format("%.4f", path.chosen.accuracy))
        } else {
            lines.append(fit.penalty > 0 ? "penalty \(number(fit.penalty))" : "no penalty")
        }
        let report = fit.report
        let why = switch report.stop {
        case .converged: "converged after"
        case .precision: "at the limit of precision after"
        case .iterations: "NOT CONVERGED: stopped after"
        }
        lines.append("\(report.solver): \(why) \(report.iterations) iterations, gradient \(format("%.1e", report.relativeGradientNorm)) of its start")
        lines.append("")
        lines += summary()
        switch inference {
        case .success(let inference): lines += table(inference)
        case .failure(let error):
            lines += ["", "no standard errors: \(error.description(features: data.featureNames, classes: data.classNames))"]
        }
        return lines.joined(separator: "\n")
    }

    private func summary() -> [String] {
        var pairs = [
            ("log-likelihood", format("%.4f", fit.logLikelihood)), ("without features", format("%.4f", fit.nullLogLikelihood)),
            ("McFadden's R²", format("%.4f", fit.mcFaddenR2)),
        ]
        if let accuracy = fit.trainingAccuracy { pairs.append(("training accuracy", format("%.4f", accuracy))) }
        if case .success(let inference) = inference {
            pairs += [("AIC", format("%.2f", inference.aic)), ("BIC", format("%.2f", inference.bic))]
            let degrees = inference.degreesOfFreedom
            pairs.append(
                fit.penalty > 0 ? ("effective parameters", format("%.2f", degrees)) : ("parameters", format("%.0f", degrees)))
            if let ratio = inference.likelihoodRatio {
                pairs.append(("likelihood ratio", "χ²(\(ratio.degreesOfFreedom)) = \(format("%.2f", ratio.statistic)), p \(probability(ratio.pValue))"))
            }
        }
        return pairs.map { padded($0.0, 22) + $0.1 }
    }

    private func table(_ inference: RegressionInference) -> [String] {
        let names = inference.coefficients.map { data.name(ofFeature: $0.feature) }
        let width = max(12, min(40, names.map(\.count).max() ?? 0))
        let level = format("%.4g", inference.confidence * 100) + " % interval"
        var lines: [String] = [], last = -1
        for (coefficient, name) in zip(inference.coefficients, names).prefix(Self.mostRows) {
            if coefficient.class != last {
                last = coefficient.class
                let against = if case .class(let base) = inference.base { data.classNames[base] } else { "the mean of all" }
                lines += [
                    "", "\(data.classNames[last]) against \(against)\(fit.standardisation == nil ? "" : ", of standardised features")",
                    padded("", width) + ["estimate", "std. error", "z", "p"].map { leftPadded($0, 12) }.joined() + leftPadded(level, 26),
                ]
            }
            lines.append(
                padded(String(name.prefix(width)), width)
                    + [coefficient.estimate, coefficient.standardError].map { leftPadded(number($0), 12) }.joined()
                    + leftPadded(format("%.2f", coefficient.z), 12) + leftPadded(probability(coefficient.pValue), 12)
                    + leftPadded("\(number(coefficient.interval.lower)) to \(number(coefficient.interval.upper))", 26))
        }
        let rest = inference.coefficients.count - Self.mostRows
        if rest > 0 { lines += ["", "… \(rest) more; --json has all"] }
        if fit.penalty > 0 {
            lines += ["", "With a penalty, standard errors are those of the penalised likelihood: a guide, not a test."]
        }
        return lines
    }

    private func format(_ pattern: String, _ value: Double) -> String { String(format: pattern, value) }

    /// Five significant digits, so that estimates of any size fit a column.
    private func number(_ value: Double) -> String { format(abs(value) >= 0.001 && abs(value) < 1e5 ? "%.4f" : "%.3e", value) }

    private func probability(_ value: Double) -> String { format(value >= 0.0001 ? "%.4f" : "%.1e", value) }

    private func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private func leftPadded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(1, width - text.count)) + text
    }
}

extension FitReport {
    private struct Report: Encodable {
        struct Solver: Encodable {
            let name, stop: String
            let iterations, evaluations: Int
            let gradientNorm, relativeGradientNorm: Double
        }
        struct Validation: Encodable {
            struct Step: Encodable { let penalty, loss, accuracy: Double }
            let folds: Int
            let steps: [Step]
        }
        struct Ratio: Encodable {
            let statistic: Double
            let degreesOfFreedom: Int
            let pValue: Double
        }
        struct Coefficient: Encodable { let `class`, feature: String; let estimate, standardError, z, pValue, lower, upper: Double }

        let rows, ignored, features: Int
        let classes: [String]
        let penalty: Double
        let solver: Solver
        let validation: Validation?
        let logLikelihood, nullLogLikelihood, mcFaddenR2: Double
        let trainingAccuracy: Double?
        let standardised: Bool
        let base: String?
        let confidence, degreesOfFreedom, aic, bic: Double?
        let likelihoodRatio: Ratio?
        let coefficients: [Coefficient]?
    }

    func json() throws -> String {
        let inference = try? inference.get()
        let base: String? = inference.map { if case .class(let c) = $0.base { data.classNames[c] } else { "symmetric" } }
        let report = Report(
            rows: data.rowCount - fit.ignoredCount, ignored: fit.ignoredCount, features: data.features.shape[1],
            classes: data.classNames, penalty: fit.penalty,
            solver: .init(
                name: fit.report.solver, stop: fit.report.stop.rawValue, iterations: fit.report.iterations,
                evaluations: fit.report.evaluations, gradientNorm: fit.report.gradientNorm,
                relativeGradientNorm: fit.report.relativeGradientNorm),
            validation: fit.validation.map { path in
                .init(folds: path.folds, steps: path.steps.map { .init(penalty: $0.penalty, loss: $0.loss, accuracy: $0.accuracy) })
            },
            logLikelihood: fit.logLikelihood, nullLogLikelihood: fit.nullLogLikelihood, mcFaddenR2: fit.mcFaddenR2,
            trainingAccuracy: fit.trainingAccuracy, standardised: fit.standardisation != nil, base: base,
            confidence: inference?.confidence, degreesOfFreedom: inference?.degreesOfFreedom, aic: inference?.aic,
            bic: inference?.bic,
            likelihoodRatio: inference?.likelihoodRatio.map {
                .init(statistic: $0.statistic, degreesOfFreedom: $0.degreesOfFreedom, pValue: $0.pValue)
            },
            coefficients: inference?.coefficients.map {
                .init(
                    class: data.classNames[$0.class], feature: data.name(ofFeature: $0.feature), estimate: $0.estimate,
                    standardError: $0.standardError, z: $0.z, pValue: $0.pValue, lower: $0.interval.lower,
                    upper: $0.interval.upper)
            })
        return try JSONText.line(report)
    }

    /// The layer in PyTorch's names, for features as they are; names, and what standardisation was folded into it, as
    /// metadata.
    func write(to path: String) throws {
        func json(_ values: some Encodable) throws -> String { String(decoding: try JSONEncoder().encode(values), as: UTF8.self) }
        var metadata = ["classes": try json(data.classNames)]
        if !data.featureNames.isEmpty { metadata["features"] = try json(data.featureNames) }
        if let standardisation = fit.standardisation {
            metadata["standardisation"] = "in weight and bias"
            metadata["mean"] = try json(standardisation.mean)
            metadata["deviation"] = try json(standardisation.deviation)
        }
        var writer = SafetensorsWriter(metadata: metadata)
        try writer.add("weight", shape: fit.layer.weight.shape, values: fit.layer.weight.scalars)
        if let bias = fit.layer.bias { try writer.add("bias", shape: bias.shape, values: bias.scalars) }
        try writer.write(to: path)
    }
}
