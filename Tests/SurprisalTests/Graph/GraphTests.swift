import Surprisal
import Testing

@Suite struct GraphTests {
    @Test func aMillionNodes() {
        let (value, gradient) = valueWithGradient(at: Tensor<Double>(1)) { x in
            var y = x
            for _ in 0..<1_000_000 { y = y * 1.0000001 }
            return y
        }
        #expect(abs(gradient.item() - value.item()) <= 1e-12)
        #expect(abs(value.item() - 1.1051709) < 1e-6)
    }

    @Test func aWideGraphAddsUp() {
        let gradient = valueWithGradient(at: Tensor<Double>(3)) { x in
            var sum = x
            for _ in 0..<20_000 { sum = sum + x }
            return sum
        }.gradient
        #expect(gradient.item() == 20_001)
    }

    /// More nodes wait for their gradients at a time than are looked through one by one.
    @Test func manyBranchesMeetInOneNode() {
        let gradient = valueWithGradient(at: Tensor<Double>(3)) { x in
            let y = x * 2
            let branches = (0..<10_000).map { y * Double($0 % 7) }
            return branches.reversed().reduce(y) { $0 + $1 } + branches.reduce(y) { $0 + $1 }
        }.gradient
        #expect(gradient.item() == Double(4 * (1 + (0..<10_000).reduce(0) { $0 + $1 % 7 })))
    }

    /// Bridges are released by whoever comes first, on any thread.
    @Test func longChainsAreReleasedAtTheSameTime() async {
        await withTaskGroup(of: Double.self) { group in
            for factor in 1...4 {
                group.addTask {
                    valueWithGradient(at: Tensor<Double>(Double(factor))) { x in
                        var y = x
                        for _ in 0..<50_000 { y = y + x }
                        return y
                    }.gradient.item()
                }
            }
            for await gradient in group { #expect(gradient == 50_001) }
        }
    }

    @Test func aGraphMayBeWalkedByManyAtOnce() async {
        let x = Tensor<Double>([1, 2])
        let pullback = valueWithPullback(at: x) { x in (0..<300).reduce(x) { y, _ in y + x } }.pullback
        await withTaskGroup(of: Tensor<Double>.self) { group in
            for k in 1...8 { group.addTask { pullback(Tensor<Double>(repeating: Double(k), shape: [2])) } }
            var sum = Tensor<Double>.zeros([2])
            for await gradient in group { sum = sum + gradient }
            #expect(sum == Tensor(repeating: 36 * 301, shape: [2]))
        }
    }

    /// A node is visited after all that were computed from it, however short another way to it is.
    @Test func waysOfDifferentLengthMeet() {
        let gradient = valueWithGradient(at: Tensor<Double>(0.25)) { x in
            let a = x * 2
            return a + a.exp().exp()
        }.gradient
        let a = Tensor<Double>(0.5).exp()
        let truth = 2 * (1 + (a.exp() * a).item())
        #expect(abs(gradient.item() - truth) <= 8 * truth.ulp)
    }

    @Test func severalTensorsAndUnusedOnes() {
        let a = Tensor<Double>([2, 3]), b = Tensor<Double>([5, 7]), c = Tensor<Double>([1, 1])
        let (value, gradients) = valueWithGradient(at: a, b, c) { a, b, _ in (a * b).sum() }
        #expect(value.item() == 31)
        #expect(gradients.0 == b && gradients.1 == a && gradients.2 == .zeros([2]))
        let all = valueWithGradient(at: [a, b, c]) { ($0[0] * $0[1] * $0[2]).sum() }.gradients
        #expect(all[2] == Tensor([10, 21]))
    }

    /// The weights of each step come from the last: what a step keeps must not be the steps before.
    @Test func aLongChainThroughClassWeightsIsReleased() throws {
        let x = Tensor<Float>([[1, 2]]), y = try Labels([0], classCount: 2)
        let gradient = valueWithGradient(at: Tensor<Float>([1, 1])) { w in
            var weights = w
            for _ in 0..<100_000 {
                let loss = CrossEntropyLoss(weight: weights, reduction: .none)(x, y)
                weights = weights + loss.rows([0, 0]) * 0
            }
            return weights.sum()
        }.gradient
        #expect(gradient == Tensor([1, 1]))
    }

    @Test func theValueLetsGoOfTheGraph() {
        let value = valueWithGradient(at: Tensor<Float>([1, 2])) { ($0 * $0).sum() }.value
        #expect(!value.isTracked && value.operation == "Sum")
    }

    @Test func secondDerivativesAreRefusedRatherThanZero() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = valueWithGradient(at: Tensor<Float>([1, 2])) { x in
                valueWithGradient(at: x) { ($0 * $0).sum() }.gradient.sum()
            }
        }
        #expect(String(decoding: result.standardErrorContent, as: UTF8.self).contains("first derivatives only"))
    }

    @Test func nothingIsRecordedWithoutTracking() {
        let x = Tensor<Float>([1, 2])
        #expect(!(x + x).exp().isTracked)
        _ = valueWithGradient(at: x) { x in
            #expect((x + x).isTracked && !(x + x).detached.isTracked)
            return (x.detached * x).sum()
        }
    }

    @Test func dataParallelStepNeedsNoAnnotation() async {
        let x = Tensor<Float>([[1, 2], [3, 4]])
        let gradients = await withTaskGroup(of: Tensor<Float>.self) { group in
            for _ in 0..<4 { group.addTask { valueWithGradient(at: x) { ($0 * $0).sum() }.gradient } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(gradients.allSatisfy { $0 == x * 2 })
    }
}
