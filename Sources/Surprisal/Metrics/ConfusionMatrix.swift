import SurprisalKernels

/// How often each class was taken for each: rows are the true classes, columns the predicted ones.
///
/// Ignored positions are left out. Matrices of batches add up: `sum += ConfusionMatrix(…)`.
public struct ConfusionMatrix: Sendable, Equatable {
    public let classCount: Int
    /// For printing; the classes' numbers where there are none.
    public let classNames: [String]?
    /// In row-major order: `classCount × classCount`.
    public private(set) var counts: [Int]

    /// Of the largest logit of each position, the first of equals; a NaN counts as the largest.
    ///
    /// - Parameters:
    ///   - classAxis: of the logits, from the end when negative; 1 unless given, 0 of a single row.
    ///   - classNames: one a class; another number stops the program.
    /// - Shapes: logits `… × classes × …`, labels without the class axis; others stop the program.
    /// - Complexity: O(logits + classes²).
    public init<Scalar>(
        _ logits: Tensor<Scalar>, _ labels: Labels, classAxis: Int? = nil, classNames: [String]? = nil
    ) {
        let axis = metricAxis("ConfusionMatrix", logits.shape, labels, classAxis)
        self.init(classCount: axis.classes, classNames: classNames)
        // Without classes as well, where there is no largest logit.
        if labels.countedCount == 0 { return }
        let predictions = logits.largestClasses(axis, "ConfusionMatrix")
        let prediction = predictions.span
        for n in prediction.indices {
            if let y = labels[n] { counts[y * classCount + Int(prediction[n])] += 1 }
        }
    }

    /// Of predicted classes of any integer type, in the labels' order. An ignored position's prediction is not looked at.
    ///
    /// - Throws: `MetricError` where a prediction is no class, and where their number is not the labels'.
    /// - Complexity: O(labels + classes²).
    public init<Value: BinaryInteger>(
        predictions: [Value], _ labels: Labels, classNames: [String]? = nil
    ) throws(MetricError) {
        self.init(classCount: labels.classCount, classNames: classNames)
        guard predictions.count == labels.count else {
            throw .predictionCount(found: predictions.count, labels: labels.count)
        }
        for (n, prediction) in predictions.enumerated() {
            guard let y = labels[n] else { continue }
            guard prediction >= 0, prediction < classCount else {
                throw .prediction(
                    value: String(prediction), position: labels.shape.indices(ofElement: n), classCount: classCount)
            }
            counts[y * classCount + Int(prediction)] += 1
        }
    }

    private init(classCount: Int, classNames: [String]?) {
        if let classNames, classNames.count != classCount {
            fatalError("ConfusionMatrix: \(MetricError.nameCount(found: classNames.count, classCount: classCount))")
        }
        self.classCount = classCount
        self.classNames = classNames
        counts = [Int](repeating: 0, count: classCount * classCount)
    }

    /// How often the class `label` was taken for `prediction`.
    public subscript(label: Int, prediction: Int) -> Int {
        for (c, what) in [(label, "label"), (prediction, "prediction")] where c < 0 || c >= classCount {
            fatalError("ConfusionMatrix: \(what) \(c) of \(classCount) classes")
        }
        return counts[label * classCount + prediction]
    }

    /// The positions that counted.
    public var count: Int { counts.reduce(0, +) }

    /// The part of them that was predicted right; NaN where there are none.
    public var accuracy: Double {
        Double((0..<classCount).reduce(0) { $0 + counts[$1 * classCount + $1] }) / Double(count)
    }

    /// How often each class was the label.
    public var labelCounts: [Int] {
        (0..<classCount).map { y in (0..<classCount).reduce(0) { $0 + counts[y * classCount + $1] } }
    }

    /// How often each class was predicted.
    public var predictionCounts: [Int] {
        (0..<classCount).map { p in (0..<classCount).reduce(0) { $0 + counts[$1 * classCount + p] } }
    }

    /// What counts are divided by.
    public enum Normalization: Sendable, CaseIterable {
        /// How often the row's class was the label: the diagonal is the recall. scikit-learn's `"true"`.
        case labels
        /// How often the column's class was predicted: the diagonal is the precision. scikit-learn's `"pred"`.
        case predictions
        /// All that counted. scikit-learn's `"all"`.
        case all
    }

    /// The counts over their row's, their column's or the whole sum, in shape `[classCount, classCount]`; 0 where that
    /// is 0, as in scikit-learn.
    public func normalized(by normalization: Normalization) -> Tensor<Double> {
        let (byLabel, byPrediction, all) = (labelCounts, predictionCounts, count)
        return Tensor(
            counts.indices.map { i in
                let total = switch normalization {
                case .labels: byLabel[i / classCount]
                case .predictions: byPrediction[i % classCount]
                case .all: all
                }
                return total == 0 ? 0 : Double(counts[i]) / Double(total)
            }, shape: [classCount, classCount])
    }

    /// Adds the counts of another batch; another number of classes, or other names, stop the program.
    public static func += (sum: inout ConfusionMatrix, batch: ConfusionMatrix) {
        if sum.classCount != batch.classCount || sum.classNames != batch.classNames {
            fatalError(
                "ConfusionMatrix: +: classes \(sum.names) and \(batch.names); expected the same")
        }
        for i in batch.counts.indices { sum.counts[i] += batch.counts[i] }
    }

    public static func + (a: ConfusionMatrix, b: ConfusionMatrix) -> ConfusionMatrix {
        var sum = a
        sum += b
        return sum
    }

    var names: [String] { classNames ?? (0..<classCount).map { String($0) } }
}

extension ConfusionMatrix: CustomStringConvertible {
    /// A line a true class, a column a predicted one.
    public var description: String {
        let names = names
        let corner = "true \\ predicted"
        let widths = (0..<classCount).map { p in
            (0..<classCount).reduce(names[p].count) { max($0, String(counts[$1 * classCount + p]).count) }
        }
        let first = names.reduce(corner.count) { max($0, $1.count) }
        func line(_ head: String, _ cells: [String]) -> String {
            zip(cells, widths).reduce(padded(head, to: first)) { $0 + "  " + padded($1.0, to: $1.1) }
        }
        let lines = (0..<classCount).map { y in
            line(names[y], (0..<classCount).map { String(counts[y * classCount + $0]) })
        }
        return ([line(corner, names)] + lines).joined(separator: "\n")
    }
}
