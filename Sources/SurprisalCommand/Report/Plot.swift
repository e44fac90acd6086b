import FoundationEssentials
import Glibc

/// From values to pixels, equal differences to equal distances.
struct LinearScale {
    /// Beyond it sums and multiples of values may overflow.
    static let largest = 1e300

    let values: ClosedRange<Double>
    let step: Double
    /// Of the lowest and of the highest value; the second is less where pixels count downwards.
    let pixels: (low: Double, high: Double)

    /// Covers the values and ends at multiples of 1, 2 or 5 times a power of ten, about as many as `steps`.
    init(covering covered: [Double], steps: Double, from low: Double, to high: Double, isWhole: Bool = false) {
        var least = covered.min() ?? 0, greatest = covered.max() ?? 1
        // Around equal values, or values that differ in digits no label shows.
        let slack = max(abs(least), abs(greatest), 1e-6) * 1e-3
        if greatest - least < slack { (least, greatest) = (least - slack, greatest + slack) }
        let span = greatest - least
        let power = pow(10, log10(span / steps).rounded(.down))
        let fitting = [1, 2, 5, 10].first { $0 * power * steps >= span * 0.999 } ?? 10
        step = isWhole ? max(1, fitting * power) : fitting * power
        let begin = (least / step).rounded(.down) * step, end = (greatest / step).rounded(.up) * step
        values = begin...max(end, begin + step)
        pixels = (low, high)
    }

    /// From 0 to 1 by fifths.
    init(unitFrom low: Double, to high: Double) {
        (values, step, pixels) = (0...1, 0.2, (low, high))
    }

    func callAsFunction(_ value: Double) -> Double {
        pixels.low
            + (pixels.high - pixels.low) * ((value - values.lowerBound) / (values.upperBound - values.lowerBound))
    }

    var ticks: [Double] {
        let count = Int(((values.upperBound - values.lowerBound) / step).rounded())
        return (0...count).map { values.lowerBound + Double($0) * step }
    }

    func label(_ value: Double) -> String {
        let digits = max(0, -Int(log10(step * 1.001).rounded(.down)))
        return digits <= 5 && abs(value) < 1e6 ? String(format: "%.\(digits)f", value) : String(format: "%.3g", value)
    }
}

/// An SVG drawing on a ground of `width` units; its text is readable at the width of a phone.
struct Plot {
    static let width = 360.0

    let id, title, description: String
    let height: Double
    private var elements: [String] = []

    /// - Parameters:
    ///   - id: unlike those of the page's other drawings.
    ///   - description: what is seen, for those who do not see it.
    init(id: String, title: String, description: String, height: Double) {
        (self.id, self.title, self.description, self.height) = (id, title, description, height)
    }

    mutating func text(_ text: String, _ x: Double, _ y: Double, anchor: String = "start", turned: Bool = false) {
        let turn = turned ? " transform=\"rotate(-90 \(Self.units(x)) \(Self.units(y)))\"" : ""
        elements.append(
            "<text x=\"\(Self.units(x))\" y=\"\(Self.units(y))\" text-anchor=\"\(anchor)\"\(turn)>\(Markup.escaped(text))</text>")
    }

    mutating func line(_ from: (Double, Double), _ to: (Double, Double), style: String) {
        polyline([from, to], style: style)
    }

    mutating func polyline(_ points: [(Double, Double)], style: String) {
        let list = points.map { "\(Self.units($0.0)),\(Self.units($0.1))" }.joined(separator: " ")
        elements.append("<polyline class=\"\(style)\" points=\"\(list)\"/>")
    }

    mutating func circle(_ x: Double, _ y: Double, radius: Double, style: String) {
        elements.append("<circle class=\"\(style)\" cx=\"\(Self.units(x))\" cy=\"\(Self.units(y))\" r=\"\(Self.units(radius))\"/>")
    }

    mutating func rectangle(x: Double, y: Double, width: Double, height: Double, style: String) {
        elements.append(
            "<rect class=\"\(style)\" x=\"\(Self.units(x))\" y=\"\(Self.units(y))\""
                + " width=\"\(Self.units(width))\" height=\"\(Self.units(height))\"/>")
    }

    /// Grid, ticks and their labels.
    mutating func axes(_ x: LinearScale, _ y: LinearScale, xTitle: String?) {
        for value in y.ticks {
            line((x.pixels.low, y(value)), (x.pixels.high, y(value)), style: "grid")
            text(y.label(value), x.pixels.low - 6, y(value) + 4, anchor: "end")
        }
        line((x.pixels.low, y.pixels.low), (x.pixels.high, y.pixels.low), style: "axis")
        guard let xTitle else { return }
        for value in x.ticks {
            line((x(value), y.pixels.low), (x(value), y.pixels.low + 4), style: "axis")
            text(x.label(value), x(value), y.pixels.low + 17, anchor: "middle")
        }
        text(xTitle, (x.pixels.low + x.pixels.high) / 2, y.pixels.low + 35, anchor: "middle")
    }

    var svg: String {
        """
        <svg viewBox="0 0 \(Self.units(Self.width)) \(Self.units(height))" role="img" aria-labelledby="\(id)-title \(id)-desc">
        <title id="\(id)-title">\(Markup.escaped(title))</title>
        <desc id="\(id)-desc">\(Markup.escaped(description))</desc>
        \(elements.joined(separator: "\n"))
        </svg>
        """
    }

    private static func units(_ value: Double) -> String { String(format: "%.4g", (value * 10).rounded() / 10) }
}
