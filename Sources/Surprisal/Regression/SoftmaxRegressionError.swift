/// Why a softmax regression cannot be fitted to these data.
///
/// Classes, rows and columns are counted from 0; `description(features:classes:)` says them by name.
public enum SoftmaxRegressionError: Error, Equatable, Sendable, CustomStringConvertible {
    case option(String, value: Double, expected: String)
    case inputShape(Shape)
    case labelShape(found: Shape, rows: Int)
    case probabilityShape(found: Shape, rows: Int)
    case rowWeightShape(found: Shape, rows: Int)
    case classWeightCount(found: Int, classes: Int)
    case notFinite(value: Double, row: Int, column: Int)
    case rowWeight(value: Double, row: Int)
    case classWeight(value: Double, class: Int)
    case probability(value: Double, row: Int, class: Int)
    case noRows
    case tooFewClasses(Int)
    /// No row, or none with a weight, is of this class.
    case emptyClass(Int)
    /// A column has the same value in all rows, as the intercept's has.
    case constantColumn(Int)
    /// Each of these columns is a combination of the others.
    case dependentColumns([Int])
    case tooFewRows(rows: Int, coefficients: Int)
    /// The features separate these classes from the others, or, when none is named, some rows of several.
    case separated(classes: [Int])
    /// A class has fewer rows than cross-validation needs to have one for training in every fold.
    case smallClass(Int, rows: Int)
    case tooManyFolds(Int, rows: Int)
    case crossValidatedProbabilities
    /// The Hessian at the optimum is not positive definite, so that it has no inverse.
    case singularInformation
    /// The numbers of the computation exceed what a Double holds.
    case overflow

    public var description: String { description(features: [], classes: []) }

    /// - Parameters:
    ///   - features: names of the columns; those that are missing are counted.
    ///   - classes: names of the classes.
    public func description(features: [String], classes: [String]) -> String {
        func column(_ index: Int) -> String { index < features.count ? "column \"\(features[index])\"" : "column \(index)" }
        func name(_ index: Int) -> String { index < classes.count ? "class \"\(classes[index])\"" : "class \(index)" }
        func list(_ parts: [String]) -> String {
            parts.count > 8 ? parts.prefix(8).joined(separator: ", ") + " and \(parts.count - 8) more" : parts.joined(separator: ", ")
        }
        let remedy = "expected a penalty, or features without"
        switch self {
        case .option(let option, let value, let expected): return "\(option) is \(value); expected \(expected)"
        case .inputShape(let shape): return "features of shape \(shape); expected rows × features, at least one feature"
        case .labelShape(let found, let rows): return "labels of shape \(found); expected [\(rows)], one a row"
        case .probabilityShape(let found, let rows): return "class probabilities of shape \(found); expected \(rows) × classes"
        case .rowWeightShape(let found, let rows): return "row weights of shape \(found); expected [\(rows)], one a row"
        case .classWeightCount(let found, let classes): return "\(found) class weights; expected \(classes), one a class"
        case .notFinite(let value, let row, let index): return "row \(row), \(column(index)) is \(value); expected a finite number"
        case .rowWeight(let value, let row): return "the weight of row \(row) is \(value); expected a finite number, at least 0"
        case .classWeight(let value, let index): return "the weight of \(name(index)) is \(value); expected a finite number above 0"
        case .probability(let value, let row, let index):
            return "row \(row), \(name(index)): probability \(value); expected a finite number, at least 0"
        case .noRows: return "no rows with a label and a weight; expected at least one of each class"
        case .tooFewClasses(let count): return "\(count) classes; expected at least 2"
        case .emptyClass(let index):
            return "\(name(index)) has no rows, so that its intercept has no finite optimum; expected at least one row of each class"
        case .constantColumn(let index):
            return "\(column(index)) is constant, as the intercept is, so that neither has a coefficient of its own; \(remedy) it"
        case .dependentColumns(let columns):
            return "\(list(columns.map(column))): each is a combination of the others, so that none has a coefficient of its own; \(remedy) one of them"
        case .tooFewRows(let rows, let coefficients):
            return "\(rows) rows for \(coefficients) coefficients a class, intercept included; expected at least as many, or a penalty"
        case .separated(let separated):
            let what = separated.isEmpty || separated.count == classes.count
                ? "the features separate the classes" : "the features separate \(list(separated.map(name))) from the others"
            return "\(what), so that the likelihood has no maximum: coefficients grow for ever; expected a penalty"
        case .smallClass(let index, let rows):
            return "\(name(index)) has \(rows) row\(rows == 1 ? "" : "s"); expected at least 2 for cross-validation"
        case .tooManyFolds(let folds, let rows): return "\(folds) folds of \(rows) rows; expected no more folds than rows"
        case .crossValidatedProbabilities: return "cross-validation with class probabilities; expected labels, which it stratifies by"
        case .singularInformation:
            return "the information matrix is singular, so that there is no covariance; expected a (larger) penalty, or features on one scale"
        case .overflow: return "the numbers of the computation exceed what a Double holds; expected features of moderate size"
        }
    }
}
