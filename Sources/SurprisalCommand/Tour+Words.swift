import FoundationEssentials
import Glibc
import Surprisal
import SurprisalDatasets

extension Tour {
    /// Rows of a batch, and bytes of logits at a time: those of 187 rows.
    private static let batch = 2048, blockBytes = 8 << 20

    /// A word is in few rows of a batch, and the mean divides their gradients by 2,048: hence a rate that would be too high
    /// for the digits. After two epochs the held-out perplexity was 572 with 2, 529 with 4. It goes down to 0 in a line.
    private static let epochs = 3, learningRate = 4.0

    private static let loss = LinearCrossEntropyLoss<Float>(blockBytes: blockBytes)

    mutating func words() throws {
        try title("6. Many classes: the next word of The Devil's Dictionary, every distinct word a class")
        let book = Book(DevilsDictionary.text), classes = book.vocabulary.count
        try Failure.printLine(
            "  \(book.words.count) words and punctuation marks, \(classes) distinct ones; the last tenth is held out")
        try claim("at least 10000 classes", holds: classes >= 10_000)

        let counts = book.counts
        var generator = SplitMix64(seed: 0)
        var model = WordModel(counts: counts, using: &generator)
        let memory = try memory(of: model, book)
        try train(&model, on: book, perplexityOfCounts: Self.perplexity(of: counts, book), using: &generator)
        try report(memory, classes)
        try continuations(model, book)
    }

    private static func labels(_ places: some Sequence<Int>, _ book: Book) throws -> Labels {
        try Labels(places.map { book.words[$0] }, classCount: book.vocabulary.count)
    }

    /// Of the held-out words when each is as probable as it is frequent.
    private static func perplexity(of counts: [Double], _ book: Book) -> Double {
        let all = counts.reduce(0, +), heldOut = book.words[book.heldOut...]
        return exp(-heldOut.reduce(0) { $0 + log(counts[$1] / all) } / Double(heldOut.count))
    }

    private mutating func train(
        _ model: inout WordModel, on book: Book, perplexityOfCounts: Double, using generator: inout SplitMix64
    ) throws {
        let size = "\(WordModel.contextLength) × \(WordModel.features) → \(WordModel.hiddenUnits) → \(book.vocabulary.count)"
        try Failure.printLine(
            "  \(WordModel.contextLength) words before it, embedded: \(size), \(model.parameterCount) parameters\n"
                + String(format: "  words by their frequency alone      held-out perplexity %.1f", perplexityOfCounts))
        let places = WordModel.contextLength..<book.heldOut, heldOut = book.heldOut..<book.words.count
        let contexts = book.contexts(of: heldOut), truth = try Self.labels(heldOut, book)
        var optimizer = SGD(for: model, learningRate: Self.learningRate, momentum: 0.9)
        var perplexity = Double.infinity
        for epoch in 1...Self.epochs {
            var sum = 0.0
            let order = places.shuffled(using: &generator)
            for start in stride(from: 0, to: order.count, by: Self.batch) {
                let batch = order[start..<min(start + Self.batch, order.count)]
                let contexts = book.contexts(of: batch), labels = try Self.labels(batch, book)
                let progress = (Double(epoch - 1) + Double(start) / Double(order.count)) / Double(Self.epochs)
                optimizer.learningRate = Self.learningRate * (1 - progress)
                let (value, gradient) = valueWithGradient(at: model) { Self.loss($0.features(of: contexts), $0.head, labels) }
                optimizer.update(&model, along: gradient)
                sum += Double(value.item()) * Double(batch.count)
            }
            perplexity = exp(Double(Self.loss(model.features(of: contexts), model.head, truth).item()))
            try Failure.printLine(
                String(
                    format: "  epoch %ld of %ld   training loss %.4f   held-out perplexity %.1f", epoch, Self.epochs,
                    sum / Double(order.count), perplexity))
        }
        try claim("held-out perplexity below 0.8 of the frequencies'", holds: perplexity < 0.8 * perplexityOfCounts)
    }

    /// By how much the process grows for the loss of a batch and its gradients.
    private func memory(of model: WordModel, _ book: Book) throws -> (fused: Int?, unfused: Int?) {
        func growth(_ rows: Int, _ step: (Tensor<Float>, Labels) -> Void) throws -> Int? {
            let places = WordModel.contextLength..<WordModel.contextLength + rows
            let features = model.features(of: book.contexts(of: places)), labels = try Self.labels(places, book)
            // What is kept for the next step would not be missed in this one.
            BufferPool.empty()
            return ProcessMemory.growth { step(features, labels) }
        }
        func fused(_ features: Tensor<Float>, _ labels: Labels) {
            _ = Self.loss.valueWithGradients(at: features, model.head, labels)
        }
        // OpenBLAS gets its own memory with the first product; a few rows, so that no large block is left to be used again.
        _ = try growth(8) { _ = Self.loss($0, model.head, $1) }
        return (
            try growth(Self.batch, fused),
            try growth(Self.batch) { features, labels in
                _ = valueWithGradient(at: [features, model.head.weight, model.head.bias ?? .zeros([0])]) {
                    CrossEntropyLoss()(Linear(weight: $0[1], bias: $0[2])($0[0]), labels)
                }
            }
        )
    }

    private mutating func report(_ memory: (fused: Int?, unfused: Int?), _ classes: Int) throws {
        func megabytes(_ bytes: Int) -> String { String(format: "%.1f MB", Double(bytes) / 1e6) }
        let logits = Self.batch * classes * MemoryLayout<Float>.stride
        try Failure.printLine("  memory of the loss and its gradients, \(Self.batch) rows")
        func line(_ way: String, _ text: String, _ growth: Int?) throws {
            let measured = growth.map { "the process grew by \(megabytes($0))" } ?? "not measured: no /proc/self/status"
            try Failure.printLine("      \(way.padded(to: 10))\(text); \(measured)")
        }
        try line("fused", "\(megabytes(Self.blockBytes)) of logits at a time, which become their gradient", memory.fused)
        try line("unfused", "\(megabytes(logits)) of logits, as much again for their gradient where they do not", memory.unfused)
        if let fused = memory.fused {
            try claim("fused, less than a fifth of the logits", holds: fused < logits / 5)
        }
    }

    private func continuations(_ model: WordModel, _ book: Book) throws {
        try Failure.printLine("  most probable next words")
        for prompt in [["n", "."], ["the", "art"], ["one", "of"]] {
            let logits = model.head(model.features(of: prompt.map(book.place)))
            let (shares, words) = logits.softmax().topK(5)
            let list = zip(words.values, shares.scalars).map { "\(book.vocabulary[$0]) " + String(format: "%.2f", $1) }
            try Failure.printLine("      \(prompt.joined(separator: " ")) … \(list.joined(separator: ", "))")
        }
    }
}
