import Testing

@Suite struct TourTests {
    @Test(arguments: ["baseline", ""]) func printsNoDifference(isa: String) throws {
        let outcome = try Program.run(["tour"], environment: isa.isEmpty ? [:] : ["SURPRISAL_ISA": isa])
        #expect(outcome.status == 0)
        #expect(!outcome.output.contains("DIFFERENT"))
        #expect(outcome.output.contains(", 0 different"))
        #expect(outcome.output.contains("0.41337862610816956") && outcome.output.contains("2.973893404006958"))
    }
}
