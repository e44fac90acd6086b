import SurprisalKernels

/// Whose gradients a sweep forms.
struct GradientsWanted: Sendable {
    var input = false, weight = false, bias = false

    static let none = GradientsWanted()

    var any: Bool { input || weight || bias }
}

/// The gradients of the rows, the layer's weight and its bias, where wanted.
struct LinearGradients<Scalar: Surprisal.Scalar>: Sendable {
    var input, weight, bias: Buffer<Scalar>?
}

/// A linear layer and the cross-entropy of its logits, block of rows by block of rows.
struct LinearCrossEntropySweep<Scalar: Surprisal.Scalar>: Sendable {
    private let input, weight: Buffer<Scalar>
    private let bias: Buffer<Scalar>?
    private let features, classes, positions: Int
    private let target: CrossEntropyTarget<Scalar>
    private let classWeight: Buffer<Scalar>?
    private let smoothing, scale: Double
    /// The positions that are not ignored; `nil` where all are kept, and no row need be copied.
    private let kept: [Int]?
    private let rowsPerBlock: Int

    /// Stops the program when `blockBytes` do not hold a row.
    init(
        input: Buffer<Scalar>, head: Linear<Scalar>, target: CrossEntropyTarget<Scalar>, classWeight: Buffer<Scalar>?,
        smoothing: Double, scale: Double, blockBytes: Int
    ) {
        self.input = input
        weight = head.weight.buffer
        bias = head.bias?.buffer
        (features, classes) = (head.inputs, head.outputs)
        (self.target, self.classWeight, self.smoothing, self.scale) = (target, classWeight, smoothing, scale)
        var isSoft = false
        switch target {
        case .labels(let labels):
            positions = labels.count
            kept = labels.ignoredCount == 0 ? nil : labels.indices.indices.filter { labels.indices[$0] >= 0 }
        case .probabilities(let q):
            // No classes: no loss, whatever the number of rows.
            positions = q.shape.dropLast().reduce(1, *)
            kept = classes == 0 ? [] : nil
            isSoft = true
        }
        let rowBytes = Self.rowBytes(head, isSoft: isSoft, copiesRows: !isSoft && kept != nil)
        if blockBytes < rowBytes {
            fatalError("LinearCrossEntropyLoss: blockBytes is \(blockBytes); expected at least \(rowBytes), what a row of \(classes) classes takes")
        }
        // As few blocks as fit, of about the same size: each reads and writes the weight's gradient once.
        let count = max(1, kept?.count ?? positions), most = min(count, blockBytes / rowBytes)
        let blocks = (count + most - 1) / most
        rowsPerBlock = (count + blocks - 1) / blocks
    }

    /// What a row takes: its logits, which become their gradient; its probabilities; a copy of it, and of its gradient.
    static func rowBytes(_ head: Linear<Scalar>, isSoft: Bool, copiesRows: Bool) -> Int {
        let numbers = head.outputs * (isSoft ? 2 : 1) + (copiesRows ? 2 * head.inputs : 0)
        return max(1, numbers) * MemoryLayout<Scalar>.stride
    }

    /// The losses of the positions and the gradients of their sum, or of their sum weighted by `upstream`, times the
    /// scale.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    func run(
        _ wanted: GradientsWanted, upstream: Buffer<Scalar>? = nil
    ) -> (losses: Buffer<Scalar>, gradients: LinearGradients<Scalar>) {
        let count = kept?.count ?? positions
        var sums = Sums(losses: Buffer(repeating: 0, count: positions), bias: wanted.bias ? Array(repeating: 0, count: classes) : [])
        // Every number is written, but for those of ignored rows and of no rows at all.
        if wanted.input {
            sums.gradients.input = kept == nil
                ? Buffer(uninitialized: input.count) : Buffer(repeating: 0, count: input.count)
        }
        if wanted.weight {
            sums.gradients.weight = count > 0
                ? Buffer(uninitialized: weight.count) : Buffer(repeating: 0, count: weight.count)
        }
        var logits = Buffer<Scalar>(uninitialized: count > 0 ? rowsPerBlock * classes : 0)
        for start in stride(from: 0, to: count, by: rowsPerBlock) {
            let block = start..<min(count, start + rowsPerBlock)
            var part = logits.mutableSpan(0..<block.count * classes)
            if kept == nil {
                add(block, input.span.extracting(block.lowerBound * features..<block.upperBound * features), &part, wanted, upstream, &sums)
            } else {
                let rows = copiedRows(block)
                add(block, rows.span, &part, wanted, upstream, &sums)
            }
        }
        if wanted.bias { sums.gradients.bias = Buffer(sums.bias.map { Scalar($0) }) }
        return (sums.losses, sums.gradients)
    }

    private struct Sums {
        var losses: Buffer<Scalar>
        var bias: [Double]
        var gradients = LinearGradients<Scalar>()
    }

    /// What a block of rows adds; `logits` is where its logits and their gradient may lie.
    private func add(
        _ block: Range<Int>, _ x: Span<Scalar>, _ logits: inout MutableSpan<Scalar>, _ wanted: GradientsWanted,
        _ upstream: Buffer<Scalar>?, _ sums: inout Sums
    ) {
        let n = block.count
        product(x, into: &logits, n)
        let losses = loss(&logits, block, formsGradient: wanted.any)
        scatter(losses.span, block, width: 1, into: &sums.losses)
        if !wanted.any { return }
        if let upstream { weigh(&logits, by: upstream, block) }
        if wanted.input { formInputGradient(logits.span, block, &sums.gradients.input) }
        if wanted.weight, var sum = sums.gradients.weight.take() {
            let plan = MatrixProduct(
                m: classes, n: features, k: n, transposedA: true, accumulates: block.lowerBound > 0)
            var span = sum.mutableSpan
            Scalar.multiply(plan, logits.span, x, into: &span)
            sums.gradients.weight = sum
        }
        if wanted.bias {
            let columns = rowSums(logits.span, ClassAxis(outer: 1, classes: n, inner: classes))
            for c in 0..<classes { sums.bias[c] += Double(columns.span[c]) }
        }
    }

    private func position(_ row: Int) -> Int { kept?[row] ?? row }

    /// Writes a block's rows to their positions.
    private func scatter(_ rows: Span<Scalar>, _ block: Range<Int>, width: Int, into all: inout Buffer<Scalar>) {
        var out = all.mutableSpan
        for (from, row) in block.enumerated() {
            let to = position(row)
            for i in 0..<width { out[to * width + i] = rows[from * width + i] }
        }
    }

    /// The rows that a block is of, together, when there are ignored ones between them.
    private func copiedRows(_ block: Range<Int>) -> Buffer<Scalar> {
        var rows = Buffer<Scalar>(uninitialized: block.count * features)
        var out = rows.mutableSpan
        let x = input.span
        for (to, row) in block.enumerated() {
            let from = position(row)
            for i in 0..<features { out[to * features + i] = x[from * features + i] }
        }
        return rows
    }

    private func product(_ rows: Span<Scalar>, into logits: inout MutableSpan<Scalar>, _ n: Int) {
        let plan = MatrixProduct(m: n, n: classes, k: features, transposedB: true)
        if let bias {
            Scalar.multiply(plan, rows, weight.span, adding: bias.span, into: &logits)
        } else {
            Scalar.multiply(plan, rows, weight.span, into: &logits)
        }
    }

    private func loss(_ logits: inout MutableSpan<Scalar>, _ block: Range<Int>, formsGradient: Bool) -> Buffer<Scalar> {
        let blockTarget: Target<Scalar>
        switch target {
        case .labels(let labels):
            blockTarget = .labels(ClassIndices(block.map { labels.indices[position($0)] }))
        case .probabilities(let q):
            var part = Buffer<Scalar>(uninitialized: block.count * classes)
            var out = part.mutableSpan
            Scalar.map(
                .scale(1), q.span.extracting(block.lowerBound * classes..<block.upperBound * classes), into: &out)
            blockTarget = .probabilities(part)
        }
        let sweep = CrossEntropySweep(
            axis: ClassAxis(outer: block.count, classes: classes, inner: 1), target: blockTarget, weight: classWeight,
            smoothing: smoothing, scale: scale)
        var losses = Buffer<Scalar>(uninitialized: block.count)
        var out = losses.mutableSpan
        if formsGradient {
            Scalar.crossEntropyInPlace(&logits, sweep, losses: &out)
        } else {
            Scalar.crossEntropy(logits.span, sweep, losses: &out)
        }
        return losses
    }

    private func weigh(_ gradient: inout MutableSpan<Scalar>, by upstream: Buffer<Scalar>, _ block: Range<Int>) {
        let factors = Buffer(block.map { upstream.span[position($0)] })
        scaleRows(&gradient, by: factors.span, axis: ClassAxis(outer: block.count, classes: classes, inner: 1))
    }

    /// dx = dz·W, to the rows' places.
    private func formInputGradient(_ gradient: Span<Scalar>, _ block: Range<Int>, _ input: inout Buffer<Scalar>?) {
        guard var all = input.take() else { return }
        let plan = MatrixProduct(m: block.count, n: features, k: classes)
        if kept == nil {
            var place = all.mutableSpan(block.lowerBound * features..<block.upperBound * features)
            Scalar.multiply(plan, gradient, weight.span, into: &place)
        } else {
            var rows = Buffer<Scalar>(uninitialized: block.count * features)
            var formed = rows.mutableSpan
            Scalar.multiply(plan, gradient, weight.span, into: &formed)
            scatter(formed.span, block, width: features, into: &all)
        }
        input = all
    }
}
