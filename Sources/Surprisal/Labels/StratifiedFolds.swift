/// Rows dealt out so that every part has nearly the same share of every class.
enum StratifiedFolds {
    /// The fold of each row, −1 where it has no class: each class's rows in a random order, one class after the other.
    static func deal(
        _ classes: [Int32], classCount: Int, folds: Int, using generator: inout some RandomNumberGenerator
    ) -> [Int] {
        var rows = [[Int]](repeating: [], count: classCount)
        for (row, label) in classes.enumerated() where label >= 0 { rows[Int(label)].append(row) }
        var foldOf = [Int](repeating: -1, count: classes.count), next = 0
        for members in rows {
            for row in members.shuffled(using: &generator) {
                foldOf[row] = next
                next = (next + 1) % folds
            }
        }
        return foldOf
    }
}

extension Labels {
    /// The positions of each of `count` folds, in order. The folds' shares of a class differ by one position at most, and so
    /// do their sizes; ignored positions are in none.
    ///
    /// Stops the program when there are fewer than two folds, or fewer labels than folds. Complexity: O(count of labels).
    public func stratifiedFolds(_ count: Int, using generator: inout some RandomNumberGenerator) -> [[Int]] {
        guard count >= 2, count <= countedCount else {
            fatalError("stratifiedFolds: \(count) folds of \(countedCount) labels; expected 2 to \(max(2, countedCount))")
        }
        let foldOf = StratifiedFolds.deal(indices, classCount: classCount, folds: count, using: &generator)
        var folds = [[Int]](repeating: [], count: count)
        for (position, fold) in foldOf.enumerated() where fold >= 0 { folds[fold].append(position) }
        return folds
    }

    /// The positions to train on and those held out, each in order: of a class with n positions the nearest whole number to
    /// `fraction · n` is held out, at least one of two or more is on each side. Ignored positions are on neither.
    ///
    /// Stops the program when `fraction` is not between 0 and 1. Complexity: O(count of labels).
    public func stratifiedSplit(
        heldOut fraction: Double, using generator: inout some RandomNumberGenerator
    ) -> (training: [Int], heldOut: [Int]) {
        guard fraction > 0, fraction < 1 else { fatalError("stratifiedSplit: held-out part \(fraction); expected one between 0 and 1") }
        var rows = [[Int]](repeating: [], count: classCount)
        for (position, label) in indices.enumerated() where label >= 0 { rows[Int(label)].append(position) }
        var training: [Int] = [], heldOut: [Int] = []
        for members in rows {
            let wanted = Int((fraction * Double(members.count)).rounded())
            let count = members.count < 2 ? 0 : min(max(wanted, 1), members.count - 1)
            let order = members.shuffled(using: &generator)
            heldOut += order.prefix(count)
            training += order.dropFirst(count)
        }
        return (training.sorted(), heldOut.sorted())
    }
}
