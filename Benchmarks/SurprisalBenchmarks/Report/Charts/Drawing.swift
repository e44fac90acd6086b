/// Elements of an SVG drawing, one under the other from the top, in pixels.
struct Drawing {
    struct Point {
        var x: Double
        var y: Double
    }

    struct Box {
        var x: Double
        var y: Double
        var width: Double
        var height: Double

        var right: Double { x + width }
        var bottom: Double { y + height }

        func meets(_ other: Box) -> Bool {
            x < other.right && other.x < right && y < other.bottom && other.y < bottom
        }
    }

    enum Anchor: String {
        case start, middle, end
    }

    static let width = 960.0
    static let margin = 24.0

    private(set) var elements: [String] = []

    mutating func text(
        _ text: String, at point: Point, _ anchor: Anchor = .start, style: Stylesheet.Text = .label,
        degrees: Double = 0
    ) {
        let (x, y) = (Self.number(point.x), Self.number(point.y))
        let turn = degrees == 0 ? "" : #" transform="rotate(\#(Self.number(degrees)) \#(x) \#(y))""#
        elements.append(
            #"<text class="\#(style.rawValue)" x="\#(x)" y="\#(y)" text-anchor="\#(anchor.rawValue)"\#(turn)>"#
                + Self.escaped(text) + "</text>")
    }

    mutating func line(_ from: Point, _ to: Point, style: String) {
        elements.append(
            #"<line class="\#(style)" x1="\#(Self.number(from.x))" y1="\#(Self.number(from.y))""#
                + #" x2="\#(Self.number(to.x))" y2="\#(Self.number(to.y))"/>"#)
    }

    mutating func polyline(_ points: [Point], style: String) {
        let list = points.map { "\(Self.number($0.x)),\(Self.number($0.y))" }.joined(separator: " ")
        elements.append(#"<polyline class="\#(style)" points="\#(list)"/>"#)
    }

    mutating func polygon(_ points: [Point], style: String) {
        let list = points.map { "\(Self.number($0.x)),\(Self.number($0.y))" }.joined(separator: " ")
        elements.append(#"<polygon class="\#(style)" points="\#(list)"/>"#)
    }

    mutating func rectangle(_ box: Box, style: String) {
        elements.append(
            #"<rect class="\#(style)" x="\#(Self.number(box.x))" y="\#(Self.number(box.y))""#
                + #" width="\#(Self.number(box.width))" height="\#(Self.number(box.height))"/>"#)
    }

    mutating func marker(_ series: Series, at point: Point) {
        let (x, y) = (point.x, point.y)
        switch series.shape {
        case .circle:
            elements.append(
                #"<circle class="\#(series.name)-marker" cx="\#(Self.number(x))" cy="\#(Self.number(y))" r="4.5"/>"#)
        case .diamond:
            let corners = [(0.0, -6.0), (6, 0), (0, 6), (-6, 0)].map { Point(x: x + $0.0, y: y + $0.1) }
            polygon(corners, style: "\(series.name)-marker")
        case .triangle:
            let corners = [(0.0, -6.0), (6, 5), (-6, 5)].map { Point(x: x + $0.0, y: y + $0.1) }
            polygon(corners, style: "\(series.name)-marker")
        case .square:
            rectangle(Box(x: x - 4.5, y: y - 4.5, width: 9, height: 9), style: "\(series.name)-marker")
        }
    }

    /// At least what the text takes: nobody knows the reader's font, and few are wider than this on average.
    static func width(of text: String, style: Stylesheet.Text = .label) -> Double {
        0.6 * style.size * Double(text.count)
    }

    static func escaped(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { scalar in
            // XML 1.0 has no way to write the others.
            scalar.value >= 0x20 && scalar.value < 0xFFFE || scalar.value > 0xFFFF ? scalar : "\u{FFFD}"
        })).map { character in
            switch character {
            case "&": "&amp;"
            case "<": "&lt;"
            case ">": "&gt;"
            case "\"": "&quot;"
            default: String(character)
            }
        }.joined()
    }

    private static func number(_ value: Double) -> String {
        guard let digits = DecimalDigits(value) else { preconditionFailure("a chart has no place for \(value)") }
        return digits.text(fraction: 2)
    }
}

/// One of a few kinds of point in a chart, told apart by shape and dash where colour is not seen.
struct Series: Equatable {
    enum Shape {
        case circle, diamond, triangle, square
    }

    /// The class in the style sheet.
    var name: String
    var shape: Shape

    static let all = [
        Series(name: "first", shape: .circle), Series(name: "second", shape: .diamond),
        Series(name: "third", shape: .triangle), Series(name: "fourth", shape: .square),
    ]
}
