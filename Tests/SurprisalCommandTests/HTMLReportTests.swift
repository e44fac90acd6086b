import ArgumentParser
import Foundation
import Surprisal
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

@testable import SurprisalCommand

@Suite struct HTMLReportTests {
    private static let names = ["ant", "bee", "cow"]

    private static func evaluation(
        _ labels: [Int], predicting predictions: [Int], names: [String] = names, margin: Float = 2
    ) throws -> Evaluation {
        var logits: [Float] = []
        for (row, prediction) in predictions.enumerated() {
            // No two rows alike, so that the order of mistakes is theirs.
            logits += names.indices.map { $0 == prediction ? margin + Float(row % 7) / 4 : Float($0 % 3) / 8 }
        }
        return Evaluation(
            Tensor(logits, shape: [labels.count, names.count]), try Labels(labels, classCount: names.count),
            classNames: names, k: min(2, names.count), seed: 1)
    }

    private static func report(
        _ evaluation: Evaluation, history: [EpochReport] = [], features: Tensor<Float>? = nil, featureNames: [String] = [],
        title: String = "animals", command: String = "surprisal evaluate model.safetensors table.csv --report page.html",
        versions: [(name: String, value: String)] = [("surprisal", "1.0.0"), ("threads", "2")]
    ) -> HTMLReport {
        HTMLReport(
            title: title, command: command, versions: versions, history: history, evaluation: evaluation,
            features: features ?? Tensor((0..<evaluation.rowCount * 3).map { Float($0) }, shape: [evaluation.rowCount, 3]),
            featureNames: featureNames)
    }

    private static func history(_ losses: [(training: Double, heldOut: Double)]) -> [EpochReport] {
        losses.enumerated().map { place, loss in
            EpochReport(
                epoch: place + 1, learningRate: 0.01, trainingLoss: loss.training,
                validation: Validation(loss: loss.heldOut, accuracy: 1 / (1 + loss.heldOut)))
        }
    }

    private static let labels = [0, 0, 0, 0, 1, 1, 1, 2, 2, 2], predictions = [0, 0, 0, 1, 1, 1, 2, 2, 0, 0]

    private static func sample() throws -> HTMLReport {
        report(try evaluation(labels, predicting: predictions), history: history([(2, 1.5), (1, 1), (0.5, 1.25)]))
    }

    @Test func measuresAreThoseOfTheEvaluation() throws {
        let report = try Self.sample(), page = try Page(report.html())
        let list = try #require(page.first("dl", style: "measures")).all("div")
        #expect(list.count == report.evaluation.measures.count)
        for (item, measure) in zip(list, report.evaluation.measures) {
            #expect(item.all("dt").first?.text == measure.name)
            let ends = try #require(item.all("span").first).text.components(separatedBy: " to ")
            #expect(ends.count == 2)
            for (text, value) in zip([item.all("strong").first?.text ?? ""] + ends, [measure.value, measure.low, measure.high]) {
                // Four digits after the point, or four in all.
                #expect(abs(try #require(Double(text)) - value) <= 0.5001e-4 * max(1, value), "\(measure.name): \(text), not \(value)")
            }
        }
    }

    @Test func matrixHasTheCounts() throws {
        let report = try Self.sample(), page = try Page(report.html())
        let rows = try #require(page.first("table", style: "heat")).all("tbody")[0].all("tr")
        #expect(rows.map { $0.all("th")[0].text } == Self.names)
        #expect(rows.map { $0.all("td").compactMap { Int($0.text) } } == [[3, 1, 0], [0, 2, 1], [2, 0, 1]])
        // The shade of 1 in 4 is half of that of all.
        #expect(rows[0].all("td")[1].attributes["style"] == "--shade:0.400")
        #expect(rows[0].all("td")[0].attributes["class"] == "right")
        #expect(rows[2].all("td")[0].attributes["title"] == "cow taken for ant: 2 of 3, 66.7 %")
        #expect(try #require(page.first("header")).text.contains("3 classes; 6 of 10 rows predicted right."))
        #expect(try #require(page.first("header")).text.contains("Most frequent mistake, 2 times: cow taken for ant."))
    }

    @Test func classesHaveTheirScores() throws {
        let report = try Self.sample(), page = try Page(report.html())
        let table = try #require(page.table(captioned: "Scores of each class"))
        let cells = table.all("tbody")[0].all("tr").map { $0.all("td").map(\.text) }
        #expect(cells == [
            ["0.6000", "0.7500", "0.6667", "4"], ["0.6667", "0.6667", "0.6667", "3"], ["0.5000", "0.3333", "0.4000", "3"],
        ])
        let averages = table.all("tfoot")[0].all("tr").map { $0.all("td").map(\.text) }
        #expect(averages[0] == ["0.5889", "0.5833", "0.5778", "10"])
        #expect(averages[1] == ["0.5900", "0.6000", "0.5867", "10"])
    }

    @Test func binsHaveTheirCounts() throws {
        let report = try Self.sample(), page = try Page(report.html())
        let bins = report.evaluation.reliability.bins.filter { $0.count > 0 }
        let rows = try #require(page.table(captioned: "The bins that hold rows")).all("tbody")[0].all("tr")
        #expect(rows.map { $0.all("td")[0].text } == bins.map { "\($0.count)" })
        for (row, bin) in zip(rows, bins) {
            let numbers = row.all("td").dropFirst().compactMap { Double($0.text.replacing("−", with: "-")) }
            #expect(numbers.count == 3)
            for (number, value) in zip(numbers, [bin.meanConfidence, bin.accuracy, bin.gap]) { #expect(abs(number - value) <= 0.5001e-4) }
        }
        let chart = try #require(page.first("svg", id: "reliability"))
        #expect(chart.all("rect").filter { $0.attributes["class"] == "bar" }.count == bins.count)
        #expect(chart.all("circle").count == bins.count)
    }

    @Test func mistakesAreTheMostConfidentFirst() throws {
        let report = try Self.sample(), page = try Page(report.html())
        let rows = try #require(page.table(captioned: "Rows predicted wrong")).all("tbody")[0].all("tr")
        let mistakes = report.evaluation.mistakes
        #expect(mistakes.count == 4)
        #expect(rows.map { $0.all("th")[0].text } == mistakes.map { "\($0.row)" })
        for (row, mistake) in zip(rows, mistakes) {
            let cells = row.all("td").map(\.text)
            #expect(Array(cells[0...1]) == [Self.names[mistake.label], Self.names[mistake.prediction]])
            #expect(abs(try #require(Double(cells[2])) - mistake.probability) <= 0.5001e-4)
            #expect(Array(cells[3...]) == (0..<3).map { "\(Float(mistake.row * 3 + $0))" })
        }
    }

    @Test func pageNeedsNothingElse() throws {
        let text = try Self.sample().html(), page = try Page(text)
        for address in ["http:", "https:", "src=", "href=", "url(", "@import", "<script", "javascript:"] {
            #expect(!text.contains(address), "the page has \(address)")
        }
        let allowed: Set = [
            "html", "head", "meta", "title", "style", "body", "main", "header", "section", "h1", "h2", "p", "bdi", "strong", "span",
            "small", "dl", "div", "dt", "dd", "figure", "figcaption", "svg", "desc", "text", "line", "polyline", "rect", "circle",
            "path", "table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "br", "details", "summary", "ol", "li", "pre", "code",
        ]
        #expect(Set(page.root.all(nil).map(\.name)).isSubset(of: allowed))
    }

    @Test func drawingsAndTablesSayWhatTheyAre() throws {
        let pages = [
            try Self.sample(),
            Self.report(try Self.evaluation(Self.labels, predicting: Self.predictions), features: Tensor(repeating: 1, shape: [10, 25])),
        ]
        for report in pages {
            let page = try Page(report.html())
            let identifiers = page.root.all(nil).compactMap { $0.attributes["id"] }
            #expect(Set(identifiers).count == identifiers.count)
            for svg in page.root.all("svg") {
                #expect(svg.attributes["role"] == "img")
                #expect(svg.children.first?.name == "title" && svg.children.first?.text.isEmpty == false)
                for identifier in (svg.attributes["aria-labelledby"] ?? "").split(separator: " ") {
                    #expect(identifiers.contains(String(identifier)))
                }
            }
            for table in page.root.all("table") {
                #expect(table.children.first?.name == "caption")
                #expect(table.all("th").allSatisfy { $0.attributes["scope"] != nil && !$0.text.isEmpty })
            }
            for section in page.root.all("section") { #expect(section.children.first?.name == "h2") }
        }
    }

    @Test func namesFromOutsideAreText() throws {
        let names = [
            "<script>alert(1)</script>", "\"><img src=x onerror='alert(1)'>", "&amp;&#60;", String(repeating: "x", count: 10_000),
            "a\u{1}b\u{1B}[31m\nc", "\u{202E}gnp.exe", "", "👩‍🔬", "]]>", "a" + String(repeating: "\u{301}", count: 10_000), "\u{FFFE}\u{2028}",
        ]
        let labels = Array(names.indices), predictions = labels.map { ($0 + 1) % names.count }
        let evaluation = try Self.evaluation(labels, predicting: predictions, names: names)
        for features in [3, 25] {
            let report = Self.report(
                evaluation, features: Tensor(repeating: 1, shape: [names.count, features]),
                featureNames: (0..<features).map { names[$0 % names.count] }, title: names[0] + "\u{0}",
                command: "surprisal evaluate '<b>&\"' \u{7}" + names[3], versions: names.map { ($0, $0) })
            let text = report.html(), page = try Page(text)
            // Once as the command, twice as a version.
            #expect(text.utf8.count < 200_000)
            #expect(page.root.all("script").isEmpty && page.root.all("img").isEmpty && page.root.all("b").isEmpty)
            #expect(page.root.all(nil).allSatisfy { !$0.attributes.keys.contains { $0.hasPrefix("on") } })
            #expect(page.first("h1")?.text == "<script>alert(1)</script>\\u{0}")
            #expect(page.first("code")?.text == "surprisal evaluate '<b>&\"' \\u{7}" + names[3])
            let heads = try #require(page.table(captioned: "Scores of each class")).all("tbody")[0].all("th").map(\.text)
            #expect(heads == [
                names[0], names[1], names[2], String(repeating: "x", count: Markup.longestName) + "…", "a\\u{1}b\\u{1b}[31m\\u{a}c",
                "\\u{202e}gnp.exe", "“”", "👩‍🔬", "]]>", "a" + String(repeating: "\u{301}", count: Markup.longestName - 1) + "…",
                "\\u{fffe}\\u{2028}",
            ])
        }
    }

    @Test func evaluationHasNoLearningCurves() throws {
        let page = try Page(Self.report(try Self.evaluation(Self.labels, predicting: Self.predictions)).html())
        #expect(!page.root.all("h2").map(\.text).contains("Learning curves"))
        #expect(page.first("p", style: "kind")?.text == "Surprisal · evaluation")
    }

    @Test func bestEpochIsTheFirstWithTheLowestLoss() throws {
        #expect(LearningCurves.best(of: Self.history([(2, 2), (1, 1), (1, 1), (1, 3)]))?.epoch == 2)
        #expect(LearningCurves.best(of: Self.history([(2, .nan), (1, 3), (1, .infinity), (1, .nan)]))?.epoch == 2)
        #expect(LearningCurves.best(of: Self.history([(2, .nan)])) == nil)
        let page = try Page(Self.sample().html()), chart = try #require(page.first("svg", id: "loss"))
        #expect(chart.all("text").map(\.text).contains("best: epoch 2"))
        #expect(chart.all("polyline").filter { ["line first-line", "line second-line"].contains($0.attributes["class"]) && $0.points.count == 3 }.count == 2)
    }

    @Test func lossesThatAreNoNumbersAreGaps() throws {
        let evaluation = try Self.evaluation(Self.labels, predicting: Self.predictions)
        let losses = [(3, 3), (2, 2), (.nan, .nan), (1, 1), (.infinity, 1e308), (0.5, 4), (0.25, 5)]
        let page = try Page(Self.report(evaluation, history: Self.history(losses)).html())
        let chart = try #require(page.first("svg", id: "loss"))
        // Epochs 1 and 2, 6 and 7; 4 is a dot.
        #expect(chart.all("polyline").filter { $0.attributes["class"] == "line first-line" && $0.points.count == 2 }.count == 3)
        #expect(chart.all("circle").filter { $0.attributes["class"] == "second-mark" }.count == 1)
        let text = try #require(page.root.all("section").first { $0.text.contains("Learning curves") }).text
        #expect(text.contains("2 epochs with a number that cannot be drawn, the first in epoch 3"))
        for losses in [[(Double.nan, Double.nan)], [(0, 0)], [(-1e-320, 1e-320), (0, 0)], [(1e299, 1e300), (1, 1)], [(5, 5), (5, 5)]] {
            try Self.expectPlacesInside(Page(Self.report(evaluation, history: Self.history(losses)).html()))
        }
        let unvalidated = [EpochReport(epoch: 1, learningRate: 0.1, trainingLoss: 1, validation: nil)]
        let alone = try Page(Self.report(evaluation, history: unvalidated).html())
        #expect(alone.first("svg", id: "accuracy") == nil)
        try Self.expectPlacesInside(alone)
    }

    @Test func aClassThatIsNeverPredictedHasNoPrecision() throws {
        let page = try Page(Self.report(try Self.evaluation([0, 1, 0, 1], predicting: [0, 0, 0, 0])).html())
        let table = try #require(page.root.all("table").first { $0.children[0].text.hasPrefix("Scores of each class; 0/0") })
        let cells = table.all("tbody")[0].all("tr").map { $0.all("td").map(\.text) }
        #expect(cells[1] == ["0/0", "0.0000", "0.0000", "2"])
        #expect(cells[2] == ["0/0", "0/0", "0/0", "0"])
        try Self.expectPlacesInside(page)
    }

    @Test func rowsWithoutANumberAreSaid() throws {
        let names = Self.names, logits: [Float] = [.nan, 0, 0, 1, 0, 0]
        let evaluation = Evaluation(
            Tensor(logits, shape: [2, 3]), try Labels([1, 0], classCount: 3), classNames: names, k: 2, seed: 1)
        let page = try Page(Self.report(evaluation).html())
        #expect(page.first("dl", style: "measures")?.all("strong").first?.text == "nan")
        #expect(page.root.text.contains("1 row without a probability"))
        try Self.expectPlacesInside(page)
    }

    @Test func aHundredClassesAreListedByPairs() throws {
        let names = (0..<100).map { "class \($0)" }, labels = (0..<600).map { $0 % 100 }
        let predictions = labels.indices.map { labels[$0] == 7 ? 8 : $0 % 11 == 0 ? 99 - labels[$0] : labels[$0] }
        let page = try Page(Self.report(try Self.evaluation(labels, predicting: predictions, names: names)).html())
        #expect(page.first("table", style: "heat") == nil)
        let table = try #require(page.root.all("table").first { $0.children[0].text.hasPrefix("The 20 pairs") })
        let rows = table.all("tbody")[0].all("tr")
        #expect(rows.count == 20)
        #expect([rows[0].all("th")[0].text] + rows[0].all("td").map(\.text) == ["class 7", "class 8", "6", "100.0 %"])
        let scores = try #require(page.root.all("table").first { $0.children[0].text.hasPrefix("Scores of each class; 0/0") })
        #expect(scores.all("tbody")[0].all("tr").count == 100)
        for count in [30, 31] {
            let names = (0..<count).map { "class \($0)" }, labels = Array(names.indices)
            let page = try Page(Self.report(try Self.evaluation(labels, predicting: labels, names: names)).html())
            #expect((page.first("table", style: "heat") != nil) == (count == 30))
        }
    }

    @Test func nothingWrongIsSaid() throws {
        let page = try Page(Self.report(try Self.evaluation([0, 1], predicting: [0, 1], names: ["no", "yes"], margin: 60)).html())
        #expect(page.root.text.contains("None: every row was predicted right."))
        #expect(page.first("ol") == nil)
        try Self.expectPlacesInside(page)
    }

    @Test(arguments: [2, 7, 30]) func everyPlaceIsInsideItsDrawing(classes: Int) throws {
        let labels = (0..<200).map { $0 % classes }, predictions = labels.map { $0 % 5 == 4 ? ($0 + 1) % classes : $0 }
        let losses: [(training: Double, heldOut: Double)] = (1...300).map { epoch in
            let t = Double(epoch)
            return (2 / t, 3 / t + t / 500)
        }
        let evaluation = try Self.evaluation(labels, predicting: predictions, names: (0..<classes).map { "\($0)" })
        try Self.expectPlacesInside(Page(Self.report(evaluation, history: Self.history(losses)).html()))
    }

    @Test func squaresOfFeaturesArePictures() throws {
        let labels = [Int](repeating: 0, count: 40), predictions = labels.indices.map { $0 < 10 ? 0 : 1 }
        let evaluation = try Self.evaluation(labels, predicting: predictions)
        var values = [Float](repeating: 0, count: 40 * 25)
        for row in 0..<40 { values[row * 25 + 7] = 16 }
        values[evaluation.mistakes[0].row * 25] = .nan
        let page = try Page(Self.report(evaluation, features: Tensor(values, shape: [40, 25])).html())
        let items = try #require(page.first("ol", style: "mistakes")).all("li")
        #expect(items.count == 24)
        let picture = items[0].all("svg")[0]
        #expect(picture.attributes["viewBox"] == "0 0 5 5")
        // Pixel 7 is the third of the second line; the missing one is no grey.
        #expect(picture.all("path").map { $0.attributes["d"] } == ["M0 0h1v1h-1z", "M2 1h1v1h-1z"])
        #expect(picture.all("path").map { $0.attributes["fill"] } == [nil, "#000000"])
        #expect(items.map { $0.all("dd")[0].text } == evaluation.mistakes.prefix(24).map { "\($0.row)" })
        #expect(page.table(captioned: "Rows predicted wrong") == nil)
        #expect([24, 16, 26, 25, 64, 784].map { FeatureImage.side(of: $0) } == [nil, nil, nil, 5, 8, 28])
    }

    @Test func largePicturesAreReduced() {
        let side = 200, values = (0..<side * side).map { Float($0 % side < 4 ? 1 : 0) }
        let image = FeatureImage(values, side: side, range: 0...1).svg(title: "bar")
        // Blocks of 4 × 4.
        #expect(image.contains("viewBox=\"0 0 50 50\""))
        #expect(image.contains("M0 49h1v1h-1z") && !image.contains("M1 "))
        // Nothing varies: no division by 0.
        #expect(!FeatureImage([Float](repeating: 3, count: 25), side: 5, range: 3...3).svg(title: "").contains("path"))
    }

    @Test func otherFeaturesAreNamed() throws {
        let evaluation = try Self.evaluation([0, 1, 2], predicting: [1, 1, 1])
        let names = (0..<10).map { "f<\($0)>" }
        let page = try Page(
            Self.report(evaluation, features: Tensor(repeating: .nan, shape: [3, 10]), featureNames: names).html())
        let table = try #require(page.table(captioned: "Rows predicted wrong, with the first 8 of 10 features"))
        #expect(table.all("thead")[0].all("th").map(\.text) == ["row", "label", "predicted", "probability"] + names.prefix(8))
        #expect(table.all("tbody")[0].all("tr")[0].all("td").last?.text == "missing")
    }

    @Test func fileIsWrittenWholeOrNotAtAll() throws {
        let folder = try TemporaryFolder(), path = folder.file("page.html"), report = try Self.sample()
        try Data("old".utf8).write(to: URL(fileURLWithPath: path))
        try report.write(to: path)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == report.html())
        let inner = folder.file("folder")
        try FileManager.default.createDirectory(atPath: inner, withIntermediateDirectories: false)
        for target in [inner, folder.file("none/page.html"), path + "/page.html", ""] {
            #expect(throws: ExitCode(74)) { try report.write(to: target) }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted() == ["folder", "page.html"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: inner).isEmpty)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == report.html())
    }

    /// Of every drawing; a place that is no number is none.
    private static func expectPlacesInside(_ page: Page) throws {
        for svg in page.root.all("svg") {
            let view = (svg.attributes["viewBox"] ?? "").split(separator: " ").compactMap { Double($0) }
            try #require(view.count == 4)
            for element in svg.all(nil) {
                var places = element.points
                for (x, y) in [("x", "y"), ("cx", "cy")] {
                    guard let left = element.attributes[x], let top = element.attributes[y] else { continue }
                    places.append((Double(left) ?? .nan, Double(top) ?? .nan))
                }
                for place in places {
                    #expect((0...view[2]).contains(place.0) && (0...view[3]).contains(place.1), "\(element.name) at \(place)")
                }
                for size in ["width", "height", "r"] {
                    if let text = element.attributes[size] { #expect(try #require(Double(text)) >= 0, "\(element.name) of \(text)") }
                }
            }
        }
    }
}

/// A page's elements, read by a parser of XML, which forgives nothing.
private final class Page: NSObject, XMLParserDelegate {
    final class Element {
        let name: String
        let attributes: [String: String]
        var children: [Element] = []
        var text = ""

        init(_ name: String, _ attributes: [String: String]) { (self.name, self.attributes) = (name, attributes) }

        /// Those inside with a name, or all, in the page's order.
        func all(_ name: String?) -> [Element] {
            children.flatMap { (name == nil || $0.name == name ? [$0] : []) + $0.all(name) }
        }

        var points: [(Double, Double)] {
            (attributes["points"] ?? "").split(separator: " ").map { pair in
                let numbers = pair.split(separator: ",").map { Double($0) ?? .nan }
                return numbers.count == 2 ? (numbers[0], numbers[1]) : (.nan, .nan)
            }
        }
    }

    let root = Element("", [:])
    private var open: [Element] = []

    init(_ text: String) throws {
        super.init()
        open = [root]
        let parser = XMLParser(data: Data(text.utf8))
        parser.delegate = self
        try #require(parser.parse(), "\(parser.parserError.map { "\($0)" } ?? "") in line \(parser.lineNumber)")
    }

    func first(_ name: String, style: String? = nil, id: String? = nil) -> Element? {
        root.all(name).first { element in
            let styles = (element.attributes["class"] ?? "").split(separator: " ").map(String.init)
            let labels = (element.attributes["aria-labelledby"] ?? "").split(separator: " ").map(String.init)
            return (style.map(styles.contains) ?? true) && (id.map { labels.contains("\($0)-title") } ?? true)
        }
    }

    func table(captioned caption: String) -> Element? { root.all("table").first { $0.children.first?.text == caption } }

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) {
        let element = Element(name, attributes)
        open.last?.children.append(element)
        open.append(element)
    }

    func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
        open.removeLast()
    }

    /// An element's text is that of all inside it.
    func parser(_ parser: XMLParser, foundCharacters text: String) { for element in open { element.text += text } }
}
