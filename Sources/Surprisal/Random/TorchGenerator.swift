import SurprisalKernels

/// PyTorch's generator of the processor: after the same calls in the same order, the numbers of `torch.manual_seed(seed)`.
///
/// ```swift
/// var generator = TorchGenerator(seed: 42)
/// let layer = Linear<Float>(784, 10, using: &generator)       // torch.manual_seed(42); torch.nn.Linear(784, 10)
/// ```
///
/// | here | PyTorch | its bits |
/// | --- | --- | --- |
/// | `uniform` | `rand`, `uniform_` | the same |
/// | `integers` | `randint` | the same |
/// | `permutation` | `randperm` | the same |
/// | `normal` | `randn`, `normal_` | the same of Float; of Double those of the same C library |
/// | `bernoulli` | `bernoulli_(p)`, the mask of `dropout` | the same, but where PyTorch has MKL draw (Intel's processors) |
/// | `multinomial` | `multinomial` | the same, but for MKL and weights equal within a rounding |
///
/// That is PyTorch 2.13 on a processor with AVX2 or AVX-512, where it multiplies and adds in one rounding. Its rarely used
/// code for older ones rounds twice: of bounds other than 0 and 1 half of its uniform numbers are 1 ULP apart, and its
/// normal numbers of Float a few.
///
/// Source of the generator: M. Matsumoto, T. Nishimura, "Mersenne twister", ACM TOMACS 8, 1998; of the rest: PyTorch's
/// `DistributionTemplates.h`.
public struct TorchGenerator: TensorRandomNumberGenerator, Sendable {
    private static let length = 624
    private var state: [UInt32]
    /// How many of the state's numbers are used up.
    private var used = TorchGenerator.length
    /// The second of a pair of normal numbers, which the next small tensor begins with.
    private var spare: Double?

    /// The state after `torch.manual_seed(seed)`, which takes the lower 32 bits.
    public init(seed: UInt64) {
        state = [UInt32(truncatingIfNeeded: seed)]
        state.reserveCapacity(Self.length)
        for i in 1..<Self.length {
            let last = state[i - 1]
            state.append(1_812_433_253 &* (last ^ (last >> 30)) &+ UInt32(i))
        }
    }

    private mutating func refill() {
        let length = Self.length
        for i in 0..<length {
            let mixed = (state[i] & 0x8000_0000) | (state[(i + 1) % length] & 0x7FFF_FFFF)
            state[i] = state[(i + 397) % length] ^ (mixed >> 1) ^ (mixed & 1 == 0 ? 0 : 0x9908_B0DF)
        }
        used = 0
    }

    private mutating func next32() -> UInt32 {
        if used == Self.length { refill() }
        var y = state[used]
        used += 1
        y ^= y >> 11
        y ^= (y << 7) & 0x9D2C_5680
        y ^= (y << 15) & 0xEFC6_0000
        return y ^ (y >> 18)
    }

    /// Two numbers of the Mersenne twister, the first one above.
    public mutating func next() -> UInt64 {
        let high = UInt64(next32())
        return high << 32 | UInt64(next32())
    }

    /// A number from 0 to below 1 of as many bits as the type has: one number of the twister for Float, two for Double.
    private mutating func fraction<Scalar: Surprisal.Scalar>() -> Scalar {
        let digits = Scalar.significandBitCount + 1
        let bits = digits <= 32 ? UInt64(next32()) : next()
        return Scalar(bits & (1 << UInt64(digits) - 1)) * Scalar(sign: .plus, exponent: Scalar.Exponent(-digits), significand: 1)
    }

    /// `torch.rand(shape)`, or `torch.empty(shape).uniform_(low, high)`: to the bit.
    ///
    /// Stops the program when the bounds do not ascend, or are not finite.
    /// - Complexity: O(count).
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public mutating func uniform<Scalar: Surprisal.Scalar>(
        _ shape: Shape, from low: Double = 0, to high: Double = 1
    ) -> Tensor<Scalar> {
        ElementDistribution.uniform(from: low, to: high).require(in: "uniform")
        let low = Scalar(low), width = Scalar(high) - low
        var buffer = Buffer<Scalar>(uninitialized: shape.elementCount)
        var numbers = buffer.mutableSpan
        for i in numbers.indices { numbers[i] = low.addingProduct(fraction(), width) }
        return Tensor(shape: shape, buffer: buffer)
    }

    /// `torch.randint(limit, (count,))`: to the bit. As PyTorch's they are remainders, larger ones up to 5 % rarer where the
    /// limit nears 2²⁸.
    ///
    /// Stops the program when the limit is not positive or the count negative.
    public mutating func integers(below limit: Int, count: Int) -> [Int] {
        guard limit > 0, count >= 0 else {
            fatalError("integers: \(count) below \(limit); expected at least 0 below at least 1")
        }
        let limit = UInt64(limit)
        return (0..<count).map { _ in Int((limit < 1 << 28 ? UInt64(next32()) : next()) % limit) }
    }

    /// `torch.randperm(count)`: the numbers from 0 to below `count` in random order, to the bit.
    ///
    /// Stops the program when the count is negative, or has PyTorch change its method: from 214,748,364 on.
    public mutating func permutation(of count: Int) -> [Int] {
        guard count >= 0, count < Int(UInt32.max) / 20 else {
            fatalError("permutation: of \(count); expected 0 to \(Int(UInt32.max) / 20 - 1)")
        }
        var order = Array(0..<count)
        for i in order.indices.dropLast() { order.swapAt(i, i + Int(next32()) % (count - i)) }
        return order
    }

    /// `torch.empty(shape).bernoulli_(probability)`: 1 with the probability, and 0 otherwise.
    ///
    /// `torch.nn.functional.dropout(x, p)` is x times this of probability 1 − p, over 1 − p; `Tensor.dropout`, which keeps no
    /// mask, has choices of its own. PyTorch on an Intel processor
    /// has MKL draw these numbers; there they are others.
    ///
    /// Stops the program when the probability is not from 0 to 1.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public mutating func bernoulli<Scalar: Surprisal.Scalar>(_ probability: Double, _ shape: Shape) -> Tensor<Scalar> {
        guard probability >= 0, probability <= 1 else {
            fatalError("bernoulli: probability \(probability); expected 0 to 1")
        }
        var buffer = Buffer<Scalar>(uninitialized: shape.elementCount)
        var numbers = buffer.mutableSpan
        for i in numbers.indices { numbers[i] = (fraction() as Double) < probability ? 1 : 0 }
        return Tensor(shape: shape, buffer: buffer)
    }

    /// `torch.randn(shape)`, or `torch.empty(shape).normal_(mean, standardDeviation)`, by the method of Box and Muller.
    ///
    /// Of 16 elements and more, sixteen uniform numbers are made sixteen normal ones, the last sixteen anew where they are
    /// no multiple of that many. Of fewer, pairs are made in Double, one number of which the next such call may begin with.
    /// - Accuracy: the bits of PyTorch; its logarithm, sine and cosine of Float are polynomials, in `TorchNormal`.
    ///
    /// Stops the program when the mean is not finite, or the deviation not a finite number, at least 0.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public mutating func normal<Scalar: Surprisal.Scalar>(
        _ shape: Shape, mean: Double = 0, standardDeviation: Double = 1
    ) -> Tensor<Scalar> {
        ElementDistribution.normal(mean: mean, standardDeviation: standardDeviation).require(in: "normal")
        let count = shape.elementCount
        var buffer = Buffer<Scalar>(uninitialized: count)
        var numbers = buffer.mutableSpan
        if count < 16 {
            for i in 0..<count { numbers[i] = Scalar(mean.addingProduct(nextNormal(), standardDeviation)) }
            return Tensor(shape: shape, buffer: buffer)
        }
        for i in 0..<count { numbers[i] = fraction() }
        let (mean, deviation) = (Scalar(mean), Scalar(standardDeviation))
        for block in 0..<count / 16 { Self.makeNormal(&numbers, from: 16 * block, mean, deviation) }
        if count % 16 != 0 {
            for i in count - 16..<count { numbers[i] = fraction() }
            Self.makeNormal(&numbers, from: count - 16, mean, deviation)
        }
        return Tensor(shape: shape, buffer: buffer)
    }

    private static func makeNormal<Scalar: Surprisal.Scalar>(
        _ numbers: inout MutableSpan<Scalar>, from start: Int, _ mean: Scalar, _ deviation: Scalar
    ) {
        for i in start..<start + 8 {
            let (first, second) = TorchNormal.pair(numbers[i], numbers[i + 8])
            numbers[i] = mean.addingProduct(first, deviation)
            numbers[i + 8] = mean.addingProduct(second, deviation)
        }
    }

    private mutating func nextNormal() -> Double {
        if let number = spare.take() { return number }
        let turn: Double = fraction(), size: Double = fraction()
        let radius = (-2 * SpecialFunctions.log1p(-size)).squareRoot(), angle = 2 * Double.pi * turn
        spare = radius * SpecialFunctions.sin(angle)
        return radius * SpecialFunctions.cos(angle)
    }

    /// `torch.multinomial(weights, count, replacement)`: classes drawn with probabilities proportional to their weights.
    ///
    /// Without replacement, and when one is drawn, the classes with the largest quotients of weight and an exponential
    /// number, in descending order; with replacement by inversion.
    ///
    /// - Parameter weights: one a class, of one row or several.
    /// - Shapes: `classes` → `count`, `rows × classes` → `rows × count`.
    /// - Complexity: O(weights · log(classes)) without, O(weights + rows · count · log(classes)) with replacement.
    ///
    /// Stops the program when `check` would throw. PyTorch draws impossible classes when the possible ones are used up.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public mutating func multinomial<Scalar: Surprisal.Scalar>(
        _ weights: Tensor<Scalar>, count: Int, replacement: Bool = false
    ) -> Indices {
        do { try Self.check(weights, count: count, replacement: replacement) } catch {
            fatalError("multinomial: \(error)")
        }
        let classes = weights.shape[weights.rank - 1], rows = weights.rank == 1 ? 1 : weights.shape[0]
        var drawn: [Int] = []
        drawn.reserveCapacity(rows * count)
        let w = weights.span
        if replacement && count != 1 {
            for row in 0..<rows {
                var sum: Scalar = 0
                var sums = (0..<classes).map { c in
                    sum += w[row * classes + c]
                    return sum
                }
                for c in 0..<classes - 1 { sums[c] /= sum }
                sums[classes - 1] = 1
                for _ in 0..<count {
                    let target: Double = fraction()
                    var low = 0, high = classes
                    while low < high {
                        let middle = (low + high) / 2
                        if Double(sums[middle]) < target { low = middle + 1 } else { high = middle }
                    }
                    drawn.append(low)
                }
            }
        } else {
            for row in 0..<rows {
                let quotients = (0..<classes).map { c in
                    w[row * classes + c] / Scalar(-SpecialFunctions.log1p(-(fraction() as Double)))
                }
                // Of equal ones the first, as everywhere; PyTorch leaves it open.
                let order = quotients.indices.sorted { a, b in
                    quotients[a] == quotients[b] ? a < b : quotients[a] > quotients[b]
                }
                drawn += order.prefix(count)
            }
        }
        return Indices(shape: weights.rank == 1 ? [count] : [rows, count], values: drawn)
    }

    /// Whether so many classes can be drawn with these weights.
    public static func check<Scalar: Surprisal.Scalar>(
        _ weights: Tensor<Scalar>, count: Int, replacement: Bool = false
    ) throws(MultinomialError) {
        guard weights.rank == 1 || weights.rank == 2, weights.shape[weights.rank - 1] > 0 else {
            throw .shape(weights.shape)
        }
        guard count > 0 else { throw .count(count) }
        let classes = weights.shape[weights.rank - 1], w = weights.span
        for row in 0..<weights.count / classes {
            var possible = 0, sum: Scalar = 0
            for c in 0..<classes {
                let weight = w[row * classes + c]
                guard weight >= 0, weight.isFinite else { throw .weight(Double(weight), row: row, class: c) }
                if weight > 0 { possible += 1 }
                sum += weight
            }
            guard sum.isFinite else { throw .infiniteSum(row: row) }
            guard possible >= (replacement ? 1 : count) else { throw .tooFew(possible, of: count, row: row) }
        }
    }
}

/// Why no classes can be drawn.
public enum MultinomialError: Error, Equatable, CustomStringConvertible {
    case shape(Shape)
    case count(Int)
    case weight(Double, row: Int, class: Int)
    case infiniteSum(row: Int)
    case tooFew(Int, of: Int, row: Int)

    public var description: String {
        switch self {
        case .shape(let shape): "weights of shape \(shape); expected classes, or rows × classes"
        case .count(let count): "\(count) to draw; expected at least 1"
        case .weight(let value, let row, let c): "weight \(value) of class \(c) in row \(row); expected a finite number, at least 0"
        case .infiniteSum(let row): "the weights of row \(row) sum to infinity"
        case .tooFew(let possible, let count, let row):
            "\(possible) classes of row \(row) have a positive weight; expected at least \(count == 1 ? 1 : count)"
        }
    }
}
