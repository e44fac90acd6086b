import Foundation
import Surprisal
import Testing

@Suite struct ClassificationReportTests {
    @Test func agreesWithScikitLearn() throws {
        func check<T: Surprisal.Scalar>(_ golden: MetricCase, _ type: T.Type) throws {
            let names = (0..<golden.classes).map { "class \($0)" }
            let matrix = ConfusionMatrix(golden.tensor(of: type), try golden.labels, classNames: names)
            for (key, zeroDivision) in [("0", ClassificationReport.ZeroDivision.zero), ("1", .one), ("nan", .nan)] {
                let report = ClassificationReport(matrix, zeroDivision: zeroDivision)
                let expected = try #require(golden.scores[key])
                let what = "\(golden.name), zero division \(key)"
                // Quotients of the same integers; the means are sums in another order.
                expectClose(report.classes.map(\.precision), expected.precision, relative: 0, "\(what): precision")
                expectClose(report.classes.map(\.recall), expected.recall, relative: 0, "\(what): recall")
                expectClose(report.classes.map(\.f1), expected.f1, relative: 0, "\(what): f1")
                #expect(report.classes.map(\.support) == expected.support)
                for (average, values) in [
                    (report.macro, expected.macro), (report.micro, expected.micro), (report.weighted, expected.weighted),
                ] {
                    expectClose(
                        [average.precision, average.recall, average.f1], values, relative: 1e-15, "\(what): averages")
                    #expect(average.support == expected.support.reduce(0, +))
                }
                #expect(report.accuracy == golden.accuracy)
            }
            let text = ClassificationReport(matrix).text(digits: 3)
            // Ours says after the table what scikit-learn says in warnings.
            let table = text.components(separatedBy: "\n\nundefined")[0] + "\n"
            #expect(table == golden.report, "\(golden.name)")
        }
        try MetricCase.forEach { try check($0, $1) }
    }

    @Test func whatIsUndefinedIsNamed() throws {
        // Class 1 is never predicted, class 2 never a label, class 3 neither.
        let labels = try Labels([0, 1, 0], classCount: 4)
        let matrix = try ConfusionMatrix(predictions: [0, 2, 0], labels, classNames: ["a", "b", "c", "d"])
        let report = ClassificationReport(matrix)
        #expect(
            report.undefined == [
                .init(score: .precision, classIndex: 1), .init(score: .recall, classIndex: 2),
                .init(score: .precision, classIndex: 3), .init(score: .recall, classIndex: 3),
                .init(score: .f1, classIndex: 3),
            ])
        #expect(report.description.hasSuffix(
            "undefined (0/0): precision of b, recall of c, precision of d, recall of d, f1 of d"))
        #expect(report.classes[0] == .init(precision: 1, recall: 1, f1: 1, support: 2))
        #expect(report.macro.f1 == 0.25)
        #expect(ClassificationReport(matrix, zeroDivision: .nan).macro.precision == 0.5)
        #expect(ClassificationReport(matrix, zeroDivision: .one).macro.precision == 0.75)
    }

    @Test func nothing() throws {
        let matrix = try ConfusionMatrix(predictions: [Int](), try Labels([Int](), classCount: 2))
        let report = ClassificationReport(matrix)
        #expect(report.accuracy.isNaN && report.macro.f1 == 0 && report.weighted.f1 == 0 && report.micro.f1 == 0)
        #expect(report.undefined.count == 6)
        #expect(ClassificationReport(matrix, zeroDivision: .nan).macro.f1.isNaN)
        #expect(report.text(digits: 2).contains("accuracy                            nan         0"))
    }

    @Test func digitsThatCannotBe() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let matrix = try ConfusionMatrix(predictions: [0], try Labels([0], classCount: 1))
            _ = ClassificationReport(matrix).text(digits: -1)
        }
        #expect(String(decoding: result.standardErrorContent, as: UTF8.self)
            .contains("ClassificationReport: -1 digits; expected 0 to 17"))
    }
}
