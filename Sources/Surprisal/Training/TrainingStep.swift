import SurprisalKernels

/// Steps of training a network of `Linear` layers and activations, in memory that is laid out once: what a loss's
/// `valueWithGradient` and the optimiser compute, to the bit, without recording a graph.
///
///     var step = TrainingStep(model, SGD(for: model, learningRate: 0.1))
///     for batch in batches { step(batch.features, batch.labels) }
///     let trained = step.model
///
/// For networks whose step takes microseconds, of which the graph is most. A value: a copy learns by itself.
public struct TrainingStep<Scalar: Surprisal.Scalar>: Sendable {
    public typealias Network = Sequential<Scalar>

    private let network: Network
    private let layers: [DenseLayer]
    private let inputs: Int, classes: Int
    private let loss: CrossEntropyLoss<Scalar>
    private var flatOptimizer: FlatOptimizer<Network>
    /// All of them, one after the other.
    private var parameters: Buffer<Scalar>, gradients: Buffer<Scalar>
    private var layout: DenseNetwork
    private var memory: Buffer<Scalar>, losses: Buffer<Scalar>
    /// Rows × classes.
    private var logitShape: Shape

    /// Stops the program when the network has other layers than `Linear`, `ReLU`, `GELU`, `Tanh`, `Sigmoid` and `SiLU`, or no
    /// `Linear`, or when their widths do not fit; when the optimiser was made for another model; and when the loss has no
    /// reduction, a temperature or a soft cap, or tracked weights.
    public init(_ network: Network, _ optimizer: SGD<Network>, loss: CrossEntropyLoss<Scalar> = CrossEntropyLoss()) {
        self.init(network, FlatOptimizer(optimizer, of: network), loss)
    }

    /// As with `SGD`.
    public init(_ network: Network, _ optimizer: Adam<Network>, loss: CrossEntropyLoss<Scalar> = CrossEntropyLoss()) {
        self.init(network, FlatOptimizer(optimizer, of: network), loss)
    }

    private init(_ network: Network, _ optimizer: FlatOptimizer<Network>, _ loss: CrossEntropyLoss<Scalar>) {
        if loss.reduction == .none { fatalError("TrainingStep: the loss's reduction is none; expected mean or sum") }
        if !loss.shaping.isIdentity { fatalError("TrainingStep: a loss with a temperature or a soft cap; expected neither") }
        if loss.weight?.isTracked == true { fatalError("TrainingStep: tracked class weights; expected constants") }
        (layers, inputs, classes) = DenseLayer.layers(of: network)
        (self.network, flatOptimizer, self.loss) = (network, optimizer, loss)
        parameters = Buffer(network.parameters.flatMap(\.value.scalars))
        gradients = Buffer(uninitialized: parameters.count)
        layout = DenseNetwork(layers, rows: 0, inputs: inputs)
        (memory, losses, logitShape) = (Buffer(uninitialized: 0), Buffer(uninitialized: 0), [0, classes])
    }

    /// The network as it is now.
    public var model: Network {
        var model = network, start = 0
        model.forEachParameter { _, parameter in
            let end = start + parameter.count
            parameter = Tensor(shape: parameter.shape, buffer: parameters.copy(of: start..<end))
            start = end
        }
        return model
    }

    /// The optimiser as it is now, with what it remembers.
    public var optimizer: any Optimizer<Network> { flatOptimizer.apart }

    /// The optimiser's.
    public var learningRate: Double {
        get { flatOptimizer.learningRate }
        set { flatOptimizer.learningRate = newValue }
    }

    /// Moves the parameters against the gradient of a batch's loss.
    ///
    /// Stops the program when shapes or labels do not fit.
    /// - Shapes: features `rows × inputs`, labels `rows`.
    /// - Returns: the loss before, in nats.
    /// - Complexity: O(rows · parameters). Takes memory when there are more or fewer rows than the last time.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    @discardableResult
    public mutating func callAsFunction(_ features: Tensor<Scalar>, _ labels: Labels) -> Scalar {
        let shape = features.shape
        guard shape.count == 2, shape[0] > 0, shape[1] == inputs else {
            fatalError("TrainingStep: features of shape \(shape); expected rows × \(inputs), at least one row")
        }
        if shape[0] != losses.count { layOut(shape[0]) }
        Self.forward(layout, features.span, parameters, &memory)
        let value = Self.take(loss, labels, logitShape, layout.logits, of: &memory, &losses)
        Self.backward(layout, features.span, parameters, &gradients, &memory)
        flatOptimizer.move(&parameters, along: gradients)
        return value
    }

    private mutating func layOut(_ rows: Int) {
        layout = DenseNetwork(layers, rows: rows, inputs: inputs)
        (memory, losses) = (Buffer(uninitialized: layout.memoryCount), Buffer(uninitialized: rows))
        logitShape = [rows, classes]
    }

    // Of arguments: two properties of one value cannot be borrowed and written at the same time.

    @inline(__always)
    private static func forward(
        _ layout: borrowing DenseNetwork, _ x: Span<Scalar>, _ parameters: borrowing Buffer<Scalar>, _ memory: inout Buffer<Scalar>
    ) {
        var all = memory.mutableSpan
        layout.forward(x, parameters.span, into: &all)
    }

    @inline(__always)
    private static func backward(
        _ layout: borrowing DenseNetwork, _ x: Span<Scalar>, _ parameters: borrowing Buffer<Scalar>,
        _ gradients: inout Buffer<Scalar>, _ memory: inout Buffer<Scalar>
    ) {
        var all = memory.mutableSpan, found = gradients.mutableSpan
        layout.backward(x, parameters.span, gradients: &found, &all)
    }

    /// The loss of the logits, which become its gradient.
    @inline(__always)
    private static func take(
        _ loss: borrowing CrossEntropyLoss<Scalar>, _ labels: Labels, _ shape: Shape, _ logits: Range<Int>,
        of memory: inout Buffer<Scalar>, _ losses: inout Buffer<Scalar>
    ) -> Scalar {
        let (axis, reduced) = loss.checked(shape, .labels(labels))
        let sweep = loss.kernelSweep(axis, .labels(labels.classes), reduced.scale, nil)
        var out = losses.mutableSpan, gradient = memory.mutableSpan(logits)
        loss.mask(&gradient, axis)
        Scalar.crossEntropyInPlace(&gradient, sweep, losses: &out)
        return reduced.reduced(Scalar.sum(losses.span))
    }
}

extension DenseLayer {
    /// Those of a network, the numbers of a row and the classes.
    static func layers<Scalar>(of network: Sequential<Scalar>) -> (layers: [DenseLayer], inputs: Int, classes: Int) {
        var layers: [DenseLayer] = [], inputs: Int?, width = 0, parameters = 0
        for (number, layer) in network.layers.enumerated() {
            switch layer {
            case let linear as Linear<Scalar>:
                if inputs != nil, linear.inputs != width {
                    fatalError("TrainingStep: layer \(number) takes \(linear.inputs) numbers of each row; expected \(width)")
                }
                if linear.weight.count == 0 {
                    fatalError("TrainingStep: layer \(number) has a weight of shape \(linear.weight.shape); expected inputs and outputs")
                }
                let bias = parameters + linear.weight.count
                layers.append(
                    .linear(
                        inputs: linear.inputs, outputs: linear.outputs, weight: parameters,
                        bias: linear.bias == nil ? nil : bias))
                (inputs, width) = (inputs ?? linear.inputs, linear.outputs)
                parameters = bias + (linear.bias?.count ?? 0)
            case is ReLU<Scalar>: layers.append(.activation(.relu))
            case is Sigmoid<Scalar>: layers.append(.activation(.sigmoid))
            case is SiLU<Scalar>: layers.append(.activation(.silu))
            case let gelu as GELU<Scalar>:
                layers.append(.activation(gelu.approximation == .none ? .gelu : .geluTanh))
            case is Tanh<Scalar>: layers.append(.tanh)
            default: fatalError("TrainingStep: layer \(number) is \(type(of: layer)); expected Linear or an activation")
            }
        }
        guard let inputs else { fatalError("TrainingStep: a network without Linear; expected at least one") }
        return (layers, inputs, width)
    }
}
