/// Why parameters are no categorical distribution's.
public enum CategoricalError: Error, Equatable, CustomStringConvertible {
    /// The last axis is empty, or there is none.
    case noClasses(shape: Shape)
    /// A logit is NaN or +∞.
    case logit(Double, row: [Int], class: Int)
    /// All logits of a row are −∞.
    case impossibleRow([Int])
    /// A probability is negative, infinite or NaN.
    case probability(Double, row: [Int], class: Int)
    /// All probabilities of a row are 0.
    case emptyRow([Int])

    public var description: String {
        switch self {
        case .noClasses(let shape): "parameters of shape \(shape); expected at least one class on the last axis"
        case .logit(let value, let row, let c): "logit \(value) of class \(c) in row \(row); expected a number below +∞"
        case .impossibleRow(let row): "all logits of row \(row) are −∞; expected a possible class"
        case .probability(let value, let row, let c):
            "probability \(value) of class \(c) in row \(row); expected a finite number, at least 0"
        case .emptyRow(let row): "all probabilities of row \(row) are 0; expected a positive sum"
        }
    }
}
