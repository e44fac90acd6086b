import Surprisal
import Testing

/// What the losses refuse, and in which words. The programs that must stop are in `ShapeExitTests`.
@Suite struct LossErrorTests {
    @Test(arguments: [0, 1, 2]) func labelOutOfRangeIsNamedWithItsPlace(place: Int) {
        var values = [0, 0, 0]
        values[place] = 4
        #expect(throws: LabelError.outOfRange(value: "4", position: [place], classCount: 4)) {
            try Labels(values, classCount: 4)
        }
        values[place] = -1
        #expect(throws: LabelError.outOfRange(value: "-1", position: [place], classCount: 4)) {
            try Labels(values, classCount: 4)
        }
    }

    @Test func placesInShapesAreIndices() {
        #expect(throws: LabelError.outOfRange(value: "9", position: [1, 0, 2], classCount: 3)) {
            try Labels([0, 0, 0, 0, 0, 9], shape: [2, 1, 3], classCount: 3)
        }
        #expect(throws: LabelError.wrongCount(found: 3, shape: [2, 2])) {
            try Labels([0, 0, 0], shape: [2, 2], classCount: 3)
        }
    }

    @Test func anyIntegerTypeWillDo() throws {
        let expected = try Labels([1, 0, 2], classCount: 3)
        #expect(try Labels([1, 0, 2] as [UInt8], classCount: 3) == expected)
        #expect(try Labels([1, 0, 2] as [Int16], classCount: 3) == expected)
        #expect(try Labels([1, 0, 2] as [UInt64], classCount: 3) == expected)
        #expect(throws: LabelError.outOfRange(value: "18446744073709551615", position: [0], classCount: 3)) {
            try Labels([UInt64.max], classCount: 3)
        }
        #expect(try Labels([255, 0] as [UInt8], classCount: 3, ignoring: 255).ignoredCount == 1)
        // A class may be the ignored one; nothing is when nil says so.
        #expect(try Labels([0, 1], classCount: 2, ignoring: 0).ignoredCount == 1)
        #expect(throws: LabelError.self) { try Labels([-100], classCount: 3, ignoring: nil) }
    }

    @Test func shapesThatDoNotFit() throws {
        let loss = CrossEntropyLoss<Float>()
        let three = try Labels([0, 1, 2], classCount: 3)
        #expect(throws: LossError.labelShape(found: [3], input: [4, 3], expected: [4])) { try loss.check([4, 3], three) }
        #expect(throws: LossError.classCount(labels: 3, input: 5)) { try loss.check([3, 5], three) }
        #expect(throws: LossError.noClassAxis(shape: [], axis: 0)) { try loss.check([], three) }
        #expect(throws: LossError.noClassAxis(shape: [3, 3], axis: 2)) {
            try CrossEntropyLoss<Float>(classAxis: 2).check([3, 3], three)
        }
        #expect(throws: LossError.weightShape(found: [2], classes: 3)) {
            try CrossEntropyLoss(weight: Tensor<Float>([1, 2])).check([3, 3], three)
        }
        #expect(throws: LossError.probabilityShape(found: [3, 2], input: [3, 3])) {
            try loss.check([3, 3], probabilities: [3, 2])
        }
        for smoothing in [-0.1, 1.5, .nan, .infinity] {
            #expect(throws: LossError.self) { try CrossEntropyLoss<Float>.check(labelSmoothing: smoothing) }
        }
    }
}
