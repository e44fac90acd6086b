import Surprisal
import SurprisalReference

/// The training step in plain arrays, by the naive loops.
struct NaiveTwoLayers<T: Element> {
    /// Weights and biases in the model's order.
    var parameters: [[T]]
    private(set) var gradients: [[T]]
    private let x: [T], labels: [Int]
    private let batch: Int, sizes: [Int], relu: Bool
    private var hidden: [T], logits: [T], dHidden: [T], dLogits: [T], losses: [T], unused: [T] = []

    init(_ model: TwoLayers, x: [T], labels: [Int], sizes: [Int]) {
        self.init(
            parameters: model.parameters.map { $0.value.scalars.map { T($0) } }, relu: model.relu, x: x, labels: labels,
            sizes: sizes)
    }

    init(parameters: [[T]], relu: Bool, x: [T], labels: [Int], sizes: [Int]) {
        (self.parameters, gradients) = (parameters, parameters)
        (self.x, self.labels, self.sizes, self.relu) = (x, labels, sizes, relu)
        batch = labels.count
        hidden = [T](repeating: 0, count: batch * sizes[1])
        logits = [T](repeating: 0, count: batch * sizes[2])
        losses = [T](repeating: 0, count: batch)
        (dHidden, dLogits) = (hidden, logits)
    }

    mutating func step(_ learningRate: Double) {
        differentiate()
        for i in parameters.indices {
            Reference.sgdStep(&parameters[i], gradient: gradients[i], buffer: &unused, learningRate: learningRate)
        }
    }

    /// Forms the gradients.
    mutating func differentiate() {
        Reference.linear(
            x, weight: parameters[0], bias: parameters[1], rows: batch, inputs: sizes[0], outputs: sizes[1], into: &hidden)
        if relu { for i in hidden.indices where hidden[i] < 0 { hidden[i] = 0 } }
        Reference.linear(
            hidden, weight: parameters[2], bias: parameters[3], rows: batch, inputs: sizes[1], outputs: sizes[2],
            into: &logits)
        Reference.crossEntropiesWithGradient(
            logits, labels: labels, shape: ReferenceShape(outer: batch, classes: sizes[2]), losses: &losses,
            gradient: &dLogits)
        Reference.linearWeightGradient(
            upstream: dLogits, input: hidden, rows: batch, inputs: sizes[1], outputs: sizes[2], into: &gradients[2])
        Reference.linearBiasGradient(upstream: dLogits, rows: batch, outputs: sizes[2], into: &gradients[3])
        Reference.linearInputGradient(
            upstream: dLogits, weight: parameters[2], rows: batch, inputs: sizes[1], outputs: sizes[2], into: &dHidden)
        if relu { for i in hidden.indices where hidden[i] <= 0 { dHidden[i] = 0 } }
        Reference.linearWeightGradient(
            upstream: dHidden, input: x, rows: batch, inputs: sizes[0], outputs: sizes[1], into: &gradients[0])
        Reference.linearBiasGradient(upstream: dHidden, rows: batch, outputs: sizes[1], into: &gradients[1])
    }
}
