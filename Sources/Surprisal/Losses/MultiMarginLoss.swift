import SurprisalKernels

/// The multi-class hinge loss: by how much other classes come too near to the label's score.
///
/// `L = (w_y/C)·Σ_{c ≠ y} max(0, margin − x_y + x_c)^p` of C classes, p = 1 or 2, w the class weights (1 unless given):
/// PyTorch's `nn.MultiMarginLoss`. A mean divides by the number of labels that count, not by their weights, as there.
/// Derivative, with z_c = margin − x_y + x_c and h_c = p·z_c^(p−1) where z_c > 0 and 0 elsewhere, at the kink too:
/// `∂L/∂x_c = (w_y/C)·h_c`, `∂L/∂x_y = −(w_y/C)·Σ h_c`.
///
/// Accuracy: `Accuracy.marginLossULP`; z is rounded once, however near to the kink. A class at −∞ comes near to none, a
/// NaN makes its row NaN (PyTorch passes over it), and a position whose label is ignored contributes nothing.
///
/// Source: K. Crammer, Y. Singer, "On the algorithmic implementation of multiclass kernel-based vector machines", JMLR 2,
/// 2001, in the form of J. Weston, C. Watkins, ESANN 1999, which sums over the classes.
public struct MultiMarginLoss<Scalar: Surprisal.Scalar>: Sendable {
    public let p: Int
    public let margin: Double
    public let weight: Tensor<Scalar>?
    public let reduction: Reduction
    public let classAxis: Int?

    /// - Parameters:
    ///   - p: 1 or 2; anything else stops the program.
    ///   - margin: a finite number, 1 unless given; anything else stops the program.
    ///   - weight: one a class, in shape `[classes]`; it may be tracked.
    ///   - classAxis: of the scores, from the end when negative; 1 unless given, 0 of a single row.
    public init(
        p: Int = 1, margin: Double = 1, weight: Tensor<Scalar>? = nil, reduction: Reduction = .mean,
        classAxis: Int? = nil
    ) {
        do { try Self.check(p: p, margin: margin) } catch { fatalError("MultiMarginLoss: \(error)") }
        self.p = p
        self.margin = margin
        self.weight = weight
        self.reduction = reduction
        self.classAxis = classAxis
    }

    public static func check(p: Int = 1, margin: Double = 1) throws(LossError) {
        guard p == 1 || p == 2 else { throw .power(p) }
        guard margin.isFinite else { throw .margin(margin) }
    }

    /// Whether the loss can be taken of scores of this shape with these labels.
    public func check(_ scores: Shape, _ labels: Labels) throws(LossError) { _ = try input(scores, labels) }

    private func input(_ scores: Shape, _ labels: Labels) throws(LossError) -> ClassLossInput {
        let input = try ClassLossInput(scores, classAxis: classAxis, weight: weight?.shape)
        try input.check(labels)
        return input
    }

    /// - Shapes: scores `… × classes × …`, labels without the class axis → a scalar, or the labels' shape
    ///   without reduction.
    /// - Complexity: O(scores), one pass.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func callAsFunction(_ scores: Tensor<Scalar>, _ labels: Labels) -> Tensor<Scalar> {
        let input: ClassLossInput
        do { input = try self.input(scores.shape, labels) } catch { fatalError("MultiMarginLoss: \(error)") }
        let (shape, axis) = (scores.shape, input.axis)
        let reduced = ReducedLosses<Scalar>(
            reduction: reduction, denominator: Double(labels.count - labels.ignoredCount), input: input)

        let isTracked = scores.isTracked, x = scores.buffer
        var losses = Buffer<Scalar>(uninitialized: axis.positions)
        var gradient = Buffer<Scalar>(uninitialized: isTracked ? scores.count : 0)
        do {
            var losses = losses.mutableSpan, slopes = gradient.mutableSpan
            Parallel.forRows(axis.positions, elementsPerRow: axis.classes, cost: 8, writing: &losses, &slopes) { part, losses, slopes in
                let x = x.span, classes = axis.classes, inner = axis.inner
                for n in part {
                    let start = axis.element(n, 0)
                    guard let y = labels[n] else {
                        losses[n] = 0
                        if isTracked { for c in 0..<classes { slopes[start + c * inner] = 0 } }
                        continue
                    }
                    let w = Double(weight?.span[y] ?? 1), factor = w * reduced.scale / Double(classes)
                    let distance = Distance(margin, Double(x[start + y * inner]))
                    var violations = Violations<Scalar>(distance, p: p, factor: isTracked ? factor : nil)
                    if inner == 1 {
                        violations.add(x, start..<start + y, &slopes)
                        violations.add(x, start + y + 1..<start + classes, &slopes)
                    } else {
                        for c in 0..<classes where c != y { violations.add(x, start + c * inner, &slopes) }
                    }
                    let (sum, slope) = violations.sums
                    losses[n] = Scalar(w * (sum / Double(classes)))
                    if isTracked { slopes[start + y * inner] = Scalar(0 - factor * slope) }
                }
            }
        }
        let formed = gradient
        var edges = scores.edge { Tensor(shape: shape, buffer: reduced.applied($0, to: formed, axis: axis)) }
        if let weight {
            let plain = Self(p: p, margin: margin, reduction: .none, classAxis: classAxis), scores = scores.detached
            edges = edges + weight.edge { [w = weight.buffer] upstream in
                let losses = plain(scores, labels)
                return labelWeightGradient(upstream, reduced, labels, w, meanIsOverWeights: false) { n, _ in
                    Double(losses.span[n])
                }
            }
        }
        let value = reduced.value(of: losses)
        return Tensor(shape: value.shape, buffer: value.buffer, from: "MultiMargin", edges: edges)
    }
}

/// Σ max(0, margin − x_y + x_c)^p of a row and the sum of its derivatives, with the rounding errors kept, four classes side
/// by side.
private struct Violations<Scalar: Surprisal.Scalar> {
    private let distance: Distance, isSquared: Bool
    private let factor: Double?
    private var sum = SIMD4<Double>(), slope = SIMD4<Double>()
    /// What roundings have taken from them.
    private var lost = SIMD4<Double>(), slopeLost = SIMD4<Double>()

    /// Derivatives are written times the factor, where there is one.
    init(_ distance: Distance, p: Int, factor: Double?) {
        (self.distance, isSquared, self.factor) = (distance, p == 2, factor)
    }

    @inline(__always)
    mutating func add(_ x: Span<Scalar>, _ range: Range<Int>, _ slopes: inout MutableSpan<Scalar>) {
        var i = range.lowerBound
        while i + 4 <= range.upperBound {
            let h = add(SIMD4(Double(x[i]), Double(x[i + 1]), Double(x[i + 2]), Double(x[i + 3])))
            if let factor {
                let scaled = factor * h
                for lane in 0..<4 { slopes[i + lane] = Scalar(scaled[lane]) }
            }
            i += 4
        }
        while i < range.upperBound {
            add(x, i, &slopes)
            i += 1
        }
    }

    @inline(__always)
    mutating func add(_ x: Span<Scalar>, _ place: Int, _ slopes: inout MutableSpan<Scalar>) {
        // The other lanes hold impossible classes, which violate nothing.
        let h = add(SIMD4(Double(x[place]), -.infinity, -.infinity, -.infinity))
        if let factor { slopes[place] = Scalar(factor * h[0]) }
    }

    /// The derivatives of four classes.
    @inline(__always)
    private mutating func add(_ x: SIMD4<Double>) -> SIMD4<Double> {
        let z = distance(x)
        // NaN goes on.
        let h = isSquared ? 2 * z : z.replacing(with: 1, where: z .> 0)
        Self.add(isSquared ? z * z : z, to: &sum, &lost)
        if factor != nil { Self.add(h, to: &slope, &slopeLost) }
        return h
    }

    @inline(__always)
    private static func add(_ term: SIMD4<Double>, to sum: inout SIMD4<Double>, _ lost: inout SIMD4<Double>) {
        let next = sum + term, part = next - sum
        lost += (sum - (next - part)) + (term - part)
        sum = next
    }

    var sums: (violations: Double, slopes: Double) {
        func total(_ sum: SIMD4<Double>, _ lost: SIMD4<Double>) -> Double {
            var total = CompensatedSum()
            for lane in 0..<4 { total.add(sum[lane]) }
            // What an infinite sum has lost is no number.
            let value = total.value, rest = lost.sum()
            return rest.isNaN ? value : value + rest
        }
        return (total(sum, lost), total(slope, slopeLost))
    }
}

/// max(0, margin − x_y + x_c), rounded once: with margin − x_y in two parts, and Knuth's two-sums for what a rounding
/// loses.
private struct Distance {
    private let high, low: Double

    init(_ margin: Double, _ label: Double) {
        high = margin - label
        let part = high - margin
        low = high.isFinite ? (margin - (high - part)) - (label + part) : 0
    }

    /// Of a class that is impossible 0, whatever the label; NaN goes on.
    @inline(__always)
    func callAsFunction(_ others: SIMD4<Double>) -> SIMD4<Double> {
        let high = SIMD4(repeating: high), sum = high + others, part = sum - high
        var z = sum + (((high - (sum - part)) + (others - part)) + low)
        // Of an infinite sum the two-sum is NaN.
        z.replace(with: sum, where: sum .== .infinity .| sum .== -.infinity)
        z.replace(with: 0, where: others .== -.infinity .| z .<= 0)
        return z
    }
}
