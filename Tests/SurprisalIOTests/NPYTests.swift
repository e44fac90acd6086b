import Foundation
import Surprisal
import Testing

@testable import SurprisalIO

func dataFixture(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures/\(name)").path
}

@Suite struct NPYTests {
  /// What scripts/generate-data-fixtures.py puts at the k'th place, row-major.
  private func value(_ k: Int, _ dtype: Character) -> Double {
    switch dtype {
    case "b": Double(k % 2)
    case "i": Double(k - 2)
    case "u": Double(k)
    default: Double(k - 2) / 2
    }
  }

  /// Every dtype, byte order, axis order, shape and version that NumPy writes.
  @Test func everyKind() throws {
    let file = try NPZFile(contentsOf: dataFixture("every-npy.npz"))
    #expect(file.keys.count == 21 * 5 * 2)
    for key in file.keys {
      let dtype = try #require(key.first), parts = key.split(separator: "-", omittingEmptySubsequences: false)
      let shape = parts[2].split(separator: "x").compactMap { Int($0) }
      let array = try file.array(named: key)
      #expect(array.shape == shape, "\(key)")
      let count = shape.reduce(1, *)
      #expect(array.tensor(as: Double.self).scalars == (0..<count).map { value($0, dtype) }, "\(key)")
      #expect(array.tensor(as: Float.self).scalars == (0..<count).map { Float(value($0, dtype)) }, "\(key)")
      if shape.count == 2, count > 0 {
        let middle = array.array.rows(1..<2, as: Double.self)
        #expect((0..<2).map { middle.span[$0] } == (2..<4).map { value($0, dtype) }, "\(key)")
      }
    }
  }

  /// Mapped numbers are used where they lie, and both axis orders agree.
  @Test func files() throws {
    #expect(try NPYFile(contentsOf: dataFixture("matrix.npy")).tensor(as: Float.self).scalars == [-1, -0.5, 0, 0.5, 1, 1.5])
    #expect(try NPYFile(contentsOf: dataFixture("fortran.npy")).tensor(as: Double.self).scalars == [-1, -0.5, 0, 0.5, 1, 1.5])
  }

  @Test func roundTrips() throws {
    let floats: [Float] = [1, -0.0, .infinity, .leastNonzeroMagnitude, .nan, 0.1]
    for shape in [[6], [2, 3], [1, 2, 3], [3, 2, 1, 1]] {
      let found = try NPYFile(bytes: NPYFile.bytes(of: floats, shape: shape)).tensor(as: Float.self)
      #expect(found.shape == shape)
      #expect(found.scalars.map(\.bitPattern) == floats.map(\.bitPattern))
    }
    #expect(try NPYFile(bytes: NPYFile.bytes(of: [2.5], shape: [])).tensor(as: Double.self).scalars == [2.5])
    #expect(try NPYFile(bytes: NPYFile.bytes(of: [Int](), shape: [0, 3])).shape == [0, 3])
    #expect(try NPYFile(bytes: NPYFile.bytes(of: [true, false], shape: [2])).tensor(as: Double.self).scalars == [1, 0])
    #expect(try NPYFile(bytes: NPYFile.bytes(of: [UInt16.max], shape: [1])).tensor(as: Double.self).scalars == [65535])
    // NumPy's own bytes.
    let matrix = try Data(contentsOf: URL(fileURLWithPath: dataFixture("matrix.npy")))
    #expect(try NPYFile.bytes(of: [-1, -0.5, 0, 0.5, 1, 1.5] as [Float], shape: [3, 2]).prefix(80) == [UInt8](matrix)[..<80])
    #expect(try NPYFile.bytes(of: [-1, -0.5, 0, 0.5, 1, 1.5] as [Float], shape: [3, 2]).count == 128 + 24)
    #expect(throws: NPYError(reason: .valueCountMismatch(shape: [2, 2], found: 1))) { try NPYFile.bytes(of: [1.0], shape: [2, 2]) }
    #expect(throws: NPYError(reason: .unrepresentableSize(shape: [1 << 40, 1 << 40]))) {
      try NPYFile.bytes(of: [1.0], shape: [1 << 40, 1 << 40])
    }
  }

  private func bytes(_ dictionary: String, version: [UInt8] = [1, 0], data: Int = 0) -> [UInt8] {
    let header = Array(dictionary.utf8)
    return NPYHeader.magic + version + [UInt8(header.count & 255), UInt8(header.count >> 8)] + (version[0] == 1 ? [] : [0, 0])
      + header + [UInt8](repeating: 0, count: data)
  }

  @Test func malformedHeaders() {
    func reason(_ bytes: [UInt8]) -> NPYError.Reason? {
      do {
        _ = try NPYFile(bytes: bytes)
        return nil
      } catch { return error.reason }
    }
    let f4 = "'descr': '<f4', 'fortran_order': False, "
    #expect(reason(bytes("{\(f4)'shape': (2,), }  \n", data: 8)) == nil)
    #expect(reason(bytes("{'shape':(2,1),\"fortran_order\":True,'descr':'<f4'}", version: [3, 0], data: 8)) == nil)
    let cases: [([UInt8], NPYError.Reason)] = [
      ([], .truncatedHeader(byteCount: 0, expected: 10)),
      (Array("hello world".utf8), .notNPY),
      (bytes("{}", version: [4, 0]), .version(major: 4, minor: 0)),
      (bytes("{\(f4)'shape': (2,), }", data: 7),
        .sizeMismatch(shape: [2], dtype: "<f4", expected: 8, found: 7)),
      (bytes("{\(f4)'shape': (2,), }", data: 9),
        .sizeMismatch(shape: [2], dtype: "<f4", expected: 8, found: 9)),
      (bytes("{\(f4)'shape': (4294967296, 4294967296), }"), .unrepresentableSize(shape: [1 << 32, 1 << 32])),
      (bytes("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }"), .dtype("|O")),
      (bytes("{'descr': '<c8', 'fortran_order': False, 'shape': (2,), }"), .dtype("<c8")),
      (bytes("{'descr': '|i4', 'fortran_order': False, 'shape': (2,), }"), .dtype("|i4")),
      (bytes("{'descr': [('a', '<f4')], }"), .malformedHeader(byte: 20, expected: "the dtype of plain numbers in quotes", found: "'['")),
      (bytes("{\(f4)'shape': (2), }"), .malformedHeader(byte: 62, expected: "','", found: "')'")),
      (bytes("{\(f4)'shape': (-2,), }"), .malformedHeader(byte: 61, expected: "a dimension", found: "'-'")),
      (bytes("{\(f4)'shape': (99999999999999999999,), }"),
        .malformedHeader(byte: 79, expected: "a dimension within \(Int.max)", found: "'9'")),
      (bytes("{\(f4)}"), .malformedHeader(byte: 10, expected: "descr, fortran_order and shape", found: "fewer")),
      (bytes("{\(f4)\(f4)}"), .malformedHeader(byte: 51, expected: "descr, fortran_order and shape, each once", found: "\"descr\"")),
      (bytes("{\(f4)'shape': (), } x"), .malformedHeader(byte: 66, expected: "only spaces and a line feed after the dictionary", found: "'x'")),
      (bytes("{\(f4)'shape': __import__('os')}"), .malformedHeader(byte: 60, expected: "'('", found: "'_'")),
      (bytes("{'descr': '<f4', 'fortran_order': 0}"), .malformedHeader(byte: 44, expected: "True or False", found: "'0'")),
    ]
    for (bytes, expected) in cases { #expect(reason(bytes) == expected, "\(String(decoding: bytes, as: UTF8.self))") }
    #expect("\(NPYError(path: "x.npy", reason: .notNPY))" == "x.npy: the first bytes are not NPY's, expected \\x93NUMPY")
  }

  @Test func truncationAndMutation() throws {
    let original = try NPYFile.bytes(of: [1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
    for count in 0..<original.count {
      #expect(throws: NPYError.self) { try NPYFile(bytes: Array(original[..<count])) }
    }
    #expect(throws: NPYError.self) { try NPYFile(bytes: original + [0]) }
    var generator = SplitMix64(state: 0x9127)
    for _ in 0..<20_000 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      do {
        let found = try NPYFile(bytes: bytes)
        #expect(found.tensor(as: Float.self).scalars.count <= 24)
      } catch { #expect(!"\(error)".contains("\n")) }
    }
  }
}
