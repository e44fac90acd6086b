import SurprisalKernels

/// A distribution over classes for each row: of logits, or of probabilities that need not sum to 1.
///
/// The last axis of the parameters is the classes', the others are the batch's; a vector is a single distribution.
/// What is computed from tracked parameters is tracked. A class of probability 0 has the log-probability −∞.
public struct Categorical<Scalar: Surprisal.Scalar>: Sendable {
    /// The logarithms of the probabilities, in the parameters' shape, within `Accuracy.lossULP`.
    public let logProbabilities: Tensor<Scalar>
    private let parameters: Tensor<Scalar>
    private let areLogits: Bool
    private let axis: ClassAxis

    /// - Shapes: `… × classes`.
    /// - Throws: `CategoricalError` for a logit that is NaN or +∞, for a row of nothing but −∞ and for no classes.
    /// - Complexity: O(logits); the logits and their log-softmax are kept.
    public init(logits: Tensor<Scalar>) throws(CategoricalError) {
        axis = try Self.classes(of: logits)
        parameters = logits
        areLogits = true
        logProbabilities = logits.logSoftmax(along: -1)
        // One entry tells: whatever has no place in a row makes all of its log-probabilities NaN.
        for row in 0..<axis.positions where logProbabilities.span[row * axis.classes].isNaN {
            throw Self.reason(logits, row, axis)
        }
    }

    /// - Parameter probabilities: in each row divided by their sum. Their scale does not matter, nor do sums that are
    ///   beyond the element type.
    /// - Formula: with a the largest, `r_c = q_c/q_a` and `R = Σ_{c ≠ a} r_c`: log-probability `log r_c − log1p(R)`,
    ///   so that those near 0 keep their digits. Derivative: `dq_c = dy_c/q_c − (Σ dy)/(Σ q)`, its first term 0 where
    ///   `dy_c` is, and `dq_a = (dy_a·R − Σ_{c ≠ a} dy_c)/(Σ q)`. Both are taken in Double.
    /// - Shapes: `… × classes`.
    /// - Throws: `CategoricalError` for a probability that is negative, infinite or NaN, for a row of nothing but 0 and
    ///   for no classes.
    /// - Complexity: O(probabilities); they and their logarithms are kept.
    public init(probabilities: Tensor<Scalar>) throws(CategoricalError) {
        axis = try Self.classes(of: probabilities)
        parameters = probabilities
        areLogits = false
        logProbabilities = try Self.logarithms(of: probabilities, axis)
    }

    /// The parameters' shape without the classes.
    public var batchShape: Shape { Array(parameters.shape.dropLast()) }
    public var classCount: Int { axis.classes }

    /// The probabilities, in the parameters' shape: of each row their sum is 1.
    ///
    /// - Derivative: softmax's; with respect to probabilities given `dq_c = (dp_c − Σ dp·p)/Σ q`.
    /// - Complexity: O(parameters); they are not kept.
    public var probabilities: Tensor<Scalar> { probabilities(of: parameters) }

    /// The same numbers, for a derivative of one's own.
    var plainProbabilities: Tensor<Scalar> { probabilities(of: parameters.detached) }

    private func probabilities(of parameters: Tensor<Scalar>) -> Tensor<Scalar> {
        areLogits ? parameters.softmax(along: -1) : Self.normalised(parameters, axis)
    }

    /// The most likely class of each row, the first of equals, in the batch's shape.
    public var mode: Indices { parameters.argmax(along: -1) }

    /// `mode` as the kernel writes it.
    ///
    /// What flows back to log-probabilities is fixed but for a multiple of the probabilities, which their normalisation
    /// takes out. The multiple is chosen such that nothing flows to this class: of a confident row all other numbers are
    /// small, and one large among them would drown them.
    var likeliest: Buffer<Int32> { parameters.largestClasses(axis, "Categorical") }

    private static func classes(of parameters: Tensor<Scalar>) throws(CategoricalError) -> ClassAxis {
        guard let classes = parameters.shape.last, classes > 0 else { throw .noClasses(shape: parameters.shape) }
        return parameters.shape.seen(from: parameters.rank - 1)
    }

    private static func reason(_ logits: Tensor<Scalar>, _ row: Int, _ axis: ClassAxis) -> CategoricalError {
        let place = logits.place(row)
        for c in 0..<axis.classes {
            let logit = logits.span[row * axis.classes + c]
            if logit.isNaN || logit == .infinity { return .logit(Double(logit), row: place, class: c) }
        }
        return .impossibleRow(place)
    }
}

extension Categorical {
    /// What the probabilities of a row are divided by: the largest, and R, the sum of the others over it.
    private struct Total: Sendable {
        let place: Int
        let largest, others: Double

        /// Whether q is so much less than the largest that their quotient has lost digits to the end of Double's range.
        func isFar(_ q: Double) -> Bool { q > 0 && q < largest * 0x1p-960 }
    }

    /// Of each row, and the probabilities over the row's largest.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    private static func ratios(
        _ probabilities: Tensor<Scalar>, _ axis: ClassAxis
    ) -> (ratios: Buffer<Double>, totals: [Total]) {
        let places = probabilities.largestClasses(axis, "Categorical")
        let q = probabilities.span, place = places.span
        var ratios = Buffer<Double>(uninitialized: q.count)
        var ratio = ratios.mutableSpan
        let totals = (0..<axis.positions).map { row in
            let start = row * axis.classes, a = start + Int(place[row]), largest = Double(q[a])
            var others = 0.0
            for i in start..<start + axis.classes {
                ratio[i] = Double(q[i]) / largest
                if i != a { others += ratio[i] }
            }
            return Total(place: a, largest: largest, others: others)
        }
        return (ratios, totals)
    }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    private static func logarithms(
        of probabilities: Tensor<Scalar>, _ axis: ClassAxis
    ) throws(CategoricalError) -> Tensor<Scalar> {
        let q = probabilities.span, classes = axis.classes
        for row in 0..<axis.positions {
            var holdsSome = false
            for c in 0..<classes {
                let value = q[row * classes + c]
                if value > 0 { holdsSome = true }
                if !(value >= 0 && value < .infinity) {
                    throw .probability(Double(value), row: probabilities.place(row), class: c)
                }
            }
            if !holdsSome { throw .emptyRow(probabilities.place(row)) }
        }
        var (ratios, totals) = ratios(probabilities, axis)
        do {
            var ratio = ratios.mutableSpan
            for (row, total) in totals.enumerated() {
                for i in row * classes..<(row + 1) * classes where total.isFar(Double(q[i])) {
                    ratio[i] = Double(q[i]) * 0x1p512 / (total.largest * 0x1p-512)
                }
            }
        }
        let others = Buffer(totals.map(\.others))
        var logarithms = Buffer<Double>(uninitialized: q.count), excesses = Buffer<Double>(uninitialized: totals.count)
        var logarithm = logarithms.mutableSpan, excess = excesses.mutableSpan
        Double.log(ratios.span, into: &logarithm)
        Double.log1p(others.span, into: &excess)
        var result = Buffer<Scalar>(uninitialized: q.count)
        var out = result.mutableSpan
        for (row, total) in totals.enumerated() {
            for i in row * classes..<(row + 1) * classes {
                // log 2¹⁰²⁴
                let lift = total.isFar(Double(q[i])) ? 0x1.62e42fefa39efp9 : 0
                out[i] = Scalar(logarithm[i] - excess[row] - lift)
            }
        }
        let (given, shape) = (probabilities.buffer, probabilities.shape)
        return Tensor(
            shape: shape, buffer: result, from: "CategoricalLogProbabilities",
            edges: probabilities.edge { [totals] dy in
                var gradient = Buffer<Scalar>(uninitialized: given.count)
                var out = gradient.mutableSpan
                let q = given.span, upstream = dy.span
                for (row, total) in totals.enumerated() {
                    let a = total.place
                    var rest = 0.0
                    for i in row * classes..<(row + 1) * classes where i != a { rest += Double(upstream[i]) }
                    let own = Double(upstream[a]), mean = (own + rest) / (1 + total.others) / total.largest
                    for i in row * classes..<(row + 1) * classes {
                        out[i] = Scalar(upstream[i] == 0 ? -mean : Double(upstream[i]) / Double(q[i]) - mean)
                    }
                    out[a] = Scalar((own * total.others - rest) / (1 + total.others) / total.largest)
                }
                return Tensor(shape: shape, buffer: gradient)
            })
    }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    private static func normalised(_ probabilities: Tensor<Scalar>, _ axis: ClassAxis) -> Tensor<Scalar> {
        let classes = axis.classes
        let (ratios, totals) = ratios(probabilities, axis)
        let ratio = ratios.span
        var normalised = Buffer<Scalar>(uninitialized: probabilities.count)
        var out = normalised.mutableSpan
        for (row, total) in totals.enumerated() {
            for i in row * classes..<(row + 1) * classes { out[i] = Scalar(ratio[i] / (1 + total.others)) }
        }
        let (p, shape) = (normalised, probabilities.shape)
        return Tensor(
            shape: shape, buffer: normalised, from: "CategoricalProbabilities",
            edges: probabilities.edge { dy in
                var gradient = Buffer<Scalar>(uninitialized: p.count)
                var out = gradient.mutableSpan
                let p = p.span, upstream = dy.span
                for (row, total) in totals.enumerated() {
                    let own = Double(upstream[total.place])
                    // Σ dp·p less dp_a: of a confident row the two are nearly the same.
                    var mean = 0.0
                    for i in row * classes..<(row + 1) * classes {
                        mean += (Double(upstream[i]) - own) * Double(p[i])
                    }
                    for i in row * classes..<(row + 1) * classes {
                        out[i] = Scalar((Double(upstream[i]) - own - mean) / (1 + total.others) / total.largest)
                    }
                }
                return Tensor(shape: shape, buffer: gradient)
            })
    }
}

extension Tensor {
    /// The index of a row of the last axis.
    fileprivate func place(_ row: Int) -> [Int] { Array(shape.dropLast()).indices(ofElement: row) }
}
