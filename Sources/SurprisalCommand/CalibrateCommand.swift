import ArgumentParser
import FoundationEssentials
import Surprisal
import SurprisalIO

struct CalibrateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calibrate",
        abstract: "Fit a classifier's temperature on labelled rows that it was not trained on.",
        discussion: """
            Divides the logits by the number that makes the labels of DATA most likely (C. Guo et al., "On calibration of \
            modern neural networks", 2017), and writes it into MODEL. The classes chosen stay the same, their \
            probabilities become honest. DATA as for `train`.

              surprisal calibrate model.safetensors table.csv --held-out
            """)

    @Argument(help: ArgumentHelp("A file that `train` has written.", valueName: "model"))
    var model: String

    @Argument(help: ArgumentHelp("digits, iris, or a file.", valueName: "data"))
    var data: String

    @Option(help: ArgumentHelp("The labels, as for `train`. (default: where they were in training)", valueName: "column|file"))
    var labels: String?

    @Flag(help: "Only the rows that the training held out of the same data.")
    var heldOut = false

    @Flag(help: "Print one JSON object.")
    var json = false

    private struct Result: Encodable {
        let model: String
        let temperature, lossBefore, loss, calibrationErrorBefore, calibrationError: Double
    }

    func run() throws {
        _ = (Parallel.threadCount, InstructionSet.current)
        do { try calibrate() } catch { throw readingFailure(error) }
    }

    private func calibrate() throws {
        var classifier = try Classifier(contentsOf: model)
        let (features, labels) = try ClassifierData.examples(data, labels: self.labels, for: classifier, heldOut: heldOut)
        let before = classifier.temperature
        classifier.temperature = 1
        let logits = classifier.logits(features)
        let scaling: TemperatureScaling
        do throws(TemperatureError) { scaling = try TemperatureScaling(fitting: logits, labels) } catch {
            throw Failure.exit("\(data): \(error)")
        }
        classifier.temperature = scaling.temperature
        do throws(ClassifierError) { try classifier.write(to: model) } catch {
            throw Failure.exit(error.description, status: .inputOutput)
        }
        let old = logits / Float(before), new = logits / Float(scaling.temperature)
        func measures(_ logits: Tensor<Float>) -> (loss: Double, error: Double) {
            (logits.negativeLogLikelihood(against: labels), ReliabilityDiagram(logits, labels).expectedCalibrationError)
        }
        let (first, then) = (measures(old), measures(new))
        try Failure.printLine(
            json
                ? try JSONText.line(Result(
                    model: model, temperature: scaling.temperature, lossBefore: first.loss, loss: then.loss,
                    calibrationErrorBefore: first.error, calibrationError: then.error))
                : "\(data): \(labels.count) rows, "
                    + String(
                        format: "temperature %.4f\nloss %.4f before, %.4f now; calibration error %.4f before, %.4f now\n",
                        scaling.temperature, first.loss, then.loss, first.error, then.error) + "wrote \(model)")
    }
}
