import Surprisal
import SurprisalReference

extension Workload {
    static func linear<T: Element>(_ number: Int, rows: Int, inputs: Int, outputs: Int, _ type: T.Type) -> [Workload] {
        let product = 2 * Double(rows) * Double(inputs) * Double(outputs)
        let x = rows * inputs, w = inputs * outputs, y = rows * outputs
        return [(Row.Pass.forward, 1, x + w + y), (.gradient, 2, 2 * x + 2 * w + y), (.both, 3, 3 * x + 3 * w + 2 * y)].map {
            pass, products, elements in
            Workload(
                number: number, name: "linear", shape: "\(rows)×\(inputs)→\(outputs)", type: name(of: type), pass: pass,
                bytes: Double(elements * MemoryLayout<T>.size), operations: Double(products) * product,
                limit: .matrixProduct,
                make: { LinearExercise<T>(rows: rows, inputs: inputs, outputs: outputs).exercise(pass) })
        }
    }
}

/// A linear layer, an input and an upstream gradient.
private final class LinearExercise<T: Element> {
    let rows: Int, inputs: Int, outputs: Int
    let x: [T], w: [T], b: [T], dy: [T]
    let tensors: [Tensor<T>], upstream: Tensor<T>
    let pullback: (Tensor<T>) -> [Tensor<T>]
    var y: [T], dx: [T], dw: [T], db: [T]

    init(rows: Int, inputs: Int, outputs: Int) {
        (self.rows, self.inputs, self.outputs) = (rows, inputs, outputs)
        var random = Inputs(seed: UInt64(rows * inputs * outputs))
        x = random.normal(rows * inputs)
        w = random.normal(outputs * inputs, deviation: 1 / Double(inputs).squareRoot())
        b = random.normal(outputs)
        dy = random.normal(rows * outputs)
        y = [T](repeating: 0, count: rows * outputs)
        (dx, dw, db) = (x, w, b)
        tensors = [
            Tensor(x, shape: [rows, inputs]), Tensor(w, shape: [outputs, inputs]), Tensor(b),
        ]
        upstream = Tensor(dy, shape: [rows, outputs])
        pullback = valueWithPullback(at: tensors) { Linear(weight: $0[1], bias: $0[2])($0[0]) }.pullback
    }

    private func forward() { Reference.linear(x, weight: w, bias: b, rows: rows, inputs: inputs, outputs: outputs, into: &y) }

    private func backward() {
        Reference.linearInputGradient(upstream: dy, weight: w, rows: rows, inputs: inputs, outputs: outputs, into: &dx)
        Reference.linearWeightGradient(upstream: dy, input: x, rows: rows, inputs: inputs, outputs: outputs, into: &dw)
        Reference.linearBiasGradient(upstream: dy, rows: rows, outputs: outputs, into: &db)
    }

    private func engineForward() -> Tensor<T> { Linear(weight: tensors[1], bias: tensors[2])(tensors[0]) }

    private func engineBoth() -> (Tensor<T>, [Tensor<T>]) {
        let (value, pullback) = valueWithPullback(at: tensors) { Linear(weight: $0[1], bias: $0[2])($0[0]) }
        return (value, pullback(upstream))
    }

    func exercise(_ pass: Row.Pass) -> Exercise {
        let (engine, naive): (() -> Void, () -> Void) = switch pass {
        case .forward: ({ [self] in keep(engineForward()) }, { [self] in forward() })
        case .gradient: ({ [self] in keep(pullback(upstream)) }, { [self] in backward() })
        default: ({ [self] in keep(engineBoth()) }, { [self] in forward(); backward() })
        }
        return Exercise(
            engine: engine, naive: naive, verify: { [self] in try verify(pass) },
            inputs: [
                ("x", InputValues(x, [rows, inputs])), ("weight", InputValues(w, [outputs, inputs])),
                ("bias", InputValues(b, [outputs])), ("upstream", InputValues(dy, [rows, outputs])),
            ],
            agreement: { [self] in
                let results = pass == .forward ? [engineForward()] : { [$0.0] + $0.1 }(engineBoth())
                return results.reduce(0) { $0 + Double($1.mean().item()) }
            })
    }

    private func verify(_ pass: Row.Pass) throws -> Verdict {
        var verifier = ProductVerifier<T>(what: "linear \(rows)×\(inputs)→\(outputs)")
        if pass != .gradient {
            forward()
            try verifier.check(engineForward().span, naive: y, "y", terms: inputs + 1) { index in
                let (row, output) = (index / self.outputs, index % self.outputs)
                return (0..<self.inputs).map { (self.x[row * self.inputs + $0], self.w[output * self.inputs + $0]) } + [(self.b[output], 1)]
            }
        }
        if pass != .forward {
            backward()
            let gradients = pass == .gradient ? pullback(upstream) : engineBoth().1
            try verifier.check(gradients[0].span, naive: dx, "dx", terms: outputs) { index in
                let (row, input) = (index / self.inputs, index % self.inputs)
                return (0..<self.outputs).map { (self.dy[row * self.outputs + $0], self.w[$0 * self.inputs + input]) }
            }
            try verifier.check(gradients[1].span, naive: dw, "dW", terms: rows) { index in
                let (output, input) = (index / self.inputs, index % self.inputs)
                return (0..<self.rows).map { (self.dy[$0 * self.outputs + output], self.x[$0 * self.inputs + input]) }
            }
            try verifier.check(gradients[2].span, naive: db, "db", terms: rows) { index in
                (0..<self.rows).map { (self.dy[$0 * self.outputs + index], 1) }
            }
        }
        return Verdict(error: verifier.worst, bound: verifier.bound)
    }
}

/// Holds sums of products against the naive ones everywhere and against double-double ones in a sample.
struct ProductVerifier<T: Element> {
    let what: String
    /// The worst error so far and the bound of that sum, in ULP of Σ|a·b|.
    private(set) var worst = 0.0, bound = 0.0

    /// Any order of adding n products is within n·u of Σ|a·b|, half an ULP each (Higham, Accuracy and Stability of
    /// Numerical Algorithms, §3.1).
    mutating func check(
        _ values: Span<T>, naive: [T], _ name: String, terms: Int, products: (Int) -> [(T, T)]
    ) throws {
        guard values.count == naive.count else {
            throw VerificationFailure(description: "\(what): \(name) has \(values.count) elements; expected \(naive.count)")
        }
        bound = max(bound, Double(terms) / 2)
        let samples = min(values.count, 256)
        var largest = 0.0
        for s in 0..<samples {
            let index = s * values.count / samples
            var sum = DoubleDouble.zero, size = 0.0
            for (a, b) in products(index) {
                sum += DoubleDouble(product: Double(a), Double(b))
                size += Double(a * b).magnitude
            }
            largest = max(largest, size)
            let error = ulpDistance(of: values[index], from: ScaledDoubleDouble(sum), inUnitsOf: ScaledDoubleDouble(size))
            worst = max(worst, error)
            if error > Double(terms) / 2 {
                throw VerificationFailure(description: "\(what): \(name)[\(index)] is \(values[index]), \(error) ULP of its terms from \(sum.high); expected at most \(terms)/2")
            }
        }
        // Twice the bound, for the naive loops' own error; the sample's largest sum of terms, doubled, for all.
        let allowed = 2 * Double(terms) * Double(T.ulpOfOne) * largest
        for i in 0..<values.count where !(Double((values[i] - naive[i]).magnitude) <= allowed) {
            throw VerificationFailure(description: "\(what): \(name)[\(i)] is \(values[i]), the naive loops' \(naive[i]); expected within \(allowed)")
        }
    }
}
