/// The report as text, for the console and for Markdown.
extension Report {
    func text(comparedBy comparison: Comparison? = nil) -> String {
        document(comparison, heading: { $0 }, line: { $0 }, table: \.plain)
    }

    var markdown: String { markdown(comparedBy: nil) }

    func markdown(comparedBy comparison: Comparison?) -> String {
        document(comparison, heading: { "## \(Markdown.escaped($0))" }, line: Markdown.escaped, table: \.markdown)
    }

    /// Machine, instruction set, threads, date and BLAS.
    var setting: String {
        let processors = Self.counted(machine.processorCount, "processor")
        return [
            "\(machine.processor) (\(processors)), \(machine.system)", limits.instructionSet,
            Self.counted(limits.threads, "thread"), date, machine.blas,
        ].joined(separator: " · ")
    }

    static func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

    private func document(
        _ comparison: Comparison?, heading: (String) -> String, line: (String) -> String,
        table: (TextTable) -> String
    ) -> String {
        var parts = [line(setting) + "\n"]
        if isPartial { parts.append(line("Partial: the run was stopped before its last row.") + "\n") }
        parts += [heading("Limits of the machine") + "\n", table(limits.table)]
        if !rows.isEmpty {
            let columns = Column<Row>.all + (comparison.map { [$0.column] } ?? [])
            parts += [heading("Workloads") + "\n", table(TextTable(columns, of: rows))]
        }
        if !sweeps.isEmpty { parts += [heading("Time against size") + "\n", table(TextTable(Column.all, of: sweeps))] }
        if let comparison, !comparison.gone.isEmpty {
            parts += [heading("In the baseline only") + "\n", table(TextTable(Column.gone, of: comparison.gone))]
        }
        return parts.joined(separator: "\n")
    }
}

extension Limits {
    var table: TextTable {
        var lines = [("read", read), ("copy", copy), ("update", update)].map { ($0.0, Units.bytesPerSecond($0.1)) }
        for (type, arithmetic) in [("Float", float), ("Double", double)] {
            lines += [
                ("\(type) multiply-add, one core", arithmetic.oneCore),
                ("\(type) multiply-add, \(Report.counted(threads, "thread"))", arithmetic.allCores),
                ("\(type) matrix product", arithmetic.matrixProduct),
            ].map { ($0.0, Units.operationsPerSecond($0.1)) }
        }
        return TextTable(
            [Column(title: "limit", alignment: .left) { $0.0 }, Column(title: "rate") { $0.1 }], of: lines)
    }
}

extension Column where Value == Sweep {
    static var all: [Column] {
        [
            Column(title: "what grows", alignment: .left) { $0.name },
            Column(title: "points") { Units.count(Double($0.points.count)) },
            Column(title: "most entries") { Units.count($0.points.map(\.entries).max() ?? .nan) },
            Column(title: "slope") { Units.number($0.slope) },
        ]
    }
}

extension Column where Value == Row {
    /// Of rows that only the baseline has.
    static var gone: [Column] {
        [
            Column(title: "gone", alignment: .left) { $0.identifier },
            Column(title: "threads") { Units.count(Double($0.threads)) },
            Column(title: "isa", alignment: .left) { $0.instructionSet },
            Column(title: "engine") { Units.seconds($0.engine.median) },
        ]
    }
}
