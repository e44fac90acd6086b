import Glibc

/// From values to pixels, equal ratios to equal distances.
struct LogScale {
    let values: ClosedRange<Double>
    /// Of the lowest and of the highest value; the second is less where pixels count downwards.
    let pixels: (low: Double, high: Double)

    /// Covers the values, which must be positive, and ends at a 1, 2 or 5 times a power of ten.
    init(covering covered: [Double], from low: Double, to high: Double) {
        let least = covered.min() ?? 1, greatest = covered.max() ?? 1
        let begin = Self.steps(around: least).last { $0 <= least } ?? least
        let end = Self.steps(around: greatest).first { $0 >= greatest && $0 > begin } ?? greatest * 10
        values = begin...end
        pixels = (low, high)
    }

    func callAsFunction(_ value: Double) -> Double {
        pixels.low + (pixels.high - pixels.low) * log10(value / values.lowerBound) * pixelsPerUnit
    }

    /// Signed.
    var pixelsPerDecade: Double { (pixels.high - pixels.low) * pixelsPerUnit }

    private var pixelsPerUnit: Double { 1 / log10(values.upperBound / values.lowerBound) }

    /// Values to be written beside the axis: as many of 1, 2 and 5 times a power of ten as have room.
    func ticks(atLeast distance: Double) -> [Double] {
        // The least of their distances is that from 1 to 2 and from 5 to 10.
        multiples(of: abs(pixelsPerDecade) * log10(2) >= distance ? [1, 2, 5] : [1])
    }

    /// Values to draw a line at.
    var grid: [Double] {
        multiples(of: abs(pixelsPerDecade) >= 80 ? [1, 2, 3, 4, 5, 6, 7, 8, 9] : [1])
    }

    private func multiples(of mantissas: [Double]) -> [Double] {
        let first = Int(log10(values.lowerBound).rounded(.down)), last = Int(log10(values.upperBound).rounded(.up))
        let slack = 1e-9
        let (least, greatest) = (values.lowerBound * (1 - slack), values.upperBound * (1 + slack))
        return Self.values(first...last, mantissas).filter { (least...greatest).contains($0) }
    }

    private static func values(_ powers: ClosedRange<Int>, _ mantissas: [Double]) -> [Double] {
        powers.flatMap { power in mantissas.map { value($0, power) } }
    }

    private static func steps(around value: Double) -> [Double] {
        let power = Int(log10(value).rounded(.down))
        return values((power - 1)...(power + 2), [1, 2, 5])
    }

    /// 0.2 and not 0.2 and a rounding error: dividing by a power of ten is exact to the last bit, multiplying is not.
    private static func value(_ mantissa: Double, _ power: Int) -> Double {
        power < 0 ? mantissa / pow(10, Double(-power)) : mantissa * pow(10, Double(power))
    }
}

/// The two scales of a chart, with grid, ticks and titles.
struct Axes {
    var x: LogScale
    var y: LogScale

    var box: Drawing.Box {
        Drawing.Box(x: x.pixels.low, y: y.pixels.high, width: x.pixels.high - x.pixels.low,
            height: y.pixels.low - y.pixels.high)
    }

    func point(_ x: Double, _ y: Double) -> Drawing.Point { Drawing.Point(x: self.x(x), y: self.y(y)) }

    func draw(
        in drawing: inout Drawing, xTitle: String, yTitle: String, xSpacing: Double = 28,
        xLabel: (Double) -> String, yLabel: (Double) -> String
    ) {
        Self.drawHorizontal(x, in: &drawing, over: box, title: xTitle, spacing: xSpacing, label: xLabel)
        for value in y.grid {
            drawing.line(.init(x: box.x, y: y(value)), .init(x: box.right, y: y(value)), style: "grid")
        }
        for value in y.ticks(atLeast: 16) {
            drawing.line(.init(x: box.x - 5, y: y(value)), .init(x: box.x, y: y(value)), style: "axis")
            drawing.text(yLabel(value), at: .init(x: box.x - 8, y: y(value) + 4), .end, style: .tick)
        }
        drawing.text(yTitle, at: .init(x: Drawing.margin + 8, y: box.y + box.height / 2), .middle, degrees: -90)
        drawing.rectangle(box, style: "axis")
    }

    /// The axis below a box, and its grid.
    /// - Parameter spacing: Pixels that a label takes.
    static func drawHorizontal(
        _ scale: LogScale, in drawing: inout Drawing, over box: Drawing.Box, title: String, spacing: Double = 28,
        label: (Double) -> String
    ) {
        for value in scale.grid {
            drawing.line(.init(x: scale(value), y: box.y), .init(x: scale(value), y: box.bottom), style: "grid")
        }
        for value in scale.ticks(atLeast: spacing) {
            let at = Drawing.Point(x: scale(value), y: box.bottom)
            drawing.line(at, .init(x: at.x, y: at.y + 5), style: "axis")
            drawing.text(label(value), at: .init(x: at.x, y: at.y + 18), .middle, style: .tick)
        }
        drawing.text(title, at: .init(x: box.x + box.width / 2, y: box.bottom + 38), .middle)
    }
}
