import SurprisalKernels

/// The rows that take part in a regression, checked.
struct RegressionData: Sendable {
    let x: Source
    let features, classes: Int
    /// Those of the input that have a label and a weight; `nil`: all.
    let kept: [Int]?
    let target: Target<Double>
    /// One a row that takes part, its class's included; `nil`: all are 1.
    let weight: Buffer<Double>?
    /// The rows' weights of each class.
    let classWeight: [Double]
    /// Rows of the input, and those ignored.
    let inputRows: Int

    /// Features in the type they came in.
    enum Source: Sendable {
        case floats(Buffer<Float>)
        case doubles(Buffer<Double>)
    }

    var count: Int { kept?.count ?? inputRows }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    init<Scalar>(
        _ x: Tensor<Scalar>, _ labels: Labels, rowWeights: Tensor<Scalar>?, classWeights: SoftmaxRegression.ClassWeights
    ) throws(SoftmaxRegressionError) {
        try Self.check(x.shape, classes: labels.classCount)
        let rows = x.shape[0]
        guard labels.shape == [rows] else { throw .labelShape(found: labels.shape, rows: rows) }
        let given = try Self.weights(rowWeights, rows: rows)
        let chosen = (0..<rows).filter { labels.indices[$0] >= 0 && (given?[$0] ?? 1) > 0 }
        if chosen.isEmpty { throw .noRows }
        let kept = chosen.count == rows ? nil : chosen
        let indices = kept.map { $0.map { labels.indices[$0] } } ?? labels.indices
        var weights = given.map { given in kept.map { $0.map { given[$0] } } ?? given }
        var totals = [Double](repeating: 0, count: labels.classCount)
        for (i, c) in indices.enumerated() { totals[Int(c)] += weights?[i] ?? 1 }
        if let empty = totals.firstIndex(of: 0) { throw .emptyClass(empty) }
        let factors = try Self.factors(classWeights, totals)
        if let factors {
            let plain = weights ?? Array(repeating: 1, count: indices.count)
            weights = indices.indices.map { plain[$0] * factors[Int(indices[$0])] }
            for c in totals.indices { totals[c] *= factors[c] }
        }
        target = .labels(ClassIndices(indices))
        (features, classes, inputRows) = (x.shape[1], labels.classCount, rows)
        self.kept = kept
        weight = weights.map { Buffer($0) }
        classWeight = totals
        self.x = try Self.source(x, kept)
    }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    init<Scalar>(
        _ x: Tensor<Scalar>, probabilities: Tensor<Scalar>, rowWeights: Tensor<Scalar>?,
        classWeights: SoftmaxRegression.ClassWeights
    ) throws(SoftmaxRegressionError) {
        guard x.rank == 2, probabilities.rank == 2, probabilities.shape[0] == x.shape[0] else {
            throw x.rank == 2 ? .probabilityShape(found: probabilities.shape, rows: x.shape[0]) : .inputShape(x.shape)
        }
        let (rows, classes) = (x.shape[0], probabilities.shape[1])
        try Self.check(x.shape, classes: classes)
        let given = try Self.weights(rowWeights, rows: rows)
        let q = probabilities.scalars.map { Double($0) }
        for place in q.indices where !(q[place] >= 0 && q[place].isFinite) {
            throw .probability(value: q[place], row: place / classes, class: place % classes)
        }
        var totals = [Double](repeating: 0, count: classes)
        for place in q.indices { totals[place % classes] += (given?[place / classes] ?? 1) * q[place] }
        if let empty = totals.firstIndex(of: 0) { throw .emptyClass(empty) }
        let factors = try Self.factors(classWeights, totals)
        // A row's part is its weight times its cross-entropy with probabilities that sum to 1.
        var chosen: [Int] = [], weights: [Double] = [], targets: [Double] = []
        for i in 0..<rows {
            let row = (0..<classes).map { q[i * classes + $0] * (factors?[$0] ?? 1) }, sum = row.reduce(0, +)
            let weight = (given?[i] ?? 1) * sum
            if weight == 0 { continue }
            chosen.append(i)
            weights.append(weight)
            targets += row.map { $0 / sum }
        }
        if chosen.isEmpty { throw .noRows }
        if let factors { for c in totals.indices { totals[c] *= factors[c] } }
        target = .probabilities(Buffer(targets))
        (features, self.classes, inputRows) = (x.shape[1], classes, rows)
        kept = chosen.count == rows ? nil : chosen
        weight = weights.allSatisfy { $0 == 1 } ? nil : Buffer(weights)
        classWeight = totals
        self.x = try Self.source(x, kept)
    }

    /// Some of the rows, which have labels: those a fold is fitted to. The class weights stay those of all rows.
    init(_ data: RegressionData, rows: [Int]) throws(SoftmaxRegressionError) {
        guard case .labels(let labels) = data.target else { throw .crossValidatedProbabilities }
        self.init(heldOut: data, rows: rows, labels)
        if let empty = classWeight.firstIndex(of: 0) { throw .emptyClass(empty) }
    }

    /// Some of the rows: those a fold is tested on, in which a class may be missing.
    init(heldOut data: RegressionData, rows: [Int], _ labels: ClassIndices) {
        let indices = rows.map { labels.values[$0] }
        var totals = [Double](repeating: 0, count: data.classes)
        for row in rows { totals[Int(labels.values[row])] += data.weight?.span[row] ?? 1 }
        x = data.x
        (features, classes, inputRows) = (data.features, data.classes, data.inputRows)
        kept = rows.map { data.kept?[$0] ?? $0 }
        target = .labels(ClassIndices(indices))
        weight = data.weight.map { weight in Buffer(rows.map { weight.span[$0] }) }
        classWeight = totals
    }

    private static func check(_ shape: Shape, classes: Int) throws(SoftmaxRegressionError) {
        guard shape.count == 2, shape[1] > 0 else { throw .inputShape(shape) }
        if shape[0] == 0 { throw .noRows }
        if classes < 2 { throw .tooFewClasses(classes) }
    }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    private static func weights<Scalar>(
        _ weights: Tensor<Scalar>?, rows: Int
    ) throws(SoftmaxRegressionError) -> [Double]? {
        guard let weights else { return nil }
        guard weights.shape == [rows] else { throw .rowWeightShape(found: weights.shape, rows: rows) }
        let values = weights.scalars.map { Double($0) }
        for (row, value) in values.enumerated() where !(value >= 0 && value.isFinite) { throw .rowWeight(value: value, row: row) }
        return values
    }

    private static func factors(
        _ classWeights: SoftmaxRegression.ClassWeights, _ totals: [Double]
    ) throws(SoftmaxRegressionError) -> [Double]? {
        switch classWeights {
        case .equal: return nil
        case .balanced:
            let all = totals.reduce(0, +)
            return totals.map { all / (Double(totals.count) * $0) }
        case .each(let factors):
            guard factors.count == totals.count else { throw .classWeightCount(found: factors.count, classes: totals.count) }
            for (c, value) in factors.enumerated() where !(value > 0 && value.isFinite) { throw .classWeight(value: value, class: c) }
            return factors
        }
    }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    private static func source<Scalar>(_ x: Tensor<Scalar>, _ kept: [Int]?) throws(SoftmaxRegressionError) -> Source {
        let columns = x.shape[1]
        // A sum is not finite when an element is not; nor, rarely, when it overflows.
        let sums = ColumnMoments.sums(x.span, columns: columns, rows: kept, weight: nil, centre: nil)
        if !sums.allSatisfy(\.isFinite) {
            for row in kept ?? Array(0..<x.shape[0]) {
                for column in 0..<columns {
                    let value = x.span[row * columns + column]
                    if !value.isFinite { throw .notFinite(value: Double(value), row: row, column: column) }
                }
            }
            throw .overflow
        }
        if let buffer = x.buffer as? Buffer<Double> { return .doubles(buffer) }
        if let buffer = x.buffer as? Buffer<Float> { return .floats(buffer) }
        fatalError("SoftmaxRegression: features of \(Scalar.self); expected Float or Double")
    }

    /// Weighted means and standard deviations (population) of the features; 0 where a column is constant.
    func moments() -> (mean: [Double], deviation: [Double]) {
        let total = weight.map { weight in Double.sum(weight.span) } ?? Double(count)
        var mean = sums(centre: nil).map { $0 / total }
        // Twice: what is left of the first mean's rounding is gone from the second.
        var deviation = sums(centre: mean).map { ($0 / total).squareRoot() }
        for j in 0..<features where deviation[j] <= 1e-10 * abs(mean[j]) {
            // Perhaps nothing but rounding: a constant column's mean is its value, and its deviation 0.
            if let value = constantValue(column: j) { (mean[j], deviation[j]) = (value, 0) }
        }
        return (mean, deviation)
    }

    private func sums(centre: [Double]?) -> [Double] {
        switch x {
        case .floats(let x): ColumnMoments.sums(x.span, columns: features, rows: kept, weight: weight, centre: centre)
        case .doubles(let x): ColumnMoments.sums(x.span, columns: features, rows: kept, weight: weight, centre: centre)
        }
    }

    private func value(_ row: Int, _ column: Int) -> Double {
        let place = (kept?[row] ?? row) * features + column
        return switch x {
        case .floats(let x): Double(x.span[place])
        case .doubles(let x): x.span[place]
        }
    }

    private func constantValue(column: Int) -> Double? {
        let first = value(0, column)
        for row in 1..<max(1, count) where value(row, column) != first { return nil }
        return first
    }

    /// The objective with a penalty, in the solvers' coordinates.
    ///
    /// - Parameter rotates: whether the rows are written in a basis of theirs when they are fewer than the features.
    func problem(penalty: Double, standardizes: Bool, rotates: Bool = true) throws(SoftmaxRegressionError) -> RegressionProblem {
        let (mean, deviation) = moments()
        if !(mean + deviation).allSatisfy(\.isFinite) { throw .overflow }
        let isWide = features > count
        if penalty == 0 {
            if let constant = deviation.firstIndex(of: 0) { throw .constantColumn(constant) }
            if features + 1 > count { throw .tooFewRows(rows: count, coefficients: features + 1) }
        }
        // Curvature that a column of spread 1 has at the start, where all classes share alike.
        let curvature = classWeight.reduce(0, +) * Double(classes - 1) / Double(classes * classes)
        let factor = deviation.map { deviation in
            if standardizes { return deviation == 0 ? 1 : 1 / deviation }
            // The penalty is the same for all features only as they came; and there is one when rows are few.
            if isWide { return 1 }
            // The penalty's curvature counts as well: a column of next to no spread must not become one of large penalty.
            let scale = (deviation * deviation + penalty / curvature).squareRoot()
            return 1 / Double(sign: .plus, exponent: scale.exponent, significand: 1)
        }
        let table = design(centre: mean, factor: factor)
        if penalty == 0 { try Collinearity.check(table, columns: features + 1, weight: weight) }
        let penalties = factor.map { standardizes ? penalty : penalty * $0 * $0 }
        if isWide && rotates { return try rotated(table, penalty: penalty, mean, factor) }
        return RegressionProblem(
            rows: rows(table, features + 1), penalties: penalties + [0], centre: mean, factor: factor, basis: nil,
            classWeight: classWeight)
    }

    private func rows(_ table: Buffer<Double>, _ columns: Int) -> RegressionRows {
        RegressionRows(design: table, features: columns, classes: classes, target: target, weight: weight)
    }

    func design(centre: [Double], factor: [Double]) -> Buffer<Double> {
        switch x {
        case .floats(let x):
            ColumnMoments.design(x.span, columns: features, rows: kept, centre: centre, factor: factor)
        case .doubles(let x):
            ColumnMoments.design(x.span, columns: features, rows: kept, centre: centre, factor: factor)
        }
    }

    /// The rows in an orthonormal basis of what they span: X = Rᵀ·Q, weights = (those of Rᵀ's columns)·Q.
    private func rotated(
        _ table: Buffer<Double>, penalty: Double, _ centre: [Double], _ factor: [Double]
    ) throws(SoftmaxRegressionError) -> RegressionProblem {
        var plain = Buffer<Double>(uninitialized: count * features)
        var out = plain.mutableSpan
        for i in 0..<count {
            for j in 0..<features { out[i * features + j] = table.span[i * (features + 1) + j] }
        }
        let qr: Factorisation.QR<Double>
        do { qr = try Factorisation.QR(plain, rows: count, columns: features) } catch { throw .overflow }
        var turned = Buffer<Double>(uninitialized: count * (count + 1))
        var rows = turned.mutableSpan
        for i in 0..<count {
            for j in 0..<count { rows[i * (count + 1) + j] = qr.r.span[j * count + i] }
            rows[i * (count + 1) + count] = 1
        }
        return RegressionProblem(
            rows: self.rows(turned, count + 1), penalties: Array(repeating: penalty, count: count) + [0], centre: centre,
            factor: factor, basis: qr, classWeight: classWeight)
    }
}

/// Recognises columns that are combinations of each other, the intercept's among them.
enum Collinearity {
    /// Of the largest eigenvalue of the columns' correlations. Those of columns that depend on each other are some 1e-16
    /// by rounding; columns whose correlation is 1 to seven digits have 1e-14.
    private static let tolerance = 1e-14

    /// - Parameter table: rows × columns, the last of them the intercept's.
    static func check(_ table: Buffer<Double>, columns: Int, weight: Buffer<Double>?) throws(SoftmaxRegressionError) {
        let count = table.count / columns
        var products = Buffer<Double>(uninitialized: columns * columns)
        var span = products.mutableSpan
        if let weight {
            var weighted = table
            var out = weighted.mutableSpan
            Double.scaleRows(&out, by: weight.span, axis: ClassAxis(outer: count, classes: columns, inner: 1))
            Double.multiply(
                MatrixProduct(m: columns, n: columns, k: count, transposedA: true), weighted.span, table.span, into: &span)
        } else {
            Double.multiply(
                MatrixProduct(m: columns, n: columns, k: count, transposedA: true), table.span, table.span, into: &span)
        }
        var lengths: [Double] = []
        for j in 0..<columns { lengths.append(span[j * (columns + 1)].squareRoot()) }
        for i in 0..<columns {
            for j in 0..<columns { span[i * columns + j] /= lengths[i] * lengths[j] }
        }
        let values: [Double], vectors: Buffer<Double>
        do { (values, vectors) = try Factorisation.symmetricEigen(products, order: columns) } catch { throw .overflow }
        guard let least = values.first, let most = values.last, least <= tolerance * most else { return }
        // The combination that is 0: of the columns that matter in it.
        var weights: [Double] = []
        for j in 0..<columns { weights.append(abs(vectors.span[j])) }
        let largest = weights.max() ?? 0
        throw .dependentColumns((0..<columns - 1).filter { weights[$0] > 1e-4 * largest })
    }
}
