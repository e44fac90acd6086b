import Foundation
import SurprisalCodecs
import Testing

@Suite struct DecimalNumberTests {
  // C's own, which round right whatever the text.
  private func reference(_ text: String) -> Double { unsafe strtod(text, nil) }
  private func narrowReference(_ text: String) -> Float { unsafe strtof(text, nil) }

  private func check(_ text: String) {
    let bytes = Array(text.utf8)
    #expect(DecimalNumber.double(bytes.span)?.bitPattern == reference(text).bitPattern, "\(text)")
    #expect(DecimalNumber.float(bytes.span)?.bitPattern == narrowReference(text).bitPattern, "\(text)")
  }

  @Test(arguments: [
    "0", "-0", "0.0e5", "0.1", "5.1", "5.", ".5", "+1.5", "1E5", "1e+5", "123456789012345678901234567890", "1e-320", "4.9e-324",
    "2.4703282292062327e-324", "2.4703282292062328e-324", "1.7976931348623157e308", "1.7976931348623159e308", "1e309", "-1e400",
    "2.2250738585072011e-308", "2.2250738585072012e-308", "9007199254740993", "9007199254740992.99999999999999999999",
    "9007199254740993.00000000000000000000000000000000000001", "1.401298464324817e-45", "7.0064923216240853e-46",
    "7.0064923216240854e-46", "3.4028235677973366e38", "3.4028234663852886e38", "16777217", "16777217.00000000000000001",
    "0.00000000000000000000000000000000000000000000000001", "1e-99999999999999999999", "1e99999999999999999999", "0e99999999999999999999",
    "100000000000000000000000000000000000000000000000000000000000000000000e-68",
  ])
  func edges(text: String) { check(text) }

  /// Long strings of zeros on both sides of what counts.
  @Test func longTexts() {
    check(String(repeating: "0", count: 5000) + "1." + String(repeating: "0", count: 5000) + "1")
    check("0." + String(repeating: "0", count: 400) + "123456789e390")
    check("1" + String(repeating: "0", count: 400) + "e-400")
    // Exactly halfway, and by the last of 800 digits above.
    check("9007199254740993" + "." + String(repeating: "0", count: 800))
    check("9007199254740993" + "." + String(repeating: "0", count: 800) + "1")
  }

  @Test(arguments: ["", "-", "+", ".", "-.", "e5", "1e", "1e+", "1.2.3", "--1", "1 ", " 1", "0x1", "inf", "nan", "1_0", "١"])
  func noNumbers(text: String) {
    #expect(DecimalNumber.double(Array(text.utf8).span) == nil)
    #expect(DecimalNumber.float(Array(text.utf8).span) == nil)
  }

  /// Millions of decimals of every kind: short, as printed, of many digits, near halfway, subnormal, of huge exponents.
  @Test func randomTexts() {
    var generator = SplitMix64(state: 0xDEC)
    var wrong = 0, count = 0
    for round in 0..<2_000_000 {
      let text: String
      switch round % 4 {
      case 0:
        let value = Double(bitPattern: generator.next())
        if !value.isFinite { continue }
        text = "\(value)"
      case 1:
        let value = Float(bitPattern: UInt32(truncatingIfNeeded: generator.next()))
        if !value.isFinite { continue }
        text = "\(value)"
      case 2: text = "\(generator.next() >> 40).\(generator.next() >> (generator.next() % 60))"
      default: text = "\(generator.next()).\(generator.next())\(generator.next())e\(Int(generator.next() % 720) - 360)"
      }
      count += 1
      let bytes = Array(text.utf8)
      if DecimalNumber.double(bytes.span)?.bitPattern != reference(text).bitPattern { wrong += 1 }
      if DecimalNumber.float(bytes.span)?.bitPattern != narrowReference(text).bitPattern { wrong += 1 }
      if wrong == 1 { Issue.record("\(text)") }
    }
    #expect(wrong == 0 && count > 1_900_000)
    // The midpoint of two floats is a double, whose digits end.
    for _ in 0..<100_000 {
      let value = Float(bitPattern: UInt32(truncatingIfNeeded: generator.next()) & 0x7F7F_FFFF)
      let middle = (Double(value) + Double(value.nextUp)) / 2
      let text = String(format: "%.*e", Int(generator.next() % 60), middle)
      let bytes = Array(text.utf8)
      if DecimalNumber.float(bytes.span)?.bitPattern != narrowReference(text).bitPattern { Issue.record("\(text)") }
    }
  }
}
