import Glibc

/// Where every row lies below what the machine can do, after S. Williams, A. Waterman and D. Patterson, "Roofline: an
/// insightful visual performance model for multicore architectures", Communications of the ACM 52, 2009.
struct Roofline: Chart {
    private struct Point {
        var number: Int
        var name: String
        var row: Row
        /// Operations per byte.
        var intensity: Double
        /// GFLOP/s.
        var rate: Double
    }

    private struct Roof {
        var name: String
        var rate: Double
        var style: String
    }

    private let points: [Point]
    /// GB/s, as operations of one per byte would need them.
    private let slopes: [Roof]
    /// GFLOP/s.
    private let levels: [Roof]

    init?(_ report: Report) {
        let points: [Point] = report.namedRows.compactMap { number, name, row in
            let intensity = row.operations / row.bytes, rate = row.operations / row.engine.median / 1e9
            guard intensity.isFinite, intensity > 0, rate.isFinite, rate > 0 else { return nil }
            return Point(number: number, name: name, row: row, intensity: intensity, rate: rate)
        }
        if points.isEmpty { return nil }
        self.points = points
        let limits = report.limits
        let exists = { (roof: Roof) in roof.rate.isFinite && roof.rate > 0 }
        slopes = [
            Roof(name: "update", rate: limits.update / 1e9, style: "line"),
            Roof(name: "read", rate: limits.read / 1e9, style: "line dashed"),
        ].filter(exists)
        let types = [("Float", limits.float), ("Double", limits.double)].enumerated().filter { type in
            points.contains { $0.row.type == type.element.0 }
        }
        levels = types.flatMap { index, type in
            let colour = "\(Series.all[index].name)-line"
            return [
                Roof(
                    name: "\(type.0) multiply-add, \(Report.counted(limits.threads, "thread"))",
                    rate: type.1.allCores / 1e9, style: "line \(colour) solid"),
                Roof(
                    name: "\(type.0) matrix product", rate: type.1.matrixProduct / 1e9, style: "line \(colour) dashed"),
                Roof(
                    name: "\(type.0) multiply-add, one core", rate: type.1.oneCore / 1e9,
                    style: "line \(colour) dotted"),
            ]
        }.filter(exists)
    }

    func draw(in drawing: inout Drawing, below top: Double) -> Double {
        let heading = top + 16
        drawing.text("Roofline", at: .init(x: Drawing.margin, y: heading), style: .heading)
        drawing.typeLegend(of: points.map(\.row), at: heading) { $0.marker($1.series, at: $2) }
        let ridges = levels.flatMap { level in slopes.map { level.rate / $0.rate } }
        let intensities = points.map(\.intensity) + ridges, rates = points.map(\.rate) + levels.map(\.rate)
        let axes = Axes(
            x: LogScale(
                covering: intensities.map { $0 / 1.5 } + intensities.map { $0 * 1.5 }, from: Drawing.margin + 64,
                to: Drawing.width - Drawing.margin - 278),
            y: LogScale(covering: rates.map { $0 / 1.3 } + rates.map { $0 * 1.3 }, from: top + 634, to: top + 34))
        axes.draw(
            in: &drawing, xTitle: "arithmetic intensity, operations per byte", yTitle: "GFLOP/s",
            xLabel: { Units.number($0, significant: 1) }, yLabel: { Units.number($0, significant: 1) })
        let taken = drawSlopes(in: &drawing, axes)
        drawLevels(in: &drawing, axes)
        drawPoints(in: &drawing, axes, besides: taken)
        return drawKey(in: &drawing, below: axes.box.bottom + 62)
    }

    /// Returns where their names lie.
    private func drawSlopes(in drawing: inout Drawing, _ axes: Axes) -> [Drawing.Box] {
        var taken: [Drawing.Box] = []
        let sorted = slopes.sorted { $0.rate > $1.rate }
        for (index, slope) in sorted.enumerated() {
            let low = max(axes.x.values.lowerBound, axes.y.values.lowerBound / slope.rate)
            let highest = levels.map(\.rate).max() ?? axes.y.values.upperBound
            let high = min(axes.x.values.upperBound, highest / slope.rate)
            guard low < high else { continue }
            let from = axes.point(low, low * slope.rate), to = axes.point(high, high * slope.rate)
            drawing.line(from, to, style: slope.style)
            // Above the upper line and below the others: two bandwidths may be a few pixels apart.
            let angle = atan2(to.y - from.y, to.x - from.x), away = index == 0 ? -6.0 : 15
            let name = "\(slope.name) \(Units.bytesPerSecond(slope.rate * 1e9))"
            let begin = Drawing.Point(
                x: from.x + 12 * cos(angle) - away * sin(angle), y: from.y + 12 * sin(angle) + away * cos(angle))
            drawing.text(name, at: begin, style: .mark, degrees: angle * 180 / .pi)
            for step in stride(from: 0, through: Drawing.width(of: name, style: .tick), by: 6) {
                let at = Drawing.Point(x: begin.x + step * cos(angle), y: begin.y + step * sin(angle))
                taken.append(.init(x: at.x - 7, y: at.y - 12, width: 14, height: 16))
            }
        }
        return taken
    }

    private func drawLevels(in drawing: inout Drawing, _ axes: Axes) {
        let bandwidth = slopes.map(\.rate).max()
        var last = -Double.infinity
        for level in levels.sorted(by: { $0.rate > $1.rate }) {
            let begin = bandwidth.map { max(axes.x.values.lowerBound, level.rate / $0) } ?? axes.x.values.lowerBound
            let end = axes.point(axes.x.values.upperBound, level.rate)
            drawing.line(axes.point(begin, level.rate), end, style: level.style)
            // Names of lines that lie close move down, and a leader shows whose they are.
            let y = max(end.y, last + 16)
            last = y
            drawing.line(end, .init(x: end.x + 12, y: y), style: "faint")
            let rate = Units.operationsPerSecond(level.rate * 1e9)
            drawing.text("\(level.name) \(rate)", at: .init(x: end.x + 16, y: y + 4), style: .tick)
        }
    }

    private func drawPoints(in drawing: inout Drawing, _ axes: Axes, besides taken: [Drawing.Box]) {
        let places = points.map { axes.point($0.intensity, $0.rate) }
        var labels = LabelPlacement(
            bounds: axes.box,
            obstacles: taken + places.map { .init(x: $0.x - 6, y: $0.y - 6, width: 12, height: 12) })
        var texts: [(String, Drawing.Point)] = []
        for group in groups(of: places) {
            let text = group.map { "\(points[$0].number)" }.joined(separator: ", ")
            let width = Drawing.width(of: text, style: .tick) + 2, count = Double(group.count)
            let middle = Drawing.Point(
                x: group.reduce(0) { $0 + places[$1].x } / count, y: group.reduce(0) { $0 + places[$1].y } / count)
            guard let (box, leader) = labels.place(width: width, height: 12, beside: middle) else { continue }
            if let leader { drawing.line(leader.from, leader.to, style: "faint") }
            texts.append((text, .init(x: box.x + box.width / 2, y: box.bottom - 2)))
        }
        for (point, place) in zip(points, places) { drawing.marker(point.row.series, at: place) }
        for (text, at) in texts { drawing.text(text, at: at, .middle, style: .mark) }
    }

    /// Points that lie so close that only one label has room beside them, from the top down. Many workloads have the
    /// same intensity: a label for each of their points would end in a tangle of leaders.
    private func groups(of places: [Drawing.Point]) -> [[Int]] {
        var rest = places.indices.sorted { (places[$0].y, $0) < (places[$1].y, $1) }
        var groups: [[Int]] = []
        while let first = rest.first {
            let group = rest.filter {
                places[$0].y - places[first].y <= 12 && abs(places[$0].x - places[first].x) <= 7
            }
            groups.append(group)
            rest.removeAll(where: group.contains)
        }
        return groups
    }

    /// What the numbers mean, in as many columns as have room.
    private func drawKey(in drawing: inout Drawing, below top: Double) -> Double {
        let lines = points.map { "\($0.name): \(Units.number($0.rate))" }
        let indent = 38.0, widest = indent + (lines.map { Drawing.width(of: $0, style: .tick) }.max() ?? 0) + 8
        drawing.text("The rows by number, and their GFLOP/s", at: .init(x: Drawing.margin, y: top + 4))
        let top = top + 22, columns = max(1, Int((Drawing.width - 2 * Drawing.margin) / widest))
        let perColumn = (lines.count + columns - 1) / columns
        let width = (Drawing.width - 2 * Drawing.margin) / Double(columns)
        for (index, line) in lines.enumerated() {
            let x = Drawing.margin + width * Double(index / perColumn), y = top + 16 * Double(index % perColumn)
            drawing.text("\(points[index].number)", at: .init(x: x + 18, y: y + 4), .end, style: .tick)
            drawing.marker(points[index].row.series, at: .init(x: x + 28, y: y))
            drawing.text(line, at: .init(x: x + indent, y: y + 4), style: .tick)
        }
        return top + 16 * Double(perColumn)
    }
}
