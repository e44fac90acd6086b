import Surprisal

/// How loss and accuracy went from epoch to epoch.
struct LearningCurves {
    private struct Series {
        let name, style: String
        let values: [Double]
    }

    private let history: [EpochReport]
    private let best: EpochReport?

    /// None without epochs.
    init?(_ history: [EpochReport]) {
        if history.isEmpty { return nil }
        self.history = history
        best = Self.best(of: history)
    }

    /// The first with the lowest held-out loss, whose weights training keeps.
    static func best(of history: [EpochReport]) -> EpochReport? {
        var best: (report: EpochReport, loss: Double)?
        for report in history {
            guard let loss = report.validation?.loss, !loss.isNaN else { continue }
            if best.map({ loss < $0.loss }) ?? true { best = (report, loss) }
        }
        return best?.report
    }

    var html: String {
        let heldOut = history.contains { $0.validation != nil }
        let training = Series(name: "training", style: "second", values: history.map(\.trainingLoss))
        let loss = Series(name: "held out", style: "first", values: history.map { $0.validation?.loss ?? .nan })
        let accuracy = Series(name: "held out", style: "first", values: history.map { $0.validation?.accuracy ?? .nan })
        var figures = [figure("loss", "Loss, in nats", heldOut ? [training, loss] : [training])]
        if heldOut { figures.append(figure("accuracy", "Held-out accuracy", [accuracy])) }
        return """
            <section>
            <h2>Learning curves</h2>
            <p>\(sentence(heldOut: heldOut))</p>
            <div class="columns">
            \(figures.joined(separator: "\n"))
            </div>
            <details>
            <summary>Numbers of every epoch</summary>
            \(Markup.scrolling(table, label: "Numbers of every epoch", style: "tall"))
            </details>
            </section>
            """
    }

    private func sentence(heldOut: Bool) -> String {
        var text = Markup.counted(history.count, "epoch") + "."
        if let best, let validation = best.validation {
            text += " The best was epoch \(best.epoch): held-out loss \(Markup.number(validation.loss)), accuracy \(Markup.number(validation.accuracy))."
        }
        text += " The training loss is the mean over an epoch’s steps of what was minimised"
        text += heldOut ? ", the held-out one the mean surprisal of the labels at its end." : "."
        let broken = history.filter { report in
            ([report.trainingLoss] + (report.validation.map { [$0.loss, $0.accuracy] } ?? [])).contains { !Self.canBeDrawn($0) }
        }
        if let first = broken.first {
            text += " <strong>\(Markup.counted(broken.count, "epoch")) with a number that cannot be drawn, the first in epoch \(first.epoch): a gap.</strong>"
        }
        return text
    }

    private static func canBeDrawn(_ value: Double) -> Bool { abs(value) <= LinearScale.largest }

    private func figure(_ id: String, _ title: String, _ series: [Series]) -> String {
        let drawn = series.flatMap(\.values).filter(Self.canBeDrawn)
        let ends = series.map { series in
            let values = series.values
            return "\(series.name): \(Markup.number(values[0])) in the first epoch, \(Markup.number(values[values.count - 1])) in the last"
        }
        var description = ends.joined(separator: "; ") + "."
        if let best { description += " Best epoch: \(best.epoch)." }
        var plot = Plot(id: id, title: "\(title) by epoch", description: description, height: 240)
        let epochs = history.map { Double($0.epoch) }
        let y = LinearScale(covering: drawn, steps: 5, from: 196, to: 30)
        let x = LinearScale(covering: epochs, steps: 6, from: 52, to: Plot.width - 14, isWhole: true)
        plot.axes(x, y, xTitle: "epoch")
        if let best {
            plot.line((x(Double(best.epoch)), y.pixels.high), (x(Double(best.epoch)), y.pixels.low), style: "line best")
        }
        for series in series {
            // A line a stretch of numbers, and a dot where it is a single one.
            var stretch: [(Double, Double)] = []
            for (place, value) in (series.values + [.nan]).enumerated() {
                if Self.canBeDrawn(value) {
                    stretch.append((x(epochs[place]), y(value)))
                    continue
                }
                if stretch.count == 1 { plot.circle(stretch[0].0, stretch[0].1, radius: 3, style: "\(series.style)-mark") }
                if stretch.count > 1 { plot.polyline(stretch, style: "line \(series.style)-line") }
                stretch = []
            }
        }
        var key = x.pixels.low
        for series in series {
            plot.line((key, 12), (key + 22, 12), style: "line \(series.style)-line")
            plot.text(series.name, key + 27, 16)
            key += 92
        }
        if let best, let place = history.firstIndex(of: best), let shown = series.last?.values[place], Self.canBeDrawn(shown) {
            plot.circle(x(Double(best.epoch)), y(shown), radius: 4.5, style: "first-mark")
            plot.line((key, 12), (key + 22, 12), style: "line best")
            plot.circle(key + 11, 12, radius: 4.5, style: "first-mark")
            plot.text("best: epoch \(best.epoch)", key + 27, 16)
        }
        return "<figure>\n<figcaption>\(title)</figcaption>\n\(plot.svg)\n</figure>"
    }

    private var table: String {
        Markup.table(
            caption: "What every epoch came to",
            columns: ["epoch", "learning rate", "training loss", "held-out loss", "held-out accuracy"],
            rows: history.map { report in
                let mark = report.epoch == best?.epoch ? " (best)" : ""
                return ["\(report.epoch)\(mark)", Markup.number(report.learningRate), Markup.number(report.trainingLoss)]
                    + [report.validation?.loss, report.validation?.accuracy].map { $0.map(Markup.number) ?? "" }
            }, style: "numbers")
    }
}
