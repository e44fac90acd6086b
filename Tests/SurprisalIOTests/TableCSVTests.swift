import Foundation
import Surprisal
import SurprisalCodecs
import SystemPackage
import Testing

@testable import SurprisalIO

@Suite struct TableCSVTests {
  private func table(
    _ text: String, _ labels: LabelSource = .named("kind"), header: CSVHeader = .automatic, missing: MissingValues = .refused
  ) throws(CSVError) -> Table<Double> {
    try Table(csv: Array(text.utf8), labels: labels, header: header, missing: missing)
  }

  private func error(_ text: String, _ labels: LabelSource = .named("kind"), header: CSVHeader = .automatic) -> CSVError? {
    do {
      _ = try table(text, labels, header: header)
      return nil
    } catch { return error }
  }

  @Test func numbersAndLabels() throws {
    let found = try table("a,kind,b\n1,x,2.5\n-3e2,y,.5\n 4 ,x,0\n")
    #expect(found.featureNames == ["a", "b"])
    #expect(found.features.shape == [3, 2])
    #expect(found.features.scalars == [1, 2.5, -300, 0.5, 4, 0])
    #expect(found.classNames == ["x", "y"])
    #expect(found.classes == [0, 1, 0])
    #expect(found.labels == (try Labels([0, 1, 0], classCount: 2, ignoring: nil)))
    #expect(try Table<Float>(csv: Array("1,2\n0.1,3\n".utf8)).features.scalars == [1, 2, 0.1, 3])
  }

  /// Every spelling of lines and quotes that RFC 4180 and spreadsheets have gives the same table, whatever pieces it comes in.
  @Test(arguments: [
    "a,kind\r\n1,x\r\n2,y\r\n", "a,kind\n1,x\n2,y", "\u{FEFF}a,kind\n1,x\n2,y\n", "\"a\",\"kind\"\n\"1\",\"x\"\n2,y\n",
    "\u{FEFF}\"a\",kind\r\n1,\"x\"\r\n\r\n2,y\r\n\r\n", "\n\r\na,kind\n1,x\n\n\n2,y\r", "a,kind\n\" 1 \",x\n\t2 ,\"y\"",
  ])
  func spellings(text: String) throws {
    let found = try table(text)
    #expect(found.featureNames == ["a"])
    #expect(found.features.scalars == [1, 2])
    #expect(found.classNames == ["x", "y"])
    #expect(found.classes == [0, 1])
    for size in 1...5 {
      var values: [Double] = [], classes: [Int] = []
      var reader = pieces(text, size)
      while let piece = try reader.next() {
        #expect(piece.rowCount > 0)
        #expect(piece.featureNames == ["a"])
        values += piece.features.scalars
        classes += try #require(piece.classes)
      }
      #expect(values == [1, 2])
      #expect(classes == [0, 1])
    }
  }

  private func pieces(_ text: String, _ size: Int, missing: MissingValues = .refused) -> CSVReader<Double> {
    var rest = Array(text.utf8)[...]
    return CSVReader(labels: .named("kind"), missing: missing) {
      if rest.isEmpty { return nil }
      defer { rest = rest.dropFirst(size) }
      return Array(rest.prefix(size))
    }
  }

  /// A file's pieces, which a row may be longer than.
  @Test(arguments: [1, 7, 64, 1 << 20]) func filesInPieces(size: Int) throws {
    let folder = try TemporaryFolder(), path = folder.file("table.csv")
    defer { folder.remove() }
    let rows = (0..<50).map { "\($0),\(String(repeating: "1", count: $0 % 30)).5,k\($0 % 3)" }
    try (["\u{FEFF}a,b,kind"] + rows).joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
    let whole = try Table<Double>(contentsOf: path, labels: .named("kind"))
    var reader = try CSVReader<Double>(
      contentsOf: path, labels: .named("kind"), header: .automatic, missing: .refused, classNames: whole.classNames,
      pieceByteCount: size)
    var values: [Double] = [], classes: [Int] = []
    while let piece = try reader.next() {
      #expect(piece.featureNames == ["a", "b"])
      values += piece.features.scalars
      classes += try #require(piece.classes)
    }
    #expect(values == whole.features.scalars && classes == whole.classes)
    #expect(throws: CSVError.self) { try CSVReader<Double>(contentsOf: folder.file("none.csv")) }
    try "a,b\n1,2\n3,x\n".write(toFile: path, atomically: true, encoding: .utf8)
    let message = try #require(throws: CSVError.self) {
      var reader = try CSVReader<Double>(
        contentsOf: path, labels: .none, header: .present, missing: .refused, classNames: [], pieceByteCount: size)
      while try reader.next() != nil {}
    }
    #expect(message.description.contains("line 3"), "\(message)")
    try "a,b\n1,2\n".write(toFile: path, atomically: true, encoding: .utf8)
    var shortened = try CSVReader<Double>(contentsOf: path)
    try #require(FileHandle(forWritingAtPath: path)).truncate(atOffset: 4)
    #expect(throws: CSVError(path: path, reason: .shortened(byteCount: 8, found: 4))) { try shortened.next() }
  }

  @Test func quotedText() throws {
    let text = "kind,\"a, \"\"b\"\"\"\n\"one\ntwo\",1\n\"x,\"\"y\",2\n\"\u{E9}\",3\nplain,4\n\"plain\",5\n"
    let found = try table(text)
    #expect(found.featureNames == ["a, \"b\""])
    #expect(found.classNames == ["one\ntwo", "plain", "x,\"y", "\u{E9}"])
    #expect(found.classes == [0, 2, 3, 1, 1])
    #expect(found.features.scalars == [1, 2, 3, 4, 5])
    var reader = pieces(text, 1), values: [Double] = [], names: [String] = []
    while let piece = try reader.next() {
      values += piece.features.scalars
      names += try #require(piece.classes).map { piece.classNames[$0] }
    }
    #expect(values == [1, 2, 3, 4, 5])
    #expect(names == ["one\ntwo", "x,\"y", "\u{E9}", "plain", "plain"])
  }

  @Test func classesAreInOrder() throws {
    #expect(try table("a,kind\n1,10\n1,9\n1,-1\n").classNames == ["-1", "9", "10"])
    #expect(try table("a,kind\n1,b10\n1,b9\n1,A\n").classNames == ["A", "b10", "b9"])
  }

  @Test func headersAndPlaces() throws {
    #expect(try table("1,2\n3,4\n", .none).features.scalars == [1, 2, 3, 4])
    #expect(try table("a,b\n3,4\n", .none).features.scalars == [3, 4])
    #expect(try table("1,2\n3,4\n", .none, header: .present).featureNames == ["1", "2"])
    let last = try table("1,2,x\n3,4,y\n", .column(-1))
    #expect(last.features.scalars == [1, 2, 3, 4])
    #expect(last.classNames == ["x", "y"])
    #expect(last.featureNames.isEmpty)
    #expect(try table("k,a,b\nx,1,2\n", .column(0)).featureNames == ["a", "b"])
    // The usual names, and none.
    #expect(try table("a,y\n1,2\n", .automatic).classNames == ["2"])
    #expect(try table("a,b\n1,2\n", .automatic).classes == nil)
    // Names that are numbers, beside one that is asked for.
    #expect(try table("kind,0,1\nx,5,6\n").featureNames == ["0", "1"])
    #expect(error("5.1,3.5,setosa\n4,3,virginica\n", .none) == CSVError(line: 1, reason: .unclearHeader(number: "5.1")))
    #expect(error("1,2\n3,4\n") == CSVError(column: "kind", reason: .noHeader))
    #expect(error("1,2\n3,4\n", .column(2)) == CSVError(reason: .noSuchPlace(2, columns: 2)))
    #expect(error("1,2\n3,4\n", .column(-3)) == CSVError(reason: .noSuchPlace(-3, columns: 2)))
    #expect(try table("7\n8\n", .none).features.shape == [2, 1])
  }

  @Test(arguments: ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "?", " ", "\"\"", "\" NA\""])
  func missingValues(text: String) throws {
    let found = try table("a,b,kind\n1,\(text),x\n\(text),2,y\n", missing: .kept)
    let values = found.features.scalars
    #expect(values[0] == 1 && values[1].isNaN && values[2].isNaN && values[3] == 2)
    #expect(found.missingCount == 2)
    let plain = text.replacingOccurrences(of: "\"", with: "")
    #expect(error("a,b,kind\n1,2,x\n1,\(text),x\n")
      == CSVError(line: 3, column: "b", reason: .missingValue(found: plain, expected: "a number")))
  }

  @Test func errorsNameLineAndColumn() {
    let cases: [(String, CSVError)] = [
      ("", CSVError(reason: .empty(missing: "rows"))),
      ("\u{FEFF}", CSVError(reason: .empty(missing: "rows"))),
      ("a,kind\n", CSVError(reason: .empty(missing: "rows"))),
      ("a,kind\n1,x\n,y\n", CSVError(line: 3, column: "a", reason: .missingValue(found: "", expected: "a number"))),
      ("a,kind\n1,x\n2,\n", CSVError(line: 3, column: "kind", reason: .missingValue(found: "", expected: "a label"))),
      ("a,kind\n1,x\n-,y\n", CSVError(line: 3, column: "a", reason: .notANumber("-"))),
      ("a,kind\n0x10,x\n", CSVError(line: 2, column: "a", reason: .notANumber("0x10"))),
      ("a,kind\n1e,x\n", CSVError(line: 2, column: "a", reason: .notANumber("1e"))),
      ("a,kind\n1 2,x\n", CSVError(line: 2, column: "a", reason: .notANumber("1 2"))),
      ("a,kind\n-inf,x\n", CSVError(line: 2, column: "a", reason: .notFinite("-inf"))),
      ("a,kind\n1e999,x\n", CSVError(line: 2, column: "a", reason: .notFinite("1e999"))),
      ("a,kind\n1,x,2\n", CSVError(line: 2, reason: .fieldCount(found: 3, expected: 2))),
      ("a,kind\n1,x\n1\n", CSVError(line: 3, reason: .fieldCount(found: 1, expected: 2))),
      // A field too few shifts the label into a number's place: the count is what is wrong.
      ("a,b,kind\n1,x\n", CSVError(line: 2, reason: .fieldCount(found: 2, expected: 3))),
      ("a,a,kind\n1,1,x\n", CSVError(column: "a", reason: .duplicateColumn)),
      ("a,b\n1,x\n", CSVError(column: "kind", reason: .noSuchColumn(names: ["a", "b"]))),
      ("kind\nx\n", CSVError(column: "kind", reason: .noFeatures)),
      ("a,kind\n1\"2,x\n", CSVError(line: 2, column: "a", reason: .strayQuote)),
      ("a,kind\n\"1\"2,x\n", CSVError(line: 2, column: "a", reason: .textAfterQuote)),
      ("a,kind\n1,\"x\n", CSVError(line: 2, column: "kind", reason: .unclosedQuote)),
      // A line break within quotes counts.
      ("a,kind\n1,\"x\ny\"\nz,x\n", CSVError(line: 4, column: "a", reason: .notANumber("z"))),
      ("a,kind\n1\r2,x\n", CSVError(line: 2, column: "a", reason: .notANumber("1\r2"))),
    ]
    for (text, expected) in cases {
      #expect(error(text) == expected, "\(text.debugDescription)")
      for size in [1, 3] {
        #expect(throws: expected, "\(text.debugDescription) in pieces of \(size)") {
          var reader = pieces(text, size)
          while try reader.next() != nil {}
        }
      }
    }
    #expect("\(cases[3].1)" == "CSV: line 3, column \"a\": missing value, expected a number")
    #expect("\(cases[15].1)" == "CSV: column \"kind\": no such column, expected one of \"a\", \"b\"")
  }

  @Test func invalidText() {
    let bad = Array("a,kind\n1,".utf8) + [0xFF, 0x0A]
    #expect(throws: CSVError(line: 2, reason: .invalidUTF8)) {
      try Table<Double>(csv: bad, labels: .named("kind"))
    }
    for quote in ["", "\""] {
      let long = Array("a,kind\n\(quote)".utf8) + Array(repeating: 0x31, count: 1 << 21)
      #expect(throws: CSVError(line: 2, column: "a", reason: .fieldTooLong(limit: 1 << 20))) {
        try Table<Double>(csv: long + Array("\(quote),x\n".utf8), labels: .named("kind"))
      }
    }
    // A hostile name stays on its line.
    let text = "\(CSVError(line: 1, column: "a\nb\u{1B}[0m", reason: .duplicateColumn))"
    #expect(!text.contains("\n") && !text.contains("\u{1B}"))
  }

  /// Cut anywhere, a file is read or refused, and never stops the program.
  @Test func truncationAndMutation() throws {
    let original = Array("\u{FEFF}a,\"b\"\"c\",kind\r\n1.5,2,\"x\ny\"\r\n-3e2,?,z\n\n4,\"5\",w".utf8)
    for count in 0...original.count { _ = try? Table<Float>(csv: Array(original[..<count]), labels: .named("kind")) }
    var generator = SplitMix64(state: 0xC5F)
    let marks = Array("\",\n\r 0e.-\u{FEFF}".utf8)
    for _ in 0..<20_000 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        if Bool.random(using: &generator) {
          bytes[place] = marks[Int.random(in: 0..<marks.count, using: &generator)]
        } else {
          bytes.remove(at: place)
        }
      }
      let whole = Result { try Table<Double>(csv: bytes, labels: .named("kind"), missing: .kept) }
      // In pieces, the same.
      var rest = bytes[...], values: [Double] = [], failure: (any Error)?
      var reader = CSVReader<Double>(labels: .named("kind"), missing: .kept) {
        if rest.isEmpty { return nil }
        defer { rest = rest.dropFirst(7) }
        return Array(rest.prefix(7))
      }
      do { while let piece = try reader.next() { values += piece.features.scalars } } catch { failure = error }
      switch whole {
      case .success(let table):
        #expect(failure == nil)
        #expect(values.map(\.bitPattern) == table.features.scalars.map(\.bitPattern))
      case .failure(let error): #expect("\(error)" == failure.map { "\($0)" })
      }
    }
  }

  /// Larger than a thread's part, from a file; quoted line breaks and blank lines where parts meet.
  @Test(arguments: [false, true]) func files(isQuoted: Bool) throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let path = folder.file("table.csv")
    let rows = 150_000
    var text = "a,b,kind\n"
    for row in 0..<rows {
      if isQuoted {
        text += "\(row).25,\"-\(row % 7)\",\"c\n\(row % 3)\"\n"
        if row % 5 == 0 { text += "\n" }
      } else {
        text += "\(row).25,-\(row % 7),c\(row % 3)\n"
      }
    }
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    let found = try Table<Double>(contentsOf: path, labels: .named("kind"))
    #expect(found.features.shape == [rows, 2])
    let values = found.features.scalars, classes = try #require(found.classes)
    for row in 0..<rows {
      let isRight = values[2 * row] == Double(row) + 0.25 && values[2 * row + 1] == -Double(row % 7)
      if !isRight || classes[row] != row % 3 { Issue.record("row \(row)") }
    }
    // The same from a descriptor, in bounded pieces.
    let descriptor = try FileDescriptor.open(FilePath(path), .readOnly)
    defer { try? descriptor.close() }
    var reader = CSVReader<Double>(descriptor, labels: .named("kind")), streamed: [Double] = []
    while let piece = try reader.next() { streamed += piece.features.scalars }
    #expect(streamed == values)
    // A mistake's line, far into the file.
    let lines = text.utf8.count { $0 == 0x0A }
    try Data((text + "1,oops,c\n").utf8).write(to: URL(fileURLWithPath: path))
    #expect(throws: TableError.csv(CSVError(path: path, line: lines + 1, column: "b", reason: .notANumber("oops")))) {
      try Table<Float>(contentsOf: path, labels: .named("kind"))
    }
  }

  @Test func noFiles() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let absent = folder.file("absent.csv")
    #expect(throws: TableError.csv(CSVError(path: absent, reason: .file(operation: "read", problem: "No such file or directory (errno 2)")))) {
      try Table<Double>(contentsOf: absent)
    }
    #expect(throws: TableError.csv(CSVError(path: folder.path, reason: .notRegularFile(kind: "a directory")))) {
      try Table<Double>(contentsOf: folder.path)
    }
    try Data().write(to: URL(fileURLWithPath: folder.file("empty")))
    #expect(throws: TableError.csv(CSVError(path: folder.file("empty"), reason: .empty(missing: "rows")))) {
      try Table<Double>(contentsOf: folder.file("empty"))
    }
  }

  /// Whoever sends rows slowly sees theirs answered before the next.
  @Test(.timeLimit(.minutes(1))) func pipeGivesWhatWasSent() throws {
    let pipe = try FileDescriptor.pipe()
    defer { try? pipe.readEnd.close() }
    var reader = CSVReader<Double>(pipe.readEnd)
    try pipe.writeEnd.writeAll("a,b\n1,2\n3".utf8)
    #expect(try reader.next()?.features.scalars == [1, 2])
    try pipe.writeEnd.writeAll(",4\n5,6".utf8)
    #expect(try reader.next()?.features.scalars == [3, 4])
    try pipe.writeEnd.close()
    #expect(try reader.next()?.features.scalars == [5, 6])
    #expect(try reader.next() == nil)
  }

  @Test func sourceThatFails() {
    var reader = CSVReader<Double>(path: "pipe") { throw POSIXError(.EIO) }
    #expect(throws: CSVError(path: "pipe", reason: .file(operation: "read", problem: "Input/output error (errno 5)"))) { try reader.next() }
  }
}
