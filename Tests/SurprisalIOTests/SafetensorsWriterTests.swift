import Foundation
import Testing

@testable import SurprisalIO

@Suite struct SafetensorsWriterTests {
  /// The reference implementation's file, byte for byte, from tensors added in another order.
  @Test func sameNamesFileAsTheReference() throws {
    let path = fixturePath("names")
    let file = try SafetensorsFile(contentsOf: path)
    var writer = SafetensorsWriter(metadata: file.metadata)
    for name in file.names.reversed() {
      try writer.add(name, shape: [1], values: try file.integers(of: name).map(Int32.init))
    }
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)).elementsEqual(writer.bytes()))
  }

  @Test func sameLayoutAsTheReference() throws {
    let file = try SafetensorsFile(contentsOf: fixturePath("every-dtype"))
    var writer = SafetensorsWriter()
    try writer.add("bool", shape: [2, 3], values: [true, false, true, false, false, true])
    try writer.add("u8", shape: [4], values: [UInt8.min, 0, 1, .max])
    try writer.add("i8", shape: [4], values: [Int8.min, 0, 1, .max])
    try writer.add("i16", shape: [4], values: [Int16.min, 0, 1, .max])
    try writer.add("u16", shape: [4], values: [UInt16.min, 0, 1, .max])
    try writer.add("i32", shape: [4], values: [Int32.min, 0, 1, .max])
    try writer.add("u32", shape: [4], values: [UInt32.min, 0, 1, .max])
    try writer.add("scalar", shape: [], values: [Float(2.5)])
    try writer.add("f32", shape: [11], values: try file.floats(of: "f32"))
    try writer.add("empty", shape: [3, 0, 2], values: [] as [Float])
    try writer.add("f64", shape: [7], values: try file.doubles(of: "f64"))
    try writer.add("i64", shape: [4], values: [Int.min, 0, 1, .max])
    try writer.add("u64", shape: [4], values: [UInt64.min, 0, 1, .max])
    let written = try SafetensorsFile(bytes: writer.bytes())
    // Those two have no Swift type; without them the rest must follow in the same order.
    let expected = file.names.filter { $0 != "c64" && $0 != "f16" }
    #expect(written.names == expected)
    for name in expected {
      #expect(written.entry(named: name)?.dtype == file.entry(named: name)?.dtype, "of \(name)")
      #expect(written.entry(named: name)?.shape == file.entry(named: name)?.shape, "of \(name)")
    }
    for name in ["i8", "u8", "i16", "u16", "i32", "u32", "i64", "bool"] {
      #expect(try written.integers(of: name) == file.integers(of: name), "of \(name)")
    }
    #expect(try written.floats(of: "f32").map(\.bitPattern) == file.floats(of: "f32").map(\.bitPattern))
    #expect(try written.doubles(of: "f64").map(\.bitPattern) == file.doubles(of: "f64").map(\.bitPattern))
  }

  @Test func nothingToWrite() throws {
    let fixture = try Data(contentsOf: URL(fileURLWithPath: fixturePath("nothing")))
    #expect(fixture.elementsEqual(SafetensorsWriter().bytes()))
  }

  @Test func roundTripThroughAFile() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let path = folder.file("model.safetensors")
    // Longer than one piece, so that pieces have to join.
    let many = (0..<(1 << 20) + 5).map { Float(bitPattern: UInt32($0) &* 2_654_435_761) }
    let bits: [UInt64] = [0x8000_0000_0000_0000, 0x7FF0_0000_0000_0001, 0xFFF8_1234_5678_9ABC, 1]
    var writer = SafetensorsWriter(metadata: ["a": "1", "b": "\u{0}\"\\\u{1F}é😀"])
    try writer.add("many", shape: [many.count], values: many)
    try writer.add("bits", shape: [2, 2], values: bits.map { Double(bitPattern: $0) })
    try writer.write(to: path)
    let file = try SafetensorsFile(contentsOf: path)
    #expect(file.metadata == writer.metadata)
    #expect(file.path == path)
    #expect(try file.floats(of: "many").map(\.bitPattern) == many.map(\.bitPattern))
    #expect(try file.doubles(of: "bits").map(\.bitPattern) == bits)
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)).elementsEqual(writer.bytes()))
    #expect(try folder.names() == ["model.safetensors"])
  }

  @Test func headerIsPaddedToEightBytes() throws {
    for length in 0..<16 {
      var writer = SafetensorsWriter()
      try writer.add(String(repeating: "n", count: length), shape: [], values: [UInt8(7)])
      let bytes = writer.bytes()
      #expect(bytes[0].isMultiple(of: 8) && bytes.last == 7)
      #expect(try SafetensorsFile(bytes: bytes).count == 1)
    }
  }

  @Test func refusedTensors() throws {
    var writer = SafetensorsWriter()
    try writer.add("a", shape: [2], values: [1, 2])
    func expectRefusal(_ name: String, _ shape: [Int], _ reason: SafetensorsError.Reason) {
      var writer = writer
      #expect(throws: SafetensorsError(tensor: name, reason: reason)) {
        try writer.add(name, shape: shape, values: [1, 2])
      }
      #expect(writer.bytes() == self.bytesOfA)
    }
    expectRefusal("a", [2], .unusableName(expected: "each name once"))
    expectRefusal(
      "__metadata__", [2],
      .unusableName(expected: "one other than the format's own __metadata__"))
    expectRefusal("b", [2, -1], .negativeDimension(axis: 1, value: -1))
    expectRefusal("b", [3], .valueCountMismatch(shape: [3], expected: 3, found: 2))
    expectRefusal("b", [], .valueCountMismatch(shape: [], expected: 1, found: 2))
    expectRefusal("b", [0], .valueCountMismatch(shape: [0], expected: 0, found: 2))
    expectRefusal(
      "b", [Int.max, 4], .unrepresentableSize(dtype: .int64, shape: [Int.max, 4]))
  }

  private var bytesOfA: [UInt8] {
    safetensorsBytes(header: #"{"a":{"dtype":"I64","shape":[2],"data_offsets":[0,16]}}"# + " ")
      + [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]
  }
}
