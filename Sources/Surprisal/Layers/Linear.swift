import SurprisalKernels

/// An affine map of the last axis: `y = x·Wᵀ + b`.
///
/// - Shapes: `… × inputs` → `… × outputs`; `weight` is `outputs × inputs`, `bias` `outputs`.
public struct Linear<Scalar: Surprisal.Scalar>: Layer {
    public var weight: Tensor<Scalar>
    public var bias: Tensor<Scalar>?

    /// A layer with given parameters.
    ///
    /// Stops the program when their shapes do not fit.
    public init(weight: Tensor<Scalar>, bias: Tensor<Scalar>? = nil) {
        if weight.rank != 2 { fatalError("Linear: weight has shape \(weight.shape); expected outputs × inputs") }
        if let bias, bias.shape != [weight.shape[0]] {
            fatalError("Linear: bias has shape \(bias.shape); expected [\(weight.shape[0])] for weight \(weight.shape)")
        }
        self.weight = weight
        self.bias = bias
    }

    /// A layer with random parameters, uniform in ±1/√inputs as PyTorch's `nn.Linear`; 0 when there are no inputs. With
    /// `TorchGenerator`, after the same seed and calls, PyTorch's parameters to the bit.
    public init(
        _ inputs: Int, _ outputs: Int, bias: Bool = true, using generator: inout some RandomNumberGenerator
    ) {
        // By way of Kaiming's bound, as in PyTorch, which rounds otherwise than the bias's.
        let weight = Tensor<Scalar>.kaimingUniform(
            [outputs, inputs], before: .leakyReLU(negativeSlope: 5.0.squareRoot()), using: &generator)
        let bound = inputs > 0 ? 1 / Double(inputs).squareRoot() : 0
        self.init(
            weight: weight, bias: bias ? .uniform([outputs], from: -bound, to: bound, using: &generator) : nil)
    }

    public var inputs: Int { weight.shape[1] }
    public var outputs: Int { weight.shape[0] }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public mutating func forEachParameter(_ body: (String, inout Tensor<Scalar>) -> Void) {
        body("weight", &weight)
        // Taken out, so that one holder of its memory remains and it is written in place.
        if var bias = self.bias.take() {
            body("bias", &bias)
            self.bias = bias
        }
    }

    /// - Shapes: `… × inputs` → `… × outputs`.
    /// - Derivatives: `dx = dy·W`, `dW = dyᵀ·x`, `db = Σ_rows dy`.
    /// - Complexity: O(rows · inputs · outputs), one product; two more on the way back.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func callAsFunction(_ x: Tensor<Scalar>) -> Tensor<Scalar> {
        guard let last = x.shape.last, last == inputs else {
            fatalError("Linear: input has shape \(x.shape), weight \(weight.shape); expected … × \(inputs)")
        }
        let (inputs, outputs) = (inputs, outputs)
        var shape = x.shape
        shape[shape.count - 1] = outputs
        var rows = 1
        for axis in 0..<shape.count - 1 { rows *= shape[axis] }
        var y = Buffer<Scalar>(uninitialized: rows * outputs)
        var out = y.mutableSpan
        let plan = MatrixProduct(m: rows, n: outputs, k: inputs, transposedB: true)
        if let bias {
            Scalar.multiply(plan, x.span, weight.span, adding: bias.span, into: &out)
        } else {
            Scalar.multiply(plan, x.span, weight.span, into: &out)
        }

        var edges = Edges<Scalar>()
        if let node = x.node {
            let (shape, weight) = (x.shape, weight.buffer)
            edges.append(
                .init(node: node) { [rows] dy in
                    Tensor(shape: shape, buffer: product(MatrixProduct(m: rows, n: inputs, k: outputs), dy.buffer, weight))
                })
        }
        if let node = weight.node {
            let (shape, x) = (weight.shape, x.buffer)
            edges.append(
                .init(node: node) { [rows] dy in
                    let plan = MatrixProduct(m: outputs, n: inputs, k: rows, transposedA: true)
                    return Tensor(shape: shape, buffer: product(plan, dy.buffer, x))
                })
        }
        if let bias, let node = bias.node {
            let shape = bias.shape
            edges.append(
                .init(node: node) { [rows] dy in
                    var sums = Buffer<Scalar>(uninitialized: outputs)
                    var out = sums.mutableSpan
                    Scalar.sumClasses(
                        dy.span, axis: ClassAxis(outer: 1, classes: rows, inner: outputs), dividedBy: 1, into: &out)
                    return Tensor(shape: shape, buffer: sums)
                })
        }
        return Tensor(shape: shape, buffer: y, from: "Linear", edges: edges)
    }
}
