import ArgumentParser
import Surprisal
import SurprisalIO

/// The network and how it is trained, as the options say.
struct TrainingPlan {
    enum OptimizerKind: String, ExpressibleByArgument, CaseIterable { case adamw, adam, sgd }
    enum ScheduleKind: String, ExpressibleByArgument, CaseIterable {
        case cosine, constant, linear, step
        case oneCycle = "one-cycle"
    }

    let hidden: [Int]
    let activation: LayerKind.Activation
    let dropout: Double
    let epochs, batchSize: Int
    let optimizer: OptimizerKind
    let learningRate: Double
    let schedule: ScheduleKind
    let weightDecay, labelSmoothing: Double
    let patience, workers: Int?
    let seed: UInt64

    func layers(features: Int, classes: Int) -> [LayerKind] {
        var layers: [LayerKind] = [], width = features
        for next in hidden {
            layers += [.linear(inputs: width, outputs: next), .activation(activation)]
            if dropout > 0 { layers.append(.dropout(probability: dropout)) }
            width = next
        }
        return layers + [.linear(inputs: width, outputs: classes)]
    }

    func optimizer(for model: Sequential<Float>) -> any Optimizer<Sequential<Float>> {
        switch optimizer {
        case .adamw: Adam(for: model, learningRate: learningRate, weightDecay: .decoupled(weightDecay))
        case .adam: Adam(for: model, learningRate: learningRate, weightDecay: weightDecay == 0 ? .none : .l2(weightDecay))
        case .sgd: SGD(for: model, learningRate: learningRate, momentum: 0.9, weightDecay: weightDecay, nesterov: true)
        }
    }

    /// The rate of each step, of as many rows an epoch.
    func schedule(steps: Int) -> any LearningRateSchedule {
        let total = epochs * steps
        switch schedule {
        case .constant: return ConstantSchedule(learningRate)
        case .linear: return PolynomialSchedule(learningRate, over: total)
        case .step: return StepSchedule(learningRate, every: max(1, total / 3))
        case .oneCycle: return OneCycleSchedule(to: learningRate, steps: total)
        case .cosine:
            // Half an epoch of rising keeps the first steps, whose moments are young, from leaping.
            let warmup = min(total / 10, max(1, steps / 2))
            if warmup == 0 { return CosineSchedule(learningRate, over: total) }
            return LinearWarmup(into: CosineSchedule(learningRate, over: total - warmup), over: warmup, from: 0.1)
        }
    }

    func trainer(rows: Int, classWeights: [Double]?) -> Trainer<Sequential<Float>> {
        var trainer = Trainer<Sequential<Float>>(
            epochs: epochs, batchSize: batchSize,
            loss: CrossEntropyLoss(
                weight: classWeights.map { Tensor($0.map { Float($0) }) }, labelSmoothing: labelSmoothing),
            patience: patience, workers: workers)
        let schedule = schedule(steps: trainer.steps(perEpochOf: rows))
        trainer.learningRate = { schedule($0) }
        return trainer
    }

    func start(_ classifier: Classifier) -> TrainingRun<Sequential<Float>> {
        TrainingRun(classifier.model, optimizer(for: classifier.model), seed: seed)
    }
}

extension LayerKind.Activation: ExpressibleByArgument {}
