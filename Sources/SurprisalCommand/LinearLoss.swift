import Surprisal

extension LossCommand {
    /// The loss of what a linear layer makes of the input, without the logits.
    func linearResult<Scalar: Surprisal.Scalar>(_ batch: Batch, _ head: Linear<Scalar>) throws -> LossResult {
        if input != .logits { throw BatchError.linearOption("--input \(input.rawValue)") }
        if let classAxis { throw BatchError.linearOption("--class-axis \(classAxis)") }
        try CrossEntropyLoss<Scalar>.check(labelSmoothing: labelSmoothing)
        let x = try batch.input(as: Scalar.self)
        // The file's shape before its labels, which are as many as its rows.
        guard x.shape.last == head.inputs else { throw LossError.features(input: x.shape, weight: head.weight.shape) }
        let target = try batch.target(as: Scalar.self, ignoring: ignoreIndex, classAxis: nil)
        let bytes = blockBytes ?? LinearCrossEntropyLoss<Scalar>.defaultBlockBytes
        let loss = LinearCrossEntropyLoss(
            weight: try batch.weight(as: Scalar.self), labelSmoothing: labelSmoothing, reduction: reduction, blockBytes: bytes)
        let call = try call(loss, x.shape, head, target)

        var value = Tensor<Scalar>(0)
        var gradients: [LossResult.Gradient] = []
        if gradient {
            let parameters = [x, head.weight] + (head.bias.map { [$0] } ?? [])
            let found = valueWithGradient(at: parameters) { tracked in
                let loss = call(tracked[0], Linear(weight: tracked[1], bias: tracked.count > 2 ? tracked[2] : nil))
                value = loss.detached
                return loss.sum()
            }.gradients
            gradients = zip(["gradient_input", "gradient_linear_weight", "gradient_linear_bias"], found)
                .map { LossResult.Gradient($0, $1) }
        } else {
            value = call(x, head)
        }
        let (positions, ignored) = switch target {
        case .labels(let labels): (labels.count, labels.ignoredCount)
        case .probabilities: (try batch.positionCount(nil), 0)
        }
        return LossResult(
            reduction: reduction, positions: positions, ignored: ignored, classes: head.outputs, dtype: batch.inputDtype,
            shape: value.shape, losses: value.scalars.map { Double($0) }, gradients: gradients)
    }

    private func call<Scalar: Surprisal.Scalar>(
        _ loss: LinearCrossEntropyLoss<Scalar>, _ shape: [Int], _ head: Linear<Scalar>, _ target: BatchTarget<Scalar>
    ) throws -> (Tensor<Scalar>, Linear<Scalar>) -> Tensor<Scalar> {
        let call: (Tensor<Scalar>, Linear<Scalar>) -> Tensor<Scalar>, least: Int
        switch target {
        case .labels(let labels):
            try loss.check(shape, head, labels)
            least = loss.leastBlockBytes(head, labels)
            call = { loss($0, $1, labels) }
        case .probabilities(let q):
            // As in PyTorch, a negative one means no class and is let pass.
            if let ignoreIndex, ignoreIndex >= 0 { throw BatchError.ignoredProbabilities(ignoreIndex) }
            try loss.check(shape, head, probabilities: q.shape)
            least = loss.leastBlockBytes(head)
            call = { loss($0, $1, probabilities: q) }
        }
        if loss.blockBytes < least { throw BatchError.blockBytes(loss.blockBytes, least: least) }
        return call
    }
}

extension LossResult.Gradient {
    init<Scalar: Surprisal.Scalar>(_ name: String, _ tensor: Tensor<Scalar>) {
        self.init(name: name, shape: tensor.shape, values: tensor.scalars.map { Double($0) })
    }
}
