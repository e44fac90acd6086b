/// An earlier report, to compare a new one with.
struct Baseline {
    private let report: Report
    private let rows: [RowKey: Row]

    init(contentsOf path: String) throws(ReportError) {
        try self.init(Report(contentsOf: path), source: path)
    }

    /// `source` is what an error names as the place.
    init(_ report: Report, source: String = "baseline") throws(ReportError) {
        var rows: [RowKey: Row] = [:]
        for row in report.rows {
            let key = RowKey(row)
            guard !row.engine.samples.isEmpty, row.engine.samples.allSatisfy({ $0 > 0 && $0.isFinite }) else {
                throw ReportError(source: source, reason: .samples(key.description))
            }
            guard rows.updateValue(row, forKey: key) == nil else {
                throw ReportError(source: source, reason: .duplicate(key.description))
            }
        }
        self.report = report
        self.rows = rows
    }

    func comparison(with report: Report) -> Comparison {
        var changes: [RowKey: Change] = [:]
        for row in report.rows {
            changes[RowKey(row)] = rows[RowKey(row)].map {
                Change(of: Interval.ratio(ofIndependent: $0.engine.samples, over: row.engine.samples))
            } ?? .new
        }
        return Comparison(changes: changes, gone: self.report.rows.filter { changes[RowKey($0)] == nil })
    }
}

/// What rows of two reports are joined by.
struct RowKey: Hashable, CustomStringConvertible {
    var identifier: String
    var threads: Int
    var instructionSet: String

    init(_ row: Row) {
        identifier = row.identifier
        threads = row.threads
        instructionSet = row.instructionSet
    }

    var description: String { "\(identifier) (\(Report.counted(threads, "thread")), \(instructionSet))" }
}

struct Comparison {
    var changes: [RowKey: Change]
    /// Rows of the baseline that the report does not have.
    var gone: [Row]

    /// Beside the report's own columns, in the console's table and in Markdown.
    var column: Column<Row> {
        Column(title: "baseline", alignment: .left) { changes[RowKey($0)]?.description ?? Units.noValue }
    }
}

/// From the baseline's time to the new one.
enum Change: Equatable, CustomStringConvertible {
    /// How many times as fast.
    case faster(Double)
    /// How many times as long.
    case slower(Double)
    case same
    case new

    /// What two builds of the same source may differ by, for no better reason than where their code lies.
    static let tolerance = 1.03

    /// `ratio` is the old median over the new one. A change must lie beyond both the noise of these samples and
    /// the tolerance.
    init(of ratio: Interval) {
        if ratio.low > 1 && ratio.value > Self.tolerance {
            self = .faster(ratio.value)
        } else if ratio.high < 1 && ratio.value < 1 / Self.tolerance {
            self = .slower(1 / ratio.value)
        } else {
            self = .same
        }
    }

    var description: String {
        switch self {
        case .faster(let times): "faster \(Units.ratio(times))"
        case .slower(let times): "slower \(Units.ratio(times))"
        case .same: "same"
        case .new: "new"
        }
    }
}
