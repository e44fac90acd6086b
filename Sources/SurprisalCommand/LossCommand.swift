import ArgumentParser
import FoundationEssentials
import Surprisal
import SurprisalIO

struct LossCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "loss",
        abstract: "The loss of a batch, and its gradient.",
        discussion: """
            BATCH holds `input` (F32 or F64), `target` (integers: class indices; floating point of the input's \
            shape: class probabilities) or, where each position names a few classes, `target_classes` and \
            `target_probabilities` (… × k; class −1: none), and, optionally, `weight` (one a class) and `row_weight` (one a \
            position). With a `linear_weight` (classes × \
            features), and optionally a `linear_bias`, the input is what that layer makes logits of, a block of rows at \
            a time. Prints one JSON object.

              surprisal loss batch.safetensors --gradient --output gradients.safetensors
              surprisal loss batch.safetensors --reduction none --label-smoothing 0.1
              surprisal loss batch.safetensors --z-loss 1e-4 --soft-cap 30 --ignore-index 0
            """)

    enum Input: String, CaseIterable, ExpressibleByArgument {
        case logits
        case logProbabilities = "log-probabilities"
    }

    @Argument(help: ArgumentHelp("A safetensors file.", valueName: "batch"))
    var batch: String

    @Option(help: "What the input is: \(Input.allCases.map(\.rawValue).joined(separator: " or ")).")
    var input: Input = .logits

    @Option(help: "mean, sum or none.")
    var reduction: Reduction = .mean

    // Unconditional: a value that begins with a minus sign is still a value.
    @Option(
        parsing: .unconditionalSingleValue,
        help: "Positions with this label count for nothing; may be given several times. (default: -100)")
    var ignoreIndex: [Int] = []

    @OptionGroup var options: CrossEntropyOptions

    @Option(help: "With few classes named: whether the others share the rest of 1 (spread) or have 0 (dropped). (default: spread)")
    var remainder: Remainder?

    enum Remainder: String, CaseIterable, ExpressibleByArgument { case spread, dropped }

    @Option(parsing: .unconditional, help: "The axis of the classes, from the end when negative. (default: 1; 0 of a vector)")
    var classAxis: Int?

    @Flag(help: "Also the gradient (without reduction: of the losses' sum): its norm, and itself with --output.")
    var gradient = false

    @Option(help: ArgumentHelp(
        "Write `loss` and `gradient` (of a linear layer `gradient_input`, `gradient_linear_weight`, `gradient_linear_bias`, and with --per-row `row_…`) to this safetensors file.",
        valueName: "file"))
    var output: String?

    @Option(parsing: .unconditional, help: "Bytes of logits at a time, of a linear layer. (default: 67108864)")
    var blockBytes: Int?

    @Option(parsing: .unconditional, help: ArgumentHelp(
        "Leave parts of a linear layer's gradient out in which no derivative of a row's loss by a logit reaches this.", valueName: "eps"))
    var gradientFilter: Double?

    @Flag(help: "Also, of a linear layer: log-sum-exp, entropy, probability of the label, argmax and the 5 most probable classes of each row.")
    var perRow = false

    @Option(parsing: .unconditional, help: "Threads to use. (default: one a processor)")
    var threads: Int?

    func run() throws {
        // Asked for in any case: a wrong SURPRISAL_THREADS or SURPRISAL_ISA shows before any work.
        _ = (Parallel.threadCount, InstructionSet.current)
        if let threads {
            guard (1...256).contains(threads) else {
                throw Failure.exit("--threads \(threads); expected 1 to 256")
            }
            Parallel.threadCount = threads
        }
        if let output, URL(fileURLWithPath: output).resolvingSymlinksInPath() == URL(fileURLWithPath: batch).resolvingSymlinksInPath() {
            throw Failure.exit("--output \(output) is the batch itself; expected another file")
        }
        do {
            // Mapped: a large weight is not read twice, into the file's copy and into the tensor.
            let file = try SafetensorsFile(mapping: batch)
            let contents = try Batch(file)
            // Computed in Double when anything is, written in the input's type.
            try finish(
                contents.isDouble ? try result(contents, as: Double.self) : try result(contents, as: Float.self))
        } catch let error as SafetensorsError {
            throw Failure.exit(error.description)
        } catch let error as BatchError {
            throw Failure.exit("\(batch): \(error)")
        } catch let error as LossError {
            throw Failure.exit("\(batch): \(error)")
        } catch let error as LabelError {
            throw Failure.exit("\(batch): target: \(error)")
        } catch let error as SparseProbabilityError {
            throw Failure.exit("\(batch): target_classes and target_probabilities: \(error)")
        }
    }

    private func finish(_ result: LossResult) throws {
        if let output {
            do { try result.write(to: output, isDouble: result.dtype == "float64") } catch {
                throw Failure.exit("\(error)", status: .inputOutput)
            }
        }
        try Failure.printLine(try result.json())
    }

    private func result<Scalar: Surprisal.Scalar>(_ batch: Batch, as type: Scalar.Type) throws -> LossResult {
        if let head = try batch.head(as: type) { return try linearResult(batch, head) }
        if let blockBytes { throw BatchError.optionWithoutLinear("--block-bytes \(blockBytes)") }
        if let gradientFilter { throw BatchError.optionWithoutLinear("--gradient-filter \(gradientFilter)") }
        if perRow { throw BatchError.optionWithoutLinear("--per-row") }
        let logits = try batch.input(as: type)
        let target = try target(batch, as: type)
        let loss = try loss(logits.shape, try batch.weight(as: type), target, try batch.rowWeight(as: type))

        // Formed together when wanted: the losses leave the closure, their sum is differentiated.
        var value = Tensor<Scalar>(0)
        var slope: Tensor<Scalar>?
        if gradient {
            slope = valueWithGradient(at: logits) { x in
                let loss = loss(x)
                value = loss.detached
                return loss.sum()
            }.gradient
        } else {
            value = loss(logits)
        }
        let classes = try batch.classCount(classAxis)
        let (positions, ignored) = try batch.counts(target, classAxis)
        return LossResult(
            reduction: reduction, positions: positions, ignored: ignored, classes: classes, dtype: batch.inputDtype,
            shape: value.shape, losses: value.scalars.map { Double($0) },
            gradients: slope.map { [LossResult.Gradient("gradient", $0)] } ?? [])
    }

    func target<Scalar: Surprisal.Scalar>(_ batch: Batch, as type: Scalar.Type) throws -> BatchTarget<Scalar> {
        let target = try batch.target(
            as: type, ignoring: ignoreIndex.isEmpty ? [-100] : Set(ignoreIndex), classAxis: classAxis,
            remainder: remainder == .dropped ? .dropped : .spread)
        if let remainder {
            guard case .sparse = target else { throw BatchError.remainderOfAll(remainder.rawValue) }
        }
        if case .labels = target { return target }
        // As in PyTorch, a negative one means no class and is let pass.
        if let index = ignoreIndex.first(where: { $0 >= 0 }) { throw BatchError.ignoredProbabilities(index) }
        return target
    }

    private func loss<Scalar: Surprisal.Scalar>(
        _ shape: [Int], _ weight: Tensor<Scalar>?, _ target: BatchTarget<Scalar>, _ rowWeight: Tensor<Scalar>?
    ) throws -> (consuming Tensor<Scalar>) -> Tensor<Scalar> {
        if input == .logProbabilities {
            if let option = options.ofLogits { throw BatchError.optionOfLogits(option) }
            if rowWeight != nil { throw BatchError.optionOfLogits("tensor \"row_weight\"") }
            guard case .labels(let labels) = target else { throw BatchError.probabilitiesOfLogProbabilities }
            let loss = NLLLoss(weight: weight, reduction: reduction, classAxis: classAxis)
            try loss.check(shape, labels)
            return { loss($0, labels) }
        }
        let loss = try options.loss(weight: weight, reduction: reduction, classAxis: classAxis)
        switch target {
        case .labels(let labels):
            try loss.check(shape, labels, rowWeights: rowWeight?.shape)
            return { loss($0, labels, rowWeights: rowWeight) }
        case .probabilities(let q):
            try loss.check(shape, probabilities: q.shape, rowWeights: rowWeight?.shape)
            return { loss($0, probabilities: q, rowWeights: rowWeight) }
        case .sparse(let q):
            try loss.check(shape, probabilities: q, rowWeights: rowWeight?.shape)
            return { loss($0, probabilities: q, rowWeights: rowWeight) }
        }
    }
}

extension Reduction: ExpressibleByArgument {}
