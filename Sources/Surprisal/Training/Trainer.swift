import SurprisalKernels

/// Rows of features with their labels, that a classifier is trained on or held against.
public struct Examples<Scalar: Surprisal.Scalar>: Sendable {
    /// rows × …
    public let features: Tensor<Scalar>
    /// One a row.
    public let labels: Labels

    /// Stops the program when there is not one label a row.
    public init(_ features: Tensor<Scalar>, _ labels: Labels) {
        if features.shape.first != labels.count || labels.shape.count != 1 {
            fatalError("Examples: features of shape \(features.shape), labels of shape \(labels.shape); expected one a row")
        }
        (self.features, self.labels) = (features, labels)
    }

    public var count: Int { labels.count }

    /// Those with these indices, in their order.
    public subscript(rows: some Collection<Int>) -> Examples { Examples(features.rows(rows), labels[rows]) }
}

/// How well a classifier does on examples that it was not trained on.
public struct Validation: Sendable, Equatable {
    /// The mean surprisal of the labels, in nats.
    public let loss: Double
    /// The part of the rows whose label has the largest logit.
    public let accuracy: Double

    public init(loss: Double, accuracy: Double) { (self.loss, self.accuracy) = (loss, accuracy) }
}

/// What an epoch came to.
public struct EpochReport: Sendable, Equatable {
    /// From 1.
    public let epoch: Int
    /// Of its last step.
    public let learningRate: Double
    /// The mean over its steps of what was minimised, each batch by its rows.
    public let trainingLoss: Double
    public let validation: Validation?

    public init(epoch: Int, learningRate: Double, trainingLoss: Double, validation: Validation?) {
        (self.epoch, self.learningRate, self.trainingLoss, self.validation) =
            (epoch, learningRate, trainingLoss, validation)
    }
}

/// Trains classifiers: shuffled batches, epoch after epoch, until one stops improving.
///
///     let trainer = Trainer<Sequential<Float>>(epochs: 30, batchSize: 64, patience: 5)
///     var run = TrainingRun(model, Adam(for: model, weightDecay: .decoupled(0.01)), seed: 1)
///     trainer.train(&run, on: training, validatingOn: heldOut)
///     let classifier = run.best
///
/// The same bits come out for any number of workers: a batch is cut into pieces by its size and the model's alone, and
/// their gradients are added in their order.
public struct Trainer<M: Layer>: Sendable {
    public typealias Scalar = M.Scalar

    public var epochs: Int
    public var batchSize: Int
    /// Class weights and label smoothing are its own; its reduction is the mean.
    public var loss: CrossEntropyLoss<Scalar>
    /// Ends when this many epochs in a row have not lowered the validation loss.
    public var patience: Int?
    /// The learning rate of a step, counted from 0; nil: the optimiser's own.
    public var learningRate: (@Sendable (_ step: Int) -> Double)?
    /// Threads that a batch is spread over; nil: `Parallel.threadCount`.
    public var workers: Int?

    /// Stops the program when a number is below 1, or the loss's reduction is not the mean.
    public init(
        epochs: Int, batchSize: Int = 64, loss: CrossEntropyLoss<Scalar> = CrossEntropyLoss(), patience: Int? = nil,
        learningRate: (@Sendable (_ step: Int) -> Double)? = nil, workers: Int? = nil
    ) {
        for (number, name) in [(epochs, "epochs"), (batchSize, "batchSize"), (patience ?? 1, "patience"), (workers ?? 1, "workers")]
        where number < 1 {
            fatalError("Trainer: \(name) is \(number); expected at least 1")
        }
        if loss.reduction != .mean { fatalError("Trainer: the loss's reduction is \(loss.reduction); expected mean") }
        (self.epochs, self.batchSize, self.loss, self.patience) = (epochs, batchSize, loss, patience)
        (self.learningRate, self.workers) = (learningRate, workers)
    }

    /// Steps of an epoch: the last batch may be smaller.
    @inlinable
    public func steps(perEpochOf count: Int) -> Int { (count + batchSize - 1) / batchSize }

    /// Whether the run is over: all epochs are done, or too many have brought nothing.
    @inlinable
    public func isOver(_ run: TrainingRun<M>) -> Bool {
        if run.history.count >= epochs { return true }
        guard let patience, run.history.last?.validation != nil else { return false }
        return run.history.count - (run.bestEpoch ?? 0) >= patience
    }

    /// Trains until the run is over.
    ///
    /// - Parameter step: called after each step with its epoch, from 1, its place in it, from 0, and its loss; false ends
    ///   the training there, and the run is what it was before the epoch.
    /// - Parameter epoch: called after each epoch; the run is then all that a later one needs to go on from there. False
    ///   ends the training.
    /// - Returns: whether it came to its end.
    @inlinable
    @discardableResult
    public func train(
        _ run: inout TrainingRun<M>, on examples: Examples<Scalar>, validatingOn heldOut: Examples<Scalar>? = nil,
        step: (_ epoch: Int, _ step: Int, _ loss: Double) -> Bool = { _, _, _ in true },
        epoch: (_ report: EpochReport, _ run: TrainingRun<M>) -> Bool = { _, _ in true }
    ) -> Bool {
        if examples.count == 0 { fatalError("Trainer: no examples") }
        while !isOver(run) {
            var next = run
            guard let report = pass(&next, examples, heldOut, step) else { return false }
            run = next
            if !epoch(report, run) { return isOver(run) }
        }
        return true
    }

    /// An epoch; nil when it was ended before.
    @inlinable
    func pass(
        _ run: inout TrainingRun<M>, _ examples: Examples<Scalar>, _ heldOut: Examples<Scalar>?,
        _ step: (Int, Int, Double) -> Bool
    ) -> EpochReport? {
        let order = run.nextOrder(of: examples.count)
        let steps = steps(perEpochOf: examples.count), number = run.history.count + 1
        var sum = CompensatedSum()
        for place in 0..<steps {
            let batch = order[place * batchSize..<min(examples.count, (place + 1) * batchSize)]
            if let learningRate { run.learn(at: learningRate((number - 1) * steps + place)) }
            let found = gradient(at: run.model, examples, rows: batch, seed: run.nextSeed())
            run.move(along: found.gradient)
            sum.add(found.loss * Double(batch.count))
            if !step(number, place, found.loss) { return nil }
        }
        let report = EpochReport(
            epoch: number, learningRate: run.optimizer.learningRate, trainingLoss: sum.value / Double(examples.count),
            validation: heldOut.map { validate(run.model, on: $0) })
        run.add(report)
        return report
    }

    /// The loss of a batch and its gradient: what a step goes along.
    ///
    /// Stops the program when the batch is empty.
    /// - Parameter seed: of the layers' random choices.
    @inlinable
    public func gradient(at model: M, _ batch: Examples<Scalar>, seed: UInt64) -> (loss: Double, gradient: Gradient<M>) {
        gradient(at: model, batch, rows: Array(0..<batch.count)[...], seed: seed)
    }

    /// The same of the examples with these indices, which each piece gathers for itself.
    @inlinable
    package func gradient(
        at model: M, _ examples: Examples<Scalar>, rows batch: ArraySlice<Int>, seed: UInt64
    ) -> (loss: Double, gradient: Gradient<M>) {
        if batch.isEmpty { fatalError("Trainer: a batch of no examples") }
        let rows = rowsPerPiece(batch.count, model), pieces = (batch.count + rows - 1) / rows
        let whole = pieces == 1 ? loss : loss.dividing(by: loss.denominator(of: examples.labels.gathered(batch)))
        let sum = PieceGradient.sum(of: pieces, workers: workers) { number in
            let start = batch.startIndex + number * rows
            let chosen = batch[start..<min(batch.endIndex, start + rows)]
            let features = examples.features.rows(chosen: chosen), labels = examples.labels.gathered(chosen)
            var generator = SplitMix64(seed: seed &+ UInt64(number))
            var tracked = model
            let (value, gradients) = valueWithGradients(tracking: &tracked) {
                whole($0(features, training: &generator), labels)
            }
            return PieceGradient(loss: Double(value.item()), gradients: gradients)
        }
        return (sum.loss, Gradient(at: model, inOrder: sum.gradients))
    }

    /// Where products are small a batch goes faster in pieces, each on a thread of its own, than product by product over
    /// all threads; where they are large the gradients' sums would cost more. Of fewer than 64 rows a piece costs more than it
    /// brings: as many graphs, and numbers in a cache that another processor may be far from (64→128→10 in batches of 64 took
    /// 20 µs in two pieces where the two processors share a cache, 50 where they do not, 23 in one piece on one thread).
    @inlinable
    func rowsPerPiece(_ rows: Int, _ model: M) -> Int {
        rows <= 64 || model.parameterCount > 1 << 16 ? rows : max(64, (rows + 7) / 8)
    }

    /// The mean loss, without class weights and smoothing, and the accuracy; in parts that bound the memory.
    public func validate(_ model: M, on examples: Examples<Scalar>) -> Validation {
        var loss = CompensatedSum(), right = 0.0, counted = 0
        let part = 4096
        for start in stride(from: 0, to: examples.count, by: part) {
            let rows = examples[start..<min(examples.count, start + part)]
            let logits = model(rows.features)
            let labelled = rows.count - rows.labels.ignoredCount
            if labelled == 0 { continue }
            right += (logits.accuracy(against: rows.labels) * Double(labelled)).rounded()
            loss.add(logits.negativeLogLikelihood(against: rows.labels) * Double(labelled))
            counted += labelled
        }
        return Validation(loss: loss.value / Double(counted), accuracy: right / Double(counted))
    }
}

/// Where a training stands: the model, and all else that the next epoch depends on.
public struct TrainingRun<M: Layer>: Sendable {
    public private(set) var model: M
    public internal(set) var optimizer: any Optimizer<M>
    /// Of the order of the rows and the layers' random choices.
    public internal(set) var generator: SplitMix64
    public private(set) var history: [EpochReport]
    /// The model with the lowest validation loss; without validation the last, and while none is finite the first.
    public private(set) var best: M
    /// Of `best`, from 1; nil before the first, without validation, and while no validation loss is finite.
    public private(set) var bestEpoch: Int?

    public init(_ model: M, _ optimizer: some Optimizer<M>, seed: UInt64) {
        (self.model, best, self.optimizer, history) = (model, model, optimizer, [])
        generator = SplitMix64(seed: seed)
    }

    /// A run that goes on where another stood.
    public init(
        model: M, best: M, bestEpoch: Int?, optimizer: some Optimizer<M>, generator: SplitMix64, history: [EpochReport]
    ) {
        (self.model, self.best, self.bestEpoch) = (model, best, bestEpoch)
        (self.optimizer, self.generator, self.history) = (optimizer, generator, history)
    }

    @usableFromInline
    mutating func nextOrder(of count: Int) -> [Int] { (0..<count).shuffled(using: &generator) }

    @usableFromInline
    mutating func nextSeed() -> UInt64 { generator.next() }

    @usableFromInline
    mutating func learn(at rate: Double) { optimizer.learningRate = rate }

    @usableFromInline
    mutating func move(along gradient: Gradient<M>) { optimizer.update(&model, along: gradient) }

    @usableFromInline
    mutating func add(_ report: EpochReport) {
        history.append(report)
        guard let validation = report.validation else {
            best = model
            return
        }
        let lowest = bestEpoch.flatMap { history[$0 - 1].validation?.loss }
        // NaN is never the best.
        if validation.loss < lowest ?? .infinity { (best, bestEpoch) = (model, report.epoch) }
    }
}
