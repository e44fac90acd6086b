import Surprisal

/// The rows that were predicted wrong with the highest probability.
struct Mistakes {
    static let most = 24
    /// Columns of features beside a row that is no picture.
    static let mostFeatures = 8

    private let evaluation: Evaluation
    private let features: [Float]
    private let width: Int
    private let featureNames: [String]
    private var shown: ArraySlice<Evaluation.Mistake> { evaluation.mistakes.prefix(Self.most) }

    init(_ evaluation: Evaluation, features: Tensor<Float>, featureNames: [String]) {
        (self.evaluation, self.featureNames) = (evaluation, featureNames)
        (self.features, width) = (features.scalars, features.shape[1])
    }

    var html: String {
        "<section>\n<h2>Most confident mistakes</h2>\n\(content)\n</section>"
    }

    private func values(ofRow row: Int) -> ArraySlice<Float> { features[row * width..<(row + 1) * width] }

    private func name(_ place: Int) -> String { Markup.name(evaluation.classNames[place]) }

    private var content: String {
        let count = evaluation.mistakes.count
        if count == 0 { return "<p>None: every row was predicted right.</p>" }
        let many = count > Self.most ? "The first \(Self.most) of \(Markup.counted(count, "mistake"))" : "All \(Markup.counted(count, "mistake"))"
        let text = "<p>\(count == 1 ? "The only mistake" : many), by the probability of the prediction. Rows are counted from 0."
        guard let side = FeatureImage.side(of: width) else { return "\(text)</p>\n\(table)" }
        return "\(text) Pictures have the row’s \(side) × \(side) features, the larger the darker.</p>\n" + gallery(side)
    }

    private func gallery(_ side: Int) -> String {
        let finite = features.lazy.filter(\.isFinite)
        let range = (finite.min() ?? 0)...(finite.max() ?? 0)
        let items = shown.map { mistake in
            let (label, prediction) = (name(mistake.label), name(mistake.prediction))
            let image = FeatureImage(values(ofRow: mistake.row), side: side, range: range)
            return """
                <li>\(image.svg(title: "Row \(mistake.row), of class \(label), predicted as \(prediction)"))
                <dl><div><dt>row</dt><dd>\(mistake.row)</dd></div><div><dt>label</dt><dd><bdi>\(label)</bdi></dd></div>\
                <div><dt>predicted</dt><dd><bdi>\(prediction)</bdi></dd></div>\
                <div><dt>probability</dt><dd>\(Markup.number(mistake.probability))</dd></div></dl></li>
                """
        }
        return "<ol class=\"mistakes\">\n\(items.joined(separator: "\n"))\n</ol>"
    }

    private var table: String {
        let columns = 0..<min(width, Self.mostFeatures)
        let names = columns.map { featureNames.isEmpty ? "feature \($0)" : Markup.name(featureNames[$0], most: 24) }
        let part = columns.count < width ? ", with the first \(columns.count) of \(width) features" : ""
        let table = Markup.table(
            caption: "Rows predicted wrong\(part)", columns: ["row", "label", "predicted", "probability"] + names,
            rows: shown.map { mistake in
                let row = values(ofRow: mistake.row)
                return [
                    "\(mistake.row)", name(mistake.label), name(mistake.prediction), Markup.number(mistake.probability),
                ] + columns.map { value in
                    let value = row[row.startIndex + value]
                    return value.isNaN ? "missing" : value.description
                }
            }, style: "numbers", textColumns: [1, 2])
        return Markup.scrolling(table, label: "Rows predicted wrong")
    }
}
