import SurprisalKernels

/// The one number T by which to divide logits so that their probabilities fit held-out labels best: calibration that
/// changes no prediction.
///
/// Source: C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017,
/// arXiv 1706.04599.
///
/// With β = 1/T and z the logits less their row's maximum, the mean negative log-likelihood
/// `L(β) = mean(log Σ exp(β·z_c) − β·z_y)` is convex: `L′ = W − G(β)`, where `W = mean(−z_y)` and `G = mean(−E[z])`, and
/// `L″ = −G′ = mean(Var[z])`, under the probabilities at β. G falls from G(0), under equal probabilities of the possible
/// classes, to G(∞) = 0, so it is W at one β when 0 < W < G(0).
public struct TemperatureScaling: Sendable, Equatable {
    public let temperature: Double
    /// The mean negative log-likelihood of the held-out labels at T = 1, in nats.
    public let lossBefore: Double
    /// At the fitted temperature.
    public let lossAfter: Double
    /// How often G was taken.
    public let iterations: Int

    /// Fits T to held-out logits and labels by Newton's method on log G(β) = log W, kept within a bracket of the root.
    ///
    /// Of confident rows G falls like an exponential, whose logarithm is a straight line: on G itself a step would gain
    /// one unit of β·z. A step that leaves the bracket, or that follows one which did not halve log G/W, is replaced by the
    /// geometric mean of the bracket's ends. The fit ends after a Newton step of at most 10⁻⁹·β: the next would be some
    /// 10⁻¹⁸ of it, less than rounding. It is done in Double for Float logits as well.
    /// - Parameters:
    ///   - labels: ignored ones are left out.
    ///   - classAxis: from the end when negative; 1 unless given, 0 of a single row.
    /// - Shapes: `… × classes × …`, labels without the class axis; others stop the program.
    /// - Throws: `TemperatureError` where no temperature is the best, and why.
    /// - Complexity: O(count) an iteration, of which there are about five; 1 MB and 24 bytes a row besides.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public init<Scalar>(
        fitting logits: Tensor<Scalar>, _ labels: Labels, classAxis: Int? = nil
    ) throws(TemperatureError) {
        let axis = metricAxis("TemperatureScaling", logits.shape, labels, classAxis)
        let rows = try HeldOutRows(logits, labels, axis)
        let (beta, iterations) = try Self.root(of: rows)
        temperature = 1 / beta
        lossBefore = rows.loss(at: 1)
        lossAfter = rows.loss(at: beta)
        self.iterations = iterations
    }

    /// The logits over T, as `CrossEntropyLoss(temperature:)` takes them. Derivative: that of a division by a number.
    public func callAsFunction<Scalar>(_ logits: Tensor<Scalar>) -> Tensor<Scalar> { logits / Scalar(temperature) }

    private static func root<Scalar>(
        of rows: HeldOutRows<Scalar>
    ) throws(TemperatureError) -> (beta: Double, iterations: Int) {
        let target = try rows.checkedLabelDeficit()
        var low = 0.0, high = Double.infinity, beta = 1.0
        // How far a step goes while one end of the bracket is open: 4, 16, 256, … times.
        var reach = 4.0
        var lastDistance = Double.infinity, lastWasNewton = false
        var iterations = 0
        while true {
            let (deficit, curvature) = rows.expectedDeficit(at: beta)
            iterations += 1
            let distance = SpecialFunctions.log(deficit / (beta * target))
            if distance == 0 { return (beta, iterations) }
            if distance > 0 { low = beta } else { high = beta }
            let newton = beta + beta * (deficit / curvature * distance)
            if abs(newton - beta) <= 1e-9 * beta { return (newton, iterations) }
            // The ends are neighbours: the root is between them.
            if high <= low * (1 + 4 * .ulpOfOne) { return (beta, iterations) }
            var next = newton
            if low > 0 && high < .infinity {
                let isSlow = lastWasNewton && abs(distance) > lastDistance / 2
                lastWasNewton = newton > low && newton < high && !isSlow
                if !lastWasNewton { next = low.squareRoot() * high.squareRoot() }
            } else {
                let limit = distance > 0 ? beta * reach : beta / reach
                // Also when a deficit or a curvature of 0, or less by rounding, sends the step to infinity or nowhere.
                if !(newton > low && newton < high && (distance > 0 ? newton < limit : newton > limit)) { next = limit }
                reach *= reach
            }
            // Beyond what Double holds there is no saying how far the optimum is.
            if next == 0 { throw .uninformative }
            if next == .infinity { throw .separable }
            lastDistance = abs(distance)
            beta = next
        }
    }
}

/// Why no temperature is the best.
public enum TemperatureError: Error, Equatable, CustomStringConvertible {
    /// All labels are ignored, or there are none.
    case noLabels
    /// The row at this position holds a NaN or a +∞, or nothing but −∞.
    case noProbabilities(position: [Int])
    /// The logit of the label at this position is −∞: the loss is infinite at any temperature.
    case impossibleLabel(position: [Int])
    /// Every label is its row's largest logit: the loss falls for ever as T goes to 0.
    case separable
    /// Labels are no more likely among large logits than by chance: the loss is least as T goes to infinity.
    case uninformative
    /// All possible classes of every row have the same logit: the loss is the same at any temperature.
    case constant

    public var description: String {
        switch self {
        case .noLabels: "no label counts; expected at least 1"
        case .noProbabilities(let position):
            "the row at position \(position) has no probabilities: it holds NaN or +∞, or nothing but −∞"
        case .impossibleLabel(let position): "the label at position \(position) has the logit −∞; expected a possible class"
        case .separable: "every label is its row's largest logit: the loss falls for ever as the temperature goes to 0"
        case .uninformative: "the logits tell nothing of the labels: the loss is least as the temperature goes to infinity"
        case .constant: "all logits of every row are equal: the loss is the same at any temperature"
        }
    }
}

/// The rows that count, with what of them does not depend on the temperature.
private struct HeldOutRows<Scalar: Surprisal.Scalar> {
    private struct Row {
        /// Where its class 0 lies.
        let start: Int
        let label: Int
        let maximum: Double
    }

    private let logits: Tensor<Scalar>
    private let axis: ClassAxis
    private var rows: [Row] = []

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    init(_ logits: Tensor<Scalar>, _ labels: Labels, _ axis: ClassAxis) throws(TemperatureError) {
        self.logits = logits.detached
        self.axis = axis
        if labels.countedCount == 0 { throw .noLabels }
        rows.reserveCapacity(labels.countedCount)
        let predictions = logits.largestClasses(axis, "TemperatureScaling")
        let x = logits.span, prediction = predictions.span
        for n in 0..<axis.positions {
            guard let y = labels[n] else { continue }
            // NaN if there is one, which is no maximum of a distribution, as an infinity is none.
            let maximum = x[axis.element(n, Int(prediction[n]))]
            guard maximum.isFinite else { throw .noProbabilities(position: labels.shape.indices(ofElement: n)) }
            if x[axis.element(n, y)] == -.infinity {
                throw .impossibleLabel(position: labels.shape.indices(ofElement: n))
            }
            rows.append(Row(start: axis.element(n, 0), label: y, maximum: Double(maximum)))
        }
    }

    /// W, when it is more than 0 and less than G(0).
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    func checkedLabelDeficit() throws(TemperatureError) -> Double {
        let x = logits.span
        var own = 0.0, equal = 0.0
        for row in rows {
            own += row.maximum - Double(x[row.start + row.label * axis.inner])
            var sum = 0.0, possible = 0.0
            for c in 0..<axis.classes {
                let deficit = row.maximum - Double(x[row.start + c * axis.inner])
                if deficit == .infinity { continue }
                sum += deficit
                possible += 1
            }
            equal += sum / possible
        }
        if equal == 0 { throw .constant }
        if own == 0 { throw .separable }
        // What rounding may leave of a difference of 0, an ULP of the sums for each addition, is no temperature of 10¹⁶.
        let rounding = Double(rows.count + axis.classes) * .ulpOfOne
        if own >= equal * (1 - rounding) { throw .uninformative }
        return own / Double(rows.count)
    }

    /// β·G and β²·L″, which stay within Double's range however large or small the logits are.
    func expectedDeficit(at beta: Double) -> (deficit: Double, curvature: Double) {
        var deficit = 0.0, curvature = 0.0
        forEachBlock(at: beta) { block, scaled in
            let view = ClassAxis(outer: block.count, classes: axis.classes, inner: 1)
            var probabilities = Buffer<Double>(uninitialized: scaled.count)
            var out = probabilities.mutableSpan
            Double.normalise(scaled.span, into: &out, axis: view, as: .softmax)
            let p = probabilities.span, t = scaled.span
            for i in 0..<block.count {
                let (mean, square) = moments(p, t, i * axis.classes..<(i + 1) * axis.classes)
                deficit -= mean
                curvature += square - mean * mean
            }
        }
        return (deficit / Double(rows.count), curvature / Double(rows.count))
    }

    /// Σ p·t and Σ p·t². An impossible class, t = −∞, adds nothing.
    private func moments(_ p: Span<Double>, _ t: Span<Double>, _ row: Range<Int>) -> (mean: Double, square: Double) {
        // Four sums side by side, so that an addition need not wait for the one before it.
        var means = SIMD4<Double>(), squares = SIMD4<Double>()
        var i = row.lowerBound
        while i + 4 <= row.upperBound {
            let share = SIMD4(p[i], p[i + 1], p[i + 2], p[i + 3])
            var value = SIMD4(t[i], t[i + 1], t[i + 2], t[i + 3])
            value.replace(with: 0, where: share .== 0)
            means += share * value
            squares += share * value * value
            i += 4
        }
        var mean = means.sum(), square = squares.sum()
        for i in i..<row.upperBound where p[i] != 0 {
            mean += p[i] * t[i]
            square += p[i] * t[i] * t[i]
        }
        return (mean, square)
    }

    /// L.
    func loss(at beta: Double) -> Double {
        var sum = 0.0
        forEachBlock(at: beta) { block, scaled in
            let labels = Target<Double>.labels(ClassIndices(block.map { Int32($0.label) }))
            let sweep = CrossEntropySweep(
                axis: ClassAxis(outer: block.count, classes: axis.classes, inner: 1), target: labels, weight: nil,
                smoothing: 0, scale: 1)
            var losses = Buffer<Double>(uninitialized: block.count)
            var out = losses.mutableSpan
            Double.crossEntropy(scaled.span, sweep, losses: &out)
            sum += Double.sum(losses.span)
        }
        return sum / Double(rows.count)
    }

    /// β·z of some rows after the other: 64 Ki numbers, or one row.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    private func forEachBlock(at beta: Double, _ body: (ArraySlice<Row>, Buffer<Double>) -> Void) {
        let x = logits.span
        let height = max(1, (1 << 16) / axis.classes)
        for begin in stride(from: 0, to: rows.count, by: height) {
            let block = rows[begin..<min(begin + height, rows.count)]
            var scaled = Buffer<Double>(uninitialized: block.count * axis.classes)
            var out = scaled.mutableSpan
            for (i, row) in block.enumerated() {
                for c in 0..<axis.classes {
                    out[i * axis.classes + c] = beta * (Double(x[row.start + c * axis.inner]) - row.maximum)
                }
            }
            body(block, scaled)
        }
    }
}
