import SurprisalKernels

/// Why a loss cannot be taken of these inputs.
///
/// The losses stop the program with the same text: two shapes that do not fit are a mistake of the program.
/// A program whose inputs come from elsewhere asks `check` first.
public enum LossError: Error, Equatable, CustomStringConvertible {
    case labelSmoothing(Double)
    case gradientFilter(Double)
    case noClassAxis(shape: Shape, axis: Int)
    case labelShape(found: Shape, input: Shape, expected: Shape)
    case classCount(labels: Int, input: Int)
    case probabilityShape(found: Shape, input: Shape)
    case probabilityPositions(found: Shape, input: Shape, expected: Shape)
    case weightShape(found: Shape, classes: Int)
    case features(input: Shape, weight: Shape)
    case temperature(Double)
    case softCap(Double)
    case zLoss(Double)
    case denominator(Double)
    case rowWeightShape(found: Shape, positions: Shape)
    case maskedClass(Int, classes: Int)
    case everyClassMasked(classes: Int)
    case maskedLabel(Int, position: Int)
    case focusing(Double)
    case coefficient(Double)
    case power(Int)
    case margin(Double)
    case targetShape(found: Shape, input: Shape)
    case elementWeightShape(found: Shape, input: Shape, classes: Int)
    case cutoffs([Int], classes: Int)
    case divisor(Double)
    case noProjection(cluster: Int, features: Int, divisor: Double)

    public var description: String {
        switch self {
        case .labelSmoothing(let value): "label smoothing is \(value); expected 0 to 1"
        case .gradientFilter(let value): "gradient filter is \(value); expected a finite number, at least 0"
        case .noClassAxis(let shape, let axis): "class axis \(axis) of an input of shape \(shape); expected \(shape.isEmpty ? "at least one axis" : "\(-shape.count) to \(shape.count - 1)")"
        case .labelShape(let found, let input, let expected):
            "labels of shape \(found) for an input of shape \(input); expected \(expected)"
        case .classCount(let labels, let input): "labels of \(labels) classes; expected the input's \(input)"
        case .probabilityShape(let found, let input):
            "class probabilities of shape \(found); expected the input's, \(input)"
        case .probabilityPositions(let found, let input, let expected):
            "sparse probabilities of positions of shape \(found) for an input of shape \(input); expected \(expected)"
        case .weightShape(let found, let classes): "class weights of shape \(found); expected [\(classes)]"
        case .features(let input, let weight):
            "an input of shape \(input) for a linear weight of shape \(weight); expected … × \(weight.last ?? 0)"
        case .temperature(let value): "temperature is \(value); expected a finite number above 0"
        case .softCap(let value): "soft cap is \(value); expected a finite number above 0"
        case .zLoss(let value): "z-loss factor is \(value); expected a finite number, at least 0"
        case .denominator(let value): "denominator is \(value); expected a finite number above 0"
        case .rowWeightShape(let found, let positions): "row weights of shape \(found); expected the positions', \(positions)"
        case .maskedClass(let value, let classes): "masked class \(value); expected 0 to \(classes - 1) (\(classes) classes)"
        case .everyClassMasked(let classes): "each of \(classes) classes is masked; expected one that is not"
        case .maskedLabel(let value, let position): "label \(value), position \(position) in row-major order: that class is masked"
        case .focusing(let value): "focusing parameter γ is \(value); expected a finite number, at least 0"
        case .coefficient(let value): "coefficient ε is \(value); expected a finite number"
        case .power(let value): "power p is \(value); expected 1 or 2"
        case .margin(let value): "margin is \(value); expected a finite number"
        case .targetShape(let found, let input): "a target of shape \(found); expected the input's, \(input)"
        case .elementWeightShape(let found, let input, let classes):
            "weights of shape \(found); expected [], [\(classes)] or the input's, \(input)"
        case .cutoffs(let cutoffs, let classes):
            "cutoffs \(cutoffs); expected ascending ones from 1 to \(classes - 1) (\(classes) classes)"
        case .divisor(let value): "divisor is \(value); expected a finite number, at least 1"
        case .noProjection(let cluster, let features, let divisor):
            "cluster \(cluster) projects \(features) features over \(divisor)^\(cluster + 1), to less than one"
        }
    }
}

/// The checks common to the losses that have a class axis.
struct ClassLossInput: Sendable {
    let axis: ClassAxis
    /// Of the classes, from the front.
    private let index: Int

    init(_ input: Shape, classAxis: Int?, weight: Shape?) throws(LossError) {
        let axis = classAxis ?? input.defaultClassAxis
        let normal = axis < 0 ? axis + input.count : axis
        guard input.indices.contains(normal) else { throw .noClassAxis(shape: input, axis: axis) }
        self.axis = input.seen(from: normal)
        index = normal
        if let weight, weight.count != 1 || weight[0] != input[normal] {
            throw .weightShape(found: weight, classes: input[normal])
        }
    }

    /// The input's shape without its class axis. (Not kept: in a small call the references of shapes take as long as the kernel.)
    func positions(of shape: Shape) -> Shape { shape.removing(axis: index) }

    func check(_ labels: Labels, of shape: Shape) throws(LossError) {
        // A single row may come with its label as a vector of one, as in PyTorch.
        let isSingle = shape.count == 1 && labels.shape.count == 1 && labels.shape[0] == 1
        guard isSingle || labels.shape.equals(shape, without: index) else {
            throw .labelShape(found: labels.shape, input: shape, expected: positions(of: shape))
        }
        guard labels.classCount == axis.classes else {
            throw .classCount(labels: labels.classCount, input: axis.classes)
        }
    }
}
