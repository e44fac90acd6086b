import Foundation
import Surprisal
import SurprisalKernels
import Testing

@testable import SurprisalIO

@Suite struct SafetensorsMappingTests {
  /// Every tensor as when the file is read.
  @Test func equalsTheFileThatIsRead() throws {
    let read = try SafetensorsFile(contentsOf: fixturePath("every-dtype"))
    let mapped = try SafetensorsFile(mapping: fixturePath("every-dtype"))
    #expect(mapped.entries == read.entries && mapped.metadata == read.metadata)
    #expect(try mapped.floats(of: "f32").map(\.bitPattern) == read.floats(of: "f32").map(\.bitPattern))
    #expect(try mapped.doubles(of: "f64").map(\.bitPattern) == read.doubles(of: "f64").map(\.bitPattern))
    #expect(try mapped.integers(of: "u8") == read.integers(of: "u8"))
    for file in [read, mapped] {
      let f32 = try file.tensor(of: "f32", as: Float.self)
      #expect(f32.shape == file.entry(named: "f32")?.shape)
      #expect(try f32.scalars.map(\.bitPattern) == read.floats(of: "f32").map(\.bitPattern))
      let f64 = try file.tensor(of: "f64", as: Double.self)
      #expect(try f64.scalars.map(\.bitPattern) == read.doubles(of: "f64").map(\.bitPattern))
      #expect(try file.tensor(of: "f32", as: Double.self).count == f32.count)
      #expect(try file.tensor(of: "f16", as: Float.self).scalars.count == 256)
      #expect(try file.tensor(of: "scalar", as: Float.self).item() == 2.5)
      #expect(try file.tensor(of: "empty", as: Float.self).shape == [3, 0, 2])
      #expect(throws: SafetensorsError.self) { try file.tensor(of: "i64", as: Double.self) }
      #expect(throws: SafetensorsError.self) { try file.tensor(of: "f64", as: Float.self) }
    }
  }

  /// Values are used where they lie, outlive the file's value, and are copied by who writes, not written to the file.
  @Test func valuesInPlace() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let path = folder.file("model.safetensors")
    var writer = SafetensorsWriter()
    let values = (0..<300_000).map { Float($0) }
    try writer.add("w", shape: [300, 1000], values: values)
    try writer.write(to: path)
    var tensor = try SafetensorsFile(mapping: path).tensor(of: "w", as: Float.self)
    // Linux shows what others write to the file until the page is written to here: no copy was made.
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try handle.seek(toOffset: handle.seekToEnd() - 4)
    try handle.write(contentsOf: Float.safetensorsBytes(of: [-1]))
    #expect(tensor.shape == [300, 1000] && tensor[299, 998] == 299_998 && tensor[299, 999] == -1)
    try handle.seek(toOffset: handle.seekToEnd() - 4)
    try handle.write(contentsOf: Float.safetensorsBytes(of: values.suffix(1)))
    try handle.close()
    var optimizer = SGD(for: Leaf(weight: tensor), learningRate: 1)
    var leaf = Leaf(weight: consume tensor)
    let (_, gradient) = valueWithGradient(at: leaf) { $0.weight.sum() }
    optimizer.update(&leaf, along: gradient)
    #expect(leaf.weight[0, 5] == 4)
    #expect(try SafetensorsFile(contentsOf: path).floats(of: "w") == values)
    // A file that is replaced stays as it was for who has it mapped.
    tensor = try SafetensorsFile(mapping: path).tensor(of: "w", as: Float.self)
    try SafetensorsWriter().write(to: path)
    #expect(tensor.scalars == values)
  }

  private struct Leaf: Model {
    var weight: Tensor<Float>
    mutating func forEachParameter(_ body: (String, inout Tensor<Float>) -> Void) { body("weight", &weight) }
  }

  @Test func elementsThatAreNotAligned() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let path = folder.file("odd.safetensors")
    // One byte before the floats, as a writer other than ours may put it.
    let header = #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}}"#
    try Data(safetensorsBytes(header: header) + [7, 0, 0, 128, 63, 0, 0, 0, 64]).write(to: URL(fileURLWithPath: path))
    #expect(try SafetensorsFile(mapping: path).tensor(of: "b", as: Float.self).scalars == [1, 2])
  }

  @Test func filesThatAreNone() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let path = folder.file("absent.safetensors")
    for open in [SafetensorsFile.init(contentsOf:), SafetensorsFile.init(mapping:)] as [(String) throws -> SafetensorsFile] {
      let error = #expect(throws: SafetensorsError.self) { try open(path) }
      #expect(error.map { "\($0)" } == "\(path): cannot read: No such file or directory (errno 2)")
    }
    try Data().write(to: URL(fileURLWithPath: path))
    #expect(throws: SafetensorsError(path: path, reason: .truncatedLength(byteCount: 0))) {
      try SafetensorsFile(mapping: path)
    }
  }

  /// A file that another program makes shorter: an error for who asks after, a message and a status for who is reading.
  @Test func shortenedFile() async throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let path = folder.file("short.safetensors")
    var writer = SafetensorsWriter()
    try writer.add("w", shape: [4096], values: (0..<4096).map { Float($0) })
    try writer.write(to: path)
    let file = try SafetensorsFile(mapping: path)
    let whole = try Data(contentsOf: URL(fileURLWithPath: path)).count
    try FileHandle(forWritingTo: URL(fileURLWithPath: path)).truncate(atOffset: 100)
    #expect(throws: SafetensorsError(path: path, tensor: "w", reason: .shortened(byteCount: whole, found: 100))) {
      try file.tensor(of: "w", as: Float.self)
    }
    try writer.write(to: path)
    let ended = try await #require(processExitsWith: .exitCode(74), observing: [\.standardErrorContent]) { [path = path as String] in
      FileMapping.endWhenTruncated(status: 74)
      let tensor = try SafetensorsFile(mapping: path).tensor(of: "w", as: Float.self)
      try FileHandle(forWritingTo: URL(fileURLWithPath: path)).truncate(atOffset: 0)
      print(tensor.scalars.count)
    }
    #expect(String(decoding: ended.standardErrorContent, as: UTF8.self).contains("became shorter while it was read"))
  }
}
