import Foundation
import Surprisal
import SurprisalIO
import Testing

@Suite struct LossCommandTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    // The worked example that the goldens hold too.
    private static let x: [Double] = [1, 2, 3, 0.5, -1, 0.25, 0, 2, 4, -3, 1.5, 1]

    /// A batch file; `change` adds or replaces tensors.
    private func batch(
        _ name: String = "batch.safetensors", input: [Double]? = Self.x, shape: [Int] = [3, 4],
        labels: [Int]? = [2, 0, 3], labelShape: [Int] = [3], _ change: (inout SafetensorsWriter) throws -> Void = { _ in }
    ) throws -> String {
        var writer = SafetensorsWriter()
        if let input { try writer.add("input", shape: shape, values: input) }
        if let labels { try writer.add("target", shape: labelShape, values: labels) }
        try change(&writer)
        let path = folder.file(name)
        try writer.write(to: path)
        return path
    }

    private func report(_ arguments: [String]) throws -> [String: Any] {
        let outcome = try Program.run(["loss"] + arguments)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors.isEmpty)
        return try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
    }

    private func close(_ found: Any?, _ expected: Double) -> Bool {
        guard let number = found as? Double else { return false }
        return abs(number - expected) <= 1e-11
    }

    @Test func meanSumAndNone() throws {
        let path = try batch()
        let mean = try report([path])
        #expect(close(mean["loss"], 2.297374862057))
        #expect(mean["reduction"] as? String == "mean")
        #expect(mean["positions"] as? Int == 3 && mean["ignored"] as? Int == 0 && mean["classes"] as? Int == 4)
        #expect(mean["dtype"] as? String == "float64")
        #expect(close(try report([path, "--reduction", "sum"])["loss"], 6.892124586172))
        let none = try #require(try report([path, "--reduction", "none"])["loss"] as? [Double])
        #expect(zip(none, [0.460773489157, 3.306672822511, 3.124678274504]).allSatisfy { abs($0 - $1) <= 1e-11 })
        #expect(none.count == 3)
    }

    /// The library's numbers, through the file and the options.
    @Test func optionsOfCrossEntropy() throws {
        let path = try batch { try $0.add("row_weight", shape: [3], values: [1, 0.5, 2]) }
        let x = Tensor(Self.x, shape: [3, 4]), y = try Labels([2, 0, 3], classCount: 4), r = Tensor([1, 0.5, 2])
        let loss = CrossEntropyLoss<Double>(
            labelSmoothing: 0.1, denominator: .number(7), maskedClasses: [1], temperature: 2, softCap: 3, zLoss: 0.25)
        let arguments = [
            path, "--label-smoothing", "0.1", "--temperature", "2", "--soft-cap", "3", "--z-loss", "0.25", "--mask", "1",
            "--denominator", "7",
        ]
        let (value, gradient) = loss.valueWithGradient(at: x, y, rowWeights: r)
        let found = try report(arguments + ["--gradient"])
        #expect(close(found["loss"], value.item()))
        #expect(close(found["gradient_norm"], gradient.scalars.reduce(0) { $0 + $1 * $1 }.squareRoot()))
        // Through a layer that is the identity.
        let identity = (0..<16).map { $0 % 5 == 0 ? 1.0 : 0 }
        let linear = try batch("linear.safetensors") {
            try $0.add("row_weight", shape: [3], values: [1, 0.5, 2])
            try $0.add("linear_weight", shape: [4, 4], values: identity)
        }
        for bytes in ["100", "10000"] {
            #expect(close(try report([linear] + arguments.dropFirst() + ["--block-bytes", bytes])["loss"], value.item()))
        }
        let several = try report([try batch(), "--ignore-index", "0", "--ignore-index", "3"])
        #expect(several["ignored"] as? Int == 2 && close(several["loss"], 0.460773489157))
        let none = try report([try batch(), "--ignore-index", "0", "--ignore-index", "3", "--ignore-index", "2", "--empty-mean-is-zero"])
        #expect(none["loss"] as? Double == 0)
    }

    @Test func fewClassesNamed() throws {
        let path = try batch(labels: nil) {
            try $0.add("target_classes", shape: [3, 2], values: [2, 1, 0, -1, 3, 2])
            try $0.add("target_probabilities", shape: [3, 2], values: [0.5, 0.25, 0.75, 0, 0.5, 0.5])
        }
        let spread = [0.125, 0.25, 0.5, 0.125, 0.75, 0.25 / 3, 0.25 / 3, 0.25 / 3, 0, 0, 0.5, 0.5]
        let dropped = [0, 0.25, 0.5, 0, 0.75, 0, 0, 0, 0, 0, 0.5, 0.5], x = Tensor(Self.x, shape: [3, 4])
        for (arguments, q) in [([], spread), (["--remainder", "dropped"], dropped)] {
            let expected = CrossEntropyLoss()(x, probabilities: Tensor(q, shape: [3, 4])).item()
            #expect(close(try report([path] + arguments)["loss"], expected))
        }
        for (tensors, message) in [
            (["target_classes"], #"no tensor "target_probabilities"; expected both target_classes and target_probabilities, or target"#),
            (["target_probabilities"], #"no tensor "target_classes"; expected both target_classes and target_probabilities, or target"#),
            (["target_classes", "target_probabilities", "target"], #"tensors "target" and "target_classes"; expected one of them"#),
        ] {
            let wrong = try batch("wrong.safetensors", labels: tensors.contains("target") ? [0, 1, 2] : nil) {
                if tensors.contains("target_classes") { try $0.add("target_classes", shape: [3, 1], values: [0, 1, 2]) }
                if tensors.contains("target_probabilities") { try $0.add("target_probabilities", shape: [3, 1], values: [1.0, 1, 1]) }
            }
            let outcome = try Program.run(["loss", wrong])
            #expect(outcome.status == 65 && outcome.errors.contains(message), "\(outcome.errors)")
        }
        let beyond = try batch("beyond.safetensors", labels: nil) {
            try $0.add("target_classes", shape: [3, 1], values: [0, 4, 2])
            try $0.add("target_probabilities", shape: [3, 1], values: [1.0, 1, 1])
        }
        let outcome = try Program.run(["loss", beyond])
        #expect(outcome.status == 65 && outcome.errors.contains("class 4 at [1, 0]; expected 0 to 3"), "\(outcome.errors)")
    }

    @Test func optionsThatCannotBe() throws {
        let path = try batch()
        for (arguments, message) in [
            (["--temperature", "0"], "temperature is 0.0; expected a finite number above 0"),
            (["--soft-cap", "-1"], "soft cap is -1.0; expected a finite number above 0"),
            (["--z-loss", "-1"], "z-loss factor is -1.0; expected a finite number, at least 0"),
            (["--denominator", "0"], "denominator is 0.0; expected a finite number above 0"),
            (
                ["--remainder", "spread"],
                "--remainder spread without \"target_classes\" in the file; expected targets of a few classes"
            ),
            (["--mask", "4"], "masked class 4; expected 0 to 3 (4 classes)"),
            (["--mask", "2"], "label 2, position 0 in row-major order: that class is masked"),
            (["--input", "log-probabilities", "--z-loss", "1"], "--z-loss with --input log-probabilities; expected logits"),
            (["--input", "log-probabilities", "--mask", "1"], "--mask with --input log-probabilities; expected logits"),
        ] {
            let outcome = try Program.run(["loss", path] + arguments)
            #expect(outcome.status == 65 && outcome.errors.contains(message) && outcome.output.isEmpty, "\(arguments): \(outcome.errors)")
        }
        let wide = try batch("wide.safetensors") { try $0.add("row_weight", shape: [4], values: [1.0, 1, 1, 1]) }
        let outcome = try Program.run(["loss", wide])
        #expect(outcome.status == 65 && outcome.errors.contains("row weights of shape [4]; expected the positions', [3]"), "\(outcome.errors)")
    }

    @Test func everyOption() throws {
        let path = try batch { try $0.add("weight", shape: [4], values: [0.5, 2, 1.5, 0.25]) }
        #expect(close(try report([path])["loss"], 1.389184983830))
        #expect(close(try report([path, "--label-smoothing", "0.1"])["loss"], 1.627116813127))
        let ignored = try report([path, "--label-smoothing", "0.1", "--ignore-index", "0", "--threads", "2"])
        #expect(close(ignored["loss"], 1.108814898294) && ignored["ignored"] as? Int == 1)
        let q = [0.1, 0.2, 0.6, 0.1, 0.7, 0.1, 0.1, 0.1, 0, 0, 0.25, 0.75]
        let soft = try batch(labels: nil) {
            try $0.add("target", shape: [3, 4], values: q)
            try $0.add("weight", shape: [4], values: [0.5, 2, 1.5, 0.25])
        }
        #expect(close(try report([soft, "--label-smoothing", "0.1"])["loss"], 1.689197607756))
        // The classes on the first axis: the transposed batch.
        let columns = (0..<4).flatMap { c in (0..<3).map { Self.x[$0 * 4 + c] } }
        let moved = try batch(input: columns, shape: [4, 3])
        #expect(close(try report([moved, "--class-axis", "0"])["loss"], 2.297374862057))
        // What logits give, log-probabilities give as well.
        let lse = [3.460773489157, 2.306672822511, 4.124678274504]
        let logProbabilities = try batch(input: Self.x.enumerated().map { $1 - lse[$0 / 4] })
        #expect(close(try report([logProbabilities, "--input", "log-probabilities"])["loss"], 2.297374862057))
    }

    @Test func writesLossAndGradient() throws {
        let path = try batch(), output = folder.file("out.safetensors")
        let norm = try report([path, "--gradient"])["gradient_norm"] as? Double
        #expect(try report([path, "--gradient", "--output", output])["gradient_norm"] as? Double == norm)
        var file = try SafetensorsFile(contentsOf: output)
        #expect(Set(file.names) == ["loss", "gradient"])
        #expect(file.entry(named: "loss")?.shape == [] && file.entry(named: "gradient")?.shape == [3, 4])
        #expect(file.entry(named: "gradient")?.dtype == .float64)
        let gradient = try file.doubles(of: "gradient")
        #expect(abs((norm ?? 0) - gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()) <= 1e-12)
        #expect(zip(gradient, [0.028456298, 0.077352237, -0.123068152, 0.017259617]).allSatisfy { abs($0 - $1) <= 1e-9 })
        _ = try report([path, "--gradient", "--reduction", "none", "--output", output])
        file = try SafetensorsFile(contentsOf: output)
        #expect(file.entry(named: "loss")?.shape == [3])
        #expect(zip(try file.doubles(of: "gradient"), gradient).allSatisfy { abs($0 - 3 * $1) <= 1e-15 })
    }

    @Test func infinitiesAndNaNAreWords() throws {
        let infinite = try batch(input: [0, -Double.infinity], shape: [1, 2], labels: [1], labelShape: [1])
        #expect(try report([infinite])["loss"] as? String == "Infinity")
        let ignored = try batch(labels: [-100, -100, -100])
        let all = try report([ignored])
        #expect(all["loss"] as? String == "NaN" && all["ignored"] as? Int == 3)
        let empty = try batch(input: [], shape: [0, 4], labels: [], labelShape: [0])
        #expect(try report([empty])["loss"] as? String == "NaN")
        #expect(try report([empty, "--reduction", "none"])["loss"] as? [Double] == [])
        let zero = try batch(input: [], shape: [2, 0], labels: [-100, -100], labelShape: [2])
        #expect(try report([zero, "--reduction", "sum"])["loss"] as? Double == 0)
        let one = try batch(input: [3, 4], shape: [2, 1], labels: [0, 0], labelShape: [2])
        #expect(try report([one])["loss"] as? Double == 0)
    }

    @Test func readsWhatPythonWrote() throws {
        let path = try #require(Bundle.module.url(forResource: "Fixtures/batch", withExtension: "safetensors")).path
        let result = try report([path, "--label-smoothing", "0.1"])
        // Float: within some ULP of the example's 1.627116813127.
        #expect(abs((result["loss"] as? Double ?? 0) - 1.627116813127) <= 5e-7)
        #expect(result["dtype"] as? String == "float32")
    }

    @Test func floatIsWidenedExactly() throws {
        let good: [Float] = [2.0, 1.0, 0.1, 0.5, 1.0, 3.1, 0.3, 1.0, 0.1]
        let path = try batch(input: nil, labels: [0, 2, 1]) { try $0.add("input", shape: [3, 3], values: good) }
        let outcome = try Program.run(["loss", path])
        #expect(outcome.output.contains("\"loss\":0.41337862610816956"))
        #expect(outcome.output.contains("\"dtype\":\"float32\""))
    }

    /// One line on standard error with these words, status 65, and an output file as it was.
    private func refuses(_ arguments: [String], naming words: [String], sourceLocation: SourceLocation = #_sourceLocation) throws {
        let output = folder.file("untouched.safetensors")
        try Data("as it was".utf8).write(to: URL(fileURLWithPath: output))
        let outcome = try Program.run(["loss"] + arguments + ["--gradient", "--output", output])
        #expect(outcome.status == 65, sourceLocation: sourceLocation)
        #expect(outcome.output.isEmpty, sourceLocation: sourceLocation)
        #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)", sourceLocation: sourceLocation)
        for word in words {
            #expect(outcome.errors.contains(word), "\(word) in \(outcome.errors)", sourceLocation: sourceLocation)
        }
        #expect(try String(contentsOfFile: output, encoding: .utf8) == "as it was", sourceLocation: sourceLocation)
    }

    @Test func badInput() throws {
        try refuses([folder.file("missing.safetensors")], naming: ["missing.safetensors"])
        try refuses([try batch(labels: [2, 7, 3])], naming: ["target", "label 7", "position [1]", "0 to 3"])
        try refuses([try batch(labels: [2, 0, -1])], naming: ["label -1", "position [2]"])
        try refuses([try batch(labels: [0, 1], labelShape: [2])], naming: ["[2]", "[3, 4]", "expected [3]"])
        try refuses([try batch(labels: [0, 0, 0], labelShape: [3, 1])], naming: ["[3, 1]"])
        try refuses([try batch(input: nil)], naming: ["\"input\"", "target"])
        try refuses([try batch(labels: nil)], naming: ["\"target\"", "input"])
        try refuses([try batch { try $0.add("weight", shape: [2], values: [1.0, 2]) }], naming: ["[2]", "[4]"])
        try refuses([try batch { try $0.add("weight", shape: [4], values: [1, 2, 3, 4]) }], naming: ["\"weight\"", "I64"])
        try refuses(
            [try batch(input: nil) { try $0.add("input", shape: [3, 4], values: [Int](0..<12)) }],
            naming: ["\"input\"", "I64", "F32 or F64"])
        try refuses(
            [try batch(labels: nil) { try $0.add("target", shape: [3], values: [0.0, 1, 2]) }],
            naming: ["\"target\"", "[3]", "[3, 4]"])
        try refuses([try batch(), "--label-smoothing", "1.5"], naming: ["label smoothing", "1.5", "0 to 1"])
        try refuses([try batch(), "--class-axis", "2"], naming: ["axis 2", "[3, 4]"])
        try refuses([try batch(), "--threads", "0"], naming: ["--threads 0"])
        try refuses([try batch(), "--input", "log-probabilities", "--label-smoothing", "0.1"], naming: ["--label-smoothing"])
        let truncated = folder.file("truncated.safetensors")
        try Data(Data(contentsOf: URL(fileURLWithPath: try batch())).dropLast(3)).write(to: URL(fileURLWithPath: truncated))
        try refuses([truncated], naming: ["truncated.safetensors"])
        try refuses([folder.url.path], naming: ["director"])
    }

    // PyTorch's linear cross-entropy of the notes on its semantics.
    private static let hidden: [Double] = [0.5, -1, 2, 1.5, 0.25, -0.75, 0, 1, 1, -2, 0.5, 0.125]
    private static let linearWeight = [0.2, -0.4, 0.6, 1, 0.5, -0.25, -0.3, 0.7, 0.1, 0.05, -0.15, 0.9, -1, 0.8, 0.4]
    private static let linearBias = [0.1, -0.2, 0.3, 0, 0.05]

    private func linearBatch(
        _ name: String = "linear.safetensors", hidden: [Int] = [4, 3], weight: [Int] = [5, 3], bias: [Int]? = [5],
        labels: [Int]? = [2, 0, -100, 4], _ change: (inout SafetensorsWriter) throws -> Void = { _ in }
    ) throws -> String {
        try batch(name, input: Self.hidden, shape: hidden, labels: labels, labelShape: [4]) {
            try $0.add("linear_weight", shape: weight, values: Self.linearWeight)
            if let bias { try $0.add("linear_bias", shape: bias, values: Self.linearBias) }
            try change(&$0)
        }
    }

    @Test func linearLayerInTheFile() throws {
        let path = try linearBatch(), output = folder.file("linear-out.safetensors")
        // All at once, some rows, some classes.
        for options in [[], ["--block-bytes", "100"], ["--block-bytes", "60"]] {
            let mean = try report([path] + options)
            #expect(abs((mean["loss"] as? Double ?? 0) - 1.865845215) <= 5.1e-10)
            #expect(mean["classes"] as? Int == 5 && mean["positions"] as? Int == 4 && mean["ignored"] as? Int == 1)
        }
        let weighted = try linearBatch("weighted.safetensors") { try $0.add("weight", shape: [5], values: [1, 0.5, 2, 0.25, 1.5]) }
        let result = try report([weighted, "--gradient", "--output", output])
        #expect(abs((result["loss"] as? Double ?? 0) - 1.964781717) <= 5.1e-10)
        let file = try SafetensorsFile(contentsOf: output)
        #expect(Set(file.names) == ["loss", "gradient_input", "gradient_linear_weight", "gradient_linear_bias"])
        #expect(file.entry(named: "gradient_input")?.shape == [4, 3] && file.entry(named: "gradient_linear_weight")?.shape == [5, 3])
        let bias = try file.doubles(of: "gradient_linear_bias")
        #expect(bias.count == 5)
        #expect(zip(bias, [-0.006340622, 0.164520038, -0.328245288, 0.245651939, -0.075586066]).allSatisfy { abs($0 - $1) <= 5.1e-10 })
        let squares = try file.names.filter { $0 != "loss" }.flatMap { try file.doubles(of: $0) }.reduce(0) { $0 + $1 * $1 }
        #expect(abs((result["gradient_norm"] as? Double ?? 0) - squares.squareRoot()) <= 1e-12)
        let none = try #require(try report([path, "--reduction", "none", "--gradient"])["loss"] as? [Double])
        #expect(none.count == 4 && none[2] == 0 && abs(none[0] - 3.064374737) <= 5.1e-10)
    }

    /// The rows of the worked example: what its losses say again.
    @Test func perRowResults() throws {
        let path = try linearBatch(), output = folder.file("rows-out.safetensors")
        let losses = [3.064374737, 2.173946218, 0, 0.359214692]
        for options in [[], ["--gradient"], ["--block-bytes", "60"], ["--reduction", "none", "--gradient"]] {
            let report = try report([path, "--per-row", "--output", output] + options)
            let rows = try #require(report["rows"] as? [String: Any])
            let loss = try #require(rows["loss"] as? [Double]), p = try #require(rows["label_probability"] as? [Any])
            #expect(loss.count == 4 && zip(loss, losses).allSatisfy { abs($0 - $1) <= 5.1e-10 })
            for r in [0, 1, 3] {
                let probability = try #require(p[r] as? Double)
                #expect(abs(-Foundation.log(probability) - losses[r]) <= 5.1e-10)
            }
            #expect(p[2] as? String == "NaN")
            let argmax = try #require(rows["argmax"] as? [Int]), top = try #require(rows["top_classes"] as? [[Int]])
            #expect(argmax[2] == -1 && top[2] == [-1, -1, -1, -1, -1] && top.map { $0[0] } == argmax)
            #expect(rows["is_right"] as? [Bool] == zip(argmax, [2, 0, -100, 4]).map { $0 == $1 })
            let logProbabilities = try #require(rows["top_log_probability"] as? [[Any]])
            let sum = logProbabilities[0].compactMap { $0 as? Double }.reduce(0) { $0 + Foundation.exp($1) }
            #expect(abs(sum - 1) <= 1e-12)
            let file = try SafetensorsFile(contentsOf: output)
            #expect(try file.integers(of: "row_argmax") == argmax && file.entry(named: "row_is_right")?.dtype == .bool)
            #expect(file.entry(named: "row_top_classes")?.shape == [4, 5])
            // Printed and parsed again.
            let written = try file.doubles(of: "row_loss")
            #expect(written.count == 4 && zip(written, loss).allSatisfy { abs($0 - $1) <= 1e-15 * $1 })
            let entropy = try file.doubles(of: "row_entropy"), lse = try file.doubles(of: "row_log_sum_exp")
            #expect(entropy[2].isNaN && entropy[0] > 0 && entropy[0] <= Foundation.log(5) && lse[2].isNaN)
        }
    }

    @Test func gradientFilterOnTheCommandLine() throws {
        let path = try linearBatch()
        let exact = try report([path, "--gradient"]), all = try report([path, "--gradient", "--gradient-filter", "0"])
        #expect(exact["skipped_share"] == nil && all["skipped_share"] as? Double == 0)
        #expect(abs((all["gradient_norm"] as? Double ?? 0) - (exact["gradient_norm"] as? Double ?? 1)) <= 1e-12)
        let none = try report([path, "--gradient", "--gradient-filter", "2"])
        #expect(none["skipped_share"] as? Double == 1 && none["loss"] as? Double == exact["loss"] as? Double)
        try refuses([path, "--gradient", "--gradient-filter", "-1"], naming: ["gradient filter", "-1", "at least 0"])
        let alone = try Program.run(["loss", path, "--gradient-filter", "0.1"])
        #expect(alone.status == 65 && alone.errors.contains("--gradient-filter 0.1 without --gradient"))
        try refuses([try batch(), "--gradient", "--gradient-filter", "0.1"], naming: ["--gradient-filter 0.1", "linear_weight"])
        try refuses([try batch(), "--per-row"], naming: ["--per-row", "linear_weight"])
    }

    @Test func linearLayersThatDoNotFit() throws {
        try refuses([try linearBatch(weight: [3, 5])], naming: ["linear_bias", "[5]", "expected [3]"])
        try refuses([try linearBatch(weight: [3, 5], bias: nil)], naming: ["[4, 3]", "[3, 5]", "… × 5"])
        try refuses([try linearBatch(weight: [15], bias: nil)], naming: ["linear_weight", "[15]", "classes × features"])
        try refuses([try linearBatch(hidden: [3, 4])], naming: ["[3, 4]", "[5, 3]"])
        try refuses([try batch { try $0.add("linear_bias", shape: [5], values: Self.linearBias) }], naming: ["linear_bias", "linear_weight"])
        try refuses([try linearBatch(labels: [2, 0, 5, 4])], naming: ["label 5", "position [2]", "0 to 4"])
        try refuses([try linearBatch(), "--block-bytes", "39"], naming: ["--block-bytes 39", "at least 56"])
        try refuses([try batch(), "--block-bytes", "39"], naming: ["--block-bytes 39", "linear_weight"])
        try refuses([try linearBatch(), "--class-axis", "1"], naming: ["--class-axis 1", "linear_weight"])
        try refuses([try linearBatch(), "--input", "log-probabilities"], naming: ["--input log-probabilities", "linear_weight"])
        try refuses(
            [try linearBatch(labels: nil) { try $0.add("target", shape: [4, 3], values: Self.hidden) }],
            naming: ["target", "[4, 3]", "[4, 5]"])
    }

    @Test func negativeValuesAreValues() throws {
        let path = try batch(labels: [2, -1, 3])
        #expect(try report([path, "--ignore-index", "-1"])["ignored"] as? Int == 1)
        #expect(close(try report([try batch(), "--class-axis", "-1"])["loss"], 2.297374862057))
        try refuses([path, "--ignore-index", "-1", "--label-smoothing", "-0.1"], naming: ["-0.1", "0 to 1"])
    }

    @Test func sizesWithoutElements() throws {
        for shape in [[0, 3, 1 << 62, 8], [1 << 40, 0], [1 << 62, 8, 0]] {
            try refuses(
                [try batch(input: [], shape: shape, labels: nil) { try $0.add("target", shape: shape, values: [Double]()) }],
                naming: ["input", "no elements"])
        }
        let empty = try batch(input: [], shape: [2, 0], labels: nil) {
            try $0.add("target", shape: [2, 0], values: [Double]())
        }
        #expect(try report([empty, "--reduction", "sum"])["positions"] as? Int == 2)
    }

    @Test func messagesAreOneTameLine() throws {
        var writer = SafetensorsWriter()
        try writer.add("evil\n\u{1B}[31m" + String(repeating: "x", count: 5000), shape: [1], values: [1.0])
        let path = folder.file("evil.safetensors")
        try writer.write(to: path)
        let outcome = try Program.run(["loss", path])
        #expect(outcome.status == 65 && outcome.errors.utf8.count < 1200 && !outcome.errors.contains("\u{1B}"))
        try refuses([path + "/"], naming: ["slash"])
        let batch = try batch()
        #expect(try Program.run(["loss", batch, "--output", batch]).status == 65)
    }

    @Test func usageErrors() throws {
        #expect(try Program.run(["loss", try batch(), "--reduction", "avg"]).status == 64)
        #expect(try Program.run(["loss", try batch()], environment: ["SURPRISAL_ISA": "mmx"]).status == 64)
        let outcome = try Program.run(["loss", try batch()], environment: ["SURPRISAL_THREADS": "none"])
        #expect(outcome.status == 64 && outcome.errors.contains("SURPRISAL_THREADS"))
    }

    @Test func unwritableOutputIsAnInputOutputError() throws {
        let outcome = try Program.run(
            ["loss", try batch(), "--output", try batch("file.safetensors") + "/below/out.safetensors"])
        #expect(outcome.status == 74 && outcome.output.isEmpty)
        #expect(outcome.errors.split(separator: "\n").count == 1)
    }
}
