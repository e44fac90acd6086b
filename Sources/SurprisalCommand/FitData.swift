import FoundationEssentials
import Surprisal
import SurprisalDatasets
import SurprisalIO
import SystemPackage

/// The rows that `fit` is given, from a file or embedded.
struct FitData {
    enum Target {
        case labels(Labels)
        case probabilities(Tensor<Double>)
    }

    let features: Tensor<Double>
    let featureNames, classNames: [String]
    let target: Target
    let rowWeights: Tensor<Double>?
    let classWeights: [Double]?

    static let embedded = ["iris", "digits"]

    /// - Parameter labels: the column of labels of a CSV file.
    init(_ source: String, labels: String?, ignoreIndex: Int?) throws {
        switch (source, FilePath(source).extension?.lowercased()) {
        case ("iris", _): self.init(Iris.table)
        case ("digits", _): self.init(Digits.table, scale: 1 / Double(Digits.largestPixel))
        case (_, "csv"): self.init(try Table(contentsOf: source, labels: .named(labels ?? "")))
        default: try self.init(try SafetensorsFile(contentsOf: source), ignoreIndex: ignoreIndex)
        }
    }

    private init(_ table: Table<Double>, scale: Double = 1) {
        features = scale == 1 ? table.features : table.features * scale
        (featureNames, classNames) = (table.featureNames, table.classNames)
        guard let labels = table.labels else { fatalError("fit: a table without labels") }
        target = .labels(labels)
        (rowWeights, classWeights) = (nil, nil)
    }

    /// `input` (rows × features), `target` (class indices, or class probabilities), and optionally `row_weight` (one a row)
    /// and `weight` (one a class).
    private init(_ file: SafetensorsFile, ignoreIndex: Int?) throws {
        func entry(_ name: String) throws -> SafetensorsFile.Entry {
            guard let entry = file.entry(named: name) else { throw BatchError.missing(name, names: file.names) }
            return entry
        }
        func reals(_ entry: SafetensorsFile.Entry) throws -> Tensor<Double> {
            guard Batch.reals.contains(entry.dtype) else {
                throw BatchError.dtype(entry.name, found: entry.dtype, expected: "floating point")
            }
            if entry.count == 0 { throw SoftmaxRegressionError.noRows }
            return Tensor(try file.doubles(of: entry.name), shape: entry.shape)
        }
        let input = try entry("input"), target = try entry("target")
        guard input.shape.count == 2 else { throw SoftmaxRegressionError.inputShape(input.shape) }
        features = try reals(input)
        featureNames = []
        rowWeights = try file.entry(named: "row_weight").map(reals)
        classWeights = try file.entry(named: "weight").map { try reals($0).scalars }
        if Batch.reals.contains(target.dtype) {
            let q = try reals(target)
            self.target = .probabilities(q)
            classNames = (0..<(q.shape.last ?? 0)).map { String($0) }
            return
        }
        guard Batch.integers.contains(target.dtype) else {
            throw BatchError.dtype("target", found: target.dtype, expected: "integers or floating point")
        }
        let values = try file.integers(of: "target"), ignored = ignoreIndex ?? -100
        let classes = Set(values.lazy.filter { $0 != ignored && $0 >= 0 })
        // As many names as classes are made: before, each must have a row.
        if let missing = (0...classes.count).first(where: { !classes.contains($0) }), let largest = classes.max(), missing < largest {
            throw SoftmaxRegressionError.emptyClass(missing)
        }
        self.target = .labels(try Labels(values, shape: target.shape, classCount: classes.count, ignoring: ignored))
        classNames = (0..<classes.count).map { String($0) }
    }

    var rowCount: Int { features.shape[0] }

    func name(ofFeature feature: Int?) -> String {
        guard let feature else { return "(intercept)" }
        return feature < featureNames.count ? featureNames[feature] : "x\(feature)"
    }
}
