import Foundation
import Surprisal
import Testing

@testable import SurprisalIO

@Suite struct WriterTests {
  @Test func fieldsOfCSV() throws {
    let line = CSVWriter.line([
      .text("plain"), .text("a,b"), .text("say \"no\""), .text("two\nlines"), .text(" blank"), .text(""), .integer(-3), .double(0.1),
      .float(0.1), .double(1e300), .double(.nan), .double(-0.0),
    ])
    #expect(String(decoding: line, as: UTF8.self)
      == "plain,\"a,b\",\"say \"\"no\"\"\",\"two\nlines\",\" blank\",,-3,0.1,0.1,1e+300,,-0.0\n")
    #expect(CSVWriter.line([.text("")]) == Array("\"\"\n".utf8))
  }

  @Test func roundTripOfCSV() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    var generator = SplitMix64(state: 0xC5)
    var rows: [[CSVWriter.Field]] = [[.text("a\n"), .text("b,\""), .text("kind")]], values: [Double] = []
    for row in 0..<5000 {
      var fields: [CSVWriter.Field] = []
      for _ in 0..<2 {
        let value = Double(bitPattern: generator.next() & ~(1 << 62))
        values.append(value)
        fields.append(.double(value))
      }
      rows.append(fields + [.text(row % 3 == 0 ? "x,\"\n" : "\u{FEFF}y")])
    }
    try CSVWriter.write(rows, to: folder.file("a.csv"))
    let table = try Table<Double>(contentsOf: folder.file("a.csv"), labels: .named("kind"))
    #expect(table.featureNames == ["a\n", "b,\""])
    #expect(table.features.scalars.map(\.bitPattern) == values.map(\.bitPattern))
    #expect(table.classNames == ["x,\"\n", "\u{FEFF}y"])
    #expect(try folder.names() == ["a.csv"])
  }

  @Test func placesThatCannotBeWritten() throws {
    for path in ["/dev/full", "/dev/null"] {
      #expect(throws: CSVError(path: path, reason: .notRegularFile(kind: "a character device"))) {
        try CSVWriter.write([[.integer(1)]], to: path)
      }
      #expect(throws: NPYError(path: path, reason: .notRegularFile(kind: "a character device"))) {
        try NPYFile.write([1.0], shape: [1], to: path)
      }
    }
    #expect(throws: NPYError.self) { try NPYFile.write([1.0], shape: [1], to: "/proc/self/none.npy") }
    #expect(throws: CSVError.self) { try CSVWriter.write([[.integer(1)]], to: "/proc/self/none.csv") }
  }

  /// A file system that is full leaves what was there.
  @Test(.enabled(if: geteuid() == 0 && run("mount", "--version"), "only root can mount a small file system"))
  func fullDisk() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    guard run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder.path) else { return }
    defer { run("umount", folder.path) }
    let path = folder.file("a.npy")
    try NPYFile.write([1.0], shape: [1], to: path)
    let error = #expect(throws: NPYError.self) { try NPYFile.write([Double](repeating: 1, count: 100_000), shape: [100_000], to: path) }
    #expect(error.map { "\($0)" }?.contains("No space left on device") == true)
    #expect(try NPYFile(contentsOf: path).shape == [1])
    #expect(throws: CSVError.self) {
      try CSVWriter.write((0..<100_000).lazy.map { [.integer($0)] }, to: folder.file("a.csv"))
    }
    #expect(try folder.names() == ["a.npy"])
  }

  @Test(.enabled(if: geteuid() != 0, "root writes wherever it wants")) func readOnlyFolder() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    try FileManager.default.setAttributes([.posixPermissions: 0o500], ofItemAtPath: folder.path)
    #expect(throws: NPYError.self) { try NPYFile.write([1.0], shape: [1], to: folder.file("a.npy")) }
    #expect(throws: CSVError.self) { try CSVWriter.write([[.integer(1)]], to: folder.file("a.csv")) }
  }
}
