import CKernels

/// A layer of a network, `rows × inputs` → `rows × outputs`.
public enum DenseLayer: Sendable, Equatable {
    /// With the places of its first weight and bias among all parameters.
    case linear(inputs: Int, outputs: Int, weight: Int, bias: Int?)
    case activation(Activation)
    case tanh
}

/// Layers one after the other, and where what they compute of some rows lies in one memory: each layer's output, and the
/// gradient of its input where a parameter comes before.
public struct DenseNetwork: Sendable {
    private let featureCount, parameterCount: Int
    /// Elements of the memory.
    public let memoryCount: Int
    /// Where the last layer's output lies, `rows × classes`: the logits, and on the way back their gradient.
    public let logits: Range<Int>
    private let ahead, back: NetworkOperations

    /// - Parameter inputs: the numbers of a row, at least one layer takes them.
    public init(_ layers: [DenseLayer], rows: Int, inputs: Int) {
        require(!layers.isEmpty, "network: no layers")
        var widths = [inputs], outputs: [Int] = [], slopes: [Int?] = [], end = 0, parameters = 0
        for layer in layers {
            let width = widths[widths.count - 1]
            slopes.append(parameters > 0 ? end : nil)
            if parameters > 0 { end += rows * width }
            switch layer {
            case .linear(let from, let to, let weight, let bias):
                require(
                    from == width && weight == parameters && (bias ?? weight + from * to) == weight + from * to,
                    "network: \(layer) after \(width) numbers a row and \(parameters) parameters")
                parameters += from * to + (bias == nil ? 0 : to)
                widths.append(to)
            case .activation, .tanh: widths.append(width)
            }
            outputs.append(end)
            end += rows * widths[widths.count - 1]
        }
        (featureCount, parameterCount, memoryCount) = (rows * inputs, parameters, end)
        logits = outputs[layers.count - 1]..<end

        func values(_ place: Int) -> ck_location { ck_location(memory: .values, place: place) }
        var ahead: [ck_operation] = [], back: [[ck_operation]] = []
        for (number, layer) in layers.enumerated() {
            let x = number == 0 ? ck_location(memory: .features, place: 0) : values(outputs[number - 1])
            let y = values(outputs[number]), count = rows * widths[number]
            // Nothing but activations lies before the first parameters.
            let above = number == layers.count - 1 ? logits.lowerBound : slopes[number + 1]
            let dy = above.map(values), dx = slopes[number].map(values)
            switch layer {
            case .linear(let from, let to, let weight, let bias):
                let w = ck_location(memory: .parameters, place: weight)
                let bias = bias.map { ck_location(memory: .parameters, place: $0) }
                ahead.append(.product(rows, to, from, x, w, transposedB: true, adding: bias, y))
                var backward: [ck_operation] = []
                if let dy {
                    backward.append(.product(to, from, rows, dy, transposedA: true, x, w.inGradients))
                    if let bias { backward.append(.columnSums(rows, to, dy, bias.inGradients)) }
                    if let dx { backward.append(.product(rows, from, to, dy, w, dx)) }
                }
                back.append(backward)
            case .activation(let activation):
                ahead.append(.elements(.activate, activation, count, x, y, y))
                if let dy, let dx { back.append([.elements(.activateGradient, activation, count, x, dy, dx)]) }
            case .tanh:
                ahead.append(.elements(.tanh, .relu, count, x, y, y))
                if let dy, let dx { back.append([.elements(.tanhGradient, .relu, count, x, dy, dx)]) }
            }
        }
        self.ahead = NetworkOperations(ahead)
        self.back = NetworkOperations(back.reversed().flatMap { $0 })
    }

    private func check(_ features: Int, _ parameters: Int, _ memory: Int) {
        require(features > 0 && features == featureCount, "network: \(features) inputs; expected \(featureCount), at least one")
        require(parameters == parameterCount, "network: \(parameters) parameters; expected \(parameterCount)")
        require(memory == memoryCount, "network: memory of \(memory) elements; expected \(memoryCount)")
    }

    /// Computes all outputs.
    @specialized(where T == Float)
    @specialized(where T == Double)
    public func forward<T: Scalar>(_ x: Span<T>, _ parameters: Span<T>, into memory: inout MutableSpan<T>) {
        check(x.count, parameters.count, memory.count)
        var none = MutableSpan<T>()
        ahead.run(x, parameters, &none, &memory)
    }

    /// Computes the gradients of all parameters, where the logits' is in their place.
    @specialized(where T == Float)
    @specialized(where T == Double)
    public func backward<T: Scalar>(
        _ x: Span<T>, _ parameters: Span<T>, gradients: inout MutableSpan<T>, _ memory: inout MutableSpan<T>
    ) {
        check(x.count, parameters.count, memory.count)
        require(gradients.count == parameterCount, "network: \(gradients.count) gradients; expected \(parameterCount)")
        back.run(x, parameters, &gradients, &memory)
    }
}
