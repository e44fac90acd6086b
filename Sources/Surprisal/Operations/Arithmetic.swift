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

// There is no broadcasting, so a shape that does not fit is never taken for one that does. All are O(count).
extension Tensor {
    /// Element by element; shapes that differ stop the program. Derivatives: `dz`, `dz`.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public static func + (x: Tensor, y: Tensor) -> Tensor {
        result(combine(.add, x, y, name: "+"), "Add", x.edge { $0 } + y.edge { $0 })
    }

    /// Element by element; shapes that differ stop the program. Derivatives: `dz`, `−dz`.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public static func - (x: Tensor, y: Tensor) -> Tensor {
        result(combine(.subtract, x, y, name: "-"), "Subtract", x.edge { $0 } + y.edge { map(.scale(-1), $0) })
    }

    /// Element by element; shapes that differ stop the program. Derivatives: `dz·y`, `dz·x`.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public static func * (x: Tensor, y: Tensor) -> Tensor {
        let (a, b) = (x.detached, y.detached)
        return result(
            combine(.multiply, x, y, name: "*"), "Multiply",
            x.edge { combine(.multiply, $0, b, name: "*") } + y.edge { combine(.multiply, $0, a, name: "*") })
    }

    /// Element by element; shapes that differ stop the program. Derivatives: `dz/y`, `−dz·(x/y)/y`.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public static func / (x: Tensor, y: Tensor) -> Tensor {
        let (b, quotient) = (y.detached, combine(.divide, x, y, name: "/"))
        return result(
            quotient, "Divide",
            x.edge { combine(.divide, $0, b, name: "/") }
                + y.edge { map(.scale(-1), combine(.divide, combine(.multiply, $0, quotient, name: "/"), b, name: "/")) })
    }

    /// Every element plus a number. Derivative: `dz`.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public static func + (x: Tensor, number: Scalar) -> Tensor { result(map(.offset(number), x), "Offset", x.edge { $0 }) }
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public static func + (number: Scalar, x: Tensor) -> Tensor { x + number }
    /// Every element less a number.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public static func - (x: Tensor, number: Scalar) -> Tensor { x + -number }

    /// Every element times a number. Derivative: `dz` times the number.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public static func * (x: Tensor, factor: Scalar) -> Tensor {
        result(map(.scale(factor), x), "Scale", x.edge { map(.scale(factor), $0) })
    }
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public static func * (factor: Scalar, x: Tensor) -> Tensor { x * factor }
    /// Every element over a number, each rounded once. Derivative: `dz` over the number.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public static func / (x: Tensor, divisor: Scalar) -> Tensor {
        result(x.divided(by: divisor), "Scale", x.edge { $0.divided(by: divisor) })
    }

    private func divided(by divisor: Scalar) -> Tensor {
        var buffer = Buffer<Scalar>(uninitialized: count)
        var out = buffer.mutableSpan
        Scalar.divide(span, by: divisor, into: &out)
        return Tensor(shape: shape, buffer: buffer)
    }
    /// The elements' negatives.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public static prefix func - (x: Tensor) -> Tensor { x * -1 }

    /// eˣ within `Accuracy.expULP`. Derivative: `dy·y`.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func exp() -> Tensor {
        var buffer = Buffer<Scalar>(uninitialized: count)
        var out = buffer.mutableSpan
        Scalar.exp(span, into: &out)
        let y = Tensor(shape: shape, buffer: buffer)
        return Self.result(y, "Exp", edge { combine(.multiply, $0, y, name: "exp") })
    }

    /// The natural logarithm within `Accuracy.logULP`; −∞ at 0, NaN below. Derivative: `dy/x`.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func log() -> Tensor {
        var buffer = Buffer<Scalar>(uninitialized: count)
        var out = buffer.mutableSpan
        Scalar.log(span, into: &out)
        let x = detached
        return Self.result(Tensor(shape: shape, buffer: buffer), "Log", edge { combine(.divide, $0, x, name: "log") })
    }

    private static func result(_ values: Tensor, _ name: String, _ edges: consuming Edges<Scalar>) -> Tensor {
        Tensor(shape: values.shape, buffer: values.buffer, from: name, edges: edges)
    }
}
