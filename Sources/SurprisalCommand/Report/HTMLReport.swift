import Surprisal
import SurprisalIO

/// What a training or an evaluation came to, as one page that needs no other file, no network and no script.
struct HTMLReport {
    let title: String
    /// As it was typed.
    let command: String
    let versions: [(name: String, value: String)]
    /// Of a training; empty of an evaluation alone.
    let history: [EpochReport]
    let evaluation: Evaluation
    /// The evaluated rows as their file has them: rows × features.
    let features: Tensor<Float>
    /// One a feature, or none.
    let featureNames: [String]

    /// HTML that is well-formed XML too.
    func html() -> String {
        let map = ConfusionHeatMap(evaluation.matrix, classNames: evaluation.classNames)
        let sections = [
            summary(map.confusedPairs.first), LearningCurves(history)?.html, map.html,
            ClassTable(evaluation.report, classNames: evaluation.classNames).html,
            ReliabilityChart(evaluation.reliability).html,
            Mistakes(evaluation, features: features, featureNames: featureNames).html, making,
        ]
        // The policy is for what escaping might have missed: it forbids scripts and every address.
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8"/>
            <meta name="viewport" content="width=device-width, initial-scale=1"/>
            <meta name="color-scheme" content="light dark"/>
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
            <title>\(Markup.name(title)) – Surprisal</title>
            <style>
            \(ReportStyle.css)
            </style>
            </head>
            <body>
            <main>
            \(sections.compactMap(\.self).joined(separator: "\n"))
            </main>
            </body>
            </html>

            """
    }

    /// Gives the file the page, or leaves it as it was.
    func write(to path: String) throws {
        do throws(TextFileError) { try TextFile.write(html(), to: path) } catch {
            throw Failure.exit(error.description, status: .inputOutput)
        }
    }

    private func summary(_ mostConfused: ConfusionHeatMap.Pair?) -> String {
        let matrix = evaluation.matrix, right = evaluation.classNames.indices.reduce(0) { $0 + matrix[$1, $1] }
        func name(_ place: Int) -> String { "<bdi>\(Markup.name(evaluation.classNames[place]))</bdi>" }
        var sentence = "\(Markup.counted(evaluation.classNames.count, "class", plural: "classes")); \(right) of \(Markup.counted(evaluation.rowCount, "row")) predicted right."
        if let pair = mostConfused {
            let times = pair.count == 1 ? "once" : "\(pair.count) times"
            sentence += " Most frequent mistake, \(times): \(name(pair.label)) taken for \(name(pair.prediction))."
        }
        let measures = evaluation.measures.map { measure in
            let better = measure.name.hasSuffix("accuracy") ? "higher" : "lower"
            return """
                <div><dt>\(Markup.escaped(measure.name))</dt>\
                <dd><strong>\(Markup.number(measure.value))</strong>\
                <span>\(Markup.number(measure.low)) to \(Markup.number(measure.high))</span>\
                <small>\(measure.name == "loss" ? "nats, " : "")\(better) is better</small></dd></div>
                """
        }
        return """
            <header>
            <p class="kind">Surprisal · \(history.isEmpty ? "evaluation" : "training")</p>
            <h1>\(Markup.name(title, most: 200))</h1>
            <p>\(sentence)</p>
            </header>
            <section>
            <h2>Summary</h2>
            <dl class="measures">
            \(measures.joined(separator: "\n"))
            </dl>
            <p class="key">Below each number, the middle 95 % of what \(Evaluation.resamples) resampled sets of rows give. \
            Resampling makes the calibration error larger, so that its interval may lie above it.</p>
            </section>
            """
    }

    private var making: String {
        let rows = versions.map { "<tr><th scope=\"row\">\(Markup.escaped($0.name))</th><td>\(Markup.escaped($0.value))</td></tr>" }
        let table = rows.isEmpty ? "" : "<table class=\"versions\"><caption>Versions</caption><tbody>\n\(rows.joined(separator: "\n"))\n</tbody></table>"
        return """
            <section>
            <h2>How this was made</h2>
            <pre class="command"><code>\(Markup.escaped(command))</code></pre>
            \(table)
            </section>
            """
    }
}
