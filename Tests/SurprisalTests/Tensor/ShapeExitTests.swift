import Surprisal
import Testing

/// Programs that must stop, in release builds too, with a message that names the operation and the shapes.
@Suite struct ShapeExitTests {
    private func expectMessage(_ parts: [String], _ result: ExitTest.Result) {
        let text = String(decoding: result.standardErrorContent, as: UTF8.self)
        for part in parts { #expect(text.contains(part), "\(part) in \(text)") }
    }

    @Test func addition() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor<Float>([1, 2]) + Tensor<Float>([1, 2, 3])
        }
        expectMessage(["+", "[2]", "[3]"], result)
    }

    @Test func matmul() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor<Float>.zeros([2, 3]).matmul(.zeros([4, 5]))
        }
        expectMessage(["matmul", "[2, 3]", "[4, 5]"], result)
    }

    @Test func linear() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Linear<Float>(weight: .zeros([8, 9]))(.zeros([4, 10]))
        }
        expectMessage(["Linear", "[4, 10]", "[8, 9]"], result)
    }

    @Test func embedding() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Embedding<Float>(weight: .zeros([8, 3]))([7, 0, 8, 1], shape: [2, 2])
        }
        expectMessage(["Embedding", "index 8 at position [1, 0]", "0 to 7"], result)
    }

    @Test func lossOfWrongLabels() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = CrossEntropyLoss<Float>()(.zeros([3, 4]), try Labels([0, 1], classCount: 4))
        }
        expectMessage(["CrossEntropyLoss", "[2]", "[3, 4]", "[3]"], result)
    }

    @Test func smoothing() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = CrossEntropyLoss<Float>(labelSmoothing: -0.5)
        }
        expectMessage(["label smoothing", "-0.5"], result)
    }

    @Test func gradientOfSeveralNumbers() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = valueWithGradient(at: Tensor<Float>([1, 2])) { $0 * 2 }
        }
        expectMessage(["gradient", "[2]"], result)
    }

    @Test func argmaxOfNothing() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor<Float>.zeros([2, 0]).argmax(along: 1)
        }
        expectMessage(["argmax", "[2, 0]"], result)
    }

    @Test func reshape() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor<Float>.zeros([2, 3]).reshaped(to: [4])
        }
        expectMessage(["reshaped", "[2, 3]", "[4]"], result)
    }
}
