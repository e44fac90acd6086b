import SurprisalKernels
import Testing

@Suite struct MatrixProductTests {
    /// All transpositions, accumulating or not, around the sizes at which a product is cut into tiles.
    @Test(arguments: [[1, 1, 1], [3, 5, 2], [64, 64, 64], [300, 7, 400], [7, 520, 300], [515, 130, 40], [64, 512, 128], [512, 64, 128], [0, 3, 2], [3, 2, 0]])
    func agreesWithThreeLoops(size: [Int]) {
        let (m, n, k) = (size[0], size[1], size[2])
        func value(_ i: Int) -> Double { Double((i * 7919) % 17) - 8 }
        for (transposedA, transposedB, accumulates) in [
            (false, false, false), (true, false, true), (false, true, true), (true, true, false),
        ] {
            let a = (0..<m * k).map(value), b = (0..<k * n).map { value($0 + 5) }
            var c = (0..<m * n).map { value($0 + 11) }
            // Small whole numbers: every sum is exact in any order.
            let expected = (0..<m * n).map { index in
                let (i, j) = (index / n, index % n)
                return (0..<k).reduce(accumulates ? c[index] : 0) { sum, l in
                    sum + a[transposedA ? l * m + i : i * k + l] * b[transposedB ? j * k + l : l * n + j]
                }
            }
            let plan = MatrixProduct(
                m: m, n: n, k: k, transposedA: transposedA, transposedB: transposedB, accumulates: accumulates)
            var floats = c.map { Float($0) }
            do { var out = c.mutableSpan; Double.multiply(plan, a.span, b.span, into: &out) }
            #expect(c == expected)
            let (fa, fb) = (a.map { Float($0) }, b.map { Float($0) })
            do { var out = floats.mutableSpan; Float.multiply(plan, fa.span, fb.span, into: &out) }
            #expect(floats == expected.map { Float($0) })
        }
    }

    /// A may be some columns of a wider matrix.
    @Test(arguments: [[3, 5, 2], [300, 7, 400], [515, 130, 40], [1, 4, 3]]) func columnsOfAWiderMatrix(size: [Int]) {
        let (m, n, k) = (size[0], size[1], size[2])
        func value(_ i: Int) -> Double { Double((i * 7919) % 17) - 8 }
        for transposedA in [false, true] {
            let (rows, columns) = transposedA ? (k, m) : (m, k), stride = columns + 5, offset = 2
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
            Parallel.$override.withValue(threads) {
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
