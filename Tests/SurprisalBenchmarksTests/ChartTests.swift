import Foundation
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

@testable import SurprisalBenchmarks

@Suite struct ChartTests {
    private static func labels(_ report: Report) throws -> [String] { try SVGElements(report.svg).texts.map(\.text) }

    @Test func everyRowAppears() throws {
        let report = SampleReports.full
        let texts = try Self.labels(report)
        for name in ["cross-entropy 512×32000 Float both, given away", "segmentation 4×21×256×256 Float forward"] {
            #expect(texts.contains(name))
        }
        // In the bars by name and with its interval, in the roofline's key by name and rate.
        for (number, name, row) in report.namedRows {
            #expect(texts.contains(name))
            #expect(texts.contains { $0.hasPrefix("\(name): ") })
            #expect(texts.contains(row.ratio.map(Units.interval) ?? ""))
            // Among the labels of the points, which may name several.
            let isMarked = try SVGElements(report.svg).texts.contains {
                $0.attributes["class"] == "mark" && $0.text.split(separator: ", ").contains("\(number)")
            }
            #expect(isMarked, "no point has the number \(number)")
        }
        #expect(texts.contains("linear 1024×2048→1000 Float forward: 210"))
        #expect(Set(report.namedRows.map(\.name)).count == report.rows.count)
    }

    @Test func roofsAndSlopesAreNamed() throws {
        let texts = try Self.labels(SampleReports.full)
        for text in [
            "update 31.8 GB/s", "read 27.3 GB/s", "Float multiply-add, 2 threads 259 GFLOP/s",
            "Float multiply-add, one core 132 GFLOP/s", "Double matrix product 119 GFLOP/s", "slope 1",
            "entries (rows × classes)", "10⁸", "Xeon <A&B> | \"8488C\", 2 threads, avx512", "2025-06-14",
        ] {
            #expect(texts.contains(text), "\(text) is missing")
        }
        // Without a row of that type, its roofs say nothing.
        var report = SampleReports.full
        report.rows.removeAll { $0.type == "Double" }
        #expect(try !Self.labels(report).contains { $0.contains("Double") })
    }

    @Test func textIsInsideAndReadable() throws {
        for report in [SampleReports.full, SampleReports.empty] {
            let svg = try SVGElements(report.svg)
            let view = try #require(svg.root["viewBox"]).split(separator: " ").compactMap { Double($0) }
            #expect(view.count == 4)
            for text in svg.texts {
                let (x, y) = (try #require(text.number("x")), try #require(text.number("y")))
                let size = try #require(svg.sizes[text.attributes["class"] ?? ""])
                #expect(size >= 11)
                // Letters of Helvetica and Arial are 0.5 em wide on average.
                let width = 0.5 * size * Double(text.text.count)
                let left = ["start": x, "middle": x - width / 2, "end": x - width][text.attributes["text-anchor"] ?? ""]
                #expect(y > size && y < view[3])
                if text.attributes["transform"] == nil {
                    let left = try #require(left)
                    #expect(left >= 0 && left + width <= view[2], "\(text.text) leaves the drawing")
                } else {
                    #expect(x > 0 && x < view[2])
                }
            }
        }
    }

    @Test func labelsDoNotCoverEachOther() throws {
        let svg = try SVGElements(SampleReports.full.svg)
        let boxes = try svg.texts.filter { $0.attributes["transform"] == nil }.map { text in
            let (x, y) = (try #require(text.number("x")), try #require(text.number("y")))
            let size = try #require(svg.sizes[text.attributes["class"] ?? ""])
            let width = 0.5 * size * Double(text.text.count)
            let left = x - (["middle": width / 2, "end": width][text.attributes["text-anchor"] ?? ""] ?? 0)
            // Digits and small letters reach from the line to 0.7 em above it.
            return (text.text, Drawing.Box(x: left, y: y - 0.7 * size, width: width, height: 0.7 * size))
        }
        for (index, box) in boxes.enumerated() {
            for other in boxes[..<index] {
                #expect(!box.1.meets(other.1), "\(box.0) covers \(other.0)")
            }
        }
    }

    @Test func attributesAreNumbers() throws {
        var report = SampleReports.full
        // What a failed or an idle measurement leaves behind.
        report.rows[0].ratio = Interval(value: .nan, low: .nan, high: .nan)
        report.rows[1].ratio = Interval(value: 4, low: 0, high: .infinity)
        report.rows[2].operations = 0
        report.rows[3].engine.median = 0
        report.rows[5].bytes = 0
        report.rows[6].operations = .infinity
        report.limits.read = .nan
        report.limits.float.allCores = 0
        report.limits.double.oneCore = .infinity
        report.sweeps[0].points[0].seconds = .nan
        report.sweeps[0].slope = .nan
        report.sweeps[1].points = []
        let svg = try SVGElements(report.svg)
        #expect(svg.elements.count > 100)
        for (name, attributes) in svg.elements {
            for (attribute, value) in attributes {
                let lower = value.lowercased()
                #expect(!lower.contains("nan") && !lower.contains("inf"), "\(name) has \(attribute) \(value)")
                if ["x", "y", "x1", "x2", "y1", "y2", "cx", "cy"].contains(attribute) {
                    #expect(Double(value) != nil, "\(name) has \(attribute) \(value)")
                }
                if name == "rect" && attribute == "width" && value != "100%" {
                    #expect(Double(value).map { $0 >= 0 } == true)
                }
            }
        }
    }

    /// More labels than fit around one point, and than fit at all.
    @Test func labelsFindRoom() throws {
        let bounds = Drawing.Box(x: 0, y: 0, width: 100, height: 60), point = Drawing.Point(x: 50, y: 30)
        let marker = Drawing.Box(x: 44, y: 24, width: 12, height: 12)
        var placement = LabelPlacement(bounds: bounds, obstacles: [marker]), boxes = [marker], leaders = 0
        for _ in 0..<200 {
            guard let (box, leader) = placement.place(width: 16, height: 12, beside: point) else { break }
            #expect(box.width == 16 && box.height == 12)
            #expect(box.x >= 0 && box.right <= 100 && box.y >= 0 && box.bottom <= 60)
            #expect(!boxes.contains(where: box.meets))
            boxes.append(box)
            leaders += leader == nil ? 0 : 1
        }
        // The first beside the point, on the right; others further away, with a leader. No more than 6000 px² hold.
        #expect(abs(boxes[1].x - 59) < 1e-9)
        #expect(leaders >= 2)
        #expect((5...30).contains(boxes.count - 1))
    }

    @Test func logScale() {
        let scale = LogScale(covering: [3, 80], from: 100, to: 500)
        #expect(scale.values == 2...100)
        #expect(scale(2) == 100)
        #expect(abs(scale(100) - 500) < 1e-9)
        // log 10 − log 2 over log 100 − log 2.
        #expect(abs(scale(10) - (100 + 400 * 0.411408)) < 1e-3)
        #expect(scale.ticks(atLeast: 28) == [2, 5, 10, 20, 50, 100])
        #expect(scale.ticks(atLeast: 100) == [10, 100])
        let down = LogScale(covering: [0.1, 0.2], from: 300, to: 100)
        #expect(down.values == 0.1...0.2)
        #expect(abs(down(0.2) - 100) < 1e-9)
        #expect(LogScale(covering: [5, 5], from: 0, to: 1).values == 5...10)
        #expect(LogScale(covering: [1e-6, 0.03], from: 0, to: 200).ticks(atLeast: 28) == [1e-6, 1e-5, 1e-4, 1e-3, 0.01])
    }

    /// The bar of 10 in an axis that begins at 1 is as long as the bar from 10 to 100 would be.
    @Test func barsAreInProportion() throws {
        var report = SampleReports.empty
        report.rows = [10.0, 100].map {
            SampleReports.row(shape: "\(Int($0))", ratio: Interval(value: $0, low: $0, high: $0), bytes: 0)
        }
        let widths = try SVGElements(report.svg).elements
            .filter { $0.name == "rect" && $0.attributes["class"] == "first-bar" }
            .compactMap { $0.attributes["width"].flatMap { Double($0) } }
        // The legend's, and one for each row.
        try #require(widths.count == 3)
        #expect(abs(widths[2] - 2 * widths[1]) < 0.05)
    }

    @Test func sectionsHaveSomethingToShow() throws {
        let titles = ["Roofline", "Times as fast as the naive loops", "Time against size"]
        func sections(_ report: Report) throws -> [String] { try Self.labels(report).filter(titles.contains) }
        #expect(try sections(SampleReports.empty) == [])
        #expect(try sections(SampleReports.full) == titles)
        var report = SampleReports.empty
        report.rows = [SampleReports.row(ratio: nil)]
        #expect(try sections(report) == ["Roofline"])
        report.rows = [SampleReports.row(operations: 0)]
        #expect(try sections(report) == ["Times as fast as the naive loops"])
        report.rows = []
        report.sweeps = SampleReports.full.sweeps
        #expect(try sections(report) == ["Time against size"])
    }

    @Test func threadsAreNamedWhereTheyDiffer() {
        var report = SampleReports.empty
        report.rows = [SampleReports.row(), SampleReports.row(threads: 1, instructionSet: "avx2")]
        #expect(report.namedRows.map(\.name) == [
            "cross-entropy 4096×1000 Float both, 2 threads, avx512",
            "cross-entropy 4096×1000 Float both, 1 thread, avx2",
        ])
    }

    @Test func darkGroundHasColoursOfItsOwn() throws {
        let svg = SampleReports.full.svg
        let parts = svg.split(separator: "@media (prefers-color-scheme: dark) {")
        try #require(parts.count == 2)
        #expect(parts[0].contains(".ground { fill: #ffffff }"))
        #expect(parts[1].contains(".ground { fill: #16181c }"))
        #expect(try SVGElements(svg).elements.contains { $0.name == "rect" && $0.attributes["class"] == "ground" })
    }

    @Test func textIsEscaped() {
        #expect(Drawing.escaped("a<b & \"c\">\u{1}é") == "a&lt;b &amp; &quot;c&quot;&gt;\u{FFFD}é")
    }
}

/// The elements of a well-formed drawing.
private final class SVGElements: NSObject, XMLParserDelegate {
    struct Text {
        var text: String
        var attributes: [String: String]

        func number(_ name: String) -> Double? { attributes[name].flatMap { Double($0) } }
    }

    private(set) var elements: [(name: String, attributes: [String: String])] = []
    private(set) var texts: [Text] = []
    /// Of the font of each class, in pixels.
    private(set) var sizes: [String: Double] = [:]
    private var isText = false, style = ""

    var root: [String: String] { elements.first?.attributes ?? [:] }

    init(_ svg: String) throws {
        super.init()
        let parser = XMLParser(data: Data(svg.utf8))
        parser.delegate = self
        try #require(parser.parse(), "\(parser.parserError.map { "\($0)" } ?? "") at line \(parser.lineNumber)")
        for match in style.matches(of: /\.(\w+) \{ font-size: (\d+)px/) {
            sizes[String(match.1)] = Double(match.2)
        }
    }

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) {
        elements.append((name, attributes))
        isText = name == "text"
        if isText { texts.append(Text(text: "", attributes: attributes)) }
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) {
        if isText { texts[texts.count - 1].text += string } else { style += string }
    }

    func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
        isText = false
    }
}
