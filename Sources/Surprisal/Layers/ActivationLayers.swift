/// PyTorch's `nn.ReLU`: `Tensor.relu()`.
public struct ReLU<Scalar: Surprisal.Scalar>: ParameterFreeLayer {
    public init() {}
    public func callAsFunction(_ x: Tensor<Scalar>) -> Tensor<Scalar> { x.relu() }
}

/// PyTorch's `nn.GELU`: `Tensor.gelu(approximation:)`.
public struct GELU<Scalar: Surprisal.Scalar>: ParameterFreeLayer {
    public let approximation: GELUApproximation
    public init(approximation: GELUApproximation = .none) { self.approximation = approximation }
    public func callAsFunction(_ x: Tensor<Scalar>) -> Tensor<Scalar> { x.gelu(approximation: approximation) }
}

/// PyTorch's `nn.Tanh`: `Tensor.tanh()`.
public struct Tanh<Scalar: Surprisal.Scalar>: ParameterFreeLayer {
    public init() {}
    public func callAsFunction(_ x: Tensor<Scalar>) -> Tensor<Scalar> { x.tanh() }
}

/// PyTorch's `nn.Sigmoid`: `Tensor.sigmoid()`.
public struct Sigmoid<Scalar: Surprisal.Scalar>: ParameterFreeLayer {
    public init() {}
    public func callAsFunction(_ x: Tensor<Scalar>) -> Tensor<Scalar> { x.sigmoid() }
}

/// PyTorch's `nn.SiLU`: `Tensor.silu()`.
public struct SiLU<Scalar: Surprisal.Scalar>: ParameterFreeLayer {
    public init() {}
    public func callAsFunction(_ x: Tensor<Scalar>) -> Tensor<Scalar> { x.silu() }
}
