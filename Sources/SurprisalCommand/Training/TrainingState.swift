import FoundationEssentials
import Surprisal
import SurprisalIO

/// Where a training stands after an epoch, in a file beside the model's: all that the next epoch depends on, and what the
/// command was asked for.
struct TrainingState {
    typealias Run = TrainingRun<Sequential<Float>>

    let classifier: Classifier
    let run: Run
    /// The options that the numbers depend on, and a digest of the data.
    let options: [String: String]

    static func path(of model: String) -> String { model + ".training" }

    private struct Text: Codable {
        struct Epoch: Codable {
            let epoch: Int
            let learningRate, trainingLoss: Double
            let loss, accuracy: Double?
        }
        let classifier: String
        let options: [String: String]
        let stepCount: Int
        let generator: UInt64
        let bestEpoch: Int?
        let history: [Epoch]
    }

    func write(to path: String) throws(ClassifierError) {
        let text = Text(
            classifier: classifier.metadata, options: options, stepCount: run.optimizer.stepCount,
            generator: run.generator.state, bestEpoch: run.bestEpoch,
            history: run.history.map {
                Text.Epoch(
                    epoch: $0.epoch, learningRate: $0.learningRate, trainingLoss: $0.trainingLoss,
                    loss: $0.validation?.loss, accuracy: $0.validation?.accuracy)
            })
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        encoder.nonConformingFloatEncodingStrategy = Self.encoding
        let json: String
        do { json = String(decoding: try encoder.encode(text), as: UTF8.self) } catch { fatalError("training state: \(error)") }
        var writer = SafetensorsWriter(metadata: ["surprisal-training": json])
        do {
            try writer.add(run.model, prefix: "model.")
            try writer.add(run.best, prefix: "best.")
            for (name, value) in run.optimizer.state {
                try writer.add("optimizer." + name, shape: value.shape, values: value.scalars)
            }
            try writer.write(to: path)
        } catch { throw .safetensors(error) }
    }

    /// - Parameter plan: of whose optimiser the state is.
    init(contentsOf path: String, _ plan: TrainingPlan) throws {
        let file = try SafetensorsFile(contentsOf: path)
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = Self.decoding
        guard let json = file.metadata["surprisal-training"], let text = try? decoder.decode(Text.self, from: Data(json.utf8)) else {
            throw Failure.exit("\(path): no state of a training; expected a file that `surprisal train` has written")
        }
        var classifier = try Classifier(metadata: text.classifier, path: path)
        var best = classifier.model
        try classifier.model.load(file, prefix: "model.")
        try best.load(file, prefix: "best.")
        var optimizer = plan.optimizer(for: classifier.model)
        let prefix = "optimizer."
        let names = file.names.filter { $0.hasPrefix(prefix) }
        do {
            try optimizer.restore(
                names.map { (String($0.dropFirst(prefix.count)), try file.tensor(of: $0, as: Float.self)) },
                stepCount: text.stepCount)
        } catch let error as OptimizerStateError { throw Failure.exit("\(path): \(error)") }
        (self.classifier, options) = (classifier, text.options)
        run = Run(
            model: classifier.model, best: best, bestEpoch: text.bestEpoch, optimizer: optimizer,
            generator: SplitMix64(seed: text.generator),
            history: text.history.map {
                var validation: Validation?
                if let loss = $0.loss, let accuracy = $0.accuracy { validation = Validation(loss: loss, accuracy: accuracy) }
                return EpochReport(
                    epoch: $0.epoch, learningRate: $0.learningRate, trainingLoss: $0.trainingLoss, validation: validation)
            })
    }

    init(_ classifier: Classifier, _ run: Run, options: [String: String]) {
        (self.classifier, self.run, self.options) = (classifier, run, options)
    }

    private static let encoding = JSONEncoder.NonConformingFloatEncodingStrategy.convertToString(
        positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    private static let decoding = JSONDecoder.NonConformingFloatDecodingStrategy.convertFromString(
        positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
}

/// FNV-1a (G. Fowler, L. C. Noll, K.-P. Vo) of numbers: enough to tell other data from the same.
struct Digest {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325
    mutating func add(_ number: some FixedWidthInteger) {
        value = (value ^ UInt64(truncatingIfNeeded: number)) &* 0x100_0000_01B3
    }
}
