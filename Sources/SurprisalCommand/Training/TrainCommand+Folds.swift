import FoundationEssentials
import Surprisal
import SurprisalIO

extension TrainCommand {
    private struct Fold: Encodable {
        let fold, folds: Int
        let loss, accuracy: Double
    }
    private struct Folds: Encodable {
        let folds: Int
        let loss, lossDeviation, accuracy, accuracyDeviation: Double
    }

    func crossValidate(
        _ data: ClassifierData, _ labels: Labels, _ names: [String], _ folds: Int
    ) throws {
        guard folds <= labels.count else { throw Failure.exit("\(self.data): \(labels.count) rows; expected at least one for each of \(folds) folds") }
        var generator = SplitMix64(seed: seed)
        let parts = labels.stratifiedFolds(folds, using: &generator)
        var found: [Validation] = []
        let style = TrainingProgress.style(json: json, quiet: quiet)
        for (place, heldOut) in parts.enumerated() {
            let rows = parts.indices.filter { $0 != place }.flatMap { parts[$0] }.sorted()
            let features = data.table.features.rows(rows), standardisation = Standardisation(of: features)
            let plan = try plan(rows: rows.count)
            var generator = SplitMix64(seed: seed)
            let classifier = Classifier(
                plan.layers(features: data.table.featureCount, classes: names.count), features: data.table.featureCount,
                classNames: names, standardisation: standardisation, using: &generator)
            let trainer = plan.trainer(rows: rows.count, classWeights: try weights(labels[rows], names))
            var run = plan.start(classifier)
            let test = Examples(standardisation(data.table.features.rows(heldOut)), labels[heldOut])
            // Kept is the last: the best would be chosen by the very rows that it is held against.
            trainer.train(&run, on: Examples(standardisation(features), labels[rows]), validatingOn: patience == nil ? nil : test)
            let result = trainer.validate(patience == nil ? run.model : run.best, on: test)
            found.append(result)
            switch style {
            case .json:
                try Failure.printLine(try JSONText.line(Fold(
                    fold: place + 1, folds: folds, loss: result.loss, accuracy: result.accuracy)))
            case .lines, .bar:
                try Failure.printLine("fold \(place + 1)/\(folds)  " + String(format: "loss %.4f, accuracy %.4f", result.loss, result.accuracy))
            case .none: break
            }
        }
        func spread(_ values: [Double]) -> (mean: Double, deviation: Double) {
            let mean = values.reduce(0, +) / Double(values.count)
            return (mean, (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot())
        }
        let loss = spread(found.map(\.loss)), accuracy = spread(found.map(\.accuracy))
        try Failure.printLine(
            json
                ? try JSONText.line(Folds(
                    folds: folds, loss: loss.mean, lossDeviation: loss.deviation, accuracy: accuracy.mean,
                    accuracyDeviation: accuracy.deviation))
                : String(
                    format: "%ld folds: loss %.4f ± %.4f, accuracy %.4f ± %.4f", folds, loss.mean, loss.deviation, accuracy.mean,
                    accuracy.deviation))
    }
}
