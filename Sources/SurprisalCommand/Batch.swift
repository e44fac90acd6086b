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
    case biasWithoutWeight
    case linearWeightShape([Int])
    case linearBiasShape(found: [Int], classes: Int)
    case linearOption(String)
    case blockBytes(Int, least: Int)
    case optionWithoutLinear(String)
    case filterWithoutGradient(Double)

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
            "tensor \"target\" of class probabilities has shape \(found); expected the logits', \(input)"
        case .hugeShape(let name, let shape):
            "tensor \"\(name)\" has shape \(shape) and no elements; expected sizes whose product fits in memory"
        case .biasWithoutWeight:
            "tensor \"linear_bias\" without \"linear_weight\"; expected both or only the weight"
        case .linearWeightShape(let found):
            "tensor \"linear_weight\" has shape \(found); expected classes × features"
        case .linearBiasShape(let found, let classes):
            "tensor \"linear_bias\" has shape \(found); expected [\(classes)], as many as \"linear_weight\" has rows"
        case .blockBytes(let found, let least):
            "--block-bytes \(found); expected at least \(least), what a logit takes, and the copy of a row where labels are ignored"
        case .optionWithoutLinear(let option):
            "\(option) without \"linear_weight\" in the file; expected a linear layer"
        case .filterWithoutGradient(let bound):
            "--gradient-filter \(bound) without --gradient; expected both"
        case .linearOption(let option):
            "\(option) with \"linear_weight\" in the file; expected none: the classes are its rows, along the last axis"
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
    private let weightEntry, linearWeightEntry, linearBiasEntry: SafetensorsFile.Entry?

    private static let emptyLimit = 1 << 28
    static let integers: Set<SafetensorsDtype> = [
        .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64,
    ]
    static let reals: Set<SafetensorsDtype> = [.float16, .bfloat16, .float32, .float64]

    init(_ file: SafetensorsFile) throws {
        func entry(_ name: String) throws -> SafetensorsFile.Entry {
            guard let entry = file.entry(named: name) else { throw BatchError.missing(name, names: file.names) }
            return entry
        }
        self.file = file
        inputEntry = try entry("input")
        targetEntry = try entry("target")
        weightEntry = file.entry(named: "weight")
        linearWeightEntry = file.entry(named: "linear_weight")
        linearBiasEntry = file.entry(named: "linear_bias")
        if linearBiasEntry != nil, linearWeightEntry == nil { throw BatchError.biasWithoutWeight }
        if let linearWeightEntry, linearWeightEntry.shape.count != 2 {
            throw BatchError.linearWeightShape(linearWeightEntry.shape)
        }
        if let linearBiasEntry, let rows = linearWeightEntry?.shape[0], linearBiasEntry.shape != [rows] {
            throw BatchError.linearBiasShape(found: linearBiasEntry.shape, classes: rows)
        }
        let optional = [weightEntry, linearWeightEntry, linearBiasEntry].compactMap(\.self)
        for entry in [inputEntry, targetEntry] + optional {
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
        for entry in optional where !Self.reals.contains(entry.dtype) {
            throw BatchError.dtype(entry.name, found: entry.dtype, expected: "floating point")
        }
    }

    /// Whether any of the numbers needs Double.
    var isDouble: Bool {
        [inputEntry, targetEntry, weightEntry, linearWeightEntry, linearBiasEntry].contains { $0?.dtype == .float64 }
    }

    /// The shape of the logits, which are the input unless there is a linear layer that makes them of it.
    private var logitsShape: [Int] {
        guard let classes = linearWeightEntry?.shape[0] else { return inputEntry.shape }
        return inputEntry.shape.dropLast() + [classes]
    }

    var inputDtype: String { inputEntry.dtype == .float64 ? "float64" : "float32" }

    private func tensor<Scalar: Surprisal.Scalar>(
        _ entry: SafetensorsFile.Entry, as type: Scalar.Type
    ) throws -> Tensor<Scalar> { try file.tensor(of: entry.name, as: type) }

    /// The size of the input's class axis.
    func classCount(_ classAxis: Int?) throws -> Int {
        let shape = logitsShape
        let axis = classAxis ?? (linearWeightEntry == nil ? shape.defaultClassAxis : -1)
        let normal = axis < 0 ? axis + shape.count : axis
        guard shape.indices.contains(normal) else { throw LossError.noClassAxis(shape: shape, axis: axis) }
        return shape[normal]
    }

    /// The number of rows of classes.
    func positionCount(_ classAxis: Int?) throws -> Int {
        _ = try classCount(classAxis)
        var rest = logitsShape
        let axis = classAxis ?? (linearWeightEntry == nil ? rest.defaultClassAxis : -1)
        rest.remove(at: axis < 0 ? axis + rest.count : axis)
        return rest.reduce(1, *)
    }

    func input<Scalar: Surprisal.Scalar>(as type: Scalar.Type) throws -> Tensor<Scalar> {
        try tensor(inputEntry, as: type)
    }

    func weight<Scalar: Surprisal.Scalar>(as type: Scalar.Type) throws -> Tensor<Scalar>? {
        try weightEntry.map { try tensor($0, as: type) }
    }

    /// The layer that makes logits of the input, when the file holds one.
    func head<Scalar: Surprisal.Scalar>(as type: Scalar.Type) throws -> Linear<Scalar>? {
        guard let linearWeightEntry else { return nil }
        return Linear(
            weight: try tensor(linearWeightEntry, as: type), bias: try linearBiasEntry.map { try tensor($0, as: type) })
    }

    func target<Scalar: Surprisal.Scalar>(
        as type: Scalar.Type, ignoring: Int?, classAxis: Int?
    ) throws -> BatchTarget<Scalar> {
        let shape = logitsShape
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
