import Foundation
import SurprisalIO
import Testing

@Suite struct FitCommandTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private static let table = "length,width,kind\n1,2,a\n2,1,a\n3,5,b\n1.5,4,b\n4,1,a\n2.5,2,b\n3,1.5,b\n1,5,a\n2,3,a\n3,3,b\n"

    private func file(_ text: String, _ name: String = "table.csv") throws -> String {
        let path = folder.file(name)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    private func report(_ arguments: [String]) throws -> [String: Any] {
        let outcome = try Program.run(["fit"] + arguments + ["--json"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors.isEmpty)
        return try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
    }

    private func coefficients(_ report: [String: Any]) throws -> [[String: Any]] {
        try #require(report["coefficients"] as? [[String: Any]])
    }

    @Test func irisPrintsItsTable() throws {
        let outcome = try Program.run(["fit", "iris", "--penalty", "1"])
        #expect(outcome.status == 0 && outcome.errors.isEmpty)
        let lines = outcome.output.split(separator: "\n").map(String.init)
        #expect(lines[0] == "iris: 150 rows, 4 features, 3 classes")
        #expect(lines[1] == "penalty 1.0000")
        #expect(lines[2].hasPrefix("newton: converged after ") && lines[2].hasSuffix(" of its start"))
        for part in ["log-likelihood        -17.9455", "McFadden's R²         0.8911", "versicolor against setosa", "virginica against setosa"] {
            #expect(outcome.output.contains(part), "\(part)")
        }
        #expect(lines.contains { $0.hasPrefix("                   estimate  std. error") })
        #expect(lines.count { $0.hasPrefix("petal_width_cm ") } == 2 && lines.count { $0.hasPrefix("(intercept) ") } == 2)
    }

    @Test func digitsAreReadByCrossValidation() throws {
        let found = try report(["digits"])
        let path = try #require(found["validation"] as? [String: Any]), steps = try #require(path["steps"] as? [[String: Any]])
        let chosen = try #require(steps.first { $0["penalty"] as? Double == found["penalty"] as? Double })
        #expect(try #require(chosen["accuracy"] as? Double) > 0.96)
        #expect(try coefficients(found).count == 9 * 65)
        // The page shows some.
        let text = try Program.run(["fit", "digits", "--penalty", "1"]).output
        #expect(text.contains("… 525 more; --json has all"))
    }

    @Test func tablesAndOptions() throws {
        let path = try file(Self.table)
        let plain = try report([path, "--labels", "kind", "--penalty", "none"])
        #expect(plain["rows"] as? Int == 10 && plain["features"] as? Int == 2 && plain["classes"] as? [String] == ["a", "b"])
        #expect(plain["penalty"] as? Double == 0 && plain["base"] as? String == "a" && plain["confidence"] as? Double == 0.95)
        #expect(plain["likelihood_ratio"] != nil)
        let rows = try coefficients(plain)
        #expect(rows.map { $0["feature"] as? String } == ["(intercept)", "length", "width"])
        #expect(rows.allSatisfy { $0["class"] as? String == "b" })

        let other = try report([
            path, "--labels", "kind", "--penalty", "none", "--base", "b", "--confidence", "0.5", "--solver", "lbfgs",
            "--tolerance", "1e-10", "--max-iterations", "500", "--quiet",
        ])
        for (a, b) in zip(rows, try coefficients(other)) {
            let (x, y) = (try #require(a["estimate"] as? Double), try #require(b["estimate"] as? Double))
            #expect(abs(x + y) <= 1e-6 * abs(x))
        }
        #expect((other["solver"] as? [String: Any])?["name"] as? String == "lbfgs")
        let symmetric = try report([path, "--labels", "kind", "--base", "symmetric", "--folds", "3", "--seed", "4"])
        #expect(try coefficients(symmetric).count == 6)
        #expect((symmetric["validation"] as? [String: Any])?["folds"] as? Int == 3)
        let balanced = try report([path, "--labels", "kind", "--penalty", "2", "--class-weights", "balanced", "--standardize"])
        #expect(balanced["standardised"] as? Bool == true)
    }

    @Test func theModelIsAPyTorchLayer() throws {
        let path = try file(Self.table), model = folder.file("model.safetensors")
        let found = try report([path, "--labels", "kind", "--penalty", "0.5", "--standardize", "--model", model])
        let written = try SafetensorsFile(contentsOf: model)
        #expect(written.entry(named: "weight")?.shape == [2, 2] && written.entry(named: "bias")?.shape == [2])
        #expect(written.metadata["classes"] == "[\"a\",\"b\"]" && written.metadata["features"] == "[\"length\",\"width\"]")
        #expect(written.metadata["standardisation"] == "in weight and bias")
        let mean = try JSONDecoder().decode([Double].self, from: Data((written.metadata["mean"] ?? "").utf8))
        let deviation = try JSONDecoder().decode([Double].self, from: Data((written.metadata["deviation"] ?? "").utf8))
        #expect(abs(mean[0] - 2.3) <= 1e-15)
        // Of standardised features in the table, of features as they are in the file.
        let weight = try written.doubles(of: "weight")
        let estimate = try #require(try coefficients(found)[1]["estimate"] as? Double)
        #expect(abs((weight[2] - weight[0]) * deviation[0] - estimate) <= 1e-12)
    }

    @Test func tensorsWithWeightsIgnoredRowsAndProbabilities() throws {
        func tensors(_ name: String, _ change: (inout SafetensorsWriter) throws -> Void) throws -> String {
            var writer = SafetensorsWriter()
            try writer.add("input", shape: [6, 1], values: [0, 1, 2, 3, 4, 5] as [Float])
            try change(&writer)
            let path = folder.file(name)
            try writer.write(to: path)
            return path
        }
        let labels = try tensors("labels.safetensors") {
            try $0.add("target", shape: [6], values: [0, 1, 0, 1, -100, 1])
            try $0.add("row_weight", shape: [6], values: [1, 1, 2, 1, 1, 1] as [Float])
            try $0.add("weight", shape: [2], values: [1, 3] as [Float])
        }
        let found = try report([labels, "--penalty", "1"])
        #expect(found["rows"] as? Int == 5 && found["ignored"] as? Int == 1)
        #expect(try coefficients(found).map { $0["feature"] as? String } == ["(intercept)", "x0"])
        let soft = try tensors("soft.safetensors") {
            try $0.add("target", shape: [6, 2], values: [0.9, 0.1, 0.5, 0.5, 0.7, 0.3, 0.4, 0.6, 0.5, 0.5, 0.1, 0.9])
        }
        let probabilities = try report([soft, "--penalty", "none"])
        #expect(probabilities["rows"] as? Int == 6 && probabilities["training_accuracy"] == nil)
        let hole = try tensors("hole.safetensors") { try $0.add("target", shape: [6], values: [0, 0, 2, 2, 0, 2]) }
        try expectFailure([hole, "--penalty", "1"], 65, "\(hole): class 1 has no rows, so that its intercept has no finite optimum; expected at least one row of each class")
        let outside = try tensors("outside.safetensors") { try $0.add("target", shape: [6], values: [0, 0, 1, 1, 0, -3]) }
        try expectFailure([outside, "--penalty", "1"], 65, "\(outside): target: label -3 at position [5]; expected 0 to 1 (2 classes)")
        let missing = try tensors("missing.safetensors") { _ in }
        try expectFailure([missing], 65, "\(missing): no tensor \"target\"; expected input and target, and the file holds input")
    }

    private func expectFailure(
        _ arguments: [String], _ status: Int32, _ message: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try Program.run(["fit"] + arguments)
        #expect(outcome.status == status, sourceLocation: sourceLocation)
        #expect(outcome.output.isEmpty, sourceLocation: sourceLocation)
        #expect(outcome.errors == "surprisal: \(message)\n", sourceLocation: sourceLocation)
    }

    @Test func badDataEndsWithOneLine() throws {
        let path = try file(Self.table)
        try expectFailure(
            ["iris", "--penalty", "none"], 65,
            "iris: the features separate class \"setosa\" from the others, so that the likelihood has no maximum: coefficients grow for ever; expected a penalty")
        try expectFailure([path, "--labels", "sort"], 65, "\(path): column \"sort\": no such column, expected one of \"length\", \"width\", \"kind\"")
        try expectFailure([path, "--labels", "kind", "--penalty", "-1"], 65, "\(path): penalty is -1.0; expected a finite number above 0, or none")
        try expectFailure([path, "--labels", "kind", "--folds", "1"], 65, "\(path): folds is 1.0; expected at least 2")
        try expectFailure([path, "--labels", "kind", "--confidence", "2"], 65, "\(path): confidence is 2.0; expected above 0 and below 1")
        try expectFailure([path, "--labels", "kind", "--base", "c"], 65, "--base c: no such class in \(path); expected symmetric, a, b")
        let gap = try file("a,kind\n1,x\n,y\n", "gap.csv")
        try expectFailure([gap, "--labels", "kind"], 65, "\(gap): line 3, column \"a\": missing value, expected a number")
        let constant = try file("a,b,kind\n1,7,x\n2,7,y\n3,7,x\n4,7,y\n", "constant.csv")
        try expectFailure(
            [constant, "--labels", "kind", "--penalty", "none"], 65,
            "\(constant): column \"b\" is constant, as the intercept is, so that neither has a coefficient of its own; expected a penalty, or features without it")
        let absent = folder.file("absent.csv")
        try expectFailure([absent, "--labels", "kind"], 65, "\(absent): cannot read: No such file or directory (errno 2)")
        let model = folder.file("no/model.safetensors")
        let outcome = try Program.run(["fit", path, "--labels", "kind", "--penalty", "1", "--model", model])
        #expect(outcome.status == 74 && outcome.output.isEmpty && outcome.errors.hasPrefix("surprisal: \(model): cannot "))
    }

    @Test(arguments: [
        ["wine"], ["table.csv"], ["iris", "--labels", "species"], ["iris", "--penalty", "much"], ["iris", "--solver", "sgd"],
        ["iris", "--folds", "3", "--penalty", "1"], ["iris", "--ignore-index", "0"], ["iris", "--max-iterations", "x"], [],
    ])
    func badUsageEndsWithStatus64(arguments: [String]) throws {
        let outcome = try Program.run(["fit"] + arguments)
        #expect(outcome.status == 64 && outcome.output.isEmpty && !outcome.errors.isEmpty)
    }
}
