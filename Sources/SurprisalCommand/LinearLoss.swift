import Surprisal

extension LossCommand {
    /// The loss of what a linear layer makes of the input, without the logits.
    func linearResult<Scalar: Surprisal.Scalar>(_ batch: Batch, _ head: Linear<Scalar>) throws -> LossResult {
        if input != .logits { throw BatchError.linearOption("--input \(input.rawValue)") }
        if let classAxis { throw BatchError.linearOption("--class-axis \(classAxis)") }
        let x = try batch.input(as: Scalar.self)
        // The file's shape before its labels, which are as many as its rows.
        guard x.shape.last == head.inputs else { throw LossError.features(input: x.shape, weight: head.weight.shape) }
        let target = try target(batch, as: Scalar.self), rowWeight = try batch.rowWeight(as: Scalar.self)
        if let gradientFilter, !gradient { throw BatchError.filterWithoutGradient(gradientFilter) }
        let filter = gradientFilter.map { GradientFilter.below($0) } ?? .exact
        try filter.check()
        // Without reduction the gradient is that of the losses' sum, and the losses come from the same sweep.
        let loss = LinearCrossEntropyLoss(
            try options.loss(
                weight: try batch.weight(as: Scalar.self), reduction: gradient && reduction == .none ? .sum : reduction),
            gradientFilter: filter, blockBytes: blockBytes ?? LinearCrossEntropyLoss<Scalar>.defaultBlockBytes)
        try check(loss, x.shape, head, target, rowWeight)

        let k = perRow ? min(5, head.outputs) : nil
        var value = Tensor<Scalar>(0), rows: RowResults<Scalar>?
        var gradients: [LossResult.Gradient] = [], skippedShare: Double?
        if gradient {
            let wanted = k ?? (reduction == .none ? 0 : nil)
            let found = switch target {
            case .labels(let labels): loss.valueWithGradients(at: x, head, labels, rowWeights: rowWeight, topK: wanted)
            case .probabilities(let q):
                loss.valueWithGradients(at: x, head, probabilities: q, rowWeights: rowWeight, topK: wanted)
            case .sparse(let q):
                loss.valueWithGradients(at: x, head, probabilities: q, rowWeights: rowWeight, topK: wanted)
            }
            rows = found.rows
            value = reduction == .none ? rows?.losses ?? found.value : found.value
            gradients = [("gradient_input", found.input), ("gradient_linear_weight", found.head.weight)].map { LossResult.Gradient($0, $1) }
            if let bias = found.head.bias { gradients.append(LossResult.Gradient("gradient_linear_bias", bias)) }
            if gradientFilter != nil { skippedShare = found.skippedShare }
        } else if let k {
            let found = switch target {
            case .labels(let labels): loss.rowResults(of: x, head, labels, rowWeights: rowWeight, topK: k)
            case .probabilities(let q):
                loss.rowResults(of: x, head, probabilities: q, rowWeights: rowWeight, topK: k)
            case .sparse(let q):
                loss.rowResults(of: x, head, probabilities: q, rowWeights: rowWeight, topK: k)
            }
            (value, rows) = (found.value, found)
        } else {
            value = switch target {
            case .labels(let labels): loss(x, head, labels, rowWeights: rowWeight)
            case .probabilities(let q): loss(x, head, probabilities: q, rowWeights: rowWeight)
            case .sparse(let q): loss(x, head, probabilities: q, rowWeights: rowWeight)
            }
        }
        let (positions, ignored) = try batch.counts(target, nil)
        return LossResult(
            reduction: reduction, positions: positions, ignored: ignored, classes: head.outputs, dtype: batch.inputDtype,
            shape: value.shape, losses: value.scalars.map { Double($0) }, gradients: gradients,
            rows: perRow ? rows.map { LossResult.Rows($0) } : nil, skippedShare: skippedShare)
    }

    private func check<Scalar: Surprisal.Scalar>(
        _ loss: LinearCrossEntropyLoss<Scalar>, _ shape: [Int], _ head: Linear<Scalar>, _ target: BatchTarget<Scalar>,
        _ rowWeight: Tensor<Scalar>?
    ) throws {
        let weights = rowWeight?.shape
        switch target {
        case .labels(let labels): try loss.check(shape, head, labels, rowWeights: weights)
        case .probabilities(let q): try loss.check(shape, head, probabilities: q.shape, rowWeights: weights)
        case .sparse(let q): try loss.check(shape, head, probabilities: q, rowWeights: weights)
        }
        let least = if case .labels(let labels) = target {
            loss.leastBlockBytes(head, labels, rowWeights: rowWeight)
        } else {
            loss.leastBlockBytes(head, rowWeights: rowWeight)
        }
        if loss.blockBytes < least { throw BatchError.blockBytes(loss.blockBytes, least: least) }
    }
}

extension LossResult.Gradient {
    init<Scalar: Surprisal.Scalar>(_ name: String, _ tensor: Tensor<Scalar>) {
        self.init(name: name, shape: tensor.shape, values: tensor.scalars.map { Double($0) })
    }
}

extension LossResult.Rows {
    init<Scalar: Surprisal.Scalar>(_ rows: RowResults<Scalar>) {
        func doubles(_ tensor: Tensor<Scalar>) -> [Double] { tensor.scalars.map { Double($0) } }
        loss = doubles(rows.losses)
        logSumExp = doubles(rows.logSumExps)
        entropy = doubles(rows.entropies)
        labelProbability = doubles(rows.labelProbabilities)
        (argmax, isRight) = (rows.argmax.values, rows.isRight)
        (shape, topShape) = (rows.losses.shape, rows.topClasses.shape)
        topClasses = rows.topClasses.values
        topLogProbability = doubles(rows.topLogProbabilities)
    }
}
