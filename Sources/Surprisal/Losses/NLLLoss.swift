import SurprisalKernels

/// The negative log-likelihood of class indices under log-probabilities, in nats.
///
/// `L = −w_y·lp_y`; `CrossEntropyLoss` of logits is this of their `logSoftmax`, to the bit. The input is not
/// required to be log-probabilities. A position whose label is ignored is not read.
/// Derivative: `∂L/∂lp_c = −w_y·[c = y]`; a mean divides by the weights' sum over the labels that count.
public struct NLLLoss<Scalar: Surprisal.Scalar>: Sendable {
    public let weight: Tensor<Scalar>?
    public let reduction: Reduction
    public let classAxis: Int?

    /// - Parameters:
    ///   - weight: one a class, in shape `[classes]`; it may be tracked.
    ///   - classAxis: of the input, from the end when negative; 1 unless given, 0 of a single row.
    public init(weight: Tensor<Scalar>? = nil, reduction: Reduction = .mean, classAxis: Int? = nil) {
        self.weight = weight
        self.reduction = reduction
        self.classAxis = classAxis
    }

    /// Whether the loss can be taken of an input of this shape with these labels.
    public func check(_ logProbabilities: Shape, _ labels: Labels) throws(LossError) {
        _ = try input(logProbabilities, labels)
    }

    private func input(_ shape: Shape, _ labels: Labels) throws(LossError) -> ClassLossInput {
        let input = try ClassLossInput(shape, classAxis: classAxis, weight: weight?.shape)
        try input.check(labels, of: shape)
        return input
    }

    /// - Shapes: `… × classes × …`, labels without the class axis → a scalar, or the labels' shape without
    ///   reduction.
    /// - Complexity: O(positions); O(input) on the way back.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func callAsFunction(_ logProbabilities: Tensor<Scalar>, _ labels: Labels) -> Tensor<Scalar> {
        do {
            return loss(logProbabilities, try input(logProbabilities.shape, labels), labels)
        } catch { fatalError("NLLLoss: \(error)") }
    }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    private func loss(_ logProbabilities: Tensor<Scalar>, _ input: ClassLossInput, _ labels: Labels) -> Tensor<Scalar> {
        let (shape, axis) = (logProbabilities.shape, input.axis)
        let reduced = ReducedLosses<Scalar>(
            reduction: reduction, denominator: labelWeight(labels, weight), input: input, of: shape)

        var losses = Buffer<Scalar>(repeating: 0, count: axis.positions)
        var out = losses.mutableSpan
        let lp = logProbabilities.span
        for n in 0..<axis.positions {
            guard let y = labels[n] else { continue }
            // Not −lp: a certain label's loss is 0, not −0.
            out[n] = (weight?.span[y] ?? 1) * (0 - lp[axis.element(n, y)])
        }

        let w = weight?.buffer
        let ownEdge = logProbabilities.edge { upstream in
            var gradient = Buffer<Scalar>(repeating: 0, count: shape.elementCount)
            var out = gradient.mutableSpan
            for n in 0..<axis.positions {
                guard let y = labels[n] else { continue }
                let factor = Double(upstream.span[reduced.reduction == .none ? n : 0]) * reduced.scale
                out[axis.element(n, y)] = Scalar(-factor * Double(w?.span[y] ?? 1))
            }
            return Tensor(shape: shape, buffer: gradient)
        }
        let values = logProbabilities.buffer
        let byWeight = weight.map { weight in
            weight.edge { [w = weight.buffer] upstream in
                labelWeightGradient(upstream, reduced, labels, w) { n, y in -Double(values.span[axis.element(n, y)]) }
            }
        } ?? Edges()
        let value = reduced.value(of: losses)
        return Tensor(shape: value.shape, buffer: value.buffer, from: "NLL", edges: ownEdge + byWeight)
    }
}
