import Surprisal
import SurprisalIO

/// What a batch file holds beyond its format.
enum BatchError: Error, CustomStringConvertible {
    case missing(String, names: [String])
    case dtype(String, found: SafetensorsDtype, expected: String)
    case ignoredProbabilities(Int)
    case smoothedLogProbabilities
    case probabilitiesOfLogProbabilities
    case targetShape(found: [Int], input: [Int])
    case hugeShape(String, [Int])

    var description: String {
        switch self {
        case .missing(let name, let names):
            "no tensor \"\(name)\"; expected input and target, and the file holds \(names.isEmpty ? "none" : names.joined(separator: ", "))"
        case .dtype(let name, let found, let expected):
            "tensor \"\(name)\" is of type \(found.rawValue); expected \(expected)"
        case .ignoredProbabilities(let index):
            "--ignore-index \(index) with class probabilities in \"target\"; expected class indices"
        case .smoothedLogProbabilities:
            "--label-smoothing with --input log-probabilities; expected logits"
        case .probabilitiesOfLogProbabilities:
            "--input log-probabilities with class probabilities in \"target\"; expected class indices"
        case .targetShape(let found, let input):
            "tensor \"target\" of class probabilities has shape \(found); expected the input's, \(input)"
        case .hugeShape(let name, let shape):
            "tensor \"\(name)\" has shape \(shape) and no elements; expected sizes whose product fits in memory"
        }
    }
}

enum BatchTarget<Scalar: Surprisal.Scalar> {
    case labels(Labels)
    case probabilities(Tensor<Scalar>)
}

/// The tensors of a batch file.
struct Batch {
    private let file: SafetensorsFile
    private let inputEntry, targetEntry: SafetensorsFile.Entry
    private let weightEntry: SafetensorsFile.Entry?

    private static let emptyLimit = 1 << 28
    private static let integers: Set<SafetensorsDtype> = [
        .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64,
    ]
    private static let reals: Set<SafetensorsDtype> = [.float16, .bfloat16, .float32, .float64]

    init(_ file: SafetensorsFile) throws {
        func entry(_ name: String) throws -> SafetensorsFile.Entry {
            guard let entry = file.entry(named: name) else { throw BatchError.missing(name, names: file.names) }
            return entry
        }
        self.file = file
        inputEntry = try entry("input")
        targetEntry = try entry("target")
        weightEntry = file.entry(named: "weight")
        for entry in [inputEntry, targetEntry, weightEntry].compactMap({ $0 }) {
            // A tensor without elements may have any sizes besides the 0, though not in memory: its losses are
            // as many as the other sizes' product.
            var product = 1
            for size in entry.shape where size > 0 {
                let (next, overflow) = product.multipliedReportingOverflow(by: size)
                guard !overflow, entry.count > 0 || next <= Self.emptyLimit else {
                    throw BatchError.hugeShape(entry.name, entry.shape)
                }
                product = next
            }
        }
        guard [.float32, .float64].contains(inputEntry.dtype) else {
            throw BatchError.dtype("input", found: inputEntry.dtype, expected: "F32 or F64")
        }
        guard Self.integers.union(Self.reals).contains(targetEntry.dtype) else {
            throw BatchError.dtype("target", found: targetEntry.dtype, expected: "integers or floating point")
        }
        if let weightEntry, !Self.reals.contains(weightEntry.dtype) {
            throw BatchError.dtype("weight", found: weightEntry.dtype, expected: "floating point")
        }
    }

    /// Whether any of the numbers needs Double.
    var isDouble: Bool { [inputEntry, targetEntry, weightEntry].contains { $0?.dtype == .float64 } }

    var inputDtype: String { inputEntry.dtype == .float64 ? "float64" : "float32" }

    private func tensor<Scalar: Surprisal.Scalar>(
        _ entry: SafetensorsFile.Entry, as type: Scalar.Type
    ) throws -> Tensor<Scalar> {
        if let values = type == Float.self ? try file.floats(of: entry.name) as? [Scalar] : nil {
            return Tensor(values, shape: entry.shape)
        }
        return Tensor(try file.doubles(of: entry.name).map { Scalar($0) }, shape: entry.shape)
    }

    /// The size of the input's class axis.
    func classCount(_ classAxis: Int?) throws -> Int {
        let shape = inputEntry.shape
        let axis = classAxis ?? shape.defaultClassAxis
        let normal = axis < 0 ? axis + shape.count : axis
        guard shape.indices.contains(normal) else { throw LossError.noClassAxis(shape: shape, axis: axis) }
        return shape[normal]
    }

    /// The number of rows of classes.
    func positionCount(_ classAxis: Int?) throws -> Int {
        let classes = try classCount(classAxis)
        guard classes == 0 else { return inputEntry.count / classes }
        var rest = inputEntry.shape
        let axis = classAxis ?? rest.defaultClassAxis
        rest.remove(at: axis < 0 ? axis + rest.count : axis)
        return rest.reduce(1, *)
    }

    func input<Scalar: Surprisal.Scalar>(as type: Scalar.Type) throws -> Tensor<Scalar> {
        try tensor(inputEntry, as: type)
    }

    func weight<Scalar: Surprisal.Scalar>(as type: Scalar.Type) throws -> Tensor<Scalar>? {
        try weightEntry.map { try tensor($0, as: type) }
    }

    func target<Scalar: Surprisal.Scalar>(
        as type: Scalar.Type, ignoring: Int?, classAxis: Int?
    ) throws -> BatchTarget<Scalar> {
        let shape = inputEntry.shape
        if Self.reals.contains(targetEntry.dtype) {
            guard targetEntry.shape == shape else {
                throw BatchError.targetShape(found: targetEntry.shape, input: shape)
            }
            return .probabilities(try tensor(targetEntry, as: type))
        }
        return .labels(
            try Labels(
                try file.integers(of: "target"), shape: targetEntry.shape, classCount: try classCount(classAxis),
                ignoring: ignoring ?? -100))
    }
}
