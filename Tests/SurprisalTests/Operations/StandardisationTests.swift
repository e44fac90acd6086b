import Surprisal
import Testing

@Suite struct StandardisationTests {
    @Test func momentsOfTheGivenRowsAlone() {
        let x = Tensor<Double>([[1, 5, .nan], [3, 5, 2], [1000, 7, .nan]])
        let learned = Standardisation(of: x, rows: [0, 1])
        #expect(learned.mean == [2, 5, 2])
        // The second feature is constant, and the third has one value.
        #expect(learned.deviation == [1, 1, 1])
        #expect(learned(x).scalars == [-1, 0, 0, 1, 0, 0, 998, 2, 0])
        #expect(Standardisation(of: Tensor<Float>([[0, 2], [4, 2]])).deviation == [2, 1])
    }

    /// Far from 0, no digits are lost.
    @Test func largeMeans() {
        let x = Tensor<Double>([[1e9], [1e9 + 2]])
        #expect(Standardisation(of: x) == Standardisation(mean: [1e9 + 1], deviation: [1]))
    }
}
