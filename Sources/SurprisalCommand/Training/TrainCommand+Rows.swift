import FoundationEssentials
import Surprisal
import SurprisalIO

extension TrainCommand {
    struct Rows {
        let features: Tensor<Float>
        let labels: Labels
        var count: Int { labels.count }
        init(_ features: Tensor<Float>, _ labels: Labels) { (self.features, self.labels) = (features, labels) }
    }

    func split(_ data: ClassifierData, _ labels: Labels, _ names: [String]) throws -> (training: Rows, heldOut: Rows?) {
        if validation == "none" { return (Rows(data.table.features, labels), nil) }
        guard let part = Double(validation) else {
            let other = try ClassifierData(validation, labels: self.labels, missing: missing == .mean ? .kept : .refused)
            guard other.table.featureCount == data.table.featureCount else {
                throw Failure.exit("\(validation): \(other.table.featureCount) features; expected \(data.table.featureCount), as in \(self.data)")
            }
            let classes: [Int]
            do { classes = try other.table.classes(among: names) } catch { throw Failure.exit("\(validation): \(error)") }
            return (
                Rows(data.table.features, labels),
                Rows(other.table.features, try Labels(classes, classCount: names.count, ignoring: nil))
            )
        }
        var generator = SplitMix64(seed: seed)
        let rows = labels.stratifiedSplit(heldOut: part, using: &generator)
        guard !rows.training.isEmpty, !rows.heldOut.isEmpty else {
            throw Failure.exit("\(self.data): \(labels.count) rows, no class with two; expected rows to hold out, or --validation none")
        }
        return (
            Rows(data.table.features.rows(rows.training), labels[rows.training]),
            Rows(data.table.features.rows(rows.heldOut), labels[rows.heldOut])
        )
    }

    func weights(_ labels: Labels, _ names: [String]) throws -> [Double]? {
        switch classWeights {
        case .equal: return nil
        case .balanced:
            var counts = [Int](repeating: 0, count: names.count)
            for place in 0..<labels.count { if let label = labels[place] { counts[label] += 1 } }
            // scikit-learn's: rows over classes times the class's rows; a class without any has no row to weigh.
            return counts.map { $0 == 0 ? 1 : Double(labels.count) / Double(names.count * $0) }
        case .file(let path):
            let table = try Table<Double>(contentsOf: path, labels: .column(0))
            guard table.featureCount == 1, let classes = table.classes else {
                throw Failure.exit("\(path): \(table.featureCount + 1) columns; expected 2, the class and its weight")
            }
            var weights = [Double?](repeating: nil, count: names.count)
            for (row, label) in classes.enumerated() {
                let name = table.classNames[label], weight = table.features.scalars[row]
                guard let place = names.firstIndex(of: name), weights[place] == nil, weight >= 0 else {
                    throw Failure.exit("\(path): weight \(weight) of class \"\(name)\"; expected a number, at least 0, for each of \(names.prefix(16).joined(separator: ", ")), once")
                }
                weights[place] = weight
            }
            return try zip(names, weights).map { name, weight in
                guard let weight else { throw Failure.exit("\(path): no weight of class \"\(name)\"; expected one for each class") }
                return weight
            }
        }
    }
}
