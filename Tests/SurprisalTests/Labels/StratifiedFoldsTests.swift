import Surprisal
import Testing

@Suite struct StratifiedFoldsTests {
    private func labels() throws -> Labels {
        try Labels((0..<101).map { $0 % 10 == 9 ? -100 : $0 % 3 == 0 ? 0 : $0 % 7 == 0 ? 1 : 2 }, classCount: 3)
    }

    @Test func foldsHoldEveryLabelOnceAndEveryClassAlike() throws {
        let labels = try labels()
        var generator = SplitMix64(seed: 5)
        let folds = labels.stratifiedFolds(4, using: &generator)
        #expect(folds.count == 4)
        #expect(folds.joined().sorted() == (0..<labels.count).filter { labels[$0] != nil })
        for c in 0..<3 {
            let counts = folds.map { fold in fold.count { labels[$0] == c } }
            #expect((counts.max() ?? 0) - (counts.min() ?? 0) <= 1)
        }
        #expect(folds.allSatisfy { $0 == $0.sorted() })
        var same = SplitMix64(seed: 5), other = SplitMix64(seed: 6)
        #expect(labels.stratifiedFolds(4, using: &same) == folds)
        #expect(labels.stratifiedFolds(4, using: &other) != folds)
    }

    @Test(arguments: [0.01, 0.2, 0.5, 0.99]) func splits(fraction: Double) throws {
        let labels = try labels()
        var generator = SplitMix64(seed: 1)
        let (training, heldOut) = labels.stratifiedSplit(heldOut: fraction, using: &generator)
        #expect((training + heldOut).sorted() == (0..<labels.count).filter { labels[$0] != nil })
        for c in 0..<3 {
            let all = (0..<labels.count).count { labels[$0] == c }, found = heldOut.count { labels[$0] == c }
            #expect(found == min(max(Int((fraction * Double(all)).rounded()), 1), all - 1))
        }
    }

    @Test func aClassOfOneIsTrainedOn() throws {
        var generator = SplitMix64(seed: 1)
        let (training, heldOut) = try Labels([0, 1, 1], classCount: 2).stratifiedSplit(heldOut: 0.5, using: &generator)
        #expect(training.contains(0) && heldOut.count == 1)
    }
}
