import Surprisal
import Testing

@testable import Surprisal

@Suite struct TrainerTests {
    typealias Network = Sequential<Float>

    private static func network(_ widths: [Int], dropout: Double = 0) -> Network {
        var random = SplitMix64(seed: 3)
        return Network(
            Linear(widths[0], widths[1], using: &random), ReLU(), Dropout(dropout), Linear(widths[1], widths[2], using: &random))
    }

    /// Points around the corners of a square, a class a corner, which a line does not part.
    private static func examples(_ count: Int, seed: UInt64, noise: Double = 0.25) -> Examples<Float> {
        var random = SplitMix64(seed: seed)
        var features: [Float] = [], labels: [Int] = []
        for _ in 0..<count {
            let corner = Int.random(in: 0..<4, using: &random)
            features += [corner & 1, corner >> 1].map { Float(Double($0) + noise * NormalDistribution.random(using: &random)) }
            labels.append(corner == 0 || corner == 3 ? 0 : 1)
        }
        do { return Examples(Tensor(features, shape: [count, 2]), try Labels(labels, classCount: 2)) } catch {
            fatalError("\(error)")
        }
    }

    private func run(_ trainer: Trainer<Network>, seed: UInt64 = 1) -> TrainingRun<Network> {
        let model = Self.network([2, 16, 2], dropout: 0.1)
        var run = TrainingRun(model, Adam(for: model, learningRate: 0.02), seed: seed)
        trainer.train(&run, on: Self.examples(300, seed: 1), validatingOn: Self.examples(200, seed: 2))
        return run
    }

    private func bits(_ model: Network) -> [[UInt32]] { model.parameters.map { $0.value.scalars.map(\.bitPattern) } }

    @Test func learnsWhatALineCannot() throws {
        let run = run(Trainer(epochs: 30))
        #expect(run.history.map(\.epoch) == Array(1...30))
        let last = try #require(run.history.last?.validation)
        // Of corners a quarter apart in standard deviations of 0.25, 5 % lie on a wrong side.
        #expect(last.accuracy > 0.9 && last.loss < 0.3, "\(last)")
        let best = try #require(run.bestEpoch)
        #expect(run.history.allSatisfy { ($0.validation?.loss ?? 0) >= run.history[best - 1].validation!.loss })
        #expect(Trainer(epochs: 30).validate(run.best, on: Self.examples(200, seed: 2)) == run.history[best - 1].validation)
    }

    @Test func theNumberOfWorkersChangesNoBit() {
        let one = run(Trainer(epochs: 3, batchSize: 150, workers: 1))
        for workers in [2, 4] {
            let other = run(Trainer(epochs: 3, batchSize: 150, workers: workers))
            #expect(bits(one.model) == bits(other.model) && one.history == other.history)
        }
        #expect(bits(one.model) != bits(run(Trainer(epochs: 3, batchSize: 150), seed: 2).model))
    }

    @Test func aBatchOfNothingIsRefused() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let none = TrainerTests.examples(2, seed: 1)[0..<0]
            _ = Trainer(epochs: 1).gradient(at: TrainerTests.network([2, 16, 2]), none, seed: 0)
        }
        #expect(String(decoding: result.standardErrorContent, as: UTF8.self).contains("Trainer: a batch of no examples"))
    }

    /// Pieces of a batch, with class weights and ignored rows, make the gradient of the whole.
    @Test func piecesMakeTheWhole() throws {
        let batch = Self.examples(150, seed: 4)
        let labels = try Labels((0..<150).map { $0 % 7 == 0 ? -100 : batch.labels[$0] ?? 0 }, classCount: 2)
        for denominator in [MeanDenominator.labelWeights, .labels, .positions, .number(70)] {
            let loss = CrossEntropyLoss<Float>(
                weight: Tensor([0.3, 2]), labelSmoothing: 0.1, denominator: denominator, zLoss: 0.01)
            let model = Self.network([2, 16, 2])
            let found = Trainer(epochs: 1, loss: loss).gradient(at: model, Examples(batch.features, labels), seed: 0)
            let whole = valueWithGradient(at: model) { loss($0(batch.features), labels) }
            #expect(abs(found.loss - Double(whole.value.scalars[0])) <= 4 * Double(Float.ulpOfOne) * found.loss)
            for (a, b) in zip(found.gradient.parameters, whole.gradient.parameters) {
                #expect(a.name == b.name && a.value.shape == b.value.shape)
                for (x, y) in zip(a.value.scalars, b.value.scalars) {
                    // Sums of 150 terms of up to 1/75 in another order.
                    #expect(abs(x - y) <= 8 * Float.ulpOfOne, "\(a.name)")
                }
            }
        }
    }

    @Test func goesOnWhereItStood() {
        let trainer = Trainer<Network>(epochs: 6)
        let whole = run(trainer)
        var part = run(Trainer(epochs: 2))
        part = TrainingRun(
            model: part.model, best: part.best, bestEpoch: part.bestEpoch, optimizer: part.optimizer, generator: part.generator,
            history: part.history)
        // Ended in the midst of an epoch: as if that had not begun.
        var steps = 0
        let ended = trainer.train(&part, on: Self.examples(300, seed: 1), validatingOn: Self.examples(200, seed: 2), step: { _, _, _ in
            steps += 1
            return steps < 8
        })
        #expect(!ended && part.history.count == 3)
        #expect(trainer.train(&part, on: Self.examples(300, seed: 1), validatingOn: Self.examples(200, seed: 2)))
        #expect(bits(part.model) == bits(whole.model) && bits(part.best) == bits(whole.best))
        #expect(part.history == whole.history && part.bestEpoch == whole.bestEpoch)
    }

    /// Labels without sense: the validation loss only rises.
    @Test func endsWhenNothingImproves() throws {
        var random = SplitMix64(seed: 9)
        let features: Tensor<Float> = CrossEntropyRelationTests.logits([64, 2], seed: 1)
        let noise = Examples(features, try Labels((0..<64).map { _ in Int.random(in: 0..<2, using: &random) }, classCount: 2))
        let model = Self.network([2, 64, 2])
        var run = TrainingRun(model, Adam(for: model, learningRate: 0.05), seed: 1)
        let other: Tensor<Float> = CrossEntropyRelationTests.logits([64, 2], seed: 2)
        let trainer = Trainer<Network>(epochs: 500, patience: 4)
        #expect(trainer.train(&run, on: noise, validatingOn: Examples(other, noise.labels)))
        let best = try #require(run.bestEpoch)
        #expect(run.history.count == best + 4 && run.history.count < 500)
        #expect(bits(run.best) != bits(run.model))
    }

    @Test func theRateFollowsItsSchedule() {
        var rates: [Double] = []
        let model = Self.network([2, 4, 2])
        var run = TrainingRun(model, SGD(for: model, learningRate: 1), seed: 1)
        Trainer<Network>(epochs: 2, batchSize: 100, learningRate: { 1 / Double($0 + 1) }).train(
            &run, on: Self.examples(300, seed: 1),
            epoch: { report, _ in
                rates.append(report.learningRate)
                return true
            })
        #expect(rates == [1 / 3.0, 1 / 6.0])
        #expect(run.bestEpoch == nil && bits(run.best) == bits(run.model))
    }

    /// NaN is never the best, not even as the first.
    @Test func aLossThatIsNoNumberIsNotTheBest() {
        let model = Self.network([2, 4, 2])
        var run = TrainingRun(model, SGD(for: model, learningRate: 1), seed: 1)
        func report(_ epoch: Int, _ loss: Double) -> EpochReport {
            EpochReport(epoch: epoch, learningRate: 1, trainingLoss: 0, validation: Validation(loss: loss, accuracy: 0))
        }
        let trainer = Trainer<Network>(epochs: 10, patience: 2)
        run.add(report(1, .nan))
        #expect(run.bestEpoch == nil && !trainer.isOver(run))
        run.add(report(2, 3))
        #expect(run.bestEpoch == 2)
        run.add(report(3, .nan))
        #expect(run.bestEpoch == 2 && !trainer.isOver(run))
        run.add(report(4, 3))
        #expect(run.bestEpoch == 2 && trainer.isOver(run))
    }
}
