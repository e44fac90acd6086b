import SurprisalKernels
import Synchronization

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

/// What a sweep makes of the rows.
struct LinearCrossEntropyOutcome<Scalar: Surprisal.Scalar> {
    var losses: Buffer<Scalar>
    var gradients = LinearGradients<Scalar>()
    /// One a position, where wanted; none of an ignored one.
    var reports: [RowReport<Scalar>?] = []
    /// Logits whose gradients took part in the products, and others.
    var multiplied = 0, skipped = 0
    fileprivate var bias: [Double] = []
}

/// A linear layer and the cross-entropy of its logits, block of rows by block of rows; and where the budget holds not even a
/// row, tile of classes by tile of classes.
struct LinearCrossEntropySweep<Scalar: Surprisal.Scalar>: Sendable {
    private let input, weight: Buffer<Scalar>
    private let bias: Buffer<Scalar>?
    private let features, classes, positions: Int
    private let target: CrossEntropyTarget<Scalar>
    /// Its options, along the last axis.
    private let loss: CrossEntropyLoss<Scalar>
    private let rowWeights: Buffer<Scalar>?
    private let scale: Double
    private let filter: GradientFilter
    /// The positions that are neither ignored nor of weight 0; `nil` where all are kept, and no row need be copied.
    private let kept: [Int]?
    private let rowsPerBlock: Int
    /// Of a block at a time: all, unless the budget is less than a row.
    private let classesPerTile: Int

    /// Stops the program when `blockBytes` do not hold a logit.
    init(
        input: Buffer<Scalar>, head: Linear<Scalar>, target: CrossEntropyTarget<Scalar>, rowWeights: Buffer<Scalar>?,
        loss: CrossEntropyLoss<Scalar>, scale: Double, filter: GradientFilter, blockBytes: Int
    ) {
        self.input = input
        weight = head.weight.buffer
        bias = head.bias?.buffer
        (features, classes) = (head.inputs, head.outputs)
        (self.target, self.rowWeights, self.loss, self.scale) = (target, rowWeights, loss, scale)
        self.filter = filter
        kept = Self.kept(target, rowWeights, classes: classes)
        let isSoft: Bool
        switch target {
        case .labels(let labels): (positions, isSoft) = (labels.count, false)
        case .probabilities(let q): (positions, isSoft) = (q.shape.dropLast().reduce(1, *), true)
        case .sparse(let q): (positions, isSoft) = (q.shape.elementCount, true)
        }
        let copiesRows = kept != nil && classes > 0
        let least = Self.leastBytes(head, copiesRows: copiesRows, perLogit: loss.softCap == nil ? 1 : 2)
        if blockBytes < least {
            fatalError("LinearCrossEntropyLoss: blockBytes is \(blockBytes); expected at least \(least), what a logit takes\(copiesRows ? " and the copy of a row of \(features) features" : "")")
        }
        // What a row takes: its logits, which become their gradient, and what they were before a cap; its probabilities; a copy
        // of it, and of its gradient.
        let copied = copiesRows ? 2 * features : 0, perLogit = loss.softCap == nil ? 1 : 2
        let numbers = blockBytes / MemoryLayout<Scalar>.stride
        let row = max(1, classes * (perLogit + (isSoft ? 1 : 0)) + copied)
        let count = max(1, kept?.count ?? positions)
        if numbers >= row {
            // As few blocks as fit, of about the same size: each reads and writes the weight's gradient once.
            let most = min(count, numbers / row), blocks = (count + most - 1) / most
            rowsPerBlock = (count + blocks - 1) / blocks
            classesPerTile = classes
        } else {
            // As many rows as classes: a product of n × c reads n + c times the features. Copies take half of it at most.
            let square = Int((Double(numbers) / Double(perLogit)).squareRoot())
            rowsPerBlock = max(1, min(count, square, copied == 0 ? count : numbers / 2 / copied))
            classesPerTile = min(classes, (numbers - rowsPerBlock * copied) / rowsPerBlock / perLogit)
        }
    }

    private static func kept(
        _ target: CrossEntropyTarget<Scalar>, _ rowWeights: Buffer<Scalar>?, classes: Int
    ) -> [Int]? {
        // No classes: no loss, whatever the number of rows.
        if classes == 0 { return [] }
        func counts(_ n: Int) -> Bool { rowWeights.map { $0.span[n] != 0 } ?? true }
        if case .labels(let labels) = target {
            let kept = labels.indices.indices.filter { labels.indices[$0] >= 0 && counts($0) }
            return kept.count == labels.count ? nil : kept
        }
        guard let rowWeights else { return nil }
        let kept = (0..<rowWeights.count).filter(counts)
        return kept.count == rowWeights.count ? nil : kept
    }

    /// What a loss with these rows left out takes at least.
    static func leastBytes(
        _ head: Linear<Scalar>, _ target: CrossEntropyTarget<Scalar>, _ rowWeights: Buffer<Scalar>?, _ loss: CrossEntropyLoss<Scalar>
    ) -> Int {
        leastBytes(
            head, copiesRows: head.outputs > 0 && kept(target, rowWeights, classes: head.outputs) != nil,
            perLogit: loss.softCap == nil ? 1 : 2)
    }

    /// A logit, also as it was before a cap, and a copy of a row and of its gradient.
    private static func leastBytes(_ head: Linear<Scalar>, copiesRows: Bool, perLogit: Int) -> Int {
        (perLogit + (copiesRows ? 2 * head.inputs : 0)) * MemoryLayout<Scalar>.stride
    }

    /// The losses of the positions and the gradients of their sum, or of their sum weighted by `upstream`, times the
    /// scale; and what `RowResults` say, with the `k` most probable classes of each.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    func run(
        _ wanted: GradientsWanted, upstream: Buffer<Scalar>? = nil, reporting k: Int? = nil
    ) -> LinearCrossEntropyOutcome<Scalar> {
        let count = kept?.count ?? positions
        var out = LinearCrossEntropyOutcome(losses: Buffer<Scalar>(repeating: 0, count: positions))
        if wanted.bias { out.bias = Array(repeating: 0, count: classes) }
        if k != nil { out.reports = Array(repeating: nil, count: positions) }
        // Every number is written, but for those of ignored rows and of no rows at all, and where products are left out.
        if wanted.input {
            out.gradients.input = kept == nil && !isPartial
                ? Buffer(uninitialized: input.count) : Buffer(repeating: 0, count: input.count)
        }
        if wanted.weight {
            out.gradients.weight = count > 0 && !isPartial
                ? Buffer(uninitialized: weight.count) : Buffer(repeating: 0, count: weight.count)
        }
        var logits = Buffer<Scalar>(uninitialized: count > 0 ? rowsPerBlock * classesPerTile : 0)
        var given = Buffer<Scalar>(uninitialized: loss.softCap == nil ? 0 : logits.count)
        for start in stride(from: 0, to: count, by: rowsPerBlock) {
            let block = start..<min(count, start + rowsPerBlock)
            func add(_ x: Span<Scalar>) {
                if classesPerTile == classes {
                    addRows(block, x, &logits, &given, wanted, upstream, k, &out)
                } else {
                    addTiles(block, x, &logits, &given, wanted, upstream, k, &out)
                }
            }
            if kept == nil {
                add(input.span.extracting(block.lowerBound * features..<block.upperBound * features))
            } else {
                let rows = copiedRows(block)
                add(rows.span)
            }
        }
        if wanted.bias { out.gradients.bias = Buffer(out.bias.map { Scalar($0) }) }
        return out
    }

    /// Whether a product may cover some classes only, so that its sum must have been begun.
    private var isPartial: Bool { filter != .exact || classesPerTile < classes }

    /// What a block of rows adds; `logits` is where its logits and their gradient may lie, `given` where they may lie as they
    /// were before a cap.
    private func addRows(
        _ block: Range<Int>, _ x: Span<Scalar>, _ logits: inout Buffer<Scalar>, _ given: inout Buffer<Scalar>,
        _ wanted: GradientsWanted, _ upstream: Buffer<Scalar>?, _ k: Int?, _ out: inout LinearCrossEntropyOutcome<Scalar>
    ) {
        let n = block.count
        formLogits(x, 0..<classes, into: &logits, &given, n)
        let ranges = reduce(block, &logits, given, wanted, k, &out)
        if !wanted.any { return }
        var gradient = logits.mutableSpan(0..<n * classes)
        if let upstream { weigh(&gradient, by: upstream, block, classes) }
        addProducts(gradient.span, ranges, of: 0..<classes, block, x, wanted, &out)
    }

    /// From the logits of a block of rows to losses, reports and gradients, and the ranges of classes that the products are to
    /// cover. Where anything but the loss looks at a row, some rows at a time, as they are still in the second cache then.
    private func reduce(
        _ block: Range<Int>, _ logits: inout Buffer<Scalar>, _ given: Buffer<Scalar>, _ wanted: GradientsWanted, _ k: Int?,
        _ out: inout LinearCrossEntropyOutcome<Scalar>
    ) -> [Range<Int>] {
        let bound = wanted.input || wanted.weight ? derivativeBound : nil
        var tiles = [Bool](repeating: false, count: (classes + GradientFilter.tileClasses - 1) / GradientFilter.tileClasses)
        // 128 KB of Float for each thread.
        let chunk = k == nil && bound == nil ? block.count : max(1, Parallel.threadCount << 15 / max(1, classes))
        for start in stride(from: block.lowerBound, to: block.upperBound, by: chunk) {
            let rows = start..<min(block.upperBound, start + chunk)
            let place = (start - block.lowerBound) * classes..<(rows.upperBound - block.lowerBound) * classes
            if let k { report(rows, logits, from: place.lowerBound, k, &out.reports) }
            var part = logits.mutableSpan(place)
            let losses = losses(&part, rows, formsGradient: wanted.any)
            scatter(losses.span, rows, width: 1, into: &out.losses)
            if wanted.any { differentiate(&part, given, place) }
            guard let bound else { continue }
            for row in 0..<rows.count {
                for tile in tiles.indices where !tiles[tile] {
                    let first = row * classes + tile * GradientFilter.tileClasses
                    let end = min((row + 1) * classes, first + GradientFilter.tileClasses)
                    tiles[tile] = reaches(bound, part.span.extracting(first..<end))
                }
            }
        }
        return bound == nil ? [0..<classes] : GradientFilter.ranges(of: tiles, classes: classes)
    }

    /// What the filter asks of a derivative, times the scale that is in it.
    private var derivativeBound: Scalar? {
        guard case .below(let bound) = filter else { return nil }
        return Scalar(bound * scale.magnitude)
    }

    private func report(
        _ rows: Range<Int>, _ logits: Buffer<Scalar>, from place: Int, _ k: Int, _ reports: inout [RowReport<Scalar>?]
    ) {
        let found = inParallel(rows.count) { row, strip in
            let position = position(rows.lowerBound + row), label = label(position)
            var online = OnlineRow<Scalar>(
                label: label, hit: 0, shares: ClassShares(kept: 1, uniform: 0), k: k, weight: 1, zLoss: 0)
            let first = place + row * classes
            online.add(logits.span.extracting(first..<first + classes), from: 0, &strip)
            return RowReport(online)
        }
        for (row, report) in found.enumerated() { reports[position(rows.lowerBound + row)] = report }
    }

    /// `body` of each row, some of them at the same time; in their order.
    private func inParallel<Result: Sendable>(
        _ count: Int, _ body: (Int, inout OnlineRow<Scalar>.Strip) -> Result
    ) -> [Result] {
        let perPart = max(1, 1 << 14 / max(1, classesPerTile)), parts = (count + perPart - 1) / perPart
        let slots = Mutex([[Result]](repeating: [], count: parts))
        Parallel.forEach(parts: parts) { part in
            var strip = OnlineRow<Scalar>.Strip()
            let results = (part * perPart..<min(count, (part + 1) * perPart)).map { body($0, &strip) }
            slots.withLock { $0[part] = results }
        }
        return slots.withLock { Array($0.joined()) }
    }

    /// The label of a position; with class probabilities the first most probable of them.
    private func label(_ position: Int) -> Int {
        switch target {
        case .labels(let labels): return Int(labels.indices[position])
        case .sparse(let q): return q.likeliest(position)
        case .probabilities(let q):
            let row = q.span.extracting(position * classes..<(position + 1) * classes)
            var best = 0
            for c in row.indices where ranks(row[c], above: row[best]) { best = c }
            return best
        }
    }

    /// What a block of rows adds of which not all the logits fit: the losses from one pass over the tiles, each gradient from
    /// another, for which the logits are computed again.
    private func addTiles(
        _ block: Range<Int>, _ x: Span<Scalar>, _ logits: inout Buffer<Scalar>, _ given: inout Buffer<Scalar>,
        _ wanted: GradientsWanted, _ upstream: Buffer<Scalar>?, _ k: Int?, _ out: inout LinearCrossEntropyOutcome<Scalar>
    ) {
        let n = block.count, classWeight = loss.weight?.buffer, open = loss.openClasses(classes)
        var rows = block.map { row in
            let position = position(row), y = label(position)
            var shares = ClassShares<Scalar>(
                weight: classWeight, open: open, kept: 1 - loss.labelSmoothing,
                uniform: loss.labelSmoothing / Double(classes - loss.maskedClasses.count))
            var hit = 0.0
            switch target {
            case .labels: hit = shares.kept * (classWeight.map { Double($0.span[y]) } ?? 1)
            case .probabilities(let q): shares.probabilities = .dense(q.buffer, start: position * classes)
            case .sparse(let q): shares.probabilities = .sparse(q, position: position)
            }
            return OnlineRow<Scalar>(
                label: y, hit: hit, shares: shares, k: k ?? 0, weight: rowWeights.map { Double($0.span[position]) } ?? 1,
                zLoss: loss.zLoss)
        }
        let tiles = stride(from: 0, to: classes, by: classesPerTile).map { $0..<min(classes, $0 + classesPerTile) }
        for tile in tiles {
            formLogits(x, tile, into: &logits, &given, n)
            let z = logits
            rows = inParallel(n) { row, strip in
                var online = rows[row]
                online.add(z.span.extracting(row * tile.count..<(row + 1) * tile.count), from: tile.lowerBound, &strip)
                return online
            }
        }
        let losses = Buffer(rows.map(\.loss))
        scatter(losses.span, block, width: 1, into: &out.losses)
        if k != nil { for (row, online) in rows.enumerated() { out.reports[position(block.lowerBound + row)] = RowReport(online) } }
        if !wanted.any { return }

        var strip = OnlineRow<Scalar>.Strip()
        for tile in tiles {
            formLogits(x, tile, into: &logits, &given, n)
            for row in 0..<n {
                let place = row * tile.count..<(row + 1) * tile.count
                var part = logits.mutableSpan(place)
                rows[row].formGradient(&part, from: tile.lowerBound, scale: scale, &strip)
                differentiate(&part, given, place)
            }
            var gradient = logits.mutableSpan(0..<n * tile.count)
            let isMultiplied = derivativeBound.map { reaches($0, gradient.span) } ?? true
            if let upstream { weigh(&gradient, by: upstream, block, tile.count) }
            addProducts(gradient.span, isMultiplied ? [tile] : [], of: tile, block, x, wanted, &out)
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
    private func copiedRows(_ block: Range<Int>) -> Buffer<Scalar> { gathered(input.span, block, width: features) }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    private func gathered(_ all: Span<Scalar>, _ block: Range<Int>, width: Int) -> Buffer<Scalar> {
        var rows = Buffer<Scalar>(uninitialized: block.count * width)
        var out = rows.mutableSpan
        for (to, row) in block.enumerated() {
            let from = position(row)
            for i in 0..<width { out[to * width + i] = all[from * width + i] }
        }
        return rows
    }

    /// The logits of some classes.
    private func product(_ rows: Span<Scalar>, _ tile: Range<Int>, into logits: inout Buffer<Scalar>, _ n: Int) {
        let plan = MatrixProduct(m: n, n: tile.count, k: features, transposedB: true), w = weights(tile)
        var out = logits.mutableSpan(0..<n * tile.count)
        if let bias {
            Scalar.multiply(plan, rows, w, adding: bias.span.extracting(tile), into: &out)
        } else {
            Scalar.multiply(plan, rows, w, into: &out)
        }
    }

    @_lifetime(borrow self)
    private func weights(_ classes: Range<Int>) -> Span<Scalar> {
        weight.span.extracting(classes.lowerBound * features..<classes.upperBound * features)
    }

    /// The logits of some classes as the loss sees them: capped, over the temperature, masked. With a cap `given` holds those
    /// of the layer.
    private func formLogits(
        _ rows: Span<Scalar>, _ tile: Range<Int>, into logits: inout Buffer<Scalar>, _ given: inout Buffer<Scalar>, _ n: Int
    ) {
        let shaping = loss.shaping
        if let cap = shaping.softCap {
            product(rows, tile, into: &given, n)
            var out = logits.mutableSpan(0..<n * tile.count)
            Scalar.softCap(given.span.extracting(0..<n * tile.count), at: cap, into: &out)
        } else {
            product(rows, tile, into: &logits, n)
        }
        if shaping.temperature == 1, loss.maskedClasses.isEmpty { return }
        var x = logits.mutableSpan(0..<n * tile.count)
        shaping.cool(&x)
        let masked = loss.maskedClasses.filter(tile.contains)
        for row in 0..<n { for c in masked { x[row * tile.count + c - tile.lowerBound] = -.infinity } }
    }

    /// From the gradient of such logits to that of the layer's.
    private func differentiate(_ gradient: inout MutableSpan<Scalar>, _ given: Buffer<Scalar>, _ place: Range<Int>) {
        let shaping = loss.shaping
        if shaping.isIdentity { return }
        shaping.cool(&gradient)
        shaping.differentiate(&gradient, at: shaping.softCap == nil ? nil : given.span.extracting(place))
    }

    private func losses(_ logits: inout MutableSpan<Scalar>, _ rows: Range<Int>, formsGradient: Bool) -> Buffer<Scalar> {
        let places = rows.map(position), rowsTarget: Target<Scalar>
        switch target {
        case .labels(let labels): rowsTarget = .labels(ClassIndices(places.map { labels.indices[$0] }))
        case .probabilities(let q): rowsTarget = .probabilities(gathered(q.span, rows, width: classes))
        case .sparse(let q): rowsTarget = .probabilities(q.dense(places))
        }
        let weights = rowWeights.map { weights in Buffer(places.map { weights.span[$0] }) }
        let sweep = loss.kernelSweep(
            ClassAxis(outer: rows.count, classes: classes, inner: 1), rowsTarget, scale, weights)
        var losses = Buffer<Scalar>(uninitialized: rows.count)
        var out = losses.mutableSpan
        if formsGradient {
            Scalar.crossEntropyInPlace(&logits, sweep, losses: &out)
        } else {
            Scalar.crossEntropy(logits.span, sweep, losses: &out)
        }
        return losses
    }

    private func weigh(
        _ gradient: inout MutableSpan<Scalar>, by upstream: Buffer<Scalar>, _ block: Range<Int>, _ classes: Int
    ) {
        let factors = Buffer(block.map { upstream.span[position($0)] })
        Scalar.scaleRows(&gradient, by: factors.span, axis: ClassAxis(outer: block.count, classes: classes, inner: 1))
    }

    /// dx = dz·W and dW = dzᵀ·x over some ranges of the classes of a tile, and the bias's gradient over all of them.
    private func addProducts(
        _ gradient: Span<Scalar>, _ ranges: [Range<Int>], of tile: Range<Int>, _ block: Range<Int>, _ x: Span<Scalar>,
        _ wanted: GradientsWanted, _ out: inout LinearCrossEntropyOutcome<Scalar>
    ) {
        let n = block.count
        if wanted.input || wanted.weight {
            let multiplied = n * ranges.reduce(0) { $0 + $1.count }
            out.multiplied += multiplied
            out.skipped += n * tile.count - multiplied
        }
        // From the first row's first class in a range to the last row's last.
        func columns(_ range: Range<Int>) -> Range<Int> {
            range.lowerBound - tile.lowerBound..<(n - 1) * tile.count + range.upperBound - tile.lowerBound
        }
        if wanted.input, !ranges.isEmpty, var all = out.gradients.input.take() {
            func multiply(into rows: inout MutableSpan<Scalar>) {
                for range in ranges {
                    let plan = MatrixProduct(
                        m: n, n: features, k: range.count, accumulates: isPartial, strideA: tile.count)
                    Scalar.multiply(plan, gradient.extracting(columns(range)), weights(range), into: &rows)
                }
            }
            if kept == nil {
                var place = all.mutableSpan(block.lowerBound * features..<block.upperBound * features)
                multiply(into: &place)
            } else {
                var rows = isPartial ? gathered(all.span, block, width: features) : Buffer(uninitialized: n * features)
                var formed = rows.mutableSpan
                multiply(into: &formed)
                scatter(rows.span, block, width: features, into: &all)
            }
            out.gradients.input = all
        }
        if wanted.weight, var sum = out.gradients.weight.take() {
            for range in ranges {
                let plan = MatrixProduct(
                    m: range.count, n: features, k: n, transposedA: true, accumulates: isPartial || block.lowerBound > 0,
                    strideA: tile.count)
                var place = sum.mutableSpan(range.lowerBound * features..<range.upperBound * features)
                Scalar.multiply(plan, gradient.extracting(columns(range)), x, into: &place)
            }
            out.gradients.weight = sum
        }
        if wanted.bias {
            let sums = rowSums(gradient, ClassAxis(outer: 1, classes: n, inner: tile.count))
            for c in tile { out.bias[c] += Double(sums.span[c - tile.lowerBound]) }
        }
    }
}
