import Foundation
import Testing

/// The code of `AddingALoss.md` is the code of this folder, which is compiled and run.
///
/// Code of a program that only uses the package stands between ```` ```swift ```` and is run by `scripts/test-dependency`.
@Suite struct AddingALossTests {
    @Test func theCodeOfThePageIsTheCodeThatIsTested() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let page = folder.appendingPathComponent("../../../Sources/Surprisal/Surprisal.docc/AddingALoss.md").standardized
        let blocks = try String(contentsOf: page, encoding: .utf8).components(separatedBy: "~~~swift\n").dropFirst()
            .map { $0.components(separatedBy: "~~~")[0] }
        let regions = try ["BrierLoss.swift", "BrierLossTests.swift"].map { name in
            let text = try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
            return try #require(text.components(separatedBy: "// begin\n").last?.components(separatedBy: "// end\n").first)
        }
        #expect(blocks.count == regions.count)
        for (block, region) in zip(blocks, regions) { #expect(block == region) }
    }
}
