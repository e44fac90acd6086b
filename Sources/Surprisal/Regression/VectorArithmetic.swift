import SurprisalKernels

/// x·y
func dot(_ x: [Double], _ y: [Double]) -> Double { VectorProduct.dot(x.span, y.span) }

/// ‖x‖
func norm(_ x: [Double]) -> Double { dot(x, x).squareRoot() }

/// y ← y + factor·x
func add(_ factor: Double, _ x: [Double], to y: inout [Double]) {
    var span = y.mutableSpan
    VectorProduct.add(factor, x.span, to: &span)
}
