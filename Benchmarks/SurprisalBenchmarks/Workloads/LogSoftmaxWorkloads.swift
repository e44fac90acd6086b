import Surprisal
import SurprisalReference

extension Workload {
    static func logSoftmax<T: Element>(_ number: Int, rows: Int, classes: Int, _ type: T.Type) -> [Workload] {
        let bytes = Double(rows * classes * MemoryLayout<T>.size), count = Double(rows * classes)
        return [Row.Pass.forward, .gradient, .both].map { pass in
            // Back: the output and the upstream read, the gradient written.
            let bytes = bytes * (pass == .forward ? 2 : pass == .gradient ? 3 : 5)
            return Workload(
                number: number, name: "log-softmax", shape: "\(rows)×\(classes)", type: name(of: type), pass: pass,
                bytes: bytes,
                operations: count * RowOperations.exponential(type) * (pass == .both ? 2 : 1), limit: .copy,
                cached: CachedPart(rows: rows, bytes: bytes) { logSoftmaxExercise($0, classes, pass, type) },
                make: { logSoftmaxExercise(rows, classes, pass, type) })
        }
    }
}

private func logSoftmaxExercise<T: Element>(_ rows: Int, _ classes: Int, _ pass: Row.Pass, _ type: T.Type) -> Exercise {
    var inputs = Inputs(seed: UInt64(rows * classes))
    let view = ReferenceShape(outer: rows, classes: classes), shape = [rows, classes]
    let logits: [T] = inputs.normal(view.count, deviation: 2), upstream: [T] = inputs.normal(view.count)
    let x = Tensor(logits, shape: shape), dy = Tensor(upstream, shape: shape)
    let pullback = valueWithPullback(at: x) { $0.logSoftmax() }.pullback
    let results = NaiveResults<T>(count: view.count)
    func forward() { Reference.logSoftmax(logits, shape: view, into: &results.y) }
    func backward() {
        Reference.logSoftmaxGradient(logProbabilities: results.y, upstream: upstream, shape: view, into: &results.dx)
    }
    func both() -> (Tensor<T>, Tensor<T>) {
        let (value, pullback) = valueWithPullback(at: x) { $0.logSoftmax() }
        return (value, pullback(dy))
    }
    func gradientTimesLogits(_ gradient: Tensor<T>) -> Double { Double((gradient * x).sum().item()) }
    forward()

    let (engine, naive): (() -> Void, () -> Void) = switch pass {
    case .forward: ({ keep(x.logSoftmax()) }, forward)
    case .gradient: ({ keep(pullback(dy)) }, backward)
    default: ({ keep(both()) }, { forward(); backward() })
    }
    return Exercise(
        engine: engine, naive: naive,
        verify: {
            forward()
            var verifier = LogSoftmaxVerifier(view: view, logits: logits, upstream: upstream)
            if pass != .gradient { try verifier.forward(x.logSoftmax().span, naive: results.y) }
            if pass != .forward {
                backward()
                try verifier.gradient((pass == .both ? both().1 : pullback(dy)).span, naive: results.dx)
            }
            return Verdict(error: verifier.worst, bound: verifier.bound)
        },
        inputs: [("logits", InputValues(logits, shape)), ("upstream", InputValues(upstream, shape))],
        agreement: {
            pass == .forward ? Double(x.logSoftmax().mean().item()) : gradientTimesLogits(both().1)
        })
}

private final class NaiveResults<T: Element> {
    var y: [T], dx: [T]

    init(count: Int) {
        y = [T](repeating: 0, count: count)
        dx = y
    }
}

/// As `RowVerifier`, for the log-probabilities themselves.
private struct LogSoftmaxVerifier<T: Element> {
    let view: ReferenceShape
    let logits: [T], upstream: [T]
    /// The way back takes exp of rounded log-probabilities, which costs up to |log p| ULP: below 24 with logits of
    /// deviation 2.
    var bound = Accuracy.lossULP
    private(set) var worst = 0.0

    private mutating func note(_ error: Double, _ what: String) throws {
        worst = max(worst, error)
        if error > bound {
            throw VerificationFailure(description: "log-softmax: \(what) is \(error) ULP from the truth; expected at most \(bound)")
        }
    }

    private func expectNear(_ x: T, _ naive: T, size: Double, _ index: Int) throws {
        let allowed = view.naiveTolerance(T.self) * size
        if Double((x - naive).magnitude) > allowed {
            throw VerificationFailure(description: "log-softmax: element \(index) is \(x), the naive loops' \(naive); expected within \(allowed)")
        }
    }

    mutating func forward(_ y: Span<T>, naive: [T]) throws {
        for i in 0..<view.count { try expectNear(y[i], naive[i], size: 1 + Double(naive[i].magnitude), i) }
        for position in view.sample {
            for (c, truth) in view.row(position, of: logits).logProbabilities.enumerated() {
                let i = view.index(position: position, class: c)
                try note(ulpDistance(of: y[i], from: truth), "element \(i)")
            }
        }
    }

    /// In ULP of the larger of the two terms of `dy − p·Σdy`, whose difference may cancel.
    mutating func gradient(_ dx: Span<T>, naive: [T]) throws {
        bound = Accuracy.lossULP + 24
        for position in 0..<view.positions {
            var size = 0.0
            for c in 0..<view.classes { size += Double(upstream[view.index(position: position, class: c)].magnitude) }
            for c in 0..<view.classes {
                let i = view.index(position: position, class: c)
                try expectNear(dx[i], naive[i], size: size, i)
            }
        }
        for position in view.sample {
            let indices = (0..<view.classes).map { view.index(position: position, class: $0) }
            let sum = indices.reduce(ScaledDoubleDouble.zero) { $0 + ScaledDoubleDouble(Double(upstream[$1])) }
            for (c, p) in view.row(position, of: logits).probabilities.enumerated() {
                let dy = ScaledDoubleDouble(Double(upstream[indices[c]])), pulled = p * sum
                let error = ulpDistance(of: dx[indices[c]], from: dy - pulled, inUnitsOf: max(dy.magnitude, pulled.magnitude))
                try note(error, "gradient \(indices[c])")
            }
        }
    }
}
