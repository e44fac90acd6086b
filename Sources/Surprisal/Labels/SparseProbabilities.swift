import SurprisalKernels

/// Class probabilities of which each position names a few: the k most probable of a teacher, say.
///
/// What becomes of the mass that they leave is a `Remainder`. A loss takes them as the dense probabilities that they stand
/// for, without the memory of those.
public struct SparseProbabilities<Scalar: Surprisal.Scalar>: Sendable {
    /// What the classes of a position that are not named have.
    public enum Remainder: Sendable, Equatable, CaseIterable {
        /// `(1 − Σq)/(C − k)` each.
        case spread
        /// 0: the named ones need not sum to 1.
        case dropped
    }

    /// Of the positions.
    public let shape: Shape
    public let classCount: Int
    /// How many classes a position names at most.
    public let k: Int
    public let remainder: Remainder
    /// A position's k together, −1 where there is none.
    private let classes: [Int32]
    private let values: [Scalar]
    /// Of the classes that a position does not name.
    private let others: [Scalar]

    /// - Parameters:
    ///   - classes: of any integer type, a position's k together; a negative one names nothing, and its probability is not
    ///     looked at.
    ///   - probabilities: as many, finite and at least 0. With `.spread` those of a position sum to at most 1.
    ///   - shape: of both: the positions', and k as the last axis.
    /// - Throws: `SparseProbabilityError`.
    /// - Complexity: O(positions · k²).
    public init(
        classes: [some BinaryInteger], probabilities: [Scalar], shape: Shape, classCount: Int, remainder: Remainder = .spread
    ) throws(SparseProbabilityError) {
        guard let k = shape.last, shape.allSatisfy({ $0 >= 0 }) else { throw .shape(shape) }
        for count in [classes.count, probabilities.count] where count != shape.elementCount {
            throw .count(found: count, shape: shape)
        }
        self.shape = shape.dropLast()
        (self.classCount, self.k, self.remainder) = (classCount, k, remainder)
        var named: [Int32] = [], others: [Scalar] = []
        named.reserveCapacity(classes.count)
        for n in 0..<self.shape.elementCount {
            var sum = 0.0, count = 0
            for i in n * k..<(n + 1) * k {
                let place = shape.indices(ofElement: i)
                guard classes[i] < classCount else { throw .classIndex(String(classes[i]), place, classCount: classCount) }
                if classes[i] < 0 {
                    named.append(-1)
                    continue
                }
                let c = Int32(classes[i]), q = probabilities[i]
                guard q >= 0, q.isFinite else { throw .probability(Double(q), place) }
                if named[(n * k)...].contains(c) { throw .twice(Int(c), place) }
                named.append(c)
                sum += Double(q)
                count += 1
            }
            var left = 0.0
            if remainder == .spread {
                left = 1 - sum
                // What rounding k probabilities may add.
                guard left >= -Double(k) * Double(Scalar.ulpOfOne) else { throw .sum(sum, shape.dropLast().indices(ofElement: n)) }
            }
            others.append(left > 0 && count < classCount ? Scalar(left / Double(classCount - count)) : 0)
        }
        (self.classes, values, self.others) = (named, probabilities, others)
    }

    /// Of what `topK(_:along:)` gives along the last axis, or another's indices and probabilities of one shape.
    public init(
        _ indices: Indices, _ probabilities: Tensor<Scalar>, classCount: Int, remainder: Remainder = .spread
    ) throws(SparseProbabilityError) {
        if indices.shape != probabilities.shape { throw .shapes(indices.shape, probabilities.shape) }
        try self.init(
            classes: indices.values, probabilities: probabilities.scalars, shape: indices.shape, classCount: classCount,
            remainder: remainder)
    }

    /// The probabilities that they stand for, of some positions: `outer × classes × inner`.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    func dense(_ positions: [Int], inner: Int = 1) -> Buffer<Scalar> {
        var dense = Buffer<Scalar>(repeating: 0, count: positions.count * classCount)
        var q = dense.mutableSpan
        for (row, n) in positions.enumerated() {
            let start = row / inner * classCount * inner + row % inner
            if others[n] > 0 { for c in 0..<classCount { q[start + c * inner] = others[n] } }
            for i in n * k..<(n + 1) * k where classes[i] >= 0 { q[start + Int(classes[i]) * inner] = values[i] }
        }
        return dense
    }

    /// Of class c at a position.
    func probability(_ n: Int, _ c: Int) -> Scalar {
        for i in n * k..<(n + 1) * k where Int(classes[i]) == c { return values[i] }
        return others[n]
    }

    /// The first of the most probable classes of a position, of those not named too.
    func likeliest(_ n: Int) -> Int {
        var best = -1, most = Scalar(-1)
        for i in n * k..<(n + 1) * k where classes[i] >= 0 {
            if values[i] > most || values[i] == most && Int(classes[i]) < best { (best, most) = (Int(classes[i]), values[i]) }
        }
        if others[n] < most { return best }
        let named = Set(classes[n * k..<(n + 1) * k])
        guard let first = (0..<classCount).first(where: { !named.contains(Int32($0)) }) else { return best }
        return others[n] == most && best < first ? best : first
    }
}

/// Why sparse class probabilities were rejected.
public enum SparseProbabilityError: Error, Equatable, CustomStringConvertible {
    case shape(Shape)
    case shapes(Shape, Shape)
    case count(found: Int, shape: Shape)
    case classIndex(String, [Int], classCount: Int)
    case probability(Double, [Int])
    case twice(Int, [Int])
    case sum(Double, [Int])

    public var description: String {
        switch self {
        case .shape(let shape): "shape \(shape); expected the positions' and a last axis of k, none negative"
        case .shapes(let indices, let probabilities):
            "class indices of shape \(indices) and probabilities of \(probabilities); expected equal ones"
        case .count(let found, let shape): "\(found) elements for shape \(shape); expected \(shape.elementCount)"
        case .classIndex(let value, let place, let classCount):
            "class \(value) at \(place); expected 0 to \(classCount - 1) (\(classCount) classes), or a negative number for none"
        case .probability(let value, let place): "probability \(value) at \(place); expected a finite number, at least 0"
        case .twice(let c, let place): "class \(c) at \(place) for the second time"
        case .sum(let sum, let position):
            "probabilities of position \(position) sum to \(sum); expected at most 1 where the remainder is spread"
        }
    }
}
