import SurprisalKernels

/// z = x ∘ y on the values alone.
func combine<Scalar>(
    _ operation: BinaryOperation, _ x: Tensor<Scalar>, _ y: Tensor<Scalar>, name: String
) -> Tensor<Scalar> {
    if x.shape != y.shape { fatalError("\(name): shapes \(x.shape) and \(y.shape); expected equal ones") }
    var buffer = Buffer<Scalar>(uninitialized: x.count)
    var out = buffer.mutableSpan
    Scalar.combine(operation, x.span, y.span, into: &out)
    return Tensor(shape: x.shape, buffer: buffer)
}

func map<Scalar>(_ operation: UnaryOperation<Scalar>, _ x: Tensor<Scalar>) -> Tensor<Scalar> {
    var buffer = Buffer<Scalar>(uninitialized: x.count)
    var out = buffer.mutableSpan
    Scalar.map(operation, x.span, into: &out)
    return Tensor(shape: x.shape, buffer: buffer)
}

// Element by element, on equal shapes: there is no broadcasting, so a shape that does not fit is never
// taken for one that does. All are O(count).
extension Tensor {
    public static func + (x: Tensor, y: Tensor) -> Tensor {
        let z = combine(.add, x, y, name: "+")
        return Tensor(shape: z.shape, buffer: z.buffer, from: "Add", edges: x.edge { $0 } + y.edge { $0 })
    }

    public static func - (x: Tensor, y: Tensor) -> Tensor {
        let z = combine(.subtract, x, y, name: "-")
        return Tensor(shape: z.shape, buffer: z.buffer, from: "Subtract", edges: x.edge { $0 } + y.edge { map(.scale(-1), $0) })
    }

    public static func * (x: Tensor, y: Tensor) -> Tensor {
        let z = combine(.multiply, x, y, name: "*")
        let (a, b) = (x.detached, y.detached)
        return Tensor(
            shape: z.shape, buffer: z.buffer, from: "Multiply",
            edges: x.edge { combine(.multiply, $0, b, name: "*") } + y.edge { combine(.multiply, $0, a, name: "*") })
    }

    public static func / (x: Tensor, y: Tensor) -> Tensor {
        let z = combine(.divide, x, y, name: "/")
        let (b, quotient) = (y.detached, z)
        return Tensor(
            shape: z.shape, buffer: z.buffer, from: "Divide",
            edges: x.edge { combine(.divide, $0, b, name: "/") }
                + y.edge { dz in
                    map(.scale(-1), combine(.divide, combine(.multiply, dz, quotient, name: "/"), b, name: "/"))
                })
    }

    public static func * (x: Tensor, factor: Scalar) -> Tensor {
        let z = map(.scale(factor), x)
        return Tensor(shape: z.shape, buffer: z.buffer, from: "Scale", edges: x.edge { map(.scale(factor), $0) })
    }

    public static func * (factor: Scalar, x: Tensor) -> Tensor { x * factor }
    public static prefix func - (x: Tensor) -> Tensor { x * -1 }

    /// max(x, 0), with derivative 0 at 0; NaN stays NaN.
    public func relu() -> Tensor {
        let y = map(.relu, self)
        return Tensor(
            shape: shape, buffer: y.buffer, from: "Relu",
            edges: edge { combine(.reluDerivative, $0, y, name: "relu") })
    }

    /// eˣ within 1 ULP.
    public func exp() -> Tensor {
        var buffer = Buffer<Scalar>(uninitialized: count)
        var out = buffer.mutableSpan
        Scalar.exp(span, into: &out)
        let y = Tensor(shape: shape, buffer: buffer)
        return Tensor(
            shape: shape, buffer: buffer, from: "Exp", edges: edge { combine(.multiply, $0, y, name: "exp") })
    }

    /// The natural logarithm within 1 ULP; −∞ at 0, NaN below.
    public func log() -> Tensor {
        var buffer = Buffer<Scalar>(uninitialized: count)
        var out = buffer.mutableSpan
        Scalar.log(span, into: &out)
        let x = detached
        return Tensor(
            shape: shape, buffer: buffer, from: "Log", edges: edge { combine(.divide, $0, x, name: "log") })
    }
}
