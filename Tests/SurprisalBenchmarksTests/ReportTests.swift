import Foundation
import Testing

@testable import SurprisalBenchmarks

@Suite struct ReportTests {
    /// Cells of a table's line; an escaped bar is part of a cell.
    private static func cells(_ line: Substring) -> [String] {
        line.replacing(#"\|"#, with: "¦").split(separator: "|", omittingEmptySubsequences: false)
            .map { $0.trimmingCharacters(in: .whitespaces).replacing("¦", with: "|") }
    }

    @Test func rowHasItsValuesUnderTheirHeadings() throws {
        var report = SampleReports.empty
        report.rows = [SampleReports.row(consumesInput: true, samples: [0.0009, 0.001, 0.0011])]
        let lines = report.markdown.split(separator: "\n")
        let heading = try #require(lines.firstIndex { $0.contains("workload") })
        #expect(Self.cells(lines[heading]) == [
            "", "workload", "shape", "type", "pass", "threads", "isa", "naive", "engine", "spread, %", "×", "rate",
            "% of limit", "of the speed in cache, %", "in products, %", "their rate, %", "extra peak", "beyond results", "heap objects, per call", "fresh blocks", "page faults", "worst error, ULP", "",
        ])
        #expect(Self.cells(lines[heading + 2]) == [
            "", "cross-entropy", "4096×1000", "Float", "both, given away", "2", "avx512", "24.1 ms", "1.00 ms", "5.0",
            "24.1 (23.5–24.8)", "32.8 GB/s", "153 % of copy", "88", "—", "—", "16.4 MB", "—", "2", "0", "300", "1.85", "",
        ])
    }

    @Test func productsAreToldInPercent() throws {
        var row = SampleReports.row("linear", limit: .matrixProduct)
        row.limit.rate = 200e9
        row.products = ProductUse(share: 0.934, lowerQuartile: 0.93, upperQuartile: 0.94, rate: 190e9, count: 12)
        row.memory.beyondResultBytes = 66_000_000
        var report = SampleReports.empty
        report.rows = [row]
        let line = try #require(report.markdown.split(separator: "\n").first { $0.contains("| linear |") })
        let cells = Self.cells(line)
        #expect(cells[13...15] == ["—", "93", "95"] && cells[17] == "66.0 MB")
        #expect(try Report(json: report.json()) == report)
        // Of a report from before they were told.
        let json = try #require(String(bytes: report.json(), encoding: .utf8))
        let earlier = json.replacing(#/"products" : \{[^}]*\},\s*/#, with: "").replacing(#/"beyondResultBytes" : \d+,\s*/#, with: "")
        let read = try Report(json: Data(earlier.utf8)).rows[0]
        #expect(read.products == nil && read.memory.beyondResultBytes == nil && read.engine == row.engine)
        // No rate of a product to compare with.
        row.limit.kind = .copy
        #expect(row.shareOfProductRate.isNaN)
    }

    @Test func rateIsThatOfTheLimit() {
        // 32.768 MB and 106.496 million operations in a millisecond.
        for kind in [Limit.Kind.read, .copy, .update] {
            #expect(SampleReports.row(limit: kind).rate == "32.8 GB/s")
        }
        for kind in [Limit.Kind.arithmetic, .matrixProduct, .none] {
            #expect(SampleReports.row(limit: kind).rate == "106 GFLOP/s")
        }
        #expect(SampleReports.row(limit: .none).shareOfLimit == "—")
        #expect(SampleReports.row(bytes: 21.4e6 * 0.82, limit: .matrixProduct).shareOfLimit == "82 % of matrix product")
        #expect(SampleReports.row(operations: 0, limit: .none).rate == "—")
    }

    @Test func markdownTablesAreRectangular() throws {
        var report = SampleReports.full
        report.rows[3].workload = "a|b"
        report.rows[4].workload = "a\\|b\nc"
        report.isPartial = true
        let comparison = try Baseline(SampleReports.full).comparison(with: report)
        let lines = report.markdown(comparedBy: comparison).split(separator: "\n", omittingEmptySubsequences: false)
        let tables = lines.split { !$0.hasPrefix("|") }
        // The limits, the rows, the sweeps, what is gone.
        #expect(tables.map(\.count) == [2 + 9, 2 + 34, 2 + 2, 2 + 2])
        // With an empty one before the first bar and one behind the last.
        #expect(tables.map { Self.cells($0[$0.startIndex]).count } == [4, 24, 6, 6])
        for table in tables {
            let counts = table.map { line in
                // A bar counts unless an odd number of backslashes stands before it.
                var (bars, isEscaped) = (0, false)
                for character in line {
                    if character == "|" && !isEscaped { bars += 1 }
                    isEscaped = character == "\\" && !isEscaped
                }
                return bars
            }
            #expect(Set(counts).count == 1, "\(counts)")
            #expect(table.dropFirst().first?.allSatisfy { "|:- ".contains($0) } == true)
        }
        #expect(lines.contains("Partial: the run was stopped before its last row."))
        #expect(!SampleReports.full.markdown.contains("Partial"))
    }

    @Test func markdownBeginsWithTheSetting() {
        let setting = #"Xeon \<A&B> \| "8488C" (2 processors), Linux 6.1 · avx512 · 2 threads · 2025-06-14 · "#
        #expect(SampleReports.empty.markdown.hasPrefix(setting + "OpenBLAS 0.3.21\n\n"))
        #expect(!SampleReports.empty.markdown.contains("Workloads"))
        #expect(SampleReports.empty.markdown.contains("| update | 31.8 GB/s |"))
        #expect(SampleReports.empty.markdown.contains("| Double multiply-add, 2 threads | 130 GFLOP/s |"))
    }

    @Test func consoleTableIsAligned() {
        let columns = [
            Column<(String, Double)>(title: "shape", alignment: .left) { $0.0 },
            Column(title: "long heading", unit: "%") { Units.number($0.1) },
            Column(title: "end", alignment: .left) { _ in "x" },
        ]
        let table = TextTable(columns, of: [("4×2→1", 1.5), ("2048×32000", -0.25)])
        #expect(table.plain == """
                            long
                        heading,
            shape              %  end
            ──────────  ────────  ───
            4×2→1           1.50  x
            2048×32000    −0.250  x

            """)
        #expect(table.markdown == """
            | shape | long heading, % | end |
            | :-- | --: | :-- |
            | 4×2→1 | 1.50 | x |
            | 2048×32000 | −0.250 | x |

            """)
    }

    @Test func jsonRoundTrip() throws {
        let report = SampleReports.full
        let json = try report.json()
        #expect(try Report(json: json) == report)
        #expect(try Report(json: json).json() == json)
        let text = try #require(String(bytes: json, encoding: .utf8))
        #expect(text.hasSuffix("}\n"))
        // Sorted: the date before the format before the limits, each on a line of its own.
        let keys = text.split(separator: "\n").filter { $0.hasPrefix("  \"") }.map { $0.split(separator: "\"")[1] }
        #expect(keys == ["date", "format", "isPartial", "limits", "machine", "rows", "sweeps"])
        #expect(text.contains("4×21×256×256"))
    }

    @Test func jsonKeepsWhatIsNoNumber() throws {
        var report = SampleReports.empty
        report.sweeps = [Sweep(name: "rows", points: [])]
        report.rows = [SampleReports.row()]
        report.rows[0].error = .infinity
        report.rows[0].naive = nil
        let read = try Report(json: report.json())
        #expect(read.sweeps[0].slope.isNaN)
        #expect(read.rows[0] == report.rows[0])
    }
}
