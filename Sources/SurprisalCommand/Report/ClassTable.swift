import Surprisal

/// Precision, recall and F1 of each class.
struct ClassTable {
    private let report: ClassificationReport
    private let names: [String]

    init(_ report: ClassificationReport, classNames: [String]) { (self.report, names) = (report, classNames) }

    var html: String {
        func cells(_ scores: ClassificationReport.Scores, undefined: [ClassificationReport.Score] = []) -> [String] {
            let values: [(ClassificationReport.Score, Double)] = [
                (.precision, scores.precision), (.recall, scores.recall), (.f1, scores.f1),
            ]
            return values.map { undefined.contains($0) ? "0/0" : Self.bar($1) } + ["\(scores.support)"]
        }
        var undefined: [Int: [ClassificationReport.Score]] = [:]
        for entry in report.undefined { undefined[entry.classIndex, default: []].append(entry.score) }
        let table = Markup.table(
            caption: "Scores of each class" + (undefined.isEmpty ? "" : "; 0/0, of a class without predictions or rows, counts as 0 in the averages"),
            columns: ["class", "precision", "recall", "F1", "support"],
            rows: names.indices.map { [Markup.name(names[$0])] + cells(report.classes[$0], undefined: undefined[$0] ?? []) },
            foot: [["macro average"] + cells(report.macro), ["weighted average"] + cells(report.weighted)], style: "numbers")
        let isLong = names.count > ConfusionHeatMap.mostClasses
        return "<section>\n<h2>Classes</h2>\n"
            + Markup.scrolling(table, label: "Scores of each class", style: isLong ? "tall" : "") + "\n</section>"
    }

    private static func bar(_ value: Double) -> String {
        let part = value.isFinite ? (value * 1000).rounded() / 10 : 0
        return "<td class=\"score\" style=\"--part:\(part)%\">\(Markup.number(value))</td>"
    }
}
