/// A section of the report's drawing.
protocol Chart {
    /// None when the report has nothing to draw in it.
    init?(_ report: Report)
    /// Draws it below a height and returns where it ends.
    func draw(in drawing: inout Drawing, below top: Double) -> Double
}

extension Report {
    /// All charts that there is something to draw in, one under the other, for light and dark ground.
    var svg: String {
        let possible: [(any Chart)?] = [Roofline(self), RatioBars(self), SweepChart(self)]
        var drawing = Drawing(), bottom = 98.0
        drawing.text("Surprisal benchmarks", at: .init(x: Drawing.margin, y: 38), style: .title)
        let setting = [
            "\(machine.processor), \(Report.counted(limits.threads, "thread")), \(limits.instructionSet)", date,
        ]
        for (line, text) in setting.enumerated() {
            drawing.text(
                text + (line == 1 && isPartial ? ", partial: stopped before the last row" : ""),
                at: .init(x: Drawing.margin, y: 60 + 17 * Double(line)))
        }
        for chart in possible.compactMap(\.self) { bottom = chart.draw(in: &drawing, below: bottom) + 40 }
        let (width, height) = (Int(Drawing.width), Int(bottom.rounded(.up)))
        return """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(height)" \
            viewBox="0 0 \(width) \(height)" role="img">
            <title>Surprisal benchmarks</title>
            <style>
            \(Stylesheet.css)
            </style>
            <defs>\(Stylesheet.definitions)</defs>
            <rect class="ground" width="100%" height="100%"/>
            \(drawing.elements.joined(separator: "\n"))
            </svg>

            """
    }

    /// The rows as charts name them, with the numbers that key points to names: a row has the same in all charts.
    var namedRows: [(number: Int, name: String, row: Row)] {
        let showsThreads = Set(rows.map(\.threads)).count > 1
        let showsInstructionSet = Set(rows.map(\.instructionSet)).count > 1
        return rows.enumerated().map { index, row in
            var name = "\(row.workload) \(row.shape) \(row.type) \(row.passName)"
            if showsThreads { name += ", \(Report.counted(row.threads, "thread"))" }
            if showsInstructionSet { name += ", \(row.instructionSet)" }
            return (index + 1, name, row)
        }
    }
}

extension Row {
    /// Circles for Float, diamonds for Double, and so on in all charts.
    var series: Series { type == "Float" ? Series.all[0] : Series.all[1] }
}

extension Drawing {
    /// The legend of the two element types, to the right of a section's heading.
    mutating func typeLegend(of rows: [Row], at y: Double, mark: (inout Drawing, Row, Point) -> Void) {
        var x = Drawing.width - Drawing.margin
        for type in ["Double", "Float"] {
            guard let row = rows.first(where: { $0.type == type }) else { continue }
            text(type, at: .init(x: x, y: y), .end)
            x -= Drawing.width(of: type) + 12
            mark(&self, row, .init(x: x, y: y - 4))
            x -= 24
        }
    }
}
