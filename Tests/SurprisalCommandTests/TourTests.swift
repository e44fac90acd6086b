import Foundation
import Testing

@Suite struct TourTests {
    private func expectNoDifference(_ outcome: Program.Outcome) {
        #expect(outcome.status == 0, "\(outcome.output) \(outcome.errors)")
        #expect(!outcome.output.contains("DIFFERENT") && !outcome.output.contains("NO\n"))
        #expect(outcome.output.contains(", 0 different"))
        #expect(outcome.output.contains("0.41337862610816956") && outcome.output.contains("2.973893404006958"))
    }

    @Test func printsNoDifferenceOnAnyProcessor() throws {
        let outcome = try Program.run(["tour", "--no-book"], environment: ["SURPRISAL_ISA": "baseline"])
        expectNoDifference(outcome)
        #expect(!outcome.output.contains("Devil's Dictionary"))
    }

    /// The only test that goes through the whole tour: the book takes some twenty seconds.
    @Test func theBookIsLearnedInLittleMemory() throws {
        let outcome = try Program.run(["tour"])
        expectNoDifference(outcome)
        func numbers(_ pattern: Regex<(Substring, Substring)>) -> [Double] {
            outcome.output.matches(of: pattern).compactMap { Double($0.output.1) }
        }
        let classes = try #require(numbers(#/words and punctuation marks, ([0-9]+) distinct/#).first)
        #expect(classes == 11_178)

        // Of the frequencies alone first, then of each epoch.
        let perplexities = numbers(#/held-out perplexity ([0-9.]+)\n/#)
        #expect(perplexities.count == 4)
        // As a loop of ten lines of Python says that counts words by a regular expression.
        #expect(perplexities.first == 841.7)
        #expect(try #require(perplexities.last) < 0.8 * 841.7)
        #expect(zip(perplexities, perplexities.dropFirst()).allSatisfy { $0 > $1 })

        let rows = try #require(numbers(#/memory of the loss and its gradients, ([0-9]+) rows/#).first)
        let logits = numbers(#/([0-9.]+) MB of logits/#), growth = numbers(#/the process grew by ([0-9.]+) MB/#)
        #expect(logits.count == 2 && growth.count == 2)
        #expect(logits.first == 8.4)
        #expect(abs((logits.last ?? 0) - rows * classes * 4 / 1e6) <= 0.05)
        // The head's gradient, the features' and what a process otherwise happens to take come on top.
        #expect(try #require(growth.first) < 2 * 8.4 && (try #require(growth.last)) > rows * classes * 4 / 1e6)
    }
}
