/// A layer of a network, `rows × inputs` → `rows × outputs`.
public enum DenseLayer: Sendable, Equatable {
    /// With the places of its first weight and bias among all parameters.
    case linear(inputs: Int, outputs: Int, weight: Int, bias: Int?)
    case activation(Activation)
    case tanh
}

/// Layers one after the other, and where what they compute of some rows lies in one memory: each layer's output, and the
/// gradient of its input where a parameter comes before.
///
/// What is read and what is written are parts of that memory, apart from each other, which spans cannot say: here are the
/// pointers, and nothing else is.
public struct DenseNetwork: Sendable {
    private let layers: [DenseLayer]
    private let rows: Int
    private let widths: [Int]
    private let outputs: [Int]
    private let slopes: [Int?]
    /// Elements of the parameters, and of the memory.
    private let parameterCount: Int
    public let memoryCount: Int

    /// - Parameter inputs: the numbers of a row, at least one layer takes them.
    public init(_ layers: [DenseLayer], rows: Int, inputs: Int) {
        (self.layers, self.rows) = (layers, rows)
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
        require(!layers.isEmpty, "network: no layers")
        (self.widths, self.outputs, self.slopes, parameterCount, memoryCount) = (widths, outputs, slopes, parameters, end)
    }

    /// Where the last layer's output lies, `rows × classes`: the logits, and on the way back their gradient.
    public var logits: Range<Int> { outputs[layers.count - 1]..<memoryCount }

    private func check(_ x: Int, _ parameters: Int, _ memory: Int) {
        require(x > 0 && x == rows * widths[0], "network: \(x) inputs; expected \(rows) × \(widths[0]), at least one")
        require(parameters == parameterCount, "network: \(parameters) parameters; expected \(parameterCount)")
        require(memory == memoryCount, "network: memory of \(memory) elements; expected \(memoryCount)")
    }

    /// Computes all outputs.
    @specialized(where T == Float)
    @specialized(where T == Double)
    public func forward<T: Scalar>(_ x: Span<T>, _ parameters: Span<T>, into memory: inout MutableSpan<T>) {
        check(x.count, parameters.count, memory.count)
        unsafe withPointers(x, parameters, &memory) { x, parameters, memory in
            for place in layers.indices {
                let from = unsafe input(of: place, x, memory)
                var y = unsafe writable(memory + outputs[place], rows * widths[place + 1])
                switch layers[place] {
                case .linear(let inputs, let outputs, let weight, let bias):
                    let plan = MatrixProduct(m: rows, n: outputs, k: inputs, transposedB: true)
                    let w = unsafe readable(parameters + weight, inputs * outputs)
                    if let bias {
                        T.multiply(plan, from, w, adding: unsafe readable(parameters + bias, outputs), into: &y)
                    } else {
                        T.multiply(plan, from, w, into: &y)
                    }
                case .activation(let activation): T.activate(activation, from, into: &y)
                case .tanh: T.softCap(from, at: 1, into: &y)
                }
            }
        }
    }

    /// Computes the gradients of all parameters, where the logits' is in their place.
    @specialized(where T == Float)
    @specialized(where T == Double)
    public func backward<T: Scalar>(
        _ x: Span<T>, _ parameters: Span<T>, gradients: inout MutableSpan<T>, _ memory: inout MutableSpan<T>
    ) {
        check(x.count, parameters.count, memory.count)
        require(gradients.count == parameterCount, "network: \(gradients.count) gradients; expected \(parameterCount)")
        unsafe gradients.withUnsafeMutableBufferPointer { gradients in
            guard let gradients = gradients.baseAddress else { return }
            unsafe withPointers(x, parameters, &memory) { x, parameters, memory in
                for place in layers.indices.reversed() {
                    // Nothing but activations lies before the first parameters.
                    guard let above = place == layers.count - 1 ? logits.lowerBound : slopes[place + 1] else { break }
                    let from = unsafe input(of: place, x, memory), width = widths[place + 1]
                    let dy = unsafe readable(memory + above, rows * width)
                    if case .linear(let inputs, let outputs, let weight, let bias) = layers[place] {
                        var dw = unsafe writable(gradients + weight, inputs * outputs)
                        T.multiply(MatrixProduct(m: outputs, n: inputs, k: rows, transposedA: true), dy, from, into: &dw)
                        if let bias {
                            var db = unsafe writable(gradients + bias, outputs)
                            T.sumClasses(dy, axis: ClassAxis(outer: 1, classes: rows, inner: outputs), dividedBy: 1, into: &db)
                        }
                    }
                    guard let slope = slopes[place] else { continue }
                    var dx = unsafe writable(memory + slope, rows * widths[place])
                    switch layers[place] {
                    case .linear(let inputs, let outputs, let weight, _):
                        let w = unsafe readable(parameters + weight, inputs * outputs)
                        T.multiply(MatrixProduct(m: rows, n: inputs, k: outputs), dy, w, into: &dx)
                    case .activation(let activation): T.activateGradient(activation, from, dy, into: &dx)
                    case .tanh:
                        for i in dy.indices { dx[i] = dy[i] }
                        T.softCapGradient(from, at: 1, in: &dx)
                    }
                }
            }
        }
    }

    /// What a layer takes: the rows, or what the layer before has computed.
    @inline(__always)
    @_lifetime(immortal)
    private func input<T>(of place: Int, _ x: UnsafePointer<T>, _ memory: UnsafeMutablePointer<T>) -> Span<T> {
        unsafe readable(place == 0 ? x : UnsafePointer(memory + outputs[place - 1]), rows * widths[place])
    }

    @inline(__always)
    private func withPointers<T>(
        _ x: Span<T>, _ parameters: Span<T>, _ memory: inout MutableSpan<T>,
        _ body: (UnsafePointer<T>, UnsafePointer<T>, UnsafeMutablePointer<T>) -> Void
    ) {
        unsafe x.withUnsafeBufferPointer { x in
            unsafe parameters.withUnsafeBufferPointer { parameters in
                unsafe memory.withUnsafeMutableBufferPointer { memory in
                    guard let x = x.baseAddress, let parameters = parameters.baseAddress, let memory = memory.baseAddress
                    else { return }
                    unsafe body(x, parameters, memory)
                }
            }
        }
    }
}

@inline(__always)
@_lifetime(immortal)
private func readable<T>(_ start: UnsafePointer<T>, _ count: Int) -> Span<T> {
    let span = unsafe Span(_unsafeStart: start, count: count)
    return unsafe _overrideLifetime(span, copying: ())
}

@inline(__always)
@_lifetime(immortal)
private func readable<T>(_ start: UnsafeMutablePointer<T>, _ count: Int) -> Span<T> {
    unsafe readable(UnsafePointer(start), count)
}

@inline(__always)
@_lifetime(immortal)
private func writable<T>(_ start: UnsafeMutablePointer<T>, _ count: Int) -> MutableSpan<T> {
    let span = unsafe MutableSpan(_unsafeStart: start, count: count)
    return unsafe _overrideLifetime(span, copying: ())
}
