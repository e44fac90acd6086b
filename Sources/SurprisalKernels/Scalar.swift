/// Functions of one element that the kernels have with their derivatives.
public enum Activation: Sendable, Equatable {
    case sigmoid, silu, gelu
    /// With Φ approximated by a tanh.
    case geluTanh
    case relu
}

/// What a normalising kernel writes for each position.
public enum Normalisation: Sendable {
    case logSoftmax, softmax, logSumExp
}

/// The logits of a tensor seen from its class axis: `outer × classes × inner`, row-major. Position
/// n = o·inner + i holds the row whose element c lies at (o·classes + c)·inner + i.
public struct ClassAxis: Sendable, Equatable {
    public let outer, classes, inner: Int

    @inlinable
    public init(outer: Int, classes: Int, inner: Int) {
        self.outer = outer
        self.classes = classes
        self.inner = inner
    }

    @inlinable
    public var positions: Int { outer * inner }

    /// What an element costs in exponentials: where there are few classes, the ends of rows are most of the work.
    var cost: Int { classes < 64 ? 4 : 1 }

    func bytes<Element>(of type: Element.Type, arrays: Int) -> Int {
        outer * classes * inner * MemoryLayout<Element>.size * arrays
    }
}

/// The class of each position, a negative one meaning none. The largest is known, so that a kernel need not look
/// through them all again to stay within its memory.
public struct ClassIndices: Sendable, Equatable {
    public let values: [Int32]
    /// −1 where there is none.
    public let largest: Int

    public init(_ values: [Int32]) {
        self.values = values
        largest = Int(values.max() ?? -1)
    }

    @inlinable
    public var count: Int { values.count }
}

/// What a loss is taken against: one class a position, a negative one meaning none, or a probability for
/// each class of each position.
public enum Target<Element: Scalar>: Sendable {
    case labels(ClassIndices)
    case probabilities(Buffer<Element>)
}

/// The options of a cross-entropy sweep. Not copied, which would count four references: a sixth of the call for a single row.
public struct CrossEntropySweep<Element: Scalar>: ~Copyable {
    public let axis: ClassAxis
    public let target: Target<Element>
    /// One a class.
    public let weight: Buffer<Element>?
    /// ε in 0...1.
    public let smoothing: Double
    /// Factor of every gradient: 1, or 1/denominator of a mean.
    public let scale: Double
    /// One a position; a row of weight 0 is not read.
    public var rowWeights: Buffer<Element>?
    /// One a class: 1, or 0 where smoothing goes past.
    public var openClasses: Buffer<Element>?
    /// λ of λ·lse².
    public var zLoss = 0.0
    /// All that is swept in turn, where `axis` is a part of it: what the caches hold is asked of it.
    public var whole: ClassAxis?

    @inlinable
    public init(
        axis: ClassAxis, target: Target<Element>, weight: Buffer<Element>?, smoothing: Double, scale: Double
    ) {
        self.axis = axis
        self.target = target
        self.weight = weight
        self.smoothing = smoothing
        self.scale = scale
    }
}

/// The numbers of one step of Adam.
public struct AdamStep<Element: Scalar>: Sendable {
    public var keep, l2, first, second, fresh, rate, root, epsilon: Element

    public init(
        keep: Element, l2: Element, first: Element, second: Element, fresh: Element, rate: Element, root: Element,
        epsilon: Element
    ) {
        (self.keep, self.l2, self.first, self.second) = (keep, l2, first, second)
        (self.fresh, self.rate, self.root, self.epsilon) = (fresh, rate, root, epsilon)
    }
}

/// Float or Double: an element type the kernels are compiled for.
public protocol Scalar: BinaryFloatingPoint, BitwiseCopyable, Sendable {
    static func normalise(
        _ x: Span<Self>, into y: inout MutableSpan<Self>, axis: ClassAxis, as output: Normalisation)
    static func normaliseInPlace(_ x: inout MutableSpan<Self>, axis: ClassAxis, as output: Normalisation)

    /// The vector-Jacobian product of (log-)softmax from its output `y` and the upstream gradient.
    static func vectorJacobianProduct(
        _ y: Span<Self>, upstream: Span<Self>, into gradient: inout MutableSpan<Self>, axis: ClassAxis,
        of output: Normalisation)

    /// Row losses of `logits`.
    static func crossEntropy(
        _ logits: Span<Self>, _ sweep: borrowing CrossEntropySweep<Self>, losses: inout MutableSpan<Self>)
    /// Row losses of `logits` and their gradient.
    static func crossEntropy(
        _ logits: Span<Self>, _ sweep: borrowing CrossEntropySweep<Self>, losses: inout MutableSpan<Self>,
        gradient: inout MutableSpan<Self>)
    /// Row losses of the logits in `gradient`, which their gradient replaces.
    static func crossEntropyInPlace(
        _ gradient: inout MutableSpan<Self>, _ sweep: borrowing CrossEntropySweep<Self>, losses: inout MutableSpan<Self>)

    static func exp(_ x: Span<Self>, into y: inout MutableSpan<Self>)
    static func log(_ x: Span<Self>, into y: inout MutableSpan<Self>)
    /// x ≥ 0.
    static func log1p(_ x: Span<Self>, into y: inout MutableSpan<Self>)
    /// Multiplies every row of classes by its position's factor. Nothing flows where either is 0, as in an ignored
    /// row, whatever the other is.
    static func scaleRows(_ x: inout MutableSpan<Self>, by factors: Span<Self>, axis: ClassAxis)
    /// Each over a number, rounded once.
    static func divide(_ x: Span<Self>, by divisor: Self, into y: inout MutableSpan<Self>)
    static func divideInPlace(_ x: inout MutableSpan<Self>, by divisor: Self)
    /// y ← c·tanh(x/c)
    static func softCap(_ x: Span<Self>, at cap: Self, into y: inout MutableSpan<Self>)
    /// g ← g·(1 − tanh²(x/c)), but 0 where it is, whatever x is.
    static func softCapGradient(_ x: Span<Self>, at cap: Self, in gradient: inout MutableSpan<Self>)

    static func activate(_ activation: Activation, _ x: Span<Self>, into y: inout MutableSpan<Self>)
    /// dx ← dy·f′(x), but 0 where dy is, whatever x is; of relu from its output as well as from x.
    static func activateGradient(
        _ activation: Activation, _ x: Span<Self>, _ dy: Span<Self>, into dx: inout MutableSpan<Self>)
    /// Binary cross-entropies or, without, the sum of each of the `Strips`, and with them the derivatives by the logits:
    /// what has no elements is not wanted.
    static func binaryCrossEntropy(
        _ logits: Span<Self>, targets: Span<Self>, _ sweep: BinaryCrossEntropySweep<Self>,
        losses: inout MutableSpan<Self>, sums: inout MutableSpan<Double>, slopes: inout MutableSpan<Self>)
    /// Their derivatives by the targets.
    static func binaryCrossEntropySlopes(
        _ logits: Span<Self>, targets: Span<Self>, _ sweep: BinaryCrossEntropySweep<Self>,
        into slopes: inout MutableSpan<Self>)
    /// Margin losses, a position each, and their gradient, which without elements is not wanted.
    static func multiMargin(
        _ scores: Span<Self>, _ sweep: MarginSweep<Self>, losses: inout MutableSpan<Self>,
        gradient: inout MutableSpan<Self>)
    /// The terms of a Kullback–Leibler divergence, rounded, or the sum of each of the `Strips`: what has no elements is not
    /// wanted.
    static func divergence(
        _ logProbabilities: Span<Self>, targets: Span<Self>, areLogarithms: Bool, terms: inout MutableSpan<Self>,
        sums: inout MutableSpan<Double>)
    /// A derivative of the terms, times a factor.
    static func divergenceSlopes(
        _ derivative: DivergenceDerivative, _ logProbabilities: Span<Self>, targets: Span<Self>, areLogarithms: Bool,
        scale: Double, into slopes: inout MutableSpan<Self>)

    static func combine(
        _ operation: BinaryOperation, _ x: Span<Self>, _ y: Span<Self>, into z: inout MutableSpan<Self>)
    static func map(_ operation: UnaryOperation<Self>, _ x: Span<Self>, into y: inout MutableSpan<Self>)
    static func fill(_ x: inout MutableSpan<Self>, with value: Self)
    /// x ← x·factor, but 0 where x is, whatever the factor.
    static func scaleInPlace(_ x: inout MutableSpan<Self>, by factor: Self)
    /// p ← p − rate·v
    static func descend(_ p: inout MutableSpan<Self>, along v: Span<Self>, rate: Self)
    /// v ← momentum·v + fresh·g
    static func gather(_ v: inout MutableSpan<Self>, _ g: Span<Self>, momentum: Self, fresh: Self)
    /// Each `(x − mean)/deviation` of its column in Double, 0 where x is NaN.
    static func standardise(
        _ x: Span<Self>, mean: [Double], deviation: [Double], into y: inout MutableSpan<Self>)
    /// m ← m + first·(g − m), v ← second·v + fresh·g², p ← p·keep − rate·m/(√v/root + ε), where g has l2·p added.
    static func adam(
        _ p: inout MutableSpan<Self>, _ m: inout MutableSpan<Self>, _ v: inout MutableSpan<Self>, _ g: Span<Self>,
        _ step: AdamStep<Self>)
    /// Σx with rounding errors kept: within 1 ULP of the rounded exact sum unless terms cancel.
    static func sum(_ x: Span<Self>) -> Double
    /// Σ over the classes of each position, over a divisor; inner not 1. Sums take their terms in order, of Float in
    /// Double, of Double with the rounding errors kept.
    static func sumClasses(
        _ x: Span<Self>, axis: ClassAxis, dividedBy divisor: Double, into y: inout MutableSpan<Self>)
    /// Operations of a network, all on this thread.
    static func operate(_ network: NetworkOperations, _ memories: NetworkMemories<Self>)
    /// The class of each position's largest element, NaN being larger than any number, of equals the first.
    static func argmax(_ x: Span<Self>, axis: ClassAxis, into classes: inout MutableSpan<Int32>)
    /// How many classes stand before each position's label, from the largest down as in `argmax`: 0 where it is the
    /// largest, −1 where there is no label.
    static func rank(
        _ labels: ClassIndices, in x: Span<Self>, axis: ClassAxis, into ranks: inout MutableSpan<Int32>)
    /// c ← a·b, or c + a·b; a is m×k and b k×n after their transpositions.
    static func multiply(_ plan: MatrixProduct, _ a: Span<Self>, _ b: Span<Self>, into c: inout MutableSpan<Self>)
    /// c ← a·b plus a bias for each column.
    static func multiply(
        _ plan: MatrixProduct, _ a: Span<Self>, _ b: Span<Self>, adding bias: Span<Self>,
        into c: inout MutableSpan<Self>)
}
