/// Layers one after the other: PyTorch's `nn.Sequential`, with its names, `0.weight`, `0.bias`, `2.weight`.
///
/// A value: a copy learns by itself.
public struct Sequential<Scalar: Surprisal.Scalar>: Layer {
    public var layers: [any Layer<Scalar>]

    public init(_ layers: [any Layer<Scalar>]) { self.layers = layers }
    public init(_ layers: any Layer<Scalar>...) { self.layers = layers }

    public mutating func forEachParameter(_ body: (String, inout Tensor<Scalar>) -> Void) {
        for place in layers.indices {
            layers[place].forEachParameter { name, parameter in body("\(place).\(name)", &parameter) }
        }
    }

    public func callAsFunction(_ x: Tensor<Scalar>) -> Tensor<Scalar> { layers.reduce(x) { $1($0) } }

    public func callAsFunction(
        _ x: Tensor<Scalar>, training generator: inout some RandomNumberGenerator
    ) -> Tensor<Scalar> {
        var y = x
        for layer in layers { y = layer(y, training: &generator) }
        return y
    }
}
