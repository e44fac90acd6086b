import FoundationEssentials
import Surprisal

/// Which classes were taken for which: a matrix, or of many classes the pairs that were confused most.
struct ConfusionHeatMap {
    /// A wider matrix is scrolled more than read.
    static let mostClasses = 30
    static let mostPairs = 20
    /// Below 1, so that text stands out from the darkest cell.
    private static let darkest = 0.8

    private let matrix: ConfusionMatrix
    private let names: [String]
    private let supports: [Int]

    init(_ matrix: ConfusionMatrix, classNames: [String]) {
        (self.matrix, names, supports) = (matrix, classNames, matrix.labelCounts)
    }

    struct Pair {
        let label, prediction, count: Int
    }

    /// The most frequent first, then in the order of the classes.
    var confusedPairs: [Pair] {
        var pairs: [Pair] = []
        for label in names.indices {
            for prediction in names.indices where prediction != label && matrix[label, prediction] > 0 {
                pairs.append(Pair(label: label, prediction: prediction, count: matrix[label, prediction]))
            }
        }
        return pairs.sorted { ($0.count, $1.label, $1.prediction) > ($1.count, $0.label, $0.prediction) }
    }

    var html: String {
        "<section>\n<h2>Confusion matrix</h2>\n" + (names.count <= Self.mostClasses ? heatMap : pairTable) + "\n</section>"
    }

    private var heatMap: String {
        let areShort = names.allSatisfy { $0.unicodeScalars.count <= 3 }
        let heads = names.map { name in
            areShort ? "<th scope=\"col\">\(Markup.name(name))</th>"
                : "<th scope=\"col\"><span class=\"upright\">\(Markup.name(name, most: 20))</span></th>"
        }
        let lines = names.indices.map { label in
            "<tr><th scope=\"row\">\(Markup.name(names[label], most: 20))</th>"
                + names.indices.map { cell(label, $0) }.joined() + "</tr>"
        }
        let table = """
            <table class="heat\(names.count > 15 ? " wide" : "")">
            <caption>Rows are the true classes, columns the predicted ones.</caption>
            <thead><tr><th scope="col">true ↓<br/>predicted →</th>\(heads.joined())</tr></thead>
            <tbody>
            \(lines.joined(separator: "\n"))
            </tbody>
            </table>
            """
        let shades = [0, 0.01, 0.05, 0.25, 0.5, 1].map { share in
            "<span class=\"wrong\" style=\"--shade:\(Self.shade(share))\">\(Int(share * 100)) %</span>"
        }
        return Markup.scrolling(table, label: "Confusion matrix") + """

            <p class="key">Shade: part of the true class’s rows, stronger by its square root, \(shades.joined(separator: " ")) \
            for mistakes; <span class="right" style="--shade:\(Self.shade(1))">the diagonal</span> is what was predicted right.</p>
            """
    }

    private func cell(_ label: Int, _ prediction: Int) -> String {
        let count = matrix[label, prediction]
        if count == 0 { return "<td class=\"zero\(label == prediction ? " right" : "")\">0</td>" }
        let what = label == prediction
            ? "\(Markup.name(names[label], most: 20)) predicted right"
            : "\(Markup.name(names[label], most: 20)) taken for \(Markup.name(names[prediction], most: 20))"
        let share = Double(count) / Double(supports[label])
        return "<td class=\"\(label == prediction ? "right" : "wrong")\" style=\"--shade:\(Self.shade(share))\""
            + " title=\"\(what): \(count) of \(supports[label]), \(Markup.percent(count, of: supports[label]))\">\(count)</td>"
    }

    /// By the square root: a mistake in a hundred is still seen.
    private static func shade(_ share: Double) -> String { String(format: "%.3f", darkest * share.squareRoot()) }

    private var pairTable: String {
        let pairs = confusedPairs
        if pairs.isEmpty { return "<p>No class was taken for another.</p>" }
        let table = Markup.table(
            caption: pairs.count > Self.mostPairs
                ? "The \(Self.mostPairs) pairs that were confused most, of \(pairs.count)" : "All pairs that were confused",
            columns: ["true class", "taken for", "rows", "of the class"],
            rows: pairs.prefix(Self.mostPairs).map { pair in
                [
                    Markup.name(names[pair.label]), Markup.name(names[pair.prediction]), "\(pair.count)",
                    Markup.percent(pair.count, of: supports[pair.label]),
                ]
            }, style: "numbers", textColumns: [1])
        return "<p>\(names.count) classes: too many for a matrix that can be read.</p>\n"
            + Markup.scrolling(table, label: "Confused pairs")
    }
}
