import SurprisalCodecs
import Testing

@testable import SurprisalIO

@Suite struct SafetensorsReadingTests {
  private let floatBits: [UInt32] = [
    0x0000_0000, 0x8000_0000, 0x3F80_0000, 0xC049_0FDB, 0x0000_0001, 0x7F7F_FFFF,
    0x7F80_0000, 0xFF80_0000, 0x7FC0_0000, 0x7FA1_2345, 0xFFC5_4321,
  ]
  private let doubleBits: [UInt64] = [
    0x0000_0000_0000_0000, 0x8000_0000_0000_0000, 0x4009_21FB_5444_2D18, 0x0000_0000_0000_0001,
    0x7FF0_0000_0000_0000, 0x7FF4_0000_00AB_CDEF, 0xFFF8_0000_0000_0001,
  ]

  @Test func everyDtypeOfTheReference() throws {
    let file = try SafetensorsFile(contentsOf: fixturePath("every-dtype"))
    #expect(
      file.names == [
        "u64", "i64", "f64", "c64", "empty", "f32", "scalar", "u32", "i32", "f16", "u16", "i16",
        "i8", "u8", "bool",
      ])
    #expect(file.count == 15)
    #expect(file.metadata == ["origin": "numpy"])
    #expect(file.entry(named: "bool")?.shape == [2, 3])
    #expect(file.entry(named: "f64")?.byteRange == 64..<120)
    #expect(file.entry(named: "F64") == nil)

    #expect(try file.floats(of: "f32").map(\.bitPattern) == floatBits)
    #expect(try file.doubles(of: "f64").map(\.bitPattern) == doubleBits)
    #expect(try file.doubles(of: "f32").prefix(8) == floatBits.map { Double(Float(bitPattern: $0)) }.prefix(8))
    #expect(try file.floats(of: "f16").count == 256)
    #expect(try file.integers(of: "bool") == [1, 0, 1, 0, 0, 1])
    #expect(try file.integers(of: "i8") == [-128, 0, 1, 127])
    #expect(try file.integers(of: "i16") == [-32768, 0, 1, 32767])
    #expect(try file.integers(of: "i32") == [Int(Int32.min), 0, 1, Int(Int32.max)])
    #expect(try file.integers(of: "i64") == [Int.min, 0, 1, Int.max])
    #expect(try file.integers(of: "u8") == [0, 0, 1, 255])
    #expect(try file.integers(of: "u16") == [0, 0, 1, 65535])
    #expect(try file.integers(of: "u32") == [0, 0, 1, Int(UInt32.max)])
  }

  @Test func scalarsAndEmptyTensors() throws {
    let file = try SafetensorsFile(contentsOf: fixturePath("every-dtype"))
    let scalar = try #require(file.entry(named: "scalar"))
    #expect(scalar.shape == [] && scalar.count == 1)
    #expect(try file.floats(of: "scalar") == [2.5])
    let empty = try #require(file.entry(named: "empty"))
    #expect(empty.shape == [3, 0, 2] && empty.count == 0)
    #expect(try file.floats(of: "empty") == [])
  }

  @Test func noTensors() throws {
    let file = try SafetensorsFile(contentsOf: fixturePath("nothing"))
    #expect(file.count == 0 && file.names == [] && file.metadata == [:])
  }

  /// The dimensions of an empty tensor may multiply to more than an Int.
  @Test func emptyTensorOfHugeDimensions() throws {
    let header = #"{"a":{"dtype":"F64","shape":[\#(Int.max),\#(Int.max),0],"data_offsets":[0,0]}}"#
    let file = try SafetensorsFile(bytes: safetensorsBytes(header: header))
    #expect(file.entry(named: "a")?.count == 0)
    #expect(try file.doubles(of: "a") == [])
  }

  @Test func typesWithoutSwiftValues() throws {
    let file = try SafetensorsFile(contentsOf: fixturePath("opaque"))
    #expect(file.entry(named: "f4")?.shape == [2, 4])
    #expect(file.entry(named: "f4")?.byteRange.count == 4)
    #expect(
      file.entries.map(\.dtype) == [.bfloat16, .float8E8M0, .float8E4M3, .float8E5M2, .float4])
    for entry in file.entries.dropFirst() {
      #expect(
        throws: SafetensorsError(
          path: fixturePath("opaque"), tensor: entry.name,
          reason: .unsupportedConversion(dtype: entry.dtype, to: "Float"))
      ) { try file.floats(of: entry.name) }
      #expect(throws: SafetensorsError.self) { try file.doubles(of: entry.name) }
      #expect(throws: SafetensorsError.self) { try file.integers(of: entry.name) }
    }
    let bits: [UInt32] = [0x3F80, 0x8000, 0x4049, 0x0001, 0xFF80, 0x7FA1]
    #expect(try file.floats(of: "bf16").map(\.bitPattern) == bits.map { $0 << 16 })
    #expect(try file.doubles(of: "bf16").prefix(3) == [1, -0.0, 3.140625])
  }

  @Test func everyBinary16Number() {
    for bits in UInt16.min...UInt16.max {
      let widened = Float(binary16: bits)
      let expected = Float(Float16(bitPattern: bits))
      if expected.isNaN {
        // The processor makes signalling NaNs quiet; the file's bits keep theirs.
        let payload = UInt32(bits & 0x3FF) << 13
        #expect(widened.bitPattern == UInt32(bits & 0x8000) << 16 | 0x7F80_0000 | payload)
      } else {
        #expect(widened.bitPattern == expected.bitPattern, "of 0x\(String(bits, radix: 16))")
      }
    }
  }

  @Test func namesOfTheReference() throws {
    let file = try SafetensorsFile(contentsOf: fixturePath("names"))
    #expect(file.metadata == ["key \t": "value\u{1F}/\u{7F}"])
    let names = [
      "linear2.weight", "linear1.weight", "", "quote \" backslash \\", "line\nfeed\u{1}",
      "\u{E9}", "e\u{301}", "数",
    ]
    for (index, name) in names.enumerated() {
      #expect(try file.integers(of: name) == [index], "of \(name)")
    }
  }

  @Test func escapesAndWhitespace() throws {
    let header =
      "{ \"\\u0041\\ud83d\\ude00\\/\\b\\f\\n\\r\\t\\\"\\\\\"\t:\r\n{ \"data_offsets\" : [ 0 , 1 ] , "
      + "\"shape\" : [ ] , \"dtype\" : \"U8\" } , \"__metadata__\" : { } }   "
    let file = try SafetensorsFile(bytes: safetensorsBytes(header: header, dataByteCount: 1))
    #expect(file.names == ["A😀/\u{8}\u{C}\n\r\t\"\\"])
  }

  /// The order in the header is free; the tensors need only tile the data together.
  @Test func orderOfTheHeader() throws {
    let header =
      #"{"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},"n":{"dtype":"U8","shape":[0],"data_offsets":[1,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#
    let file = try SafetensorsFile(bytes: safetensorsBytes(header: header, dataByteCount: 3))
    #expect(file.names == ["b", "n", "a"])
    #expect(try file.integers(of: "b") == [1, 2])
    #expect(try file.integers(of: "a") == [0])
  }

  @Test(arguments: 0..<8) func unalignedData(padding: Int) throws {
    let tensors =
      #"{"byte":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"F64","shape":[2],"data_offsets":[1,17]}}"#
    let header = tensors + String(repeating: " ", count: padding)
    let file = try SafetensorsFile(bytes: safetensorsBytes(header: header, dataByteCount: 17))
    #expect(
      try file.doubles(of: "a").map(\.bitPattern) == [
        0x0807_0605_0403_0201, 0x100F_0E0D_0C0B_0A09,
      ])
  }

  @Test func valuesWithoutAnInt() throws {
    var bytes = safetensorsBytes(
      header: #"{"a":{"dtype":"U64","shape":[2],"data_offsets":[0,16]}}"#)
    bytes += [255, 255, 255, 255, 255, 255, 255, 127, 0, 0, 0, 0, 0, 0, 0, 128]
    let big = try SafetensorsFile(bytes: bytes)
    #expect(
      throws: SafetensorsError(
        tensor: "a",
        reason: .unrepresentableValue(
          position: 1, value: "9223372036854775808", expected: "at most \(Int.max)"))
    ) { try big.integers(of: "a") }

    let flags = try SafetensorsFile(
      bytes: safetensorsBytes(
        header: #"{"a":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}}"#, dataByteCount: 3))
    #expect(
      throws: SafetensorsError(
        tensor: "a",
        reason: .unrepresentableValue(position: 2, value: "2", expected: "0 or 1 for BOOL"))
    ) { try flags.integers(of: "a") }
  }

  @Test func conversionsThatWouldRound() throws {
    let path = fixturePath("every-dtype")
    let file = try SafetensorsFile(contentsOf: path)
    func expectRefusal(
      _ name: String, _ dtype: SafetensorsDtype, _ type: String, _ read: (String) throws -> Void
    ) {
      #expect(
        throws: SafetensorsError(
          path: path, tensor: name, reason: .unsupportedConversion(dtype: dtype, to: type))
      ) { try read(name) }
    }
    expectRefusal("f64", .float64, "Float") { _ = try file.floats(of: $0) }
    expectRefusal("i64", .int64, "Float") { _ = try file.floats(of: $0) }
    expectRefusal("i64", .int64, "Double") { _ = try file.doubles(of: $0) }
    expectRefusal("f32", .float32, "Int") { _ = try file.integers(of: $0) }
    expectRefusal("c64", .complex64, "Double") { _ = try file.doubles(of: $0) }
    #expect(
      throws: SafetensorsError(path: path, tensor: "absent", reason: .noSuchTensor)
    ) { try file.floats(of: "absent") }
  }
}
