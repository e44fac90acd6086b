import SurprisalReference
import Testing

/// Bad arguments stop the program with a text that names them.
@Suite struct RequirementTests {
  private func text(_ result: ExitTest.Result) -> String {
    String(decoding: result.standardErrorContent, as: UTF8.self)
  }

  @Test func labelOutOfRange() async throws {
    let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent])
    {
      _ = Reference.crossEntropy(
        [1.0, 2, 3, 4], labels: [0, 2], shape: ReferenceShape(outer: 2, classes: 2))
    }
    #expect(text(result).contains("crossEntropy: label 2 at position 1, expected 0..<2"))
  }

  @Test func sizesThatDoNotFit() async throws {
    let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent])
    {
      _ = Reference.logSoftmax([1.0, 2, 3], shape: ReferenceShape(outer: 2, classes: 2))
    }
    #expect(text(result).contains("logSoftmax: logits has 3 elements, expected 4"))
  }

  @Test func smoothingOutOfRange() async throws {
    let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent])
    {
      _ = Reference.crossEntropy(
        [1.0, 2], labels: [0], shape: ReferenceShape(outer: 1, classes: 2), labelSmoothing: .nan)
    }
    #expect(
      text(result).contains("crossEntropy: label smoothing is nan, expected a number from 0 to 1"))
  }

  @Test func maximumOfNothing() async throws {
    let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent])
    {
      _ = Reference.argmax([Double](), shape: ReferenceShape(outer: 2, classes: 0))
    }
    #expect(text(result).contains("argmax: the axis has no classes, expected at least 1"))
  }

  @Test func axisOutOfRange() async throws {
    let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent])
    {
      _ = ReferenceShape([2, 3], along: 2)
    }
    #expect(text(result).contains("ReferenceShape: axis 2 of an array of rank 2, expected 0..<2"))
  }
}
