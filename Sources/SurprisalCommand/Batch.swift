import Surprisal
import SurprisalIO

/// What a batch file holds beyond its format.
enum BatchError: Error, CustomStringConvertible {
    case missing(String, names: [String])
    case dtype(String, found: SafetensorsDtype, expected: String)
    case ignoredProbabilities(Int)
    case optionOfLogits(String)
    case probabilitiesOfLogProbabilities
    case targetShape(found: [Int], input: [Int])
    case halfSparse(missing: String)
    case twoTargets
    case remainderOfAll(String)
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
            "--ignore-index \(index) with class probabilities; expected class indices"
        case .optionOfLogits(let option):
            "\(option) with --input log-probabilities; expected logits"
        case .probabilitiesOfLogProbabilities:
            "--input log-probabilities with class probabilities; expected class indices"
        case .targetShape(let found, let input):
            "tensor \"target\" of class probabilities has shape \(found); expected the logits', \(input)"
        case .halfSparse(let name):
            "no tensor \"\(name)\"; expected both target_classes and target_probabilities, or target"
        case .twoTargets: "tensors \"target\" and \"target_classes\"; expected one of them"
        case .remainderOfAll(let remainder):
            "--remainder \(remainder) without \"target_classes\" in the file; expected targets of a few classes"
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
    case sparse(SparseProbabilities<Scalar>)
}

/// The tensors of a batch file.
struct Batch {
    private let file: SafetensorsFile
    private let inputEntry: SafetensorsFile.Entry
    /// Of the classes named and of their probabilities, or of all.
    private let targetEntry: SafetensorsFile.Entry
    private let sparseEntry: SafetensorsFile.Entry?
    private let weightEntry, rowWeightEntry, linearWeightEntry, linearBiasEntry: SafetensorsFile.Entry?

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
        sparseEntry = file.entry(named: "target_probabilities")
        if let classes = file.entry(named: "target_classes") {
            if sparseEntry == nil { throw BatchError.halfSparse(missing: "target_probabilities") }
            if file.entry(named: "target") != nil { throw BatchError.twoTargets }
            targetEntry = classes
        } else if sparseEntry != nil {
            throw BatchError.halfSparse(missing: "target_classes")
        } else {
            targetEntry = try entry("target")
        }
        weightEntry = file.entry(named: "weight")
        rowWeightEntry = file.entry(named: "row_weight")
        linearWeightEntry = file.entry(named: "linear_weight")
        linearBiasEntry = file.entry(named: "linear_bias")
        if linearBiasEntry != nil, linearWeightEntry == nil { throw BatchError.biasWithoutWeight }
        if let linearWeightEntry, linearWeightEntry.shape.count != 2 {
            throw BatchError.linearWeightShape(linearWeightEntry.shape)
        }
        if let linearBiasEntry, let rows = linearWeightEntry?.shape[0], linearBiasEntry.shape != [rows] {
            throw BatchError.linearBiasShape(found: linearBiasEntry.shape, classes: rows)
        }
        let optional = [sparseEntry, weightEntry, rowWeightEntry, linearWeightEntry, linearBiasEntry].compactMap(\.self)
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
        let ofTarget = sparseEntry == nil ? Self.integers.union(Self.reals) : Self.integers
        guard ofTarget.contains(targetEntry.dtype) else {
            throw BatchError.dtype(
                targetEntry.name, found: targetEntry.dtype,
                expected: sparseEntry == nil ? "integers or floating point" : "integers")
        }
        for entry in optional where !Self.reals.contains(entry.dtype) {
            throw BatchError.dtype(entry.name, found: entry.dtype, expected: "floating point")
        }
    }

    /// Whether any of the numbers needs Double.
    var isDouble: Bool {
        [inputEntry, targetEntry, sparseEntry, weightEntry, rowWeightEntry, linearWeightEntry, linearBiasEntry].contains { $0?.dtype == .float64 }
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

    func rowWeight<Scalar: Surprisal.Scalar>(as type: Scalar.Type) throws -> Tensor<Scalar>? {
        try rowWeightEntry.map { try tensor($0, as: type) }
    }

    /// Positions, and how many of them are ignored.
    func counts<Scalar>(_ target: BatchTarget<Scalar>, _ classAxis: Int?) throws -> (positions: Int, ignored: Int) {
        if case .labels(let labels) = target { return (labels.count, labels.ignoredCount) }
        return (try positionCount(classAxis), 0)
    }

    /// The layer that makes logits of the input, when the file holds one.
    func head<Scalar: Surprisal.Scalar>(as type: Scalar.Type) throws -> Linear<Scalar>? {
        guard let linearWeightEntry else { return nil }
        return Linear(
            weight: try tensor(linearWeightEntry, as: type), bias: try linearBiasEntry.map { try tensor($0, as: type) })
    }

    func target<Scalar: Surprisal.Scalar>(
        as type: Scalar.Type, ignoring: Set<Int>, classAxis: Int?, remainder: SparseProbabilities<Scalar>.Remainder
    ) throws -> BatchTarget<Scalar> {
        let shape = logitsShape
        if let sparseEntry {
            let probabilities = try tensor(sparseEntry, as: type)
            if probabilities.shape != targetEntry.shape {
                throw SparseProbabilityError.shapes(targetEntry.shape, probabilities.shape)
            }
            return .sparse(
                try SparseProbabilities(
                    classes: try file.integers(of: targetEntry.name), probabilities: probabilities.scalars,
                    shape: targetEntry.shape, classCount: try classCount(classAxis), remainder: remainder))
        }
        if Self.reals.contains(targetEntry.dtype) {
            guard targetEntry.shape == shape else {
                throw BatchError.targetShape(found: targetEntry.shape, input: shape)
            }
            return .probabilities(try tensor(targetEntry, as: type))
        }
        return .labels(
            try Labels(
                try file.integers(of: "target"), shape: targetEntry.shape, classCount: try classCount(classAxis),
                ignoring: ignoring))
    }
}
