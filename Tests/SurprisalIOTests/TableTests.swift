import Foundation
import Surprisal
import Testing

@testable import SurprisalIO

@Suite struct TableTests {
  private func write(_ folder: TemporaryFolder, _ name: String, _ text: String) throws -> String {
    let path = folder.file(name)
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    return path
  }

  /// The bytes tell the format, whatever the name says.
  @Test func formatsByTheirBytes() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    var writer = SafetensorsWriter()
    try writer.add("x", shape: [2, 2], values: [1, 2, 3, 4] as [Float])
    try writer.add("y", shape: [2], values: [1, 0] as [UInt8])
    let expected: [Float] = [1, 2, 3, 4]
    for name in ["a", "a.csv", "a.safetensors"] {
      try writer.write(to: folder.file(name))
      let table = try Table<Float>(contentsOf: folder.file(name))
      #expect(table.features.scalars == expected && table.classes == [1, 0] && table.classNames == ["0", "1"])
    }
    for name in ["b", "b.csv", "b.npy"] {
      try NPYFile.write(Tensor(expected, shape: [2, 2]), to: folder.file(name))
      let table = try Table<Float>(contentsOf: folder.file(name))
      #expect(table.features.scalars == expected && table.classes == nil && table.labels == nil)
      let labelled = try Table<Double>(contentsOf: folder.file(name), labels: .column(-1))
      #expect(labelled.features.scalars == [1, 3] && labelled.classNames == ["2", "4"])
    }
    for name in ["c", "c.txt", "c.data"] {
      let table = try Table<Float>(contentsOf: try write(folder, name, "1,2\n3,4\n"))
      #expect(table.features.scalars == expected)
    }
    // What only the name tells: a file that claims a format is held to it.
    let claimed = try write(folder, "d.npy", "1,2\n")
    #expect(throws: TableError.npy(NPYError(path: claimed, reason: .notNPY))) { try Table<Float>(contentsOf: claimed) }
  }

  /// Integers, half precision and truth values of a safetensors file are features too.
  @Test func safetensorsTypes() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    var writer = SafetensorsWriter()
    try writer.add("x", shape: [2, 1, 2], values: [1, 255, 0, 7] as [UInt8])
    try writer.add("labels", shape: [2, 1], values: [5, -5] as [Int64])
    try writer.write(to: folder.file("a"))
    let table = try Table<Double>(contentsOf: folder.file("a"))
    #expect(table.features.shape == [2, 2])
    #expect(table.features.scalars == [1, 255, 0, 7])
    #expect(table.classNames == ["-5", "5"])
    let half = try SafetensorsFile(mapping: fixturePath("every-dtype"))
    let widened = try half.floats(of: "f16").map(\.bitPattern)
    let stored = try half.array(of: "f16")
    let rows = stored.rows(0..<stored.rowCount, as: Float.self)
    // NaN aside, whose payloads a conversion need not keep.
    #expect(widened.indices.allSatisfy { rows.span[$0].bitPattern == widened[$0] || (rows.span[$0].isNaN && Float(bitPattern: widened[$0]).isNaN) })
  }

  @Test func labelsOfAnotherFile() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let data = try write(folder, "data.csv", "a,b\n1,2\n3,4\n5,6\n")
    for (text, names) in [("x\ny\nx\n", ["x", "y"]), ("label\n1\n0\n1\n", ["0", "1"]), ("\u{FEFF}kind\r\n10\r\n9\r\n10\r\n", ["9", "10"]), ("3\n1\n3", ["1", "3"])] {
      let labels = try write(folder, "labels.csv", text)
      let table = try Table<Double>(contentsOf: data, labels: .file(labels))
      #expect(table.classNames == names, "\(text)")
      #expect(table.features.scalars == [1, 2, 3, 4, 5, 6])
      #expect(Set(try #require(table.classes)).count == 2)
    }
    let short = try write(folder, "short.csv", "x\ny\n")
    #expect(throws: TableError.labelCount(path: short, found: 2, rows: 3)) {
      try Table<Double>(contentsOf: data, labels: .file(short))
    }
    let npy = folder.file("labels.npy")
    try NPYFile.write([4, 4, 2], shape: [3], to: npy)
    #expect(try Table<Double>(contentsOf: data, labels: .file(npy)).classes == [1, 1, 0])
    try NPYFile.write([4, 4.5, 2], shape: [3], to: npy)
    #expect(throws: TableError.label(path: npy, array: nil, value: "4.5", row: 1)) {
      try Table<Double>(contentsOf: data, labels: .file(npy))
    }
    try NPYFile.write([4, 4, 2, 1, 1, 1], shape: [3, 2], to: npy)
    #expect(throws: TableError.labelShape(path: npy, array: nil, shape: [3, 2])) {
      try Table<Double>(contentsOf: data, labels: .file(npy))
    }
  }

  @Test func missingAndInfinite() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let path = folder.file("a.npy")
    try NPYFile.write([1, .nan, 3, 4] as [Float], shape: [2, 2], to: path)
    #expect(throws: TableError.notFinite(path: path, array: nil, value: "nan", row: 0, column: 1)) { try Table<Float>(contentsOf: path) }
    #expect(try Table<Double>(contentsOf: path, missing: .kept).missingCount == 1)
    try NPYFile.write([1, 2, -.infinity, 4] as [Double], shape: [2, 2], to: path)
    let error = #expect(throws: TableError.self) { try Table<Double>(contentsOf: path, missing: .kept) }
    #expect(error.map { "\($0)" } == "\(path): -inf at row 1, column 0, expected a finite number")
    // Finite in the file, and not as the type asked for.
    try NPYFile.write([1, 1e300], shape: [1, 2], to: path)
    #expect(throws: TableError.notFinite(path: path, array: nil, value: "inf", row: 0, column: 1)) { try Table<Float>(contentsOf: path) }
    try NPYFile.write([Float](), shape: [0, 2], to: path)
    #expect(throws: TableError.featureShape(path: path, array: nil, shape: [0, 2])) { try Table<Float>(contentsOf: path) }
    try NPYFile.write([1], shape: [], to: path)
    #expect(throws: TableError.featureShape(path: path, array: nil, shape: [])) { try Table<Float>(contentsOf: path) }
  }

  @Test func classesOfATrainedModel() throws {
    let table = try Table<Double>(csv: Array("a,y\n1,b\n2,a\n3,b\n".utf8))
    #expect(try table.classes(among: ["c", "b", "a"]) == [1, 2, 1])
    #expect(throws: TableError.unknownClass("a", row: 1, expected: ["b"])) { try table.classes(among: ["b"]) }
    #expect(throws: TableError.noLabels) { try Table<Double>(csv: Array("1\n".utf8)).classes(among: []) }
  }

  /// A file that another program has made shorter is refused, not read beyond its end.
  @Test func shortened() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let path = folder.file("a.npz")
    try Data(contentsOf: URL(fileURLWithPath: dataFixture("stored.npz"))).write(to: URL(fileURLWithPath: path))
    let file = try NPZFile(contentsOf: path)
    let handle = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    try handle.truncate(atOffset: 100)
    let error = #expect(throws: TableError.self) { try file.array(named: "features") }
    #expect(error.map { "\($0)" }?.contains("the file has 100 bytes now") == true)
  }
}
