import SurprisalKernels

/// Every row brought to mean 0 and variance 1, then scaled and moved: `y = (x − μ)/√(σ² + ε)·w + b`. PyTorch's
/// `nn.LayerNorm` over the last axis.
///
/// Source: J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", 2016, arXiv 1607.06450.
/// - Shapes: `… × features` → the same; `weight` and `bias` are `features`.
public struct LayerNorm<Scalar: Surprisal.Scalar>: Layer {
    public var weight, bias: Tensor<Scalar>
    public let epsilon: Double

    /// A layer that scales by 1 and moves by 0. An ε that is not a finite number, at least 0, stops the program.
    public init(_ features: Int, epsilon: Double = 1e-5) {
        if !(epsilon >= 0 && epsilon.isFinite) {
            fatalError("LayerNorm: epsilon is \(epsilon); expected a finite number, at least 0")
        }
        (weight, bias, self.epsilon) = (.ones([features]), .zeros([features]), epsilon)
    }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public mutating func forEachParameter(_ body: (String, inout Tensor<Scalar>) -> Void) {
        body("weight", &weight)
        body("bias", &bias)
    }

    /// - Derivatives: with `n = (x − μ)/√(σ² + ε)` and `g = dy·w`, `dx = (g − mean g − n·mean(g·n))/√(σ² + ε)`,
    ///   `dw = Σ_rows dy·n`, `db = Σ_rows dy`.
    /// - Accuracy: sums in Double, of the differences from the mean: nothing is lost where the mean is large.
    /// - Complexity: O(count); keeps x and two numbers a row for the way back.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func callAsFunction(_ x: Tensor<Scalar>) -> Tensor<Scalar> {
        let features = weight.count
        guard x.shape.last == features else {
            fatalError("LayerNorm: input has shape \(x.shape), weight \(weight.shape); expected … × \(features)")
        }
        let rows = x.shape.dropLast().reduce(1, *), shape = x.shape
        let (values, w, b) = (x.buffer, weight.buffer, bias.buffer)
        let normal = NormalisedRows(values, rows: rows, features: features, epsilon: epsilon)
        return Tensor(
            shape: shape, buffer: normal.scaled(by: w, movedBy: b), from: "LayerNorm",
            edges: x.edge { Tensor(shape: shape, buffer: normal.gradient(of: $0.span, w)) }
                + weight.edge { Tensor(shape: [features], buffer: normal.gradientOfWeight(of: $0.span)) }
                + bias.edge {
                    Tensor(shape: [features], buffer: rowSums($0.span, ClassAxis(outer: 1, classes: rows, inner: features)))
                })
    }
}

/// Rows with the mean and the inverse deviation of each.
private struct NormalisedRows<Scalar: Surprisal.Scalar>: Sendable {
    let x: Buffer<Scalar>
    let rows, features: Int
    private let means, inverses: Buffer<Double>

    init(_ x: Buffer<Scalar>, rows: Int, features: Int, epsilon: Double) {
        (self.x, self.rows, self.features) = (x, rows, features)
        var means = Buffer<Double>(uninitialized: rows), inverses = Buffer<Double>(uninitialized: rows)
        var m = means.mutableSpan, v = inverses.mutableSpan
        let x = x.span
        Parallel.forRows(rows, elementsPerRow: features, writing: &m, &v) { part, m, v in
            for row in part {
                let start = row * features
                var sum = 0.0, squares = 0.0
                for i in start..<start + features { sum += Double(x[i]) }
                let mean = sum / Double(features)
                // What the mean's own rounding left.
                var rest = 0.0
                for i in start..<start + features {
                    let difference = Double(x[i]) - mean
                    rest += difference
                    squares += difference * difference
                }
                let left = rest / Double(features)
                m[row] = mean + left
                v[row] = 1 / (squares / Double(features) - left * left + epsilon).squareRoot()
            }
        }
        (self.means, self.inverses) = (means, inverses)
    }

    private func normal(_ i: Int, _ row: Int) -> Double { (Double(x.span[i]) - means.span[row]) * inverses.span[row] }

    func scaled(by weight: Buffer<Scalar>, movedBy bias: Buffer<Scalar>) -> Buffer<Scalar> {
        var buffer = Buffer<Scalar>(uninitialized: rows * features)
        var y = buffer.mutableSpan
        let w = weight.span, b = bias.span
        Parallel.forRows(rows, elementsPerRow: features, writing: &y) { part, y in
            for row in part {
                for j in 0..<features {
                    let i = row * features + j
                    y[i] = Scalar(normal(i, row) * Double(w[j]) + Double(b[j]))
                }
            }
        }
        return buffer
    }

    func gradient(of upstream: Span<Scalar>, _ weight: Buffer<Scalar>) -> Buffer<Scalar> {
        var buffer = Buffer<Scalar>(uninitialized: rows * features)
        var dx = buffer.mutableSpan
        let w = weight.span
        Parallel.forRows(rows, elementsPerRow: features, writing: &dx) { part, dx in
            for row in part {
                var sum = 0.0, product = 0.0
                for j in 0..<features {
                    let i = row * features + j, g = Double(upstream[i]) * Double(w[j])
                    sum += g
                    product += g * normal(i, row)
                }
                let mean = sum / Double(features), along = product / Double(features)
                for j in 0..<features {
                    let i = row * features + j, g = Double(upstream[i]) * Double(w[j])
                    dx[i] = Scalar((g - mean - normal(i, row) * along) * inverses.span[row])
                }
            }
        }
        return buffer
    }

    func gradientOfWeight(of upstream: Span<Scalar>) -> Buffer<Scalar> {
        var sums = [Double](repeating: 0, count: features)
        for row in 0..<rows {
            for j in 0..<features {
                let i = row * features + j
                sums[j] += Double(upstream[i]) * normal(i, row)
            }
        }
        return Buffer(sums.map { Scalar($0) })
    }
}
