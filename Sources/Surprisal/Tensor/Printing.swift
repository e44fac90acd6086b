import SurprisalKernels

/// PyTorch's way of printing: four digits, scientific where the numbers' sizes call for it, columns aligned,
/// summarised above 1000 elements, and the operation that produced the tensor.
extension Tensor: CustomStringConvertible {
    public var description: String {
        let values = span
        let summarised = Layout.isSummarised(count: count)
        var shown: [Double] = []
        Layout.forEachShown(shape, summarised) { shown.append(Double(values[$0])) }
        let format = NumberFormat(shown)
        var text = "tensor("
        text += Layout.text(shape, summarised: summarised, indent: text.count) { format.text(Double(values[$0])) }
        var remarks = Layout.remarks(on: shape)
        if Scalar.self == Double.self { remarks.append("dtype=float64") }
        if let operation { remarks.append("from: \(operation)") } else if isTracked { remarks.append("tracked") }
        return Layout.appending(remarks, to: text) + ")"
    }
}

extension Indices: CustomStringConvertible {
    public var description: String {
        let summarised = Layout.isSummarised(count: values.count)
        var width = 0
        Layout.forEachShown(shape, summarised) { width = Swift.max(width, String(values[$0]).count) }
        let text = Layout.text(shape, summarised: summarised, indent: 7) { padded(String(values[$0]), to: width) }
        return Layout.appending(Layout.remarks(on: shape), to: "tensor(" + text) + ")"
    }
}

/// How wide numbers are written: chosen once for all that are shown.
private struct NumberFormat {
    private enum Style {
        /// All are whole: `1.`
        case whole
        case fixed
        case scientific
    }

    private let style: Style
    private let width: Int
    private static let digits = 4

    init(_ values: [Double]) {
        let sizes = values.filter { $0.isFinite && $0 != 0 }.map { abs($0) }
        let (smallest, largest) = (sizes.min() ?? 0, sizes.max() ?? 0)
        let isWhole = sizes.allSatisfy { $0 == $0.rounded() }
        // PyTorch's rule (_tensor_str.py): whole numbers go scientific above 10⁸ or 1000 times the smallest.
        let spread = !sizes.isEmpty && (largest / smallest > 1000 || largest > 1e8)
        if sizes.isEmpty || isWhole {
            style = spread ? .scientific : .whole
        } else {
            style = spread || smallest < 1e-4 ? .scientific : .fixed
        }
        // Zeros, infinities and NaN do not widen a column of numbers.
        let style = style
        width = values.filter { $0.isFinite && $0 != 0 }.map { Self.text($0, style).count }.max() ?? 1
    }

    func text(_ value: Double) -> String { padded(Self.text(value, style), to: width) }

    private static func text(_ value: Double, _ style: Style) -> String {
        if value.isNaN { return "nan" }
        if value.isInfinite { return value < 0 ? "-inf" : "inf" }
        return switch style {
        case .whole: DecimalFormat.fixed(value, digits: 0) + "."
        case .fixed: DecimalFormat.fixed(value, digits: digits)
        case .scientific: DecimalFormat.scientific(value, digits: digits)
        }
    }
}

/// Text at the right of a column.
func padded(_ text: String, to width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
}

/// The brackets and which elements stand between them.
private enum Layout {
    private static let edgeItems = 3
    private static let lineWidth = 80

    static func isSummarised(count: Int) -> Bool { count > 1000 }

    /// The shown places on an axis, −1 for the ellipsis.
    private static func places(_ size: Int, _ summarised: Bool) -> [Int] {
        guard summarised, size > 2 * edgeItems else { return Array(0..<size) }
        return Array(0..<edgeItems) + [-1] + Array((size - edgeItems)..<size)
    }

    static func forEachShown(_ shape: Shape, _ summarised: Bool, offset: Int = 0, _ body: (Int) -> Void) {
        guard let size = shape.first else { return body(offset) }
        let inner = Array(shape.dropFirst())
        let step = inner.reduce(1, *)
        for place in places(size, summarised) where place >= 0 {
            forEachShown(inner, summarised, offset: offset + place * step, body)
        }
    }

    /// Empty brackets do not tell their shape, but for a vector's.
    static func remarks(on shape: Shape) -> [String] {
        shape.contains(0) && shape != [0] ? ["size=(\(shape.map(String.init).joined(separator: ", ")))"] : []
    }

    /// Remarks go on the last line while they fit, then on lines of their own.
    static func appending(_ remarks: [String], to text: String) -> String {
        let indent = "tensor(".count
        var text = text
        // PyTorch counts the line break, or the place before the text, twice (_add_suffixes): so do we.
        var column = (text.split(separator: "\n", omittingEmptySubsequences: false).last?.count ?? 0) + 2
        for remark in remarks {
            if column + remark.count + 2 > lineWidth {
                text += ",\n" + String(repeating: " ", count: indent) + remark
                column = indent + remark.count
            } else {
                text += ", " + remark
                column += remark.count + 2
            }
        }
        return text
    }

    static func text(
        _ shape: Shape, summarised: Bool, indent: Int, offset: Int = 0, _ element: (Int) -> String
    ) -> String {
        guard let size = shape.first else { return element(offset).drop { $0 == " " }.description }
        if shape.contains(0) { return "[]" }
        let inner = Array(shape.dropFirst())
        if inner.isEmpty {
            let items = places(size, summarised).map { $0 < 0 ? " ..." : element(offset + $0) }
            let width = items.map(\.count).max() ?? 0
            let perLine = Swift.max(1, (lineWidth - indent) / (width + 2))
            let lines = stride(from: 0, to: items.count, by: perLine).map {
                items[$0..<Swift.min($0 + perLine, items.count)].joined(separator: ", ")
            }
            return "[" + lines.joined(separator: ",\n" + String(repeating: " ", count: indent + 1)) + "]"
        }
        let step = inner.reduce(1, *)
        let blocks = places(size, summarised).map { place in
            place < 0
                ? "..." : text(inner, summarised: summarised, indent: indent + 1, offset: offset + place * step, element)
        }
        let separator = "," + String(repeating: "\n", count: inner.count) + String(repeating: " ", count: indent + 1)
        return "[" + blocks.joined(separator: separator) + "]"
    }
}
