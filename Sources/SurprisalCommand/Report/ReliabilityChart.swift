import Surprisal

/// Whether predictions are right as often as their probabilities say.
struct ReliabilityChart {
    private let diagram: ReliabilityDiagram

    init(_ diagram: ReliabilityDiagram) { self.diagram = diagram }

    var html: String {
        let bins = diagram.bins.filter { $0.count > 0 }
        let table = Markup.table(
            caption: "The bins that hold rows", columns: ["confidence", "rows", "mean", "accuracy", "gap"],
            rows: bins.map { bin in
                [
                    "\(Markup.number(bin.lowerBound)) – \(Markup.number(bin.upperBound))", "\(bin.count)",
                    Markup.number(bin.meanConfidence), Markup.number(bin.accuracy), Self.signed(bin.gap),
                ]
            }, style: "numbers ranges")
        let undefined = diagram.undefinedCount == 0
            ? "" : " <strong>\(Markup.counted(diagram.undefinedCount, "row")) without a probability: not drawn.</strong>"
        return """
            <section>
            <h2>Calibration</h2>
            <p>Expected calibration error \(Markup.number(diagram.expectedCalibrationError)), \
            maximum \(Markup.number(diagram.maximumCalibrationError)). A point below the diagonal promises too much, one above \
            it too little.\(undefined)</p>
            <div class="columns">
            <figure>
            <figcaption>Accuracy by confidence, and how many rows</figcaption>
            \(chart(bins).svg)
            </figure>
            \(Markup.scrolling(table, label: "Bins of the reliability diagram"))
            </div>
            </section>
            """
    }

    private func chart(_ bins: [ReliabilityDiagram.Bin]) -> Plot {
        let points = bins.map { "\(Markup.number($0.meanConfidence)) right \(Markup.number($0.accuracy)) of \($0.count)" }
        var plot = Plot(
            id: "reliability", title: "Reliability diagram",
            description: "Mean confidence and accuracy of each bin: \(points.joined(separator: "; ")).", height: 424)
        let x = LinearScale(unitFrom: 52, to: Plot.width - 14), y = LinearScale(unitFrom: 284, to: 12)
        plot.axes(x, y, xTitle: nil)
        let most = bins.map(\.count).max() ?? 0
        let rows = LinearScale(covering: [0, Double(max(most, 1))], steps: 2, from: 380, to: 312, isWhole: true)
        plot.axes(x, rows, xTitle: "confidence")
        plot.text("accuracy", 12, 148, anchor: "middle", turned: true)
        plot.text("rows", 12, 346, anchor: "middle", turned: true)
        for bin in bins {
            // Bins of equal mass may have no width.
            let left = x(bin.lowerBound) + 0.5, width = max(x(bin.upperBound) - left - 0.5, 1)
            plot.rectangle(x: left, y: y(bin.accuracy), width: width, height: y(0) - y(bin.accuracy), style: "bar")
            plot.rectangle(
                x: left, y: rows(Double(bin.count)), width: width, height: rows(0) - rows(Double(bin.count)), style: "count")
        }
        plot.line((x(0), y(0)), (x(1), y(1)), style: "line ideal")
        for bin in bins {
            let place = x(bin.meanConfidence)
            plot.line((place, y(bin.meanConfidence)), (place, y(bin.accuracy)), style: "line gap")
            plot.circle(place, y(bin.accuracy), radius: 4, style: "first-mark")
        }
        return plot
    }

    private static func signed(_ value: Double) -> String {
        value < 0 ? "−" + Markup.number(-value) : "+" + Markup.number(value)
    }
}
