import SurprisalKernels

/// Why a metric cannot be taken of these inputs.
///
/// What may come from outside the program is thrown. Logits and labels that do not fit each other, and options out of
/// their range, stop the program with the same text, as the losses do; a program whose options come from elsewhere asks a
/// `check` first: `CrossEntropyLoss.check` for shapes.
public enum MetricError: Error, Equatable, CustomStringConvertible {
    case k(Int, classes: Int)
    case binCount(Int)
    case outcomeCount(found: Int, confidences: Int)
    case confidence(Double, position: Int)
    case predictionCount(found: Int, labels: Int)
    case prediction(value: String, position: [Int], classCount: Int)
    case nameCount(found: Int, classCount: Int)

    public var description: String {
        switch self {
        case .k(let k, 0): "k is \(k): there are no classes"
        case .k(let k, let classes): "k is \(k) of \(classes) classes; expected 1 to \(classes)"
        case .binCount(let count): "\(count) bins; expected at least 1"
        case .outcomeCount(let found, let confidences): "\(found) outcomes for \(confidences) confidences"
        case .confidence(let value, let position): "confidence \(value) at position \(position); expected 0 to 1"
        case .predictionCount(let found, let labels): "\(found) predictions for \(labels) labels"
        case .prediction(let value, let position, let classCount):
            "prediction \(value) at position \(position); expected 0 to \(classCount - 1) (\(classCount) classes)"
        case .nameCount(let found, let classCount): "\(found) class names; expected \(classCount)"
        }
    }
}

/// The class axis of logits that a metric holds against labels; stops the program where they do not fit.
func metricAxis(_ metric: String, _ logits: Shape, _ labels: Labels, _ classAxis: Int?) -> ClassAxis {
    do {
        let input = try ClassLossInput(logits, classAxis: classAxis, weight: nil)
        try input.check(labels, of: logits)
        return input.axis
    } catch { fatalError("\(metric): \(error)") }
}
