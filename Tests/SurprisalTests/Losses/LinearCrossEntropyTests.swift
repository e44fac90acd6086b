import Surprisal
import Testing

/// The fused loss against the two lines that it equals, the worked example of PyTorch's, and differences.
@Suite struct LinearCrossEntropyTests {
    private struct Problem<T: Surprisal.Scalar> {
        let x: Tensor<T>, head: Linear<T>, labels: Labels, q: Tensor<T>, classWeight: Tensor<T>

        init(_ leading: [Int], features: Int, classes: Int, bias: Bool, ignoring: Int? = 3) throws {
            func random(_ shape: [Int], _ seed: UInt64, _ spread: Double) -> Tensor<T> {
                CrossEntropyRelationTests.logits(shape, seed: seed, spread: spread)
            }
            let count = leading.reduce(1, *)
            x = random(leading + [features], 1, 1)
            head = Linear(weight: random([classes, features], 2, 0.5), bias: bias ? random([classes], 3, 1) : nil)
            labels = try Labels(
                (0..<count).map { ignoring != nil && $0 % 4 == 3 ? -100 : ($0 * 7) % classes }, shape: leading,
                classCount: classes)
            q = random(leading + [classes], 4, 1).softmax(along: -1)
            classWeight = random([classes], 5, 0.5).exp()
        }

        /// A call that gets the three parameters, as many as there are.
        func gradients(_ body: (Tensor<T>, Linear<T>) -> Tensor<T>) -> (value: Tensor<T>, gradients: [Tensor<T>]) {
            var value = Tensor<T>(0)
            let found = valueWithGradient(at: [x, head.weight] + (head.bias.map { [$0] } ?? [])) { inputs in
                let loss = body(inputs[0], Linear(weight: inputs[1], bias: inputs.count > 2 ? inputs[2] : nil))
                value = loss.detached
                // Another factor for each loss, where there are several.
                let factors = Tensor((0..<loss.count).map { T(1 + $0 % 3) }, shape: loss.shape)
                return (loss * factors).sum()
            }
            return (value, found.gradients)
        }
    }

    /// Sums of up to 2·10² products in another order: some 10 roundings of the largest of them.
    private func tolerance<T: Surprisal.Scalar>(_ type: T.Type) -> T { 64 * T.ulpOfOne }

    private func expectNear<T: Surprisal.Scalar>(
        _ a: Tensor<T>, _ b: Tensor<T>, _ what: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        guard a.shape == b.shape else {
            Issue.record("\(what): shapes \(a.shape) and \(b.shape)", sourceLocation: sourceLocation)
            return
        }
        let size = b.scalars.reduce(T(1e-3)) { $1.isFinite ? max($0, $1.magnitude) : $0 }
        for (i, (found, expected)) in zip(a.scalars, b.scalars).enumerated() {
            if found == expected || found.isNaN && expected.isNaN { continue }
            if !((found - expected).magnitude <= tolerance(T.self) * size) {
                Issue.record("\(what)[\(i)]: \(found), unfused \(expected)", sourceLocation: sourceLocation)
                return
            }
        }
    }

    private func compare<T: Surprisal.Scalar>(_ type: T.Type, _ reduction: Reduction, _ smoothing: Double) throws {
        for (leading, features, classes, bias) in [([37], 16, 123, true), ([2, 3, 5], 8, 40, false), ([], 4, 7, true), ([6], 0, 5, true), ([5], 3, 1, true)] {
            let problem = try Problem<T>(leading, features: features, classes: classes, bias: bias)
            for weight in [nil, problem.classWeight] {
                let plain = CrossEntropyLoss(weight: weight, labelSmoothing: smoothing, reduction: reduction, classAxis: -1)
                // Some classes of some rows, or of one; a row at a time, some, and all at once.
                let row = (2 * classes + 2 * features) * MemoryLayout<T>.stride
                let few = (7 + 8 * features) * MemoryLayout<T>.stride
                let least = (1 + 2 * features) * MemoryLayout<T>.stride
                for bytes in [least, few, row, 5 * row, 64 << 20] {
                    let fused = LinearCrossEntropyLoss(
                        weight: weight, labelSmoothing: smoothing, reduction: reduction, blockBytes: bytes)
                    let what = "\(T.self) \(leading)×\(features)→\(classes), \(bytes) bytes, weights \(weight != nil)"
                    let a = problem.gradients { fused($0, $1, problem.labels) }
                    let b = problem.gradients { plain($1($0), problem.labels) }
                    expectNear(a.value, b.value, what + ": loss")
                    for i in b.gradients.indices { expectNear(a.gradients[i], b.gradients[i], what + ": gradient \(i)") }
                    #expect(fused(problem.x, problem.head, problem.labels) == a.value)
                    let c = problem.gradients { fused($0, $1, probabilities: problem.q) }
                    let d = problem.gradients { plain($1($0), probabilities: problem.q) }
                    expectNear(c.value, d.value, what + ": loss of probabilities")
                    for i in d.gradients.indices { expectNear(c.gradients[i], d.gradients[i], what + ": probabilities, gradient \(i)") }
                }
            }
        }
    }

    @Test(arguments: Reduction.allCases, [0, 0.1]) func equalsTheTwoLines(reduction: Reduction, smoothing: Double) throws {
        try compare(Float.self, reduction, smoothing)
        try compare(Double.self, reduction, smoothing)
    }

    /// Each option and all together, fused and not.
    @Test(arguments: Reduction.allCases) func takesAllOptions(reduction: Reduction) throws {
        func compare<T: Surprisal.Scalar>(_ type: T.Type) throws {
            let classes = 43, problem = try Problem<T>([29], features: 12, classes: classes, bias: true)
            // Labels and probabilities that keep clear of the masked classes; NaN in a row of weight 0.
            let masked = [5, 40], kept = (0..<29).map { n in problem.labels[n].map { masked.contains($0) ? 6 : $0 } ?? -100 }
            let labels = try Labels(kept, classCount: classes)
            let rowWeights = Tensor((0..<29).map { T($0 % 3) / 2 })
            var features = problem.x.scalars
            features[3 * 12 + 4] = .nan
            let x = Tensor(features, shape: [29, 12])
            var probabilities = problem.q.scalars
            for n in 0..<29 { for c in masked { probabilities[n * classes + c] = 0 } }
            let q = Tensor(probabilities, shape: [29, classes])
            func loss(_ o: Int) -> CrossEntropyLoss<T> {
                CrossEntropyLoss(
                    weight: o & 1 != 0 ? problem.classWeight : nil, labelSmoothing: o & 2 != 0 ? 0.125 : 0, reduction: reduction,
                    denominator: o & 4 != 0 ? .number(7) : .labelWeights, maskedClasses: o & 8 != 0 ? masked : [],
                    temperature: o & 16 != 0 ? 0.75 : 1, softCap: o & 32 != 0 ? 4 : nil, zLoss: o & 64 != 0 ? 0.05 : 0)
            }
            for options in [0, 1, 2, 4, 8, 16, 32, 64, 127, 120, 56] {
                for bytes in [64 << 20, (4 * classes + 4 * 12) * MemoryLayout<T>.stride, 900] {
                    let plain = loss(options), fused = LinearCrossEntropyLoss(plain, blockBytes: bytes)
                    let what = "\(T.self), options \(options), \(bytes) bytes"
                    func differentiated(_ body: (Tensor<T>, Linear<T>) -> Tensor<T>) -> [Tensor<T>] {
                        var value = Tensor<T>(0)
                        return valueWithGradient(at: [x, problem.head.weight, problem.head.bias ?? Tensor(0)]) {
                            let loss = body($0[0], Linear(weight: $0[1], bias: $0[2]))
                            value = loss.detached
                            return (loss * Tensor((0..<loss.count).map { T(1 + $0 % 3) }, shape: loss.shape)).sum()
                        }.gradients + [value]
                    }
                    // The row of NaN counts for nothing, but not its products in a layer by itself.
                    let clean = problem.x
                    func unfused(_ body: (Tensor<T>) -> Tensor<T>) -> [Tensor<T>] {
                        var value = Tensor<T>(0)
                        return valueWithGradient(at: [clean, problem.head.weight, problem.head.bias ?? Tensor(0)]) {
                            let loss = body(Linear(weight: $0[1], bias: $0[2])($0[0]))
                            value = loss.detached
                            return (loss * Tensor((0..<loss.count).map { T(1 + $0 % 3) }, shape: loss.shape)).sum()
                        }.gradients + [value]
                    }
                    let a = differentiated { fused($0, $1, labels, rowWeights: rowWeights) }
                    let b = unfused { plain($0, labels, rowWeights: rowWeights) }
                    for i in a.indices { expectNear(a[i], b[i], "\(what): \(i)") }
                    let c = differentiated { fused($0, $1, probabilities: q, rowWeights: rowWeights) }
                    let d = unfused { plain($0, probabilities: q, rowWeights: rowWeights) }
                    for i in c.indices { expectNear(c[i], d[i], "\(what), probabilities: \(i)") }
                }
            }
        }
        try compare(Float.self)
        try compare(Double.self)
    }

    @Test func leavesOutRowsOfWeightZero() throws {
        let x = Tensor<Float>([[1, 2], [.nan, .infinity], [0, 1]]), head = Linear(weight: Tensor<Float>([[1, 0], [0, 1], [1, 1]]))
        let y = try Labels([0, 1, 2], classCount: 3), loss = LinearCrossEntropyLoss<Float>()
        let found = loss.valueWithGradients(at: x, head, y, rowWeights: Tensor([1, 0, 1]), topK: 1)
        #expect(found.value.item().isFinite && found.input.scalars[2...3].allSatisfy { $0 == 0 })
        #expect(found.rows?.argmax.values[1] == -1 && found.rows?.isRight[1] == false)
        // A logit takes 4 bytes, the copy of a row and of its gradient 16.
        #expect(loss.leastBlockBytes(head, y, rowWeights: Tensor([1, 0, 1])) == 20 && loss.leastBlockBytes(head, y) == 4)
        #expect(throws: LossError.rowWeightShape(found: [2], positions: [3])) { try loss.check([3, 2], head, y, rowWeights: [2]) }
    }

    /// PyTorch 2.13's `F.linear_cross_entropy`, in Double.
    @Test func agreesWithPyTorch() throws {
        let x = Tensor([[0.5, -1, 2], [1.5, 0.25, -0.75], [0, 1, 1], [-2, 0.5, 0.125]])
        let head = Linear(
            weight: Tensor([[0.2, -0.4, 0.6], [1, 0.5, -0.25], [-0.3, 0.7, 0.1], [0.05, -0.15, 0.9], [-1, 0.8, 0.4]]),
            bias: Tensor([0.1, -0.2, 0.3, 0, 0.05]))
        let labels = try Labels([2, 0, -100, 4], classCount: 5), w = Tensor([1, 0.5, 2, 0.25, 1.5])
        func expect(_ found: [Double], _ expected: [Double], sourceLocation: SourceLocation = #_sourceLocation) {
            // Printed with nine decimals.
            #expect(found.count == expected.count && zip(found, expected).allSatisfy { abs($0 - $1) <= 5.1e-10 },
                "\(found), expected \(expected)", sourceLocation: sourceLocation)
        }
        expect(LinearCrossEntropyLoss(reduction: .none)(x, head, labels).scalars, [3.064374737, 2.173946218, 0, 0.359214692])
        expect(LinearCrossEntropyLoss()(x, head, labels).scalars, [1.865845215])
        expect(
            LinearCrossEntropyLoss(weight: w, reduction: .none)(x, head, labels).scalars,
            [6.128749473, 2.173946218, 0, 0.538822037])
        expect(LinearCrossEntropyLoss(weight: w, reduction: .sum)(x, head, labels).scalars, [8.841517729])
        let (value, gradients) = valueWithGradient(at: [x, head.weight, head.bias ?? w]) {
            LinearCrossEntropyLoss(weight: w)($0[0], Linear(weight: $0[1], bias: $0[2]), labels)
        }
        expect(value.scalars, [1.964781717])
        expect(Array(gradients[0].scalars[..<3]), [0.169189138, -0.377333185, 0.259320736])
        #expect(Array(gradients[0].scalars[6..<9]) == [0, 0, 0])
        expect(Array(gradients[1].scalars[6..<9]), [-0.304992549, 0.464439296, -0.859900966])
        expect(gradients[2].scalars, [-0.006340622, 0.164520038, -0.328245288, 0.245651939, -0.075586066])
    }

    @Test func nothingComesFromIgnoredRows() throws {
        let clean = try Problem<Float>([8], features: 4, classes: 6, bias: true)
        var values = clean.x.scalars
        for row in [3, 7] { for i in 0..<4 { values[row * 4 + i] = i % 2 == 0 ? .nan : .infinity } }
        let dirty = Tensor(values, shape: [8, 4])
        for reduction in Reduction.allCases {
            let loss = LinearCrossEntropyLoss<Float>(reduction: reduction)
            func run(_ x: Tensor<Float>) -> [Tensor<Float>] {
                valueWithGradient(at: [x, clean.head.weight]) { loss($0[0], Linear(weight: $0[1]), clean.labels).sum() }.gradients
            }
            let a = run(dirty), b = run(clean.x)
            #expect(a == b)
            #expect(a[0].scalars[12..<16].allSatisfy { $0 == 0 })
        }
    }

    @Test func allIgnoredAndEmpty() throws {
        let head = Linear(weight: Tensor<Float>.ones([3, 2]), bias: Tensor<Float>.ones([3]))
        for (rows, labels) in [(2, [-100, -100]), (0, [])] {
            let y = try Labels(labels, classCount: 3), x = Tensor<Float>.ones([rows, 2])
            let (mean, gradients) = valueWithGradient(at: [x, head.weight, head.bias ?? x]) {
                LinearCrossEntropyLoss()($0[0], Linear(weight: $0[1], bias: $0[2]), y)
            }
            #expect(mean.item().isNaN)
            for gradient in gradients { #expect(gradient.scalars.allSatisfy { $0 == 0 }) }
            #expect(LinearCrossEntropyLoss(reduction: .sum)(x, head, y).item() == 0)
            #expect(LinearCrossEntropyLoss(reduction: .none)(x, head, y) == Tensor.zeros([rows]))
        }
    }

    /// An impossible class by its bias, and a confident row: the digits of the unfused loss.
    @Test func keepsConfidentRowsAndImpossibleClasses() throws {
        let x = Tensor<Float>([[1, 0], [0, 1]])
        let head = Linear(weight: Tensor<Float>([[40, 0], [0, 1], [0, 3]]), bias: Tensor([0, -.infinity, 0]))
        let y = try Labels([0, 2], classCount: 3)
        let plain = CrossEntropyLoss<Float>(reduction: .none)(head(x), y)
        #expect(LinearCrossEntropyLoss<Float>(reduction: .none)(x, head, y) == plain)
        #expect(plain[0] > 0 && plain[0] < 1e-16)
    }

    /// Untracked sides get no gradient, and cost no product.
    @Test func onlyTrackedSidesAreDifferentiated() throws {
        let problem = try Problem<Double>([9], features: 5, classes: 11, bias: true)
        let loss = LinearCrossEntropyLoss<Double>()
        let all = problem.gradients { loss($0, $1, problem.labels) }.gradients
        let byInput = valueWithGradient(at: problem.x) { loss($0, problem.head, problem.labels) }.gradient
        let byHead = valueWithGradient(at: problem.head) { loss(problem.x, $0, problem.labels) }.gradient
        #expect(byInput == all[0])
        #expect(byHead.parameters.map(\.value) == Array(all[1...]))
        #expect(!loss(problem.x, problem.head, problem.labels).isTracked)
    }

    /// Tiles of classes against 50-digit values: a layer of one feature, 1, whose weight is the row of logits and has its
    /// gradient.
    @Test func tilesOfClassesKeepTheirDigits() throws {
        func check<T: Surprisal.Scalar>(_ type: T.Type, _ dtype: String) throws {
            for truth in TruthCase.all where truth.dtype == dtype && !truth.row(type).contains(where: { !$0.isFinite }) {
                let row = truth.row(type)
                if row.count < 4 { continue }
                let y = try Labels([truth.label], classCount: row.count)
                let loss = LinearCrossEntropyLoss<T>(reduction: .sum, blockBytes: row.count / 3 * MemoryLayout<T>.stride)
                let found = loss.valueWithGradients(at: .ones([1, 1]), Linear(weight: Tensor(row, shape: [row.count, 1])), y)
                let distance = ulps(found.value.item(), truth.loss)
                #expect(distance <= Accuracy.lossULP, "\(truth.name) \(dtype): loss \(distance) ULP off")
                for (sample, c) in truth.indices.enumerated() {
                    let g = found.head.weight[c, 0], expected = truth.gradients[sample]
                    if abs(Double(g) - expected[0]) <= Accuracy.gradientFloor(type) { continue }
                    // Doubles are summed in Double: a walk over the strips' sums on top.
                    let bound = Accuracy.labelGradientULP + (type == Double.self ? 8 + Double(row.count / 256).squareRoot() : 0)
                    let distance = ulps(g, expected)
                    #expect(distance <= bound, "\(truth.name) \(dtype): gradient \(c) \(distance) ULP off")
                }
            }
        }
        try check(Float.self, "float32")
        try check(Double.self, "float64")
    }

    /// A tile whose classes are all impossible, before the others and after.
    @Test func impossibleTiles() throws {
        let x = Tensor<Float>([[1], [2]]), w = Tensor<Float>((0..<9).map { Float($0) }, shape: [9, 1])
        let y = try Labels([4, 1], classCount: 9), q = Tensor<Float>([0, 0, 0, 0.5, 0.5, 0, 0, 0, 0] + [0, 0, 0, 0, 0, 1, 0, 0, 0], shape: [2, 9])
        let head = Linear(weight: w, bias: Tensor((0..<9).map { (3..<6).contains($0) ? 0 : -.infinity }))
        let fused = LinearCrossEntropyLoss<Float>(reduction: .none, blockBytes: 12)
        let plain = CrossEntropyLoss<Float>(reduction: .none)
        let a = fused(x, head, y), b = plain(head(x), y)
        #expect(abs(a[0] - b[0]) <= 2e-7 && a[1] == .infinity && b[1] == .infinity)
        let c = fused(x, head, probabilities: q), d = plain(head(x), probabilities: q)
        #expect(abs(c[0] - d[0]) <= 2e-7 && abs(c[1] - d[1]) <= 2e-7 && c[0].isFinite)
        let smooth = LinearCrossEntropyLoss<Float>(labelSmoothing: 0.1, blockBytes: 12)(x, head, y)
        #expect(smooth.item() == .infinity)
    }

    @Test func isTheSameOnAnyNumberOfThreads() throws {
        let problem = try Problem<Float>([300], features: 64, classes: 700, bias: true)
        func run() -> [Tensor<Float>] {
            [200_000, 2000].flatMap { bytes in
                let found = problem.gradients { LinearCrossEntropyLoss(blockBytes: bytes)($0, $1, problem.labels) }
                let loss = LinearCrossEntropyLoss<Float>(gradientFilter: .below(1e-3), blockBytes: bytes)
                let filtered = loss.valueWithGradients(at: problem.x, problem.head, problem.labels, topK: 3)
                let entropies = filtered.rows?.entropies.scalars.map { $0.isNaN ? -1 : $0 } ?? []
                return [found.value, filtered.input, filtered.head.weight, Tensor(entropies)] + found.gradients
            }
        }
        let one = Parallel.override.withValue(1, operation: run)
        for threads in [2, 3, 8] { #expect(Parallel.override.withValue(threads, operation: run) == one) }
    }

    /// The peak of live tensor memory, counted by the pool: inputs, gradients and the budget, not rows × classes.
    @Test func staysWithinItsBudget() async {
        await #expect(processExitsWith: .success) {
            let problem = try Problem<Float>([4096], features: 16, classes: 2048, bias: true, ignoring: nil)
            let budget = 1 << 20
            _ = LinearCrossEntropyLoss(blockBytes: budget)(problem.x, problem.head, problem.labels)
            BufferPool.empty()
            _ = problem.gradients { LinearCrossEntropyLoss(blockBytes: budget)($0, $1, problem.labels) }
            let gradients = 4 * (problem.x.count + problem.head.weight.count + 2048)
            // Everything taken during the call came back to the pool. Losses, bias sums and pages besides.
            #expect(BufferPool.heldByteCount <= gradients + budget + 64 << 10)
            #expect(BufferPool.heldByteCount < 4096 * 2048 * 4 / 8)
        }
        // Less than a row: 8 kB.
        await #expect(processExitsWith: .success) {
            let problem = try Problem<Float>([64], features: 16, classes: 2048, bias: true, ignoring: nil)
            _ = LinearCrossEntropyLoss(blockBytes: 4096)(problem.x, problem.head, problem.labels)
            BufferPool.empty()
            _ = problem.gradients { LinearCrossEntropyLoss(blockBytes: 4096)($0, $1, problem.labels) }
            let gradients = 4 * (problem.x.count + problem.head.weight.count + 2048)
            #expect(BufferPool.heldByteCount <= gradients + 4096 + 64 << 10)
        }
    }

    @Test func refusesWhatDoesNotFit() async throws {
        let head = Linear(weight: Tensor<Float>.ones([3, 2])), loss = LinearCrossEntropyLoss<Float>()
        let y = try Labels([0, 1], classCount: 3)
        #expect(throws: LossError.features(input: [2, 4], weight: [3, 2])) { try loss.check([2, 4], head, y) }
        #expect(throws: LossError.labelShape(found: [2], input: [5, 3], expected: [5])) { try loss.check([5, 2], head, y) }
        #expect(throws: LossError.classCount(labels: 3, input: 4)) {
            try loss.check([2, 2], Linear(weight: Tensor<Float>.ones([4, 2])), y)
        }
        #expect(throws: LossError.probabilityShape(found: [2, 2], input: [2, 3])) {
            try loss.check([2, 2], head, probabilities: [2, 2])
        }
        #expect(throws: LossError.weightShape(found: [7], classes: 3)) {
            try LinearCrossEntropyLoss(weight: Tensor<Float>.ones([7])).check([2, 2], head, y)
        }
        let small = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = LinearCrossEntropyLoss<Float>(blockBytes: 3)(
                Tensor.ones([1, 2]), Linear(weight: Tensor.ones([3, 2])), try Labels([0], classCount: 3))
        }
        #expect(String(decoding: small.standardErrorContent, as: UTF8.self)
            .contains("blockBytes is 3; expected at least 4, what a logit takes"))
        let copies = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = LinearCrossEntropyLoss<Float>(blockBytes: 19)(
                Tensor.ones([2, 2]), Linear(weight: Tensor.ones([3, 2])), try Labels([0, -100], classCount: 3))
        }
        #expect(String(decoding: copies.standardErrorContent, as: UTF8.self)
            .contains("blockBytes is 19; expected at least 20, what a logit takes and the copy of a row of 2 features"))
        let axis = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = LinearCrossEntropyLoss(CrossEntropyLoss<Float>(classAxis: 1))
        }
        #expect(String(decoding: axis.standardErrorContent, as: UTF8.self).contains("class axis 1; expected -1, or none given"))
        let tracked = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let y = try Labels([0], classCount: 3)
            _ = valueWithGradient(at: Tensor<Float>.ones([3])) {
                LinearCrossEntropyLoss(weight: $0)(Tensor.ones([1, 2]), Linear(weight: Tensor.ones([3, 2])), y)
            }
        }
        #expect(String(decoding: tracked.standardErrorContent, as: UTF8.self).contains("tracked class weights"))
    }
}
