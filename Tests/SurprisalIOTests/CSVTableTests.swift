import Foundation
import Testing

@testable import SurprisalIO

@Suite struct CSVTableTests {
  private func table(_ text: String, labels: String = "kind") throws(CSVError) -> CSVTable {
    try CSVTable(contents: Array(text.utf8), labels: labels)
  }

  private func error(_ text: String, labels: String = "kind") -> CSVError? {
    do {
      _ = try table(text, labels: labels)
      return nil
    } catch { return error }
  }

  @Test func numbersAndLabels() throws {
    let found = try table("a,kind,b\n1,x,2.5\n-3e2,y,.5\n 4 ,x,0\n")
    #expect(found.featureNames == ["a", "b"])
    #expect(found.features == [1, 2.5, -300, 0.5, 4, 0])
    #expect(found.classNames == ["x", "y"])
    #expect(found.classes == [0, 1, 0])
    #expect(found.rowCount == 3)
  }

  /// Every spelling of lines and quotes that RFC 4180 and spreadsheets have gives the same table.
  @Test(arguments: [
    "a,kind\r\n1,x\r\n2,y\r\n", "a,kind\n1,x\n2,y", "\u{FEFF}a,kind\n1,x\n2,y\n", "\"a\",\"kind\"\n\"1\",\"x\"\n2,y\n",
    "\u{FEFF}\"a\",kind\r\n1,\"x\"\r\n\r\n2,y\r\n\r\n",
  ])
  func spellings(text: String) throws {
    let expected = CSVTable(featureNames: ["a"], features: [1, 2], classNames: ["x", "y"], classes: [0, 1])
    #expect(try table(text) == expected)
    // Whatever pieces it comes in.
    for piece in 1...4 {
      var fields = CSVFields(), rows = Recorder()
      let bytes = Array(text.utf8)
      for start in stride(from: 0, to: bytes.count, by: piece) {
        try fields.take(bytes[start..<min(bytes.count, start + piece)], &rows)
      }
      try fields.finish(&rows)
      #expect(rows.rows == [["a", "kind"], ["1", "x"], ["2", "y"]])
    }
  }

  private struct Recorder: CSVFields.Receiver {
    var rows: [[String]] = []
    private var row: [String] = []

    mutating func field(_ bytes: [UInt8], number: Int, line: Int) { row.append(String(decoding: bytes, as: UTF8.self)) }

    mutating func endOfRow(fields: Int, line: Int) {
      rows.append(row)
      row = []
    }
  }

  @Test func quotedText() throws {
    let found = try table("kind,\"a, \"\"b\"\"\"\n\"one\ntwo\",1\n\"x,\"\"y\",2\n\"\u{E9}\",3\n")
    #expect(found.featureNames == ["a, \"b\""])
    #expect(Set(found.classNames) == ["one\ntwo", "x,\"y", "\u{E9}"])
  }

  @Test func classesAreInOrder() throws {
    #expect(try table("a,kind\n1,10\n1,9\n1,-1\n").classNames == ["-1", "9", "10"])
    #expect(try table("a,kind\n1,b10\n1,b9\n1,A\n").classNames == ["A", "b10", "b9"])
  }

  /// The short way and the library's agree to the bit.
  @Test func numbersAreRoundedRight() throws {
    let texts = [
      "0", "-0", "0.1", "5.1", "123456789012345", "0.000000000000001", "1234567.89012345", "99999999999999.9",
      "123456789012345678901234567890", "1e-320", "1.7976931348623157e308", "4.35", "0.30000000000000004", "+1.5", "1E5",
    ]
    for text in texts {
      let found = try table("a,kind\n\(text),x\n").features[0]
      #expect(found.bitPattern == Double(text)?.bitPattern, "\(text)")
    }
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      let text = "\(Int.random(in: -9999...9999, using: &generator)).\(Int.random(in: 0...999_999, using: &generator))"
      #expect(try table("a,kind\n\(text),x\n").features[0] == Double(text))
    }
  }

  @Test func errorsNameLineAndColumn() {
    let cases: [(String, CSVError)] = [
      ("", CSVError(reason: .empty(missing: "header"))),
      ("a,kind\n", CSVError(reason: .empty(missing: "rows"))),
      ("a,kind\n1,x\n,y\n", CSVError(line: 3, column: "a", reason: .missingValue(expected: "a number"))),
      ("a,kind\n1,x\n2,\n", CSVError(line: 3, column: "kind", reason: .missingValue(expected: "a label"))),
      ("a,kind\n1,x\nNA,y\n", CSVError(line: 3, column: "a", reason: .notANumber("NA"))),
      ("a,kind\nnan,x\n", CSVError(line: 2, column: "a", reason: .notFinite("nan"))),
      ("a,kind\n1e999,x\n", CSVError(line: 2, column: "a", reason: .notFinite("1e999"))),
      ("a,kind\n1,x,2\n", CSVError(line: 2, reason: .fieldCount(found: 3, expected: 2))),
      ("a,kind\n1,x\n1\n", CSVError(line: 3, reason: .fieldCount(found: 1, expected: 2))),
      ("a,a,kind\n1,1,x\n", CSVError(column: "a", reason: .duplicateColumn)),
      ("a,b\n1,x\n", CSVError(column: "kind", reason: .noSuchColumn(names: ["a", "b"]))),
      ("kind\nx\n", CSVError(column: "kind", reason: .noFeatures)),
      ("a,kind\n1\"2,x\n", CSVError(line: 2, column: "a", reason: .strayQuote)),
      ("a,kind\n\"1\"2,x\n", CSVError(line: 2, column: "a", reason: .textAfterQuote)),
      ("a,kind\n1,\"x\n", CSVError(line: 3, column: "kind", reason: .unclosedQuote)),
      // A line break within quotes counts.
      ("a,kind\n1,\"x\ny\"\nz,x\n", CSVError(line: 4, column: "a", reason: .notANumber("z"))),
      ("a,kind\n1\r2,x\n", CSVError(line: 2, column: "a", reason: .notANumber("1\r2"))),
    ]
    for (text, expected) in cases { #expect(error(text) == expected, "\(text.debugDescription)") }
    #expect("\(cases[2].1)" == "CSV: line 3, column \"a\": missing value, expected a number")
    #expect("\(cases[10].1)" == "CSV: column \"kind\": no such column, expected one of \"a\", \"b\"")
  }

  @Test func invalidText() {
    let bad = Array("a,kind\n1,".utf8) + [0xFF, 0x0A]
    #expect(throws: CSVError(line: 2, column: "kind", reason: .invalidUTF8)) {
      try CSVTable(contents: bad, labels: "kind")
    }
    #expect(throws: CSVError(line: 2, column: "a", reason: .fieldTooLong(limit: 1 << 20))) {
      try CSVTable(contents: Array("a,kind\n".utf8) + Array(repeating: 0x31, count: 1 << 21), labels: "kind")
    }
    // A hostile name stays on its line.
    let text = "\(CSVError(line: 1, column: "a\nb\u{1B}[0m", reason: .duplicateColumn))"
    #expect(!text.contains("\n") && !text.contains("\u{1B}"))
  }

  /// Larger than a piece, from a file.
  @Test func files() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let path = folder.file("table.csv")
    let rows = 150_000
    var text = "a,b,kind\n"
    for row in 0..<rows { text += "\(row).25,-\(row % 7),c\(row % 3)\n" }
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    let found = try CSVTable(contentsOf: path, labels: "kind")
    #expect(found.rowCount == rows && found.features.count == 2 * rows)
    for row in stride(from: 0, to: rows, by: 997) {
      #expect(found.features[2 * row] == Double(row) + 0.25 && found.features[2 * row + 1] == -Double(row % 7))
      #expect(found.classes[row] == row % 3)
    }
    let absent = folder.file("absent.csv")
    #expect(throws: CSVError(path: absent, reason: .file(operation: "read", problem: "No such file or directory (errno 2)"))) {
      try CSVTable(contentsOf: absent, labels: "kind")
    }
    #expect(throws: CSVError(path: folder.path, reason: .notRegularFile(kind: "a directory"))) {
      try CSVTable(contentsOf: folder.path, labels: "kind")
    }
  }
}
