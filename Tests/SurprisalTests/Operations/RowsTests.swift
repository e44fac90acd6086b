import Surprisal
import SurprisalKernels
import Testing

@Suite struct RowsTests {
    /// So many that several threads copy them, in an order of their own, some twice.
    @Test(arguments: [1, 2, 7]) func manyRowsAreThoseAskedFor(threads: Int) {
        for (rows, width) in [(3000, 33), (70_000, 1), (5, 40_000), (10, 0)] {
            let x = Tensor((0..<rows * width).map { Float($0 % 1_000_003) }, shape: [rows, width])
            let chosen = (0..<rows + rows / 2).map { ($0 &* 7919 &+ 3) % rows }
            let found = Parallel.override.withValue(threads) { x.rows(chosen) }
            #expect(found.shape == [chosen.count, width])
            var wrong = 0
            for (place, row) in chosen.enumerated() {
                for column in 0..<width where found.span[place * width + column] != x.span[row * width + column] { wrong += 1 }
            }
            #expect(wrong == 0, "\(rows)×\(width)")
        }
    }

    @Test func rowsOfARangeAreThoseOfItsNumbers() {
        let x = Tensor<Double>([[1, 2], [3, 4], [5, 6], [7, 8]])
        #expect(x.rows(1..<3) == Tensor([[3, 4], [5, 6]]) && x.rows(3...3) == Tensor([[7, 8]]))
        #expect(x.rows([2, 0, 2][1...]) == Tensor([[1, 2], [5, 6]]) && x.rows(0..<0).shape == [0, 2])
    }
}

@Suite struct TopKTests {
    /// One alone is found by a kernel of its own.
    @Test func theLargestAloneIsTheFirstOfMore() {
        let nan = Float.nan
        let x = Tensor<Float>([[1, 3, 2, 3], [-1, -5, -1, -2], [0, nan, 7, nan], [-.infinity, -.infinity, -.infinity, -.infinity]])
        for axis in [0, 1] {
            let one = x.topK(1, along: axis), two = x.topK(2, along: axis)
            #expect(one.indices.shape == (axis == 0 ? [1, 4] : [4, 1]))
            for position in 0..<4 {
                let of = axis == 0 ? position : 2 * position
                #expect(one.indices.values[position] == two.indices.values[of])
                let (a, b) = (one.values.span[position], two.values.span[of])
                #expect(a == b || a.isNaN && b.isNaN)
            }
        }
        let slope = valueWithGradient(at: x.rows(0..<2)) { $0.topK(1, along: 1).values.sum() }.gradient
        #expect(slope == Tensor([[0, 1, 0, 0], [1, 0, 0, 0]]))
    }
}
