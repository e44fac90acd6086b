import SurprisalKernels

/// Features shifted and scaled to mean 0 and standard deviation 1, as they were in the rows that it was learned from.
///
/// Learned on the rows that are trained on and applied to all, so that nothing of the others flows into the model. A value
/// that is missing (NaN) counts in neither moment and becomes the mean, 0.
public struct Standardisation: Sendable, Equatable {
    /// One a feature.
    public let mean: [Double]
    /// Of the population; 1 where all rows are alike or none has a value.
    public let deviation: [Double]

    /// - Parameters:
    ///   - features: rows × features.
    ///   - rows: those it is learned from; `nil`: all.
    ///
    /// Stops the program when the features are no table. Complexity: O(rows · features), two passes.
    public init<Scalar>(of features: Tensor<Scalar>, rows: [Int]? = nil) {
        guard features.rank == 2 else { fatalError("Standardisation: features of shape \(features.shape); expected rows × features") }
        let columns = features.shape[1], values = features.span
        var counts = [Double](repeating: 0, count: columns), mean = counts, squares = counts
        func forEachValue(_ body: (Int, Double) -> Void) {
            for row in rows ?? Array(0..<features.shape[0]) {
                for column in 0..<columns {
                    let value = Double(values[row * columns + column])
                    if !value.isNaN { body(column, value) }
                }
            }
        }
        forEachValue {
            counts[$0] += 1
            mean[$0] += $1
        }
        for column in 0..<columns where counts[column] > 0 { mean[column] /= counts[column] }
        // The second pass, around the mean: no digits are lost where it is large.
        forEachValue { squares[$0] += ($1 - mean[$0]) * ($1 - mean[$0]) }
        self.mean = mean
        deviation = (0..<columns).map { column in
            let deviation = counts[column] > 0 ? (squares[column] / counts[column]).squareRoot() : 0
            // Nothing but the rounding of the mean.
            return deviation <= 1e-10 * abs(mean[column]) || deviation == 0 ? 1 : deviation
        }
    }

    public init(mean: [Double], deviation: [Double]) {
        if mean.count != deviation.count { fatalError("Standardisation: \(mean.count) means and \(deviation.count) deviations") }
        (self.mean, self.deviation) = (mean, deviation)
    }

    /// The features of any rows, standardised.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func callAsFunction<Scalar>(_ features: Tensor<Scalar>) -> Tensor<Scalar> {
        guard features.rank == 2, features.shape[1] == mean.count else {
            fatalError("Standardisation: features of shape \(features.shape); expected rows × \(mean.count)")
        }
        return standardised(features, rows: 0..<features.shape[0])
    }

    /// Some of the rows, which are in range.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    package func standardised<Scalar>(_ features: Tensor<Scalar>, rows: Range<Int>) -> Tensor<Scalar> {
        let columns = mean.count
        var buffer = Buffer<Scalar>(uninitialized: rows.count * columns)
        var span = buffer.mutableSpan
        let chosen = features.span.extracting(rows.lowerBound * columns..<rows.upperBound * columns)
        Scalar.standardise(chosen, mean: mean, deviation: deviation, into: &span)
        return Tensor(shape: [rows.count, columns], buffer: buffer)
    }
}
