/// How many times as fast as the naive loops every row is, with its interval.
struct RatioBars: Chart {
    private let bars: [(number: Int, name: String, row: Row, ratio: Interval)]

    init?(_ report: Report) {
        bars = report.namedRows.compactMap { number, name, row in
            guard var ratio = row.ratio, ratio.value.isFinite, ratio.value > 0 else { return nil }
            if !(ratio.low > 0 && ratio.low.isFinite) { ratio.low = ratio.value }
            if !(ratio.high > 0 && ratio.high.isFinite) { ratio.high = ratio.value }
            return (number, name, row, ratio)
        }
        if bars.isEmpty { return nil }
    }

    func draw(in drawing: inout Drawing, below top: Double) -> Double {
        let pitch = 18.0, heading = top + 16, first = top + 34
        drawing.text("Times as fast as the naive loops", at: .init(x: Drawing.margin, y: heading), style: .heading)
        drawing.typeLegend(of: bars.map(\.row), at: heading) { drawing, row, at in
            let box = Drawing.Box(x: at.x - 10, y: at.y - 5, width: 20, height: 10)
            drawing.rectangle(box, style: "\(row.series.name)-bar")
        }
        let values = bars.map { Units.interval($0.ratio) }, numberWidth = 34.0
        let nameWidth = bars.map { Drawing.width(of: $0.name, style: .tick) }.max() ?? 0
        let left = Drawing.margin + nameWidth + numberWidth
        let valueWidth = values.map { Drawing.width(of: $0, style: .tick) }.max() ?? 0
        let right = Drawing.width - Drawing.margin - valueWidth - 10
        let scale = LogScale(
            covering: bars.flatMap { [$0.ratio.low, $0.ratio.high, $0.ratio.value] } + [1], from: left, to: right)
        let box = Drawing.Box(x: left, y: first, width: right - left, height: pitch * Double(bars.count) + 6)
        Axes.drawHorizontal(
            scale, in: &drawing, over: box, title: "naive median / engine median, with its 95 % interval",
            label: { Units.ratio($0, significant: 1) })
        for (index, bar) in bars.enumerated() {
            let y = first + 3 + pitch * (Double(index) + 0.5)
            drawing.text(bar.name, at: .init(x: left - numberWidth, y: y + 4), .end, style: .tick)
            drawing.text("\(bar.number)", at: .init(x: left - 8, y: y + 4), .end, style: .tick)
            let ends = [scale(1), scale(bar.ratio.value)]
            drawing.rectangle(
                .init(x: min(ends[0], ends[1]), y: y - 5, width: abs(ends[1] - ends[0]), height: 10),
                style: "\(bar.row.series.name)-bar")
            let (low, high) = (scale(bar.ratio.low), scale(bar.ratio.high))
            drawing.line(.init(x: low, y: y), .init(x: high, y: y), style: "whisker")
            for x in [low, high] { drawing.line(.init(x: x, y: y - 4), .init(x: x, y: y + 4), style: "whisker") }
            drawing.text(
                values[index], at: .init(x: max(high, ends[0], ends[1]) + 7, y: y + 4), style: .tick)
        }
        drawing.line(.init(x: scale(1), y: first), .init(x: scale(1), y: box.bottom), style: "axis")
        return box.bottom + 42
    }
}
