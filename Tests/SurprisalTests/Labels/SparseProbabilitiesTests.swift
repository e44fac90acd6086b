import Surprisal
import Testing

/// Losses of sparse probabilities against those of the dense ones that they stand for.
@Suite struct SparseProbabilitiesTests {
    private typealias Remainder = SparseProbabilities<Double>.Remainder

    /// k classes a position, the last of every fifth position missing, and the dense probabilities in `shape`, whose axis 1
    /// is the classes'.
    private func problem<T: Surprisal.Scalar>(
        _ shape: [Int], k: Int, spread: Bool, _ type: T.Type
    ) throws -> (sparse: SparseProbabilities<T>, dense: Tensor<T>) {
        let classes = shape[1], inner = shape[2...].reduce(1, *), positions = shape[0] * inner
        var named: [Int] = [], values: [T] = [], dense = [T](repeating: 0, count: shape.reduce(1, *))
        for n in 0..<positions {
            func place(_ c: Int) -> Int { (n / inner * classes + c) * inner + n % inner }
            var left = 1.0, free = Set(0..<classes)
            for i in 0..<k {
                // A step that is prime to the class counts below.
                let c = (n * 7 + i * 11) % classes, q = T(1) / T(2 << i)
                let isNone = n % 5 == 4 && i == k - 1
                named.append(isNone ? -1 : c)
                values.append(isNone ? .nan : q)
                if isNone { continue }
                dense[place(c)] = q
                left -= Double(q)
                free.remove(c)
            }
            if spread { for c in free { dense[place(c)] = T(left / Double(free.count)) } }
        }
        let sparse = try SparseProbabilities<T>(
            classes: named, probabilities: values, shape: [shape[0]] + shape[2...] + [k], classCount: classes,
            remainder: spread ? .spread : .dropped)
        return (sparse, Tensor(dense, shape: shape))
    }

    private func check<T: Surprisal.Scalar>(_ shape: [Int], k: Int, spread: Bool, _ type: T.Type) throws {
        let (sparse, dense) = try problem(shape, k: k, spread: spread, type)
        let x: Tensor<T> = CrossEntropyRelationTests.logits(shape, seed: 5)
        let w: Tensor<T> = (CrossEntropyRelationTests.logits([shape[1]], seed: 3, spread: 1) as Tensor<T>).exp()
        let r = Tensor((0..<sparse.shape.reduce(1, *)).map { T($0 % 3) / 2 }, shape: sparse.shape)
        for (smoothing, weight, rowWeights) in [(0, nil, nil), (0.1, w, r)] as [(Double, Tensor<T>?, Tensor<T>?)] {
            for reduction in Reduction.allCases {
                let loss = CrossEntropyLoss(weight: weight, labelSmoothing: smoothing, reduction: reduction)
                let what = "\(type) \(shape), k \(k), spread \(spread), \(reduction), smoothing \(smoothing)"
                // The very bits: the kernels see the same numbers.
                let a = valueWithGradient(at: x) { loss($0, probabilities: sparse, rowWeights: rowWeights).sum() }
                let b = valueWithGradient(at: x) { loss($0, probabilities: dense, rowWeights: rowWeights).sum() }
                #expect(a.value == b.value && a.gradient == b.gradient, "\(what)")
                #expect(loss(x, probabilities: sparse, rowWeights: rowWeights) == loss(x, probabilities: dense, rowWeights: rowWeights), "\(what)")
                if reduction == .none { continue }
                let c = loss.valueWithGradient(at: x, probabilities: sparse, rowWeights: rowWeights)
                #expect(c.value == b.value && c.gradient == b.gradient, "\(what)")
                if let weight {
                    func gradient(_ body: (Tensor<T>) -> Tensor<T>) -> Tensor<T> { valueWithGradient(at: weight, body).gradient }
                    let ofSparse = gradient { CrossEntropyLoss(weight: $0, reduction: reduction)(x, probabilities: sparse) }
                    #expect(ofSparse == gradient { CrossEntropyLoss(weight: $0, reduction: reduction)(x, probabilities: dense) })
                }
            }
        }
    }

    /// Rows, lanes, several blocks (of 262,144 Floats), and samples of several positions.
    @Test(arguments: [[9, 5], [11, 64], [700, 1000], [3, 13, 7], [2, 100, 1500]], [true, false])
    func areTheDenseOnes(shape: [Int], spread: Bool) throws {
        for k in [1, 3] {
            try check(shape, k: k, spread: spread, Float.self)
            try check(shape, k: k, spread: spread, Double.self)
        }
    }

    /// All at once, some rows and some classes at a time.
    @Test(arguments: [true, false]) func areTheDenseOnesOfAFusedLoss(spread: Bool) throws {
        let (sparse, dense) = try problem([17, 41], k: 3, spread: spread, Double.self)
        let x: Tensor<Double> = CrossEntropyRelationTests.logits([17, 6], seed: 1, spread: 1)
        let head = Linear(weight: CrossEntropyRelationTests.logits([41, 6], seed: 2, spread: 1) as Tensor<Double>)
        let r = Tensor((0..<17).map { Double($0 % 3) })
        let plain = CrossEntropyLoss<Double>(labelSmoothing: 0.1, reduction: .mean)
        for bytes in [64 << 20, 41 * 8 * 12, 300] {
            let loss = LinearCrossEntropyLoss(plain, blockBytes: bytes)
            let a = loss.valueWithGradients(at: x, head, probabilities: sparse, rowWeights: r, topK: 2)
            let b = loss.valueWithGradients(at: x, head, probabilities: dense, rowWeights: r, topK: 2)
            #expect(a.value == b.value && a.input == b.input && a.head.weight == b.head.weight, "\(bytes) bytes")
            #expect(a.rows?.isRight == b.rows?.isRight && a.rows?.topClasses == b.rows?.topClasses)
            #expect(abs(a.value.item() - plain(head(x), probabilities: dense, rowWeights: r).item()) <= 1e-14)
            #expect(a.rows?.labelProbabilities.scalars.filter { !$0.isNaN } == b.rows?.labelProbabilities.scalars.filter { !$0.isNaN })
        }
    }

    @Test func ofTopK() throws {
        let teacher: Tensor<Float> = (CrossEntropyRelationTests.logits([4, 30], seed: 2) as Tensor<Float>).softmax()
        let (values, indices) = teacher.topK(5)
        let q = try SparseProbabilities(indices, values, classCount: 30, remainder: .dropped)
        var kept = [Float](repeating: 0, count: 120)
        for n in 0..<4 { for i in 0..<5 { kept[n * 30 + indices.values[n * 5 + i]] = values[n, i] } }
        let x: Tensor<Float> = CrossEntropyRelationTests.logits([4, 30], seed: 7)
        #expect(CrossEntropyLoss()(x, probabilities: q) == CrossEntropyLoss()(x, probabilities: Tensor(kept, shape: [4, 30])))
    }

    @Test func whatIsWrongIsNamed() throws {
        func expect(
            _ classes: [Int], _ q: [Double], _ shape: [Int], _ remainder: Remainder = .spread, _ error: SparseProbabilityError,
            _ text: String, sourceLocation: SourceLocation = #_sourceLocation
        ) {
            #expect(throws: error, sourceLocation: sourceLocation) {
                try SparseProbabilities(classes: classes, probabilities: q, shape: shape, classCount: 4, remainder: remainder)
            }
            #expect("\(error)" == text, sourceLocation: sourceLocation)
        }
        expect([0], [1], [], .spread, .shape([]), "shape []; expected the positions' and a last axis of k, none negative")
        expect([0, 1, 2], [1, 0, 0], [2, 2], .spread, .count(found: 3, shape: [2, 2]), "3 elements for shape [2, 2]; expected 4")
        expect(
            [0, 1, 4, 2], [0.5, 0.5, 0, 0], [2, 2], .spread, .classIndex("4", [1, 0], classCount: 4),
            "class 4 at [1, 0]; expected 0 to 3 (4 classes), or a negative number for none")
        expect(
            [0, 1], [0.5, -0.5], [1, 2], .dropped, .probability(-0.5, [0, 1]),
            "probability -0.5 at [0, 1]; expected a finite number, at least 0")
        expect([3, 3], [0.5, 0.25], [1, 2], .dropped, .twice(3, [0, 1]), "class 3 at [0, 1] for the second time")
        expect(
            [3, 0], [0.5, 0.75], [1, 2], .spread, .sum(1.25, [0]),
            "probabilities of position [0] sum to 1.25; expected at most 1 where the remainder is spread")
        #expect(throws: Never.self) {
            try SparseProbabilities<Double>(classes: [3, 0], probabilities: [0.5, 0.75], shape: [1, 2], classCount: 4, remainder: .dropped)
        }
        // Of ten tenths in Float the sum is above 1 by rounding.
        #expect(throws: Never.self) {
            try SparseProbabilities<Float>(
                classes: Array(0..<10), probabilities: [Float](repeating: 0.1, count: 10), shape: [1, 10], classCount: 10)
        }
        #expect(throws: SparseProbabilityError.shapes([1, 1], [1])) {
            try SparseProbabilities(Tensor<Float>([[1, 2]]).topK(1).indices, Tensor<Float>([1]), classCount: 2)
        }
        let q = try SparseProbabilities<Float>(classes: [1, 0], probabilities: [1, 1], shape: [2, 1], classCount: 3)
        #expect(throws: LossError.probabilityPositions(found: [2], input: [3, 3], expected: [3])) {
            try CrossEntropyLoss<Float>().check([3, 3], probabilities: q)
        }
        #expect(throws: LossError.classCount(labels: 3, input: 4)) { try CrossEntropyLoss<Float>().check([2, 4], probabilities: q) }
    }
}
