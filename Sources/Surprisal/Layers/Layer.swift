/// A model that makes one tensor of another.
///
/// There is no mode to forget: `layer(x)` is the layer in use, `layer(x, training: &generator)` the same while it learns.
/// They differ where chance takes part, in `Dropout`.
public protocol Layer<Scalar>: Model {
    func callAsFunction(_ x: Tensor<Scalar>) -> Tensor<Scalar>
    /// - Parameter generator: of the random choices.
    func callAsFunction(_ x: Tensor<Scalar>, training generator: inout some RandomNumberGenerator) -> Tensor<Scalar>
}

extension Layer {
    public func callAsFunction(
        _ x: Tensor<Scalar>, training generator: inout some RandomNumberGenerator
    ) -> Tensor<Scalar> { self(x) }
}

/// A layer that learns nothing.
public protocol ParameterFreeLayer: Layer {}

extension ParameterFreeLayer {
    public mutating func forEachParameter(_ body: (String, inout Tensor<Scalar>) -> Void) {}
}
