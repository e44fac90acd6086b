/// Which parts of the logits' gradient the products of a linear layer's way back leave out.
///
/// Of many classes most have next to no probability, and their gradient next to no weight in the products. (The idea of
/// Cut Cross-Entropy, Wijmans and others, arXiv 2411.09009, which leaves out what is below 2⁻¹².)
public enum GradientFilter: Sendable, Equatable {
    /// None.
    case exact
    /// Tiles, a block of rows by 512 classes, in which no derivative of a row's loss with respect to a logit is as
    /// large as ε, a finite number, at least 0.
    ///
    /// The derivative is that of a row's own loss, class weights and smoothing included, before a mean divides by the number of
    /// rows or a factor from above multiplies it: ε means the same for every batch. It bounds the error: with s that
    /// factor, `dx` of a row is off by at most `s·ε·Σ_c |W_ci|`, `dW` of a class by `Σ_rows s·ε·|x_ri|`. The bias's
    /// gradient and the losses are exact.
    case below(Double)

    /// Whether ε is one.
    public func check() throws(LossError) {
        if case .below(let bound) = self, !(bound >= 0 && bound.isFinite) { throw .gradientFilter(bound) }
    }

    /// Classes of a tile: enough that products over them run at full rate.
    static var tileClasses: Int { 512 }

    /// The ranges of the classes for which products are done, those next to each other together.
    static func ranges(of tiles: [Bool], classes: Int) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        for tile in tiles.indices where tiles[tile] {
            let range = tile * tileClasses..<min(classes, (tile + 1) * tileClasses)
            if let last = ranges.last, last.upperBound == range.lowerBound {
                ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
            } else {
                ranges.append(range)
            }
        }
        return ranges
    }
}

/// Whether a number is as large as a bound, in magnitude, or NaN.
@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
func reaches<Scalar: Surprisal.Scalar>(_ bound: Scalar, _ x: Span<Scalar>) -> Bool {
    var count: Int32 = 0
    // No early end, so that the loop goes over whole vectors.
    for i in x.indices { count &+= x[i].magnitude < bound ? 0 : 1 }
    return count > 0
}
