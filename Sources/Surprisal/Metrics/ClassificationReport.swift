import SurprisalKernels

/// Precision, recall and F1 of each class, and their averages; prints as scikit-learn's `classification_report`.
///
/// Of a class with tp labels predicted right, f predictions of it in all and s labels (its support):
/// precision `tp/f`, recall `tp/s`, F1 `2·tp/(f + s)`. Where a denominator is 0, the number is what `zeroDivision`
/// says, and `undefined` names it.
public struct ClassificationReport: Sendable, Equatable {
    /// What becomes of 0/0.
    public enum ZeroDivision: Sendable, CaseIterable {
        case zero, one
        /// NaN, which the averages over the classes leave out.
        case nan

        var value: Double {
            switch self {
            case .zero: 0
            case .one: 1
            case .nan: .nan
            }
        }
    }

    public struct Scores: Sendable, Equatable {
        public let precision, recall, f1: Double
        /// How many labels they are of.
        public let support: Int

        public init(precision: Double, recall: Double, f1: Double, support: Int) {
            self.precision = precision
            self.recall = recall
            self.f1 = f1
            self.support = support
        }
    }

    public enum Score: Sendable {
        case precision, recall, f1
    }

    /// A 0/0 of a class.
    public struct Undefined: Sendable, Equatable {
        public let score: Score
        public let classIndex: Int

        public init(score: Score, classIndex: Int) {
            self.score = score
            self.classIndex = classIndex
        }
    }

    public let classes: [Scores]
    /// The means over all classes, those without labels included.
    public let macro: Scores
    /// Of the sums of tp, f and s. As every position has one label and one prediction, all three are the accuracy.
    public let micro: Scores
    /// The means over the classes weighted by their supports; where those are 0 of all that a mean is over, alike.
    public let weighted: Scores
    /// The part of the labels predicted right; NaN where there are none.
    public let accuracy: Double
    /// In the order of the classes; empty where every number above is one that was measured.
    public let undefined: [Undefined]
    private let names: [String]

    /// - Complexity: O(classes²).
    public init(_ matrix: ConfusionMatrix, zeroDivision: ZeroDivision = .zero) {
        let (supports, predicted) = (matrix.labelCounts, matrix.predictionCounts)
        var undefined: [Undefined] = []
        var classes: [Scores] = []
        for c in 0..<matrix.classCount {
            let right = matrix[c, c]
            func ratio(_ numerator: Int, _ denominator: Int, _ score: Score) -> Double {
                if denominator > 0 { return Double(numerator) / Double(denominator) }
                undefined.append(Undefined(score: score, classIndex: c))
                return zeroDivision.value
            }
            classes.append(
                Scores(
                    precision: ratio(right, predicted[c], .precision), recall: ratio(right, supports[c], .recall),
                    f1: ratio(2 * right, predicted[c] + supports[c], .f1), support: supports[c]))
        }
        let total = matrix.count
        let all = total > 0 ? matrix.accuracy : zeroDivision.value
        self.classes = classes
        self.undefined = undefined
        macro = Self.mean(of: classes, weights: classes.map { _ in 1 }, support: total)
        micro = Scores(precision: all, recall: all, f1: all, support: total)
        weighted = Self.mean(of: classes, weights: supports, support: total)
        accuracy = matrix.accuracy
        names = matrix.names
    }

    private static func mean(of classes: [Scores], weights: [Int], support: Int) -> Scores {
        func mean(_ score: (Scores) -> Double) -> Double {
            let defined = classes.indices.filter { !score(classes[$0]).isNaN }
            let isWeightless = defined.allSatisfy { weights[$0] == 0 }
            var sum = 0.0, weight = 0
            for c in defined {
                let w = isWeightless ? 1 : weights[c]
                sum += score(classes[c]) * Double(w)
                weight += w
            }
            return sum / Double(weight)
        }
        return Scores(precision: mean(\.precision), recall: mean(\.recall), f1: mean(\.f1), support: support)
    }
}

extension ClassificationReport: CustomStringConvertible {
    public var description: String { text(digits: 2) }

    /// The table with so many digits after the point, 0 to 17, and a line that says which of its numbers are 0/0.
    public func text(digits: Int) -> String {
        if !(0...17).contains(digits) { fatalError("ClassificationReport: \(digits) digits; expected 0 to 17") }
        let averages = [("macro avg", macro), ("weighted avg", weighted)]
        let width = (names + averages.map(\.0)).reduce(digits) { max($0, $1.count) }
        func line(_ head: String, _ cells: [String]) -> String {
            cells.reduce(padded(head, to: width) + " ") { $0 + " " + padded($1, to: 9) }
        }
        func number(_ value: Double) -> String { value.isNaN ? "nan" : DecimalFormat.fixed(value, digits: digits) }
        func line(_ name: String, _ scores: Scores) -> String {
            line(name, [scores.precision, scores.recall, scores.f1].map(number) + [String(scores.support)])
        }
        var lines = [line("", ["precision", "recall", "f1-score", "support"]), ""]
        lines += zip(names, classes).map { line($0, $1) }
        lines += ["", line("accuracy", ["", "", number(accuracy), String(macro.support)])]
        lines += averages.map { line($0.0, $0.1) }
        if !undefined.isEmpty {
            let places = undefined.map { "\($0.score) of \(names[$0.classIndex])" }
            lines += ["", "undefined (0/0): " + places.joined(separator: ", ")]
        }
        return lines.joined(separator: "\n")
    }
}
