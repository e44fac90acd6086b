import FoundationEssentials
import Surprisal
import SurprisalDatasets
import SurprisalIO

/// Rows that a classifier is trained on, or applied to: from a file of any format, or embedded.
struct ClassifierData {
    static let embedded = ["digits", "iris"]

    let source: String
    let table: Table<Float>
    let labelName: String?

    /// - Parameter labels: a column's name, a column's place, or another file; nil: where they usually are.
    init(_ source: String, labels: String?, missing: MissingValues = .refused) throws {
        self.source = source
        switch source {
        case "digits": (table, labelName) = (Table(Digits.table), "digit")
        case "iris": (table, labelName) = (Table(Iris.table), "species")
        default:
            let place = Self.labelSource(labels)
            table = try Table(contentsOf: source, labels: place, missing: missing)
            if case .named(let name) = place { labelName = name } else { labelName = nil }
        }
    }

    static func labelSource(_ text: String?) -> LabelSource {
        guard let text else { return .automatic }
        if let column = Int(text) { return .column(column) }
        // A column of that name is asked for more often than a file of that name is there.
        return FileManager.default.fileExists(atPath: text) ? .file(text) : .named(text)
    }

    func labels() throws -> (labels: Labels, names: [String]) {
        guard let labels = table.labels else {
            throw Failure.exit("\(source): no labels; expected a column or array called \(LabelSource.usualNames.joined(separator: ", ")), or --labels")
        }
        return (labels, table.classNames)
    }

    /// Labelled rows that a classifier is held against.
    ///
    /// - Parameter heldOut: of the rows that it was trained with, only those that were held out.
    static func examples(
        _ source: String, labels: String?, for classifier: Classifier, heldOut: Bool
    ) throws -> (features: Tensor<Float>, labels: Labels) {
        let data = try ClassifierData(
            source, labels: labels ?? (embedded.contains(source) ? nil : classifier.labelName),
            missing: classifier.imputes ? .kept : .refused)
        // Says where labels may be, when there are none.
        let own = try data.labels().labels
        let all = (features: try data.features(of: classifier), labels: try data.labels(of: classifier))
        if !heldOut { return all }
        guard let split = classifier.heldOut else {
            throw Failure.exit("--held-out: the model was trained without a part of its rows held out; expected rows of their own")
        }
        guard split.rowCount == own.count else {
            throw Failure.exit("\(source): \(own.count) rows; expected for --held-out the \(split.rowCount) of the training")
        }
        var generator = SplitMix64(seed: split.seed)
        let rows = own.stratifiedSplit(heldOut: split.part, using: &generator).heldOut
        return (all.features.rows(rows), all.labels[rows])
    }

    /// The labels as a classifier numbers its classes.
    private func labels(of classifier: Classifier) throws -> Labels {
        let classes: [Int]
        do { classes = try table.classes(among: classifier.classNames) } catch { throw Failure.exit("\(source): \(error)") }
        return try Labels(classes, classCount: classifier.classNames.count, ignoring: nil)
    }

    /// The features that a classifier was trained on, in its order: by their names where both have some.
    private func features(of classifier: Classifier) throws -> Tensor<Float> {
        try Self.features(table, of: classifier, source: source)
    }

    static func features(_ table: Table<Float>, of classifier: Classifier, source: String) throws -> Tensor<Float> {
        let wanted = classifier.featureNames, found = table.featureNames
        if !wanted.isEmpty, !found.isEmpty, wanted != found {
            let places = Dictionary(zip(found, found.indices), uniquingKeysWith: { first, _ in first })
            var columns: [Int] = []
            for name in wanted {
                guard let place = places[name] else {
                    throw Failure.exit("\(source): no column \"\(name)\"; expected the features of the model: \(wanted.prefix(16).joined(separator: ", "))")
                }
                columns.append(place)
            }
            let values = table.features.span, width = table.featureCount
            let chosen = [Float](capacity: table.rowCount * columns.count) { output in
                for row in 0..<table.rowCount { for column in columns { output.append(values[row * width + column]) } }
            }
            return Tensor(chosen, shape: [table.rowCount, columns.count])
        }
        guard table.featureCount == classifier.featureCount else {
            throw Failure.exit("\(source): \(table.featureCount) features; expected \(classifier.featureCount), as the model was trained on")
        }
        return table.features
    }
}

extension Table<Float> {
    /// The same in Float.
    init(_ table: Table<Double>) {
        self.init(
            features: Tensor(table.features.scalars.map { Float($0) }, shape: table.features.shape),
            featureNames: table.featureNames, classNames: table.classNames, classes: table.classes)
    }
}

/// Says an error of reading as a command's last line.
func readingFailure(_ error: any Error) -> any Error {
    switch error {
    case let error as TableError: Failure.exit(error.description)
    case let error as CSVError: Failure.exit(error.description)
    case let error as ClassifierError: Failure.exit(error.description)
    case let error as SafetensorsError: Failure.exit(error.description)
    case let error as LabelError: Failure.exit(error.description)
    default: error
    }
}
