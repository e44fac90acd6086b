import Surprisal
import SurprisalKernels
import Testing

@Suite struct MatrixProductTests {
    /// All transpositions, accumulating or not, on every instruction set, around the sizes at which a product is cut into tiles,
    /// k into blocks, columns into panels, and A is copied into strips, in one go or in several.
    @Test(arguments: [
        [1, 1, 1], [3, 5, 2], [64, 64, 64], [300, 7, 400], [7, 520, 300], [515, 130, 40], [64, 512, 128], [512, 64, 128],
        [0, 3, 2], [3, 2, 0], [6, 33, 1], [13, 70, 513], [1030, 100, 9], [40, 140, 1024], [9, 3, 600], [8, 16, 257], [14, 31, 6],
        [700, 130, 300], [27, 261, 400], [128, 265, 130], [7, 8, 4], [7, 8, 2], [8, 16, 128], [5, 11, 37],
    ])
    func agreesWithThreeLoops(size: [Int]) {
        let (m, n, k) = (size[0], size[1], size[2])
        func value(_ i: Int) -> Double { Double((i * 7919) % 17) - 8 }
        for (transposedA, transposedB, accumulates) in [
            (false, false, false), (true, false, true), (false, true, true), (true, true, false),
        ] {
            let a = (0..<m * k).map(value), b = (0..<k * n).map { value($0 + 5) }
            let before = (0..<m * n).map { value($0 + 11) }
            // Small whole numbers: every sum is exact in any order.
            let expected = (0..<m * n).map { index in
                let (i, j) = (index / n, index % n)
                return (0..<k).reduce(accumulates ? before[index] : 0) { sum, l in
                    sum + a[transposedA ? l * m + i : i * k + l] * b[transposedB ? j * k + l : l * n + j]
                }
            }
            let plan = MatrixProduct(
                m: m, n: n, k: k, transposedA: transposedA, transposedB: transposedB, accumulates: accumulates)
            let (fa, fb) = (a.map { Float($0) }, b.map { Float($0) })
            onEverySet { isa in
                var doubles = before, floats = before.map { Float($0) }
                do { var out = doubles.mutableSpan; Double.multiply(plan, a.span, b.span, into: &out) }
                #expect(doubles == expected, "\(isa)")
                do { var out = floats.mutableSpan; Float.multiply(plan, fa.span, fb.span, into: &out) }
                #expect(floats == expected.map { Float($0) }, "\(isa)")
            }
        }
    }

    /// Of few columns, as a classifier's last layer: dot products in groups of rows and columns of every shape, neither filled.
    @Test(arguments: 1...16)
    func agreesOfFewColumns(n: Int) {
        for k in [96, 128, 257] {
            let weights = (0..<n * k).map { Float(($0 * 7919) % 17) - 8 }, bias = (0..<n).map { Float(100 * $0) }
            for m in [1, 2, 3, 4, 5, 6, 17, 31] {
                let rows = (0..<m * k).map { Float(($0 * 104_729) % 13) - 6 }
                let products = (0..<m * n).map { index in
                    (0..<k).reduce(Float(0)) { $0 + rows[index / n * k + $1] * weights[index % n * k + $1] }
                }
                onEverySet { isa in
                    var c = [Float](repeating: .nan, count: m * n)
                    let plan = MatrixProduct(m: m, n: n, k: k, transposedB: true)
                    do { var out = c.mutableSpan; Float.multiply(plan, rows.span, weights.span, adding: bias.span, into: &out) }
                    #expect(c == products.indices.map { products[$0] + bias[$0 % n] }, "\(isa), \(m)×\(n)×\(k)")
                    var added = plan
                    added.accumulates = true
                    do { var out = c.mutableSpan; Float.multiply(added, rows.span, weights.span, into: &out) }
                    #expect(c == products.indices.map { 2 * products[$0] + bias[$0 % n] }, "\(isa), \(m)×\(n)×\(k)")
                }
            }
        }
    }

    /// What C held before is overwritten, even by a plan that accumulates.
    @Test func theBiasIsAddedOnce() {
        onEverySet { _ in
            // Several panels of columns side by side, the last not whole.
            let a: [Float] = [1, 2, 3, 4], n = 75
            let b = (0..<2 * n).map { Float($0 % 7) }, bias = (0..<n).map { Float(10 * $0) }
            let expected = (0..<2 * n).map { bias[$0 % n] + a[$0 / n * 2] * b[$0 % n] + a[$0 / n * 2 + 1] * b[n + $0 % n] }
            for accumulates in [false, true] {
                var c = [Float](repeating: 7, count: 2 * n)
                var out = c.mutableSpan
                Float.multiply(
                    MatrixProduct(m: 2, n: n, k: 2, accumulates: accumulates), a.span, b.span, adding: bias.span, into: &out)
                #expect(c == expected)
            }
        }
    }

    /// k·u·Σ|a·b| bounds the rounding of a sum in any order (Higham, Accuracy and Stability, 3.1); the sum in Double is of
    /// the products, which it holds exactly.
    @Test func roundsAsASumDoes() {
        var generator = SplitMix64(seed: 7)
        let (m, n, k) = (37, 45, 700)
        let a = (0..<m * k).map { _ in Float.random(in: -1...1, using: &generator) }
        let b = (0..<k * n).map { _ in Float.random(in: -1...1, using: &generator) }
        let exact = (0..<m * n).map { index in
            let products = (0..<k).map { Double(a[index / n * k + $0]) * Double(b[$0 * n + index % n]) }
            return (sum: products.reduce(0, +), magnitude: products.reduce(0) { $0 + abs($1) })
        }
        onEverySet { isa in
            var c = [Float](repeating: 0, count: m * n)
            do {
                var out = c.mutableSpan
                Float.multiply(MatrixProduct(m: m, n: n, k: k), a.span, b.span, into: &out)
            }
            for (found, expected) in zip(c, exact) {
                #expect(abs(Double(found) - expected.sum) <= Double(k) * 0x1p-24 * expected.magnitude, "\(isa)")
            }
        }
    }

    /// An element is of its row and its column alone, to the bit: what a batch's row gives does not depend on the batch.
    @Test(arguments: [43, 12, 7, 4])
    func rowsAndColumnsStandAlone(n: Int) {
        onEverySet { isa in
            // There the product is OpenBLAS's.
            if isa == .baseline { return }
            var generator = SplitMix64(seed: 3)
            let (m, k) = (29, 300)
            var a = (0..<m * k).map { _ in Float.random(in: -1...1, using: &generator) }
            var b = (0..<k * n).map { _ in Float.random(in: -1...1, using: &generator) }
            func product(_ rows: Range<Int>) -> [Float] {
                var c = [Float](repeating: 0, count: rows.count * n)
                var out = c.mutableSpan
                Float.multiply(
                    MatrixProduct(m: rows.count, n: n, k: k, transposedB: true),
                    a.span.extracting(rows.lowerBound * k..<rows.upperBound * k), b.span, into: &out)
                return c
            }
            let whole = product(0..<m)
            for row in 0..<m { #expect(product(row..<row + 1)[...] == whole[row * n..<(row + 1) * n]) }
            a[5 * k] = .nan
            b[(n - 1) * k] = .infinity
            let spoilt = product(0..<m)
            for index in whole.indices where index / n != 5 && index % n != n - 1 { #expect(spoilt[index] == whole[index]) }
            #expect(spoilt[5 * n].isNaN && !spoilt[n - 1].isFinite)
        }
    }

    @Test func largeProductsOnAVX2AreTheLibrarys() {
        let small = MatrixProduct(m: 32, n: 10, k: 128), large = MatrixProduct(m: 1024, n: 1024, k: 1024)
        func byKernel(_ isa: InstructionSet) -> [Bool] {
            InstructionSet.override.withValue(isa) { [small.isByKernel, large.isByKernel] }
        }
        #expect(byKernel(.baseline) == [false, false])
        #expect(byKernel(.avx2) == [true, false])
        #expect(byKernel(.avx512) == [true, true])
    }

    /// A may be some columns of a wider matrix, also of one whose rows lie 4 KB apart.
    @Test(arguments: [[3, 5, 2], [300, 7, 400], [515, 130, 40], [1, 4, 3], [40, 70, 297]])
    func columnsOfAWiderMatrix(size: [Int]) {
        let (m, n, k) = (size[0], size[1], size[2])
        func value(_ i: Int) -> Double { Double((i * 7919) % 17) - 8 }
        for transposedA in [false, true] {
            let (rows, columns) = transposedA ? (k, m) : (m, k), stride = columns == 297 ? 512 : columns + 5, offset = 2
            let wide = (0..<rows * stride).map(value), b = (0..<k * n).map { value($0 + 5) }
            var c = [Double](repeating: 1, count: m * n)
            let expected = (0..<m * n).map { index in
                (0..<k).reduce(1) { sum, l in
                    let (row, column) = transposedA ? (l, index / n) : (index / n, l)
                    return sum + wide[offset + row * stride + column] * b[l * n + index % n]
                }
            }
            let plan = MatrixProduct(m: m, n: n, k: k, transposedA: transposedA, accumulates: true, strideA: stride)
            var out = c.mutableSpan
            Double.multiply(plan, wide.span.extracting(offset..<offset + (rows - 1) * stride + columns), b.span, into: &out)
            #expect(c == expected)
        }
    }

    /// In a process of its own, as everybody's products are metered.
    @Test func productsAreMetered() async {
        await #expect(processExitsWith: .success) {
            let plan = MatrixProduct(m: 60, n: 50, k: 40), a = [Float](repeating: 1, count: 2400)
            var c = [Float](repeating: 0, count: 3000)
            func multiply() {
                var out = c.mutableSpan
                Float.multiply(plan, a.span, a.span.extracting(0..<2000), into: &out)
            }
            let spent = MatrixProduct.metered {
                multiply()
                multiply()
            }
            #expect(spent.count == 2 && spent.operations == 4 * 60 * 50 * 40)
            #expect(spent.seconds > 0 && spent.seconds < 1)
            multiply()
            #expect(MatrixProduct.metered {}.count == 0)
        }
    }

    @Test func threadsChangeNoBit() {
        let (m, n, k) = (700, 300, 250)
        var generator = SystemRandomNumberGenerator()
        let a = (0..<m * k).map { _ in Float.random(in: -1...1, using: &generator) }
        let b = (0..<k * n).map { _ in Float.random(in: -1...1, using: &generator) }
        func product(_ threads: Int) -> [Float] {
            Parallel.override.withValue(threads) {
                var c = [Float](repeating: 0, count: m * n)
                var out = c.mutableSpan
                Float.multiply(MatrixProduct(m: m, n: n, k: k), a.span, b.span, into: &out)
                return c
            }
        }
        let one = product(1)
        for threads in [2, 3, 8] { #expect(product(threads) == one) }
    }
}

private func onEverySet(_ body: (InstructionSet) -> Void) {
    for isa in InstructionSet.available { InstructionSet.override.withValue(isa) { body(isa) } }
}
