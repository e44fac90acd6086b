import CKernels

/// Elements whose losses are summed by themselves, before the sums are: where they begin and end, and so every bit of a
/// sum, depends on the number of elements alone.
public enum Strips {
    static let length = Int(CK_STRIP)

    /// How many a number of elements is.
    public static func count(of elements: Int) -> Int { (elements + length - 1) / length }

    /// Divides them among the threads.
    static func forEach(of elements: Int, cost: Int, _ body: (Int, Int) -> Void) {
        Parallel.forRows(count(of: elements), elementsPerRow: length, cost: cost, body)
    }
}

/// One factor for all elements, one a class, or one an element.
public struct ElementFactors<Element: Scalar>: Sendable {
    public let values: Buffer<Element>
    /// Neighbouring elements with the same one; then comes the next, and after the last the first.
    public let distance: Int

    public init(_ values: Buffer<Element>, distance: Int) {
        self.values = values
        self.distance = distance
    }
}

/// The options of a binary cross-entropy.
public struct BinaryCrossEntropySweep<Element: Scalar>: Sendable {
    /// Of a loss; 1 unless given.
    public let weight: ElementFactors<Element>?
    /// Of the part that the target multiplies; 1 unless given.
    public let positive: ElementFactors<Element>?
    /// Factor of every derivative: 1, or 1/denominator of a mean.
    public let scale: Double

    public init(weight: ElementFactors<Element>?, positive: ElementFactors<Element>?, scale: Double) {
        self.weight = weight
        self.positive = positive
        self.scale = scale
    }
}

/// The options of a multi-class margin loss.
public struct MarginSweep<Element: Scalar>: Sendable {
    public let axis: ClassAxis
    public let labels: ClassIndices
    /// One a class.
    public let weight: Buffer<Element>?
    /// 1 or 2.
    public let p: Int
    public let margin: Double
    /// Factor of every gradient: 1, or 1/denominator of a mean.
    public let scale: Double

    public init(
        axis: ClassAxis, labels: ClassIndices, weight: Buffer<Element>?, p: Int, margin: Double, scale: Double
    ) {
        self.axis = axis
        self.labels = labels
        self.weight = weight
        self.p = p
        self.margin = margin
        self.scale = scale
    }
}

/// The derivative of a Kullback–Leibler divergence that is wanted.
public enum DivergenceDerivative: Sendable {
    case byLogProbabilities, byTargets
}

extension UnsafeMutableBufferPointer {
    /// Where a kernel writes; nowhere without elements. (Those of an empty buffer have an address too.)
    @inline(__always)
    var wanted: UnsafeMutablePointer<Element>? { isEmpty ? nil : baseAddress }
}
