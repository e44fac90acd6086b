import ArgumentParser
import FoundationEssentials
import Surprisal
import SurprisalDatasets
import SurprisalReference

struct TourCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tour",
        abstract: "Walks the notebook: cross-entropy on logits equals NLL on log-softmax.",
        discussion: "Prints each cell's value beside the notebook's, then trains on handwritten digits and on the words of a "
            + "book. Exits with status 1 when a number differs or a model has not learned.")

    @Flag(inversion: .prefixedNo, help: "Train on the book as well, which takes most of the tour's time.")
    var book = true

    func run() throws {
        // A wrong SURPRISAL_THREADS or SURPRISAL_ISA shows before any output.
        _ = (Parallel.threadCount, InstructionSet.current)
        var tour = Tour()
        try tour.oneRow()
        try tour.threeRows()
        try tour.model()
        try tour.gradients()
        try tour.digits()
        if book { try tour.words() }
        try tour.finish()
    }
}

/// Cells in order; each comparison is of printed text, to the last character.
struct Tour {
    private var compared = 0
    private var differences = 0

    private mutating func cell(
        _ expression: String, _ here: String, _ notebook: String, expecting: String? = nil,
        ways: (String, String) = ("here", "notebook")
    ) throws {
        compared += 1
        let same = here == (expecting ?? notebook)
        if !same { differences += 1 }
        try Failure.printLine("  \(expression)")
        for (way, text) in [(ways.0, here), (ways.1, notebook + "   \(same ? "same" : "DIFFERENT")")] {
            let label = way.padded(to: 14)
            try Failure.printLine("      \(label)\(text.replacing("\n", with: "\n                    "))")
        }
    }

    /// A statement of which the tour is wrong when it does not hold.
    mutating func claim(_ statement: String, holds: Bool) throws {
        compared += 1
        if !holds { differences += 1 }
        try Failure.printLine("  \(statement): \(holds ? "yes" : "NO")")
    }

    func title(_ text: String) throws { try Failure.printLine("\n\(text)") }

    mutating func oneRow() throws {
        try title("1. One row of ten logits, class 1")
        let x = Tensor<Float>([[0.8982, 0.805, 0.6393, 0.9983, 0.5731, 0.0469, 0.556, 0.1476, 0.8404, 0.5544]])
        let y = try Labels([1], classCount: 10)
        let logProbabilities = x.logSoftmax()
        try cell("CrossEntropyLoss()(x, y)", "\(CrossEntropyLoss()(x, y).detached)", "tensor(2.1438)")
        let byHand = Reference.notebookNLL(logProbabilities.scalars, labels: [1], classes: 10)
        try cell("NLL by hand of x.logSoftmax()", "\(Tensor<Float>(byHand))", "tensor(2.1438)")
        try cell("NLLLoss()(x.logSoftmax(), y)", "\(NLLLoss()(logProbabilities, y).detached)", "tensor(2.1438)")
    }

    mutating func threeRows() throws {
        try title("2. Three rows: a good prediction and a bad one of [0, 2, 1]")
        let y = try Labels([0, 2, 1], classCount: 3)
        let good = Tensor<Float>([[2.0, 1.0, 0.1], [0.5, 1.0, 3.1], [0.3, 1.0, 0.1]])
        let bad = Tensor<Float>([[0.1, 1.0, 2.5], [3.1, 1.0, 0.5], [3.1, 0.1, 2.5]])
        for (name, prediction, values, indices, loss) in [
            ("good", good, "tensor([2.0000, 3.1000, 1.0000])", "tensor([0, 2, 1])", "0.41337862610816956"),
            ("bad", bad, "tensor([2.5000, 3.1000, 3.1000])", "tensor([2, 0, 0])", "2.973893404006958"),
        ] {
            let (best, at) = prediction.max(along: 1)
            try cell("\(name).max(along: 1).values", "\(best.detached)", values)
            try cell("\(name).max(along: 1).indices", "\(at)", indices)
            try cell(
                "CrossEntropyLoss()(\(name), y), widened to Double", "\(Double(CrossEntropyLoss()(prediction, y).item()))",
                loss)
            try cell(
                "NLLLoss()(\(name).logSoftmax(), y), widened to Double",
                "\(Double(NLLLoss()(prediction.logSoftmax(), y).item()))", loss)
        }
    }

    private let x = Tensor<Float>([[20, 10], [10, 30], [10, 1]])

    mutating func model() throws {
        try title("3. A model, Linear(2, 8) then Linear(8, 3), read in two ways")
        try Failure.printLine(
            "  The notebook's weights were never saved. These were solved for from its prints: the two layers\n"
                + "  compose to an affine map, which six differences of log-probabilities fix.")
        let y = try Labels([0, 2, 1], classCount: 3)
        let model = NotebookModel.solved
        try cell(
            "CrossEntropyLoss()(model.forward1(x), y)", "\(CrossEntropyLoss()(model.forward1(x), y))",
            "tensor(5.3101, grad_fn=<NllLossBackward0>)", expecting: "tensor(5.3101, from: CrossEntropy)")
        try cell(
            "NLLLoss()(model.forward2(x), y)", "\(NLLLoss()(model.forward2(x), y))",
            "tensor(5.3101, grad_fn=<NllLossBackward0>)", expecting: "tensor(5.3101, from: NLL)")
        let logProbabilities = model.forward2(x)
        try cell(
            "model.forward2(x)", "\(logProbabilities.detached)",
            "tensor([[-1.3639e+00, -3.4139e-01, -3.3949e+00],\n        [-5.9470e+00, -2.6188e-03, -1.3211e+01],\n"
                + "        [-8.9062e-01, -1.3551e+00, -1.1036e+00]])")
        let (best, at) = logProbabilities.max(along: 1)
        try cell("model.forward2(x).max(along: 1).indices", "\(at)", "tensor([1, 1, 0])")
        try cell("model.forward2(x).max(along: 1).values", "\(best.detached)", "tensor([-0.3414, -0.0026, -0.8906])")
    }

    mutating func gradients() throws {
        try title("4. Both ways differentiated")
        let y = try Labels([0, 2, 1], classCount: 3)
        let one = valueWithGradient(at: NotebookModel.solved) { CrossEntropyLoss()($0.forward1(x), y) }.gradient
        let two = valueWithGradient(at: NotebookModel.solved) { NLLLoss()($0.forward2(x), y) }.gradient
        for (a, b) in zip(one.parameters, two.parameters) {
            try cell(
                "gradient of \(a.name)", "\(a.value)", "\(b.value)", ways: ("CrossEntropy", "NLL"))
        }
    }

    mutating func digits() throws {
        try title("5. Real input: handwritten digits, Linear(64, 10), every fifth row held out")
        let digits = Digits()
        func tensor(_ part: (pixels: [Float], digits: [Int])) -> Tensor<Float> {
            Tensor(part.pixels, shape: [part.digits.count, Digits.pixelCount])
        }
        let x = tensor(digits.training)
        let y = try Labels(digits.training.digits, classCount: Digits.classCount)
        var generator = SplitMix64(seed: 0)
        var model = Linear<Float>(Digits.pixelCount, Digits.classCount, using: &generator)
        var optimizer = SGD(for: model, learningRate: 0.05, momentum: 0.9)
        let loss = CrossEntropyLoss<Float>()
        let (heldOut, truth) = (tensor(digits.heldOut), try Labels(digits.heldOut.digits, classCount: Digits.classCount))
        var accuracy = 0.0
        for epoch in 1...20 {
            var sum = 0.0
            let order = (0..<y.count).shuffled(using: &generator)
            for start in stride(from: 0, to: order.count, by: 32) {
                let batch = order[start..<min(start + 32, order.count)]
                let (value, gradient) = valueWithGradient(at: model) { loss($0(x.rows(batch)), y[batch]) }
                optimizer.update(&model, along: gradient)
                sum += Double(value.item()) * Double(batch.count)
            }
            accuracy = model(heldOut).accuracy(against: truth)
            try Failure.printLine(
                String(
                    format: "  epoch %2ld of 20   loss %.4f   held-out accuracy %.4f", epoch, sum / Double(y.count), accuracy))
        }
        try claim("held-out accuracy at least 0.95", holds: accuracy >= 0.95)
    }

    func finish() throws {
        try Failure.printLine("\n\(compared) comparisons, \(differences) different")
        if differences > 0 { throw ExitCode(1) }
    }
}
