import SurprisalKernels

@testable import Surprisal

// The loss of `AddingALoss.md`, word for word; `AddingALossTests` compares the two.
// begin
/// The squared error of the probabilities, known as the Brier score.
///
/// `L = Σ_c (p_c − [c = y])²`, p the softmax of the logits. With q = 1 − p_y and S = Σ_{c≠y} p_c², L = q² + S:
///
/// - `∂L/∂x_y = −2·p_y·L`;
/// - `∂L/∂x_c = 2·p_c·(p_c + q·p_y − S)` of the other classes.
///
/// A confident row keeps its digits: q comes as the sum of the other probabilities. Ignored rows contribute nothing.
/// Source: G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78, 1950.
public struct BrierLoss<Scalar: Surprisal.Scalar>: Sendable {
    public let reduction: Reduction
    public let classAxis: Int?

    public init(reduction: Reduction = .mean, classAxis: Int? = nil) {
        self.reduction = reduction
        self.classAxis = classAxis
    }

    /// Whether the loss can be taken of logits of this shape with these labels.
    public func check(_ logits: Shape, _ labels: Labels) throws(LossError) { _ = try input(logits, labels) }

    private func input(_ logits: Shape, _ labels: Labels) throws(LossError) -> ClassLossInput {
        let input = try ClassLossInput(logits, classAxis: classAxis, weight: nil)
        try input.check(labels, of: logits)
        return input
    }

    /// - Shapes: logits `… × classes × …`, labels without the class axis → a scalar, or the labels' shape without
    ///   reduction.
    /// - Complexity: O(logits): one sweep of cross-entropy, and a pass over its gradient.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func callAsFunction(_ logits: consuming Tensor<Scalar>, _ labels: Labels) -> Tensor<Scalar> {
        let input: ClassLossInput
        do { input = try self.input(logits.shape, labels) } catch { fatalError("BrierLoss: \(error)") }
        let (shape, axis, node) = (logits.shape, input.axis, logits.node)
        let reduced = ReducedLosses<Scalar>(
            reduction: reduction, denominator: Double(labels.count - labels.ignoredCount), input: input, of: shape)

        // Its gradient is p_c − [c = y], which at the label is −q; in place, when nobody else holds the logits.
        var gradient = logits.buffer
        _ = consume logits
        _ = CrossEntropyLoss<Scalar>(reduction: .none).sweep(
            &gradient, axis, .labels(labels), scale: 1, formsGradient: true)
        var losses = Buffer<Scalar>(repeating: 0, count: axis.positions)
        do {
            var losses = losses.mutableSpan, slopes = gradient.mutableSpan
            for n in 0..<axis.positions {
                guard let y = labels[n] else { continue }
                let q = -Double(slopes[axis.element(n, y)])
                var squares = CompensatedSum()
                for c in 0..<axis.classes where c != y {
                    let p = Double(slopes[axis.element(n, c)])
                    squares.add(p * p)
                }
                let others = squares.value, loss = q * q + others
                losses[n] = Scalar(loss)
                for c in 0..<axis.classes {
                    let at = axis.element(n, c), p = Double(slopes[at])
                    let slope = c == y ? -(1 - q) * loss : p * (p + q * (1 - q) - others)
                    slopes[at] = Scalar(2 * reduced.scale * slope)
                }
            }
        }
        var edges = Edges<Scalar>()
        if let node {
            edges.append(
                .init(node: node) { [gradient] upstream in
                    Tensor(shape: shape, buffer: reduced.applied(upstream, to: gradient, axis: axis))
                })
        }
        let value = reduced.value(of: losses)
        return Tensor(shape: value.shape, buffer: value.buffer, from: "Brier", edges: edges)
    }
}
// end
