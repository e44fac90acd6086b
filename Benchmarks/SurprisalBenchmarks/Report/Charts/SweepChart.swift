import Glibc

/// Time against entries, beside a line along which time grows as they do.
struct SweepChart: Chart {
    private let sweeps: [Sweep]

    init?(_ report: Report) {
        sweeps = report.sweeps.compactMap { sweep in
            var sweep = sweep
            sweep.points = sweep.points.filter { $0.entries > 0 && $0.seconds > 0 && $0.seconds.isFinite }
                .sorted { $0.entries < $1.entries }
            return sweep.points.isEmpty ? nil : sweep
        }
        if sweeps.isEmpty { return nil }
    }

    func draw(in drawing: inout Drawing, below top: Double) -> Double {
        drawing.text("Time against size", at: .init(x: Drawing.margin, y: top + 16), style: .heading)
        let points = sweeps.flatMap(\.points)
        let axes = Axes(
            x: LogScale(
                covering: points.map(\.entries) + [1e3, 1e8], from: Drawing.margin + 80,
                to: Drawing.width - Drawing.margin - 200),
            y: LogScale(covering: points.map(\.seconds), from: top + 394, to: top + 34))
        axes.draw(
            in: &drawing, xTitle: "entries (rows × classes)", yTitle: "median time of a call", xSpacing: 60,
            xLabel: Self.power, yLabel: { Units.seconds($0, significant: 1) })
        var key = Drawing.Point(x: axes.box.right + 20, y: axes.box.y + 16)
        let ends = guide(points, in: axes)
        drawing.line(axes.point(ends.from.0, ends.from.1), axes.point(ends.to.0, ends.to.1), style: "line faint")
        for (index, sweep) in sweeps.enumerated() {
            let series = Series.all[index % Series.all.count]
            let places = sweep.points.map { axes.point($0.entries, $0.seconds) }
            drawing.polyline(places, style: "line \(series.name)-line")
            for place in places { drawing.marker(series, at: place) }
            drawing.line(key, .init(x: key.x + 40, y: key.y), style: "line \(series.name)-line")
            drawing.marker(series, at: .init(x: key.x + 20, y: key.y))
            drawing.text(
                "\(sweep.name): slope \(Units.number(sweep.slope))", at: .init(x: key.x + 48, y: key.y + 4))
            key.y += 22
        }
        drawing.line(key, .init(x: key.x + 40, y: key.y), style: "line faint")
        drawing.text("slope 1", at: .init(x: key.x + 48, y: key.y + 4))
        return axes.box.bottom + 42
    }

    /// Through the mean of the largest points, within the axes.
    private func guide(_ points: [Sweep.Point], in axes: Axes) -> (from: (Double, Double), to: (Double, Double)) {
        let large = points.filter { $0.entries >= Sweep.slopeBegin }
        let through = large.isEmpty ? points : large
        let perEntry = exp(through.reduce(0) { $0 + log($1.seconds / $1.entries) } / Double(through.count))
        let low = max(axes.x.values.lowerBound, axes.y.values.lowerBound / perEntry)
        let high = min(axes.x.values.upperBound, axes.y.values.upperBound / perEntry)
        return ((low, low * perEntry), (high, high * perEntry))
    }

    /// 10⁶
    private static func power(_ value: Double) -> String {
        let digits = Array("⁰¹²³⁴⁵⁶⁷⁸⁹"), exponent = Int(log10(value).rounded())
        guard exponent >= 0, log10(value) == Double(exponent) else { return Units.number(value, significant: 1) }
        return "10" + String(exponent.description.compactMap(\.wholeNumberValue).map { digits[$0] })
    }
}
