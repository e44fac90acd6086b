import SurprisalKernels

/// A classifier head for many classes of unequal frequency: the frequent ones in a short list, the others in clusters,
/// with a layer of their own each and the fewer features the rarer they are. PyTorch's `nn.AdaptiveLogSoftmaxWithLoss`.
///
/// Classes come in descending frequency. With cutoffs k₁ < k₂ < … the classes 0..<k₁ are the short list and the classes
/// kᵢ..<kᵢ₊₁ the i'th cluster, the last up to the number of classes. The head gives log-probabilities of the short list and of the
/// clusters, and a cluster's layers those within it:
///
/// - a class of the short list: `log p_c = log head_c`;
/// - a class of cluster i: `log p_c = log head_(k₁+i) + log cluster_i,c`.
///
/// The parameters have PyTorch's names: `head.weight`, `head.bias`, `tail.0.0.weight`, `tail.0.1.weight`, …
///
/// Source: É. Grave, A. Joulin, M. Cissé, D. Grangier, H. Jégou, "Efficient softmax approximation for GPUs", ICML 2017,
/// arXiv 1609.04309.
public struct AdaptiveLogSoftmaxWithLoss<Scalar: Surprisal.Scalar>: Model {
    /// A cluster's layers: a projection to fewer features, and from them the logits of its classes.
    public struct Cluster: Model {
        public var projection, output: Linear<Scalar>

        public init(projection: Linear<Scalar>, output: Linear<Scalar>) {
            self.projection = projection
            self.output = output
        }

        public mutating func forEachParameter(_ body: (String, inout Tensor<Scalar>) -> Void) {
            projection.forEachParameter { body("0.\($0)", &$1) }
            output.forEachParameter { body("1.\($0)", &$1) }
        }

        func callAsFunction(_ x: Tensor<Scalar>) -> Tensor<Scalar> { output(projection(x)) }
    }

    /// From the features to the short list and the clusters.
    public var head: Linear<Scalar>
    public var tail: [Cluster]
    /// Where the short list and the clusters end; the last is the number of classes.
    private let ends: [Int]

    /// A head with given parameters, whose sizes say where it is cut.
    ///
    /// Stops the program when they do not fit.
    public init(head: Linear<Scalar>, tail: [Cluster]) {
        let shortList = head.outputs - tail.count
        if shortList < 1 {
            fatalError("AdaptiveLogSoftmaxWithLoss: \(head.outputs) outputs of the head for \(tail.count) clusters; expected more")
        }
        var ends = [shortList]
        for (i, cluster) in tail.enumerated() {
            if cluster.projection.inputs != head.inputs || cluster.output.inputs != cluster.projection.outputs {
                fatalError("AdaptiveLogSoftmaxWithLoss: weights \(cluster.projection.weight.shape) and \(cluster.output.weight.shape) of cluster \(i); expected hidden × \(head.inputs) and classes × hidden")
            }
            ends.append((ends.last ?? 0) + cluster.output.outputs)
        }
        self.head = head
        self.tail = tail
        self.ends = ends
    }

    /// A head with random parameters, each layer's as those of `Linear`.
    ///
    /// - Parameters:
    ///   - inputs: the number of features.
    ///   - cutoffs: ascending, from 1 to less than the number of classes: the first is the length of the short list. Others stop
    ///     the program, as does no cutoff.
    ///   - divisor: cluster i, from 0, has ⌊inputs / divisor^(i+1)⌋ features; less than one stops the program.
    ///   - headBias: whether the head has a bias; the clusters have none.
    public init(
        _ inputs: Int, classCount: Int, cutoffs: [Int], divisor: Double = 4, headBias: Bool = false,
        using generator: inout some RandomNumberGenerator
    ) {
        do { try Self.check(inputs, classCount: classCount, cutoffs: cutoffs, divisor: divisor) } catch {
            fatalError("AdaptiveLogSoftmaxWithLoss: \(error)")
        }
        let ends = cutoffs + [classCount]
        let head = Linear<Scalar>(inputs, ends[0] + cutoffs.count, bias: headBias, using: &generator)
        var tail: [Cluster] = []
        for i in cutoffs.indices {
            let hidden = Self.hidden(inputs, divisor, cluster: i)
            let projection = Linear<Scalar>(inputs, hidden, bias: false, using: &generator)
            tail.append(
                Cluster(
                    projection: projection,
                    output: Linear(hidden, ends[i + 1] - ends[i], bias: false, using: &generator)))
        }
        self.init(head: head, tail: tail)
    }

    public static func check(
        _ inputs: Int, classCount: Int, cutoffs: [Int], divisor: Double = 4
    ) throws(LossError) {
        var last = 0
        for cutoff in cutoffs + (cutoffs.isEmpty ? [0] : []) {
            guard cutoff > last, cutoff < classCount else { throw .cutoffs(cutoffs, classes: classCount) }
            last = cutoff
        }
        guard divisor >= 1, divisor.isFinite else { throw .divisor(divisor) }
        for i in cutoffs.indices where hidden(inputs, divisor, cluster: i) < 1 {
            throw .noProjection(cluster: i, features: inputs, divisor: divisor)
        }
    }

    private static func hidden(_ inputs: Int, _ divisor: Double, cluster: Int) -> Int {
        var power = divisor
        for _ in 0..<cluster { power *= divisor }
        return Int((Double(inputs) / power).rounded(.down))
    }

    public var inputs: Int { head.inputs }
    public var classCount: Int { ends.last ?? 0 }
    public var cutoffs: [Int] { Array(ends.dropLast()) }
    private var shortList: Int { ends[0] }

    public mutating func forEachParameter(_ body: (String, inout Tensor<Scalar>) -> Void) {
        head.forEachParameter { body("head.\($0)", &$1) }
        for i in tail.indices { tail[i].forEachParameter { body("tail.\(i).\($0)", &$1) } }
    }

    /// Whether the loss can be taken of features of this shape with these labels.
    public func check(_ features: Shape, _ labels: Labels) throws(LossError) {
        guard features.last == inputs else { throw .features(input: features, weight: head.weight.shape) }
        let isSingle = features.count == 1 && labels.shape == [1]
        guard isSingle || labels.shape.equals(features, without: features.count - 1) else {
            throw .labelShape(found: labels.shape, input: features, expected: features.dropLast())
        }
        guard labels.classCount == classCount else {
            throw .classCount(labels: labels.classCount, input: classCount)
        }
    }

    /// The log-probabilities of the labels, and the mean of their negatives: the loss, in nats.
    ///
    /// - Shapes: `… × inputs`, labels `…` → the labels' shape, and a scalar. An ignored position's log-probability is 0,
    ///   and the mean is over the others, NaN when there are none.
    /// - Complexity: rows that are not ignored go through the head, and of them those with a label in a cluster through its
    ///   layers: O(rows · inputs · (short list + clusters)) and O(members · hidden · (inputs + classes)) a cluster.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func callAsFunction(
        _ x: Tensor<Scalar>, _ labels: Labels
    ) -> (output: Tensor<Scalar>, loss: Tensor<Scalar>) {
        do { try check(x.shape, labels) } catch { fatalError("AdaptiveLogSoftmaxWithLoss: \(error)") }
        var kept: [Int] = [], headClasses: [Int32] = []
        // Of each cluster: which of the kept rows, and their classes within it.
        var members = [[Int]](repeating: [], count: tail.count), classes = [[Int32]](repeating: [], count: tail.count)
        for n in 0..<labels.count {
            guard let y = labels[n] else { continue }
            let cluster = ends.count { $0 <= y } - 1
            if cluster >= 0 {
                members[cluster].append(kept.count)
                classes[cluster].append(Int32(y - ends[cluster]))
            }
            headClasses.append(Int32(cluster < 0 ? y : shortList + cluster))
            kept.append(n)
        }
        var rows = x.reshaped(to: [labels.count, inputs])
        if kept.count < labels.count { rows = rows.rows(kept) }

        let surprisal = CrossEntropyLoss<Scalar>(reduction: .none)
        let ofHead = surprisal(head(rows), Labels(checked: headClasses, classCount: head.outputs))
        var sum = ofHead.buffer, edges = ofHead.edge { $0 }
        for (i, cluster) in tail.enumerated() where !members[i].isEmpty {
            let chosen = members[i]
            let within = surprisal(
                cluster(rows.rows(chosen)), Labels(checked: classes[i], classCount: cluster.output.outputs))
            var out = sum.mutableSpan
            for (from, to) in chosen.enumerated() { out[to] += within.span[from] }
            edges = edges + within.edge { $0.rows(chosen) }
        }
        let surprisals = Tensor(shape: [kept.count], buffer: sum, from: "AdaptiveLogSoftmax", edges: edges)

        var output = Buffer<Scalar>(repeating: 0, count: labels.count)
        var out = output.mutableSpan
        for (from, to) in kept.enumerated() { out[to] = 0 - surprisals.span[from] }
        let back = surprisals.edge { [kept] upstream in
            -upstream.reshaped(to: [upstream.count]).rows(kept)
        }
        return (
            Tensor(shape: labels.shape, buffer: output, from: "AdaptiveLogSoftmax", edges: back), surprisals.mean()
        )
    }

    /// The log-probabilities of all classes.
    ///
    /// - Shapes: `… × inputs` → `… × classCount`; others stop the program.
    /// - Complexity: all rows go through all layers.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func logProbabilities(_ x: Tensor<Scalar>) -> Tensor<Scalar> {
        let rows = rows(x, "logProbabilities"), count = rows.shape[0], (shortList, classCount) = (shortList, classCount)
        let ofHead = head(rows).logSoftmax(), width = head.outputs
        let within = tail.map { $0(rows).logSoftmax() }
        var all = Buffer<Scalar>(uninitialized: count * classCount)
        var out = all.mutableSpan
        for n in 0..<count {
            for c in 0..<shortList { out[n * classCount + c] = ofHead.span[n * width + c] }
            for (i, cluster) in within.enumerated() {
                let base = ofHead.span[n * width + shortList + i], size = ends[i + 1] - ends[i]
                for c in 0..<size { out[n * classCount + ends[i] + c] = base + cluster.span[n * size + c] }
            }
        }

        let ends = ends
        var edges = ofHead.edge { upstream in
            var gradient = Buffer<Scalar>(uninitialized: count * width)
            var out = gradient.mutableSpan
            for n in 0..<count {
                for c in 0..<shortList { out[n * width + c] = upstream.span[n * classCount + c] }
                for i in 0..<ends.count - 1 {
                    var sum = CompensatedSum()
                    for c in ends[i]..<ends[i + 1] { sum.add(Double(upstream.span[n * classCount + c])) }
                    out[n * width + shortList + i] = Scalar(sum.value)
                }
            }
            return Tensor(shape: [count, width], buffer: gradient)
        }
        for (i, cluster) in within.enumerated() {
            let size = ends[i + 1] - ends[i], start = ends[i]
            edges = edges + cluster.edge { upstream in
                var gradient = Buffer<Scalar>(uninitialized: count * size)
                var out = gradient.mutableSpan
                for n in 0..<count {
                    for c in 0..<size { out[n * size + c] = upstream.span[n * classCount + start + c] }
                }
                return Tensor(shape: [count, size], buffer: gradient)
            }
        }
        return Tensor(
            shape: x.shape.dropLast() + [classCount], buffer: all, from: "AdaptiveLogSoftmax", edges: edges)
    }

    /// The most probable class of each position.
    ///
    /// - Shapes: `… × inputs` → `…`; others stop the program.
    /// - Complexity: rows for which the head finds a class of the short list go through the head alone: no class of a
    ///   cluster is more probable than the cluster.
    public func predict(_ x: Tensor<Scalar>) -> Indices {
        let rows = rows(x.detached, "predict")
        var classes = head(rows).argmax(along: 1).values
        let others = classes.indices.filter { classes[$0] >= shortList }
        if !others.isEmpty {
            let found = logProbabilities(rows.rows(others)).argmax(along: 1)
            for (from, to) in others.enumerated() { classes[to] = found.values[from] }
        }
        return Indices(shape: x.shape.dropLast(), values: classes)
    }

    private func rows(_ x: Tensor<Scalar>, _ operation: String) -> Tensor<Scalar> {
        if x.shape.last != inputs {
            fatalError("AdaptiveLogSoftmaxWithLoss: \(operation) of an input of shape \(x.shape); expected … × \(inputs)")
        }
        return x.reshaped(to: [x.shape.dropLast().reduce(1, *), inputs])
    }
}
