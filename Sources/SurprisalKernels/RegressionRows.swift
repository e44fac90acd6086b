import CKernels
import COpenBLAS

/// The rows of a softmax regression, and the sums over them that its solvers ask for.
///
/// With x_i a row's features (rows × features in all, the constant 1 of the intercept among them), θ the coefficients
/// (classes × features), p_i = softmax(θ·x_i), s_i the row's weight and ℓ_i its cross-entropy:
///
/// - loss `Σ s_i·ℓ_i` and gradient `Σ s_i·(p_i − q_i)·x_iᵀ`,
/// - Hessian `H(a,b) = Σ s_i·(p_ia·[a = b] − p_ia·p_ib)·x_i·x_iᵀ`, the curvature of the loss,
/// - and its product with a direction V, `Σ s_i·p_ic·(u_ic − Σ_j p_ij·u_ij)·x_iᵀ` with `u_i = V·x_i`.
///
/// Rows are taken in blocks that stay in cache, each block's logits, loss and products at once, and parts of the rows in
/// parallel; blocks and parts depend on the shape alone, so the bits do not depend on the number of threads.
package struct RegressionRows: Sendable {
    package let features, classes: Int
    package let design: Buffer<Double>
    package let target: Target<Double>
    /// One a row; `nil`: all are 1.
    package let weight: Buffer<Double>?
    package let count: Int

    package init(
        design: Buffer<Double>, features: Int, classes: Int, target: Target<Double>, weight: Buffer<Double>?
    ) {
        require(features > 0 && features <= Int(Int32.max) && design.count % features == 0,
            "regression: \(design.count) elements; expected rows of \(features)")
        count = design.count / features
        require(classes > 0 && classes <= Int(Int32.max), "regression: \(classes) classes; expected at least 1")
        switch target {
        case .labels(let labels):
            require(labels.count == count && labels.largest < classes, "regression: \(labels.count) labels to \(labels.largest); expected \(count) below \(classes)")
        case .probabilities(let q):
            require(q.count == count * classes, "regression: \(q.count) probabilities; expected \(count) × \(classes)")
        }
        if let weight { require(weight.count == count, "regression: \(weight.count) row weights; expected \(count)") }
        self.design = design
        self.features = features
        self.classes = classes
        self.target = target
        self.weight = weight
    }

    /// Elements of the largest array of a block: 256 kB, half of a processor's own cache.
    private static let blockElements = 1 << 15

    /// Adds up what `body` adds to a sum of `total`'s size for each block of rows, with room for `scratch` elements a row.
    /// Blocks are taken by as many parts as `most` allows, in parallel; each has a sum of its own, and the sums are added
    /// in their order.
    ///
    /// - Parameter width: elements that a row takes in the largest array of a block.
    private func sum(
        into total: inout MutableSpan<Double>, width: Int, scratch: Int, most: Int = 16,
        _ body: (
            _ begin: Int, _ rows: Int, _ scratch: UnsafeMutablePointer<Double>, _ sum: UnsafeMutablePointer<Double>
        ) -> Void
    ) {
        let rowsPerBlock = max(64, min(1024, Self.blockElements / width / 64 * 64))
        let blocks = (count + rowsPerBlock - 1) / rowsPerBlock, parts = max(1, min(most, blocks)), size = total.count
        var sums = Buffer<Double>(repeating: 0, count: parts * size)
        var rooms = Buffer<Double>(uninitialized: parts * rowsPerBlock * scratch)
        var sumSpan = sums.mutableSpan, roomSpan = rooms.mutableSpan
        MatrixProduct.useOneThread()
        unsafe sumSpan.withUnsafeMutableBufferPointer { sums in
            unsafe roomSpan.withUnsafeMutableBufferPointer { rooms in
                guard let sums = sums.baseAddress, let rooms = rooms.baseAddress else { return }
                Parallel.forEach(parts: parts) { part in
                    for block in part * blocks / parts..<(part + 1) * blocks / parts {
                        let begin = block * rowsPerBlock
                        unsafe body(
                            begin, min(rowsPerBlock, count - begin), rooms + part * rowsPerBlock * scratch, sums + part * size)
                    }
                }
            }
        }
        let all = sums.span
        for i in 0..<size { total[i] = all[i] }
        for part in 1..<max(1, parts) {
            VectorProduct.add(1, all.extracting(part * size..<(part + 1) * size), to: &total)
        }
    }

    /// The row losses' sum, its gradient (classes × features) and, when asked for, the probabilities (rows × classes).
    package func evaluate(
        _ coefficients: Span<Double>, into gradient: inout MutableSpan<Double>, probabilities stored: inout Buffer<Double>?
    ) -> Double {
        let size = classes * features
        require(coefficients.count == size && gradient.count == size, "regression: \(coefficients.count) coefficients; expected \(classes) × \(features)")
        if let stored { require(stored.count == count * classes, "regression: \(stored.count) probabilities") }
        let kernel = unsafe InstructionSet.table.f64.pointee.cross_entropy
        var losses = Buffer<Double>(uninitialized: count)
        var lossSpan = losses.mutableSpan
        let (m, n) = (Int32(classes), Int32(features))
        var taken = stored.take()
        let isStored = taken != nil
        // An array of no use where none is asked for.
        var all = taken.take() ?? Buffer(uninitialized: 0)
        var allSpan = all.mutableSpan
        unsafe withPointers(coefficients) { x, labels, targets, weights, theta in
            unsafe lossSpan.withUnsafeMutableBufferPointer { losses in
                unsafe allSpan.withUnsafeMutableBufferPointer { all in
                    guard let losses = losses.baseAddress, let all = all.baseAddress else { return }
                    unsafe sum(into: &gradient, width: max(features, classes), scratch: classes) { begin, rows, z, sum in
                        let x = unsafe x + begin * features, labels = unsafe labels.map { unsafe $0 + begin }
                        let targets = unsafe targets.map { unsafe $0 + begin * classes }
                        unsafe cblas_dgemm(
                            CblasRowMajor, CblasNoTrans, CblasTrans, Int32(rows), m, n, 1, x, n, theta, n, 0, z, m)
                        let arguments = unsafe ck_cross_entropy_f64(
                            logits: UnsafePointer(z), gradient: z, labels: labels, probabilities: targets, weight: nil,
                            losses: losses + begin, row_weights: nil, open: nil, smoothing: 0, uniform: 0, z_loss: 0,
                            scale: 1, classes: classes, inner: 1, place: .cached)
                        unsafe withUnsafePointer(to: arguments) { unsafe kernel($0, 0, rows) }
                        if isStored { unsafe probabilities(of: z, rows, labels, targets, into: all + begin * classes) }
                        if let weights = unsafe weights {
                            for i in 0..<rows {
                                let s = unsafe weights[begin + i]
                                unsafe losses[begin + i] *= s
                                for c in 0..<classes { unsafe z[i * classes + c] *= s }
                            }
                        }
                        unsafe cblas_dgemm(
                            CblasRowMajor, CblasTrans, CblasNoTrans, m, n, Int32(rows), 1, z, m, x, n, 1, sum, n)
                    }
                }
            }
        }
        if isStored { stored = all }
        return Double.sum(losses.span)
    }

    /// p from the row's gradient p − q. Where p is next to nothing beside q, the difference keeps little of it, perhaps
    /// a sign; curvature wants no more of it than that it is nothing.
    private func probabilities(
        of gradient: UnsafePointer<Double>, _ rows: Int, _ labels: UnsafePointer<Int32>?, _ targets: UnsafePointer<Double>?,
        into p: UnsafeMutablePointer<Double>
    ) {
        if let targets = unsafe targets {
            for i in 0..<rows * classes { unsafe p[i] = max(0, gradient[i] + targets[i]) }
        } else if let labels = unsafe labels {
            for i in 0..<rows * classes { unsafe p[i] = gradient[i] }
            for i in 0..<rows where unsafe labels[i] >= 0 {
                let place = unsafe i * classes + Int(labels[i])
                unsafe p[place] = max(0, 1 + p[place])
            }
        }
    }

    /// The loss's Hessian in the coefficients of all classes but the first, whose coefficients are held: order
    /// (classes − 1)·features, of which the upper triangle is written.
    ///
    /// That is the whole curvature, as logits that move together move no probability: the rows of the full Hessian that
    /// belong to the first class are minus the others' sum.
    ///
    /// - Complexity: rows·order² / 2 multiply-adds: the symmetric product of all `p_a·x` with themselves, whose diagonal
    ///   blocks are replaced by those of `hessianBlocks`. There the difference of two products would lose what curvature
    ///   confident rows have left.
    package func hessian(_ probabilities: Span<Double>, into hessian: inout MutableSpan<Double>) {
        let free = classes - 1, order = free * features, square = features * features
        require(hessian.count == order * order, "regression: a Hessian of \(hessian.count) elements; expected \(order) × \(order)")
        require(probabilities.count == count * classes, "regression: \(probabilities.count) probabilities")
        if order == 0 { return }
        unsafe withPointers(probabilities) { x, _, _, weights, p in
            // Each part has a sum of its own: a few of them where they are large.
            unsafe sum(into: &hessian, width: order, scratch: order, most: order > 256 ? 4 : 16) { begin, rows, scaled, sum in
                if free == 1 { return }
                for i in 0..<rows {
                    let root = unsafe weights.map { unsafe $0[begin + i] }?.squareRoot() ?? 1
                    let row = unsafe x + (begin + i) * features, p = unsafe p + (begin + i) * classes
                    for c in 1..<classes {
                        let factor = unsafe root * p[c], to = unsafe scaled + i * order + (c - 1) * features
                        for j in 0..<features { unsafe to[j] = factor * row[j] }
                    }
                }
                unsafe addSquare(of: scaled, columns: order, rows, -1, to: sum)
            }
        }
        let blocks = hessianBlocks(probabilities, from: 1), diagonal = blocks.span
        for c in 0..<free {
            for i in 0..<features {
                let to = (c * features + i) * order + c * features, from = c * square + i * features
                for j in i..<features { hessian[to + j] = diagonal[from + j] }
            }
        }
    }

    /// The diagonal blocks of the loss's Hessian, one for each class from `first` on: features × features, upper triangles.
    ///
    /// - Complexity: rows·classes·features² / 2 multiply-adds: the symmetric products of `√(s·p·(1 − p))·x`.
    package func hessianBlocks(_ probabilities: Span<Double>, from first: Int = 0) -> Buffer<Double> {
        let square = features * features, size = (classes - first) * square
        require(probabilities.count == count * classes, "regression: \(probabilities.count) probabilities")
        var blocks = Buffer<Double>(uninitialized: size)
        var total = blocks.mutableSpan
        unsafe withPointers(probabilities) { x, _, _, weights, p in
            let most = size > 1 << 17 ? 4 : 16
            unsafe sum(into: &total, width: features, scratch: features + classes, most: most) { begin, rows, scaled, sum in
                let x = unsafe x + begin * features, spread = unsafe scaled + rows * features
                unsafe spreads(p + begin * classes, rows, weights.map { unsafe $0 + begin }, into: spread)
                for c in first..<classes {
                    for i in 0..<rows {
                        let factor = unsafe spread[i * classes + c], row = unsafe x + i * features
                        let to = unsafe scaled + i * features
                        for j in 0..<features { unsafe to[j] = factor * row[j] }
                    }
                    unsafe addSquare(of: scaled, columns: features, rows, 1, to: sum + (c - first) * square)
                }
            }
        }
        return blocks
    }

    /// The diagonal of the loss's Hessian: classes × features.
    package func hessianDiagonal(_ probabilities: Span<Double>) -> [Double] {
        require(probabilities.count == count * classes, "regression: \(probabilities.count) probabilities")
        var diagonal = [Double](repeating: 0, count: classes * features)
        var total = diagonal.mutableSpan
        unsafe withPointers(probabilities) { x, _, _, weights, p in
            unsafe sum(into: &total, width: max(features, classes), scratch: features + classes) { begin, rows, squares, sum in
                let x = unsafe x + begin * features, spread = unsafe squares + rows * features
                unsafe spreads(p + begin * classes, rows, weights.map { unsafe $0 + begin }, into: spread)
                for i in 0..<rows * features { unsafe squares[i] = x[i] * x[i] }
                for i in 0..<rows * classes { unsafe spread[i] *= spread[i] }
                unsafe cblas_dgemm(
                    CblasRowMajor, CblasTrans, CblasNoTrans, Int32(classes), Int32(features), Int32(rows), 1, spread,
                    Int32(classes), squares, Int32(features), 1, sum, Int32(features))
            }
        }
        return diagonal
    }

    /// √(s·p·(1 − p)) of each class; 1 − p as the sum of the others where p is the larger part.
    private func spreads(
        _ p: UnsafePointer<Double>, _ rows: Int, _ weights: UnsafePointer<Double>?, into spread: UnsafeMutablePointer<Double>
    ) {
        for i in 0..<rows {
            let p = unsafe p + i * classes, to = unsafe spread + i * classes
            let s = unsafe weights.map { unsafe $0[i] } ?? 1
            for c in 0..<classes {
                var rest = unsafe 1 - p[c]
                if rest < 0.5 {
                    rest = 0
                    for other in 0..<classes where other != c { unsafe rest += p[other] }
                }
                unsafe to[c] = (s * p[c] * rest).squareRoot()
            }
        }
    }

    /// sum ← sum + sign·aᵀ·a, the upper triangle.
    private func addSquare(
        of a: UnsafePointer<Double>, columns: Int, _ rows: Int, _ sign: Double, to sum: UnsafeMutablePointer<Double>
    ) {
        unsafe cblas_dsyrk(
            CblasRowMajor, CblasUpper, CblasTrans, Int32(columns), Int32(rows), sign, a, Int32(columns), 1, sum, Int32(columns))
    }

    /// The product of the loss's Hessian, in the coefficients of all classes, with a direction (classes × features).
    ///
    /// - Complexity: 2·rows·classes·features multiply-adds; no matrix of their square.
    package func hessianProduct(
        _ probabilities: Span<Double>, _ direction: Span<Double>, into product: inout MutableSpan<Double>
    ) {
        let size = classes * features
        require(direction.count == size && product.count == size, "regression: a direction of \(direction.count) elements; expected \(classes) × \(features)")
        require(probabilities.count == count * classes, "regression: \(probabilities.count) probabilities")
        let (m, n) = (Int32(classes), Int32(features))
        unsafe withPointers(probabilities) { x, _, _, weights, p in
            unsafe direction.withUnsafeBufferPointer { v in
                guard let v = v.baseAddress else { return }
                unsafe sum(into: &product, width: max(features, classes), scratch: classes) { begin, rows, u, sum in
                    let x = unsafe x + begin * features
                    unsafe cblas_dgemm(
                        CblasRowMajor, CblasNoTrans, CblasTrans, Int32(rows), m, n, 1, x, n, v, n, 0, u, m)
                    for i in 0..<rows {
                        let p = unsafe p + (begin + i) * classes, u = unsafe u + i * classes
                        let s = unsafe weights.map { unsafe $0[begin + i] } ?? 1
                        var mean = 0.0
                        for c in 0..<classes { unsafe mean += p[c] * u[c] }
                        for c in 0..<classes { unsafe u[c] = s * p[c] * (u[c] - mean) }
                    }
                    unsafe cblas_dgemm(
                        CblasRowMajor, CblasTrans, CblasNoTrans, m, n, Int32(rows), 1, u, m, x, n, 1, sum, n)
                }
            }
        }
    }

    /// θ·x of every row: rows × classes.
    package func logits(_ coefficients: Span<Double>) -> Buffer<Double> {
        var logits = Buffer<Double>(uninitialized: count * classes)
        var out = logits.mutableSpan
        Double.multiply(
            MatrixProduct(m: count, n: classes, k: features, transposedB: true), design.span, coefficients, into: &out)
        return logits
    }

    /// The design, labels, probabilities and weights where they lie, and one more array.
    private func withPointers(
        _ other: Span<Double>,
        _ body: (
            UnsafePointer<Double>, UnsafePointer<Int32>?, UnsafePointer<Double>?, UnsafePointer<Double>?, UnsafePointer<Double>
        ) -> Void
    ) {
        unsafe design.span.withUnsafeBufferPointer { x in
            unsafe other.withUnsafeBufferPointer { other in
                // No rows: nothing to sum.
                guard let x = x.baseAddress, let other = other.baseAddress else { return }
                func withWeight(_ labels: UnsafePointer<Int32>?, _ targets: UnsafePointer<Double>?) {
                    if let weight {
                        unsafe weight.span.withUnsafeBufferPointer { unsafe body(x, labels, targets, $0.baseAddress, other) }
                    } else {
                        unsafe body(x, labels, targets, nil, other)
                    }
                }
                switch target {
                case .labels(let labels):
                    unsafe labels.values.withUnsafeBufferPointer { unsafe withWeight($0.baseAddress, nil) }
                case .probabilities(let q):
                    unsafe q.span.withUnsafeBufferPointer { unsafe withWeight(nil, $0.baseAddress) }
                }
            }
        }
    }
}
