import FoundationEssentials
import Glibc
import Surprisal

/// The next word from the last ones: a row of features for each of these, a hidden layer, and a head over all words.
///
/// Source: Y. Bengio, R. Ducharme, P. Vincent, C. Jauvin, "A neural probabilistic language model", JMLR 3, 2003.
struct WordModel: Model {
    static let contextLength = 2, features = 32, hiddenUnits = 64

    var embedding: Embedding<Float>
    var hidden, head: Linear<Float>

    /// Random parameters, but for the head's biases: the logarithms of the words' counts. What the model has to learn is
    /// what the context adds to these.
    init(counts: [Double], using generator: inout some RandomNumberGenerator) {
        let words = counts.count, all = counts.reduce(0, +)
        // From rows as wide as PyTorch's it learns the training words by heart: in a trial of three epochs the held-out
        // perplexity was 629 instead of 560.
        embedding = Embedding(words, Self.features, standardDeviation: 0.1, using: &generator)
        hidden = Linear(Self.contextLength * Self.features, Self.hiddenUnits, using: &generator)
        head = Linear(Self.hiddenUnits, words, using: &generator)
        head.bias = Tensor(counts.map { Float(log($0 / all)) })
    }

    /// What the head makes logits of.
    func features(of contexts: [Int]) -> Tensor<Float> {
        let rows = contexts.count / Self.contextLength
        let words = embedding(contexts, shape: [rows, Self.contextLength])
        return hidden(words.reshaped(to: [rows, Self.contextLength * Self.features])).relu()
    }

    mutating func forEachParameter(_ body: (String, inout Tensor<Float>) -> Void) {
        embedding.forEachParameter { body("embedding.\($0)", &$1) }
        hidden.forEachParameter { body("hidden.\($0)", &$1) }
        head.forEachParameter { body("head.\($0)", &$1) }
    }
}
