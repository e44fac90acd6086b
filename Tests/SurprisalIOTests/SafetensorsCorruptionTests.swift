import Testing

@testable import SurprisalIO

@Suite struct SafetensorsCorruptionTests {
  /// A small valid file with every kind of thing in it.
  static func sample() throws -> [UInt8] {
    var writer = SafetensorsWriter(metadata: ["format": "a \"b\" é\n"])
    try writer.add("linear1.weight", shape: [2, 3], values: [1, -0.0, .nan, 4, 5, 6] as [Float])
    try writer.add("bias", shape: [], values: [2.5])
    try writer.add("labels", shape: [3], values: [1, -2, 3])
    try writer.add("mask", shape: [2], values: [true, false])
    try writer.add("none", shape: [0, 4], values: [] as [Int32])
    return writer.bytes()
  }

  /// Reads all there is to read; true when every part of it succeeded.
  static func readsFully(_ bytes: [UInt8]) throws -> Bool {
    let file = try SafetensorsFile(bytes: bytes)
    var complete = true
    for name in file.names {
      let entry = try #require(file.entry(named: name))
      var counts: [Int] = []
      if let values = try? file.floats(of: name) { counts.append(values.count) }
      if let values = try? file.doubles(of: name) { counts.append(values.count) }
      if let values = try? file.integers(of: name) { counts.append(values.count) }
      #expect(counts.allSatisfy { $0 == entry.count })
      if counts.isEmpty { complete = false }
    }
    return complete
  }

  @Test func truncationAtEveryByte() throws {
    let bytes = try Self.sample()
    #expect(try Self.readsFully(bytes))
    for count in 0..<bytes.count {
      #expect(throws: SafetensorsError.self, "of \(count) bytes") {
        try SafetensorsFile(bytes: Array(bytes[..<count]))
      }
    }
    #expect(throws: SafetensorsError.self) { try SafetensorsFile(bytes: bytes + [0]) }
  }

  /// Changed, inserted, removed and repeated bytes parse or throw, and never stop the program.
  @Test func randomMutations() throws {
    let original = try Self.sample()
    var generator = SplitMix64(state: 0x5AFE)
    var read = 0
    var refused = 0
    for _ in 0..<10_000 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
        let position = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 1: bytes[position] = UInt8.random(in: 0...255, using: &generator)
        case 2: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: position)
        case 3: bytes.remove(at: position)
        case 4:
          // Characters that mean something, where they do.
          let mark = Array(#"{}[]",:\0123456789-.eu "#.utf8).randomElement(using: &generator)
          bytes[position] = try #require(mark)
        default:
          let end = min(bytes.count, position + Int.random(in: 1...40, using: &generator))
          bytes.insert(contentsOf: bytes[position..<end], at: position)
        }
      }
      do {
        _ = try Self.readsFully(bytes)
        read += 1
      } catch let error as SafetensorsError {
        #expect(!"\(error)".contains("\n"))
        refused += 1
      }
    }
    #expect(read + refused == 10_000)
    // Neither path is untried: a change of data bytes alone is read, most others are refused.
    #expect(read > 100 && refused > 5000, "read \(read), refused \(refused)")
  }
}

/// Sebastiano Vigna's SplitMix64: the same mutations on every run.
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
