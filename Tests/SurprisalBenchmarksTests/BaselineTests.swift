import Foundation
import Testing

@testable import SurprisalBenchmarks

@Suite struct BaselineTests {
    /// Within 1 % of the middle, on both sides.
    private static func samples(around middle: Double) -> [Double] {
        (-5...5).map { middle * (1 + 0.002 * Double($0)) }
    }

    private static func change(from old: [Double], to new: [Double]) throws -> Change? {
        var (before, after) = (SampleReports.empty, SampleReports.empty)
        before.rows = [SampleReports.row(samples: old)]
        after.rows = [SampleReports.row(samples: new)]
        let comparison = try Baseline(before).comparison(with: after)
        #expect(comparison.gone.isEmpty)
        return comparison.changes[RowKey(after.rows[0])]
    }

    @Test func changesBeyondTheNoise() throws {
        let old = Self.samples(around: 0.132)
        let faster = try #require(try Self.change(from: old, to: Self.samples(around: 0.1)))
        #expect(faster.description == "faster 1.32×")
        let slower = try #require(try Self.change(from: old, to: Self.samples(around: 0.132 * 1.1)))
        #expect(slower.description == "slower 1.10×")
        #expect(try Self.change(from: old, to: old) == .same)
    }

    @Test func smallChangesAreNone() throws {
        // Exact samples: no noise, and nothing but the tolerance holds them back.
        #expect(try Self.change(from: [1.029, 1.029, 1.029], to: [1, 1, 1]) == .same)
        #expect(try Self.change(from: [1.031, 1.031, 1.031], to: [1, 1, 1]) == .faster(1.031))
        #expect(try Self.change(from: [1, 1, 1], to: [1.029, 1.029, 1.029]) == .same)
        let slower = try #require(try Self.change(from: [1, 1, 1], to: [1.031, 1.031, 1.031]))
        #expect(slower.description == "slower 1.03×")
    }

    /// Medians 20 % apart, of samples that spread by a factor of three.
    @Test func noiseIsNoChange() throws {
        let noisy = [1.0, 1.2, 1.4, 1.6, 1.8, 2, 2.2, 2.4, 2.6, 2.8, 3]
        #expect(try Self.change(from: noisy.map { $0 * 1.2 }, to: noisy) == .same)
        #expect(try Self.change(from: noisy, to: noisy.map { $0 * 1.2 }) == .same)
    }

    @Test func rowsAreJoinedByIdentifierThreadsAndInstructionSet() throws {
        var (before, after) = (SampleReports.empty, SampleReports.empty)
        before.rows = [
            SampleReports.row(), SampleReports.row(threads: 1), SampleReports.row(instructionSet: "avx2"),
            SampleReports.row(pass: .forward),
        ]
        after.rows = [
            SampleReports.row(samples: [0.0005]), SampleReports.row(threads: 4), SampleReports.row(consumesInput: true),
        ]
        let comparison = try Baseline(before).comparison(with: after)
        let marks = after.rows.map(comparison.column.text)
        #expect(marks == ["faster 2.00×", "new", "new"])
        #expect(comparison.gone == Array(before.rows[1...]))
        let markdown = after.markdown(comparedBy: comparison)
        #expect(markdown.contains("| faster 2.00× |"))
        #expect(markdown.contains("| cross-entropy/4096×1000/Float/forward | 2 | avx512 | 1.00 ms |"))
        #expect(after.text(comparedBy: comparison).contains("faster 2.00×"))
    }

    @Test func refusesWhatIsNoBaseline() throws {
        func reason(_ json: String) -> String? {
            do { _ = try Report(json: Data(json.utf8), source: "old.json") } catch { return error.description }
            return nil
        }
        #expect(reason("time: 3") == "old.json: not JSON, expected a report of this program")
        #expect(reason("") == "old.json: not JSON, expected a report of this program")
        #expect(reason(#"{"format": 7}"#) == "old.json: report of format 7, expected format 1")
        #expect(reason(#"{"rows": []}"#) == "old.json: no field ‘format’ at the top, expected a report of this program")
        #expect(
            reason(#"{"format": 1}"#)?.hasPrefix("old.json: no field ‘") == true)
        let json = try #require(String(bytes: try SampleReports.full.json(), encoding: .utf8))
        #expect(reason(json) == nil)
        let broken = json.replacing(#""pass" : "gradient""#, with: #""pass" : "backward""#, maxReplacements: 1)
        let message = try #require(reason(broken))
        #expect(message.contains("rows[1].pass"))
        #expect(message.contains("backward"))
    }

    @Test func refusesFilesThatAreNotThere() {
        let missing = "/nonexistent/baseline.json"
        #expect(throws: ReportError(source: missing, reason: .missing)) { try Baseline(contentsOf: missing) }
        let error = #expect(throws: ReportError.self) { try Baseline(contentsOf: "/") }
        #expect(error?.description.hasPrefix("/: cannot be read (") == true)
    }

    @Test func refusesDuplicatesAndImpossibleSamples() {
        var report = SampleReports.empty
        report.rows = [SampleReports.row(), SampleReports.row(threads: 1), SampleReports.row()]
        let name = "cross-entropy/4096×1000/Float/both (2 threads, avx512)"
        #expect(throws: ReportError(source: "old.json", reason: .duplicate(name))) {
            try Baseline(report, source: "old.json")
        }
        for samples in [[], [0], [1, -1], [.nan], [.infinity]] as [[Double]] {
            var row = SampleReports.row()
            row.engine.samples = samples
            report.rows = [row]
            #expect(throws: ReportError(source: "baseline", reason: .samples(name))) { try Baseline(report) }
        }
    }
}
