import Foundation
import Surprisal
import Testing

@testable import SurprisalIO

@Suite struct NPZTests {
  private func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: dataFixture(name))))
  }

  private let features: [Float] = (0..<12).map { Float($0 - 2) / 2 }

  @Test(arguments: ["stored.npz", "deflated.npz", "zip64.npz"]) func tables(name: String) throws {
    let table = try Table<Float>(contentsOf: dataFixture(name))
    #expect(table.features.shape == [4, 3])
    #expect(table.features.scalars == features)
    #expect(table.classNames == ["-1", "3", "7"])
    #expect(table.classes == [2, 1, 2, 0])
  }

  @Test func namesOfArrays() throws {
    let path = dataFixture("unusual.npz")
    let error = #expect(throws: TableError.self) { try Table<Float>(contentsOf: path) }
    #expect(error.map { "\($0)" } == "\(path): no array \"features\" or \"input\" or \"x\" or \"X\", expected one of \"a\", \"b\", \"c\"")
    #expect(throws: TableError.noArray(path: path, expected: ["d"], keys: ["a", "b", "c"])) {
      try Table<Float>(contentsOf: path, labels: .named("d"))
    }
    #expect(throws: TableError.npz(NPZError(path: path, member: "d", reason: .noSuchMember(keys: ["a", "b", "c"])))) {
      try NPZFile(contentsOf: path).array(named: "d")
    }
  }

  /// Every byte that is cut or changed gives an error, the same numbers, or other names; never other numbers.
  @Test(arguments: ["stored.npz", "deflated.npz", "zip64.npz"]) func truncationAndMutation(name: String) throws {
    let original = try bytes(name)
    for count in 0..<original.count {
      #expect(throws: NPZError.self) { try NPZFile(bytes: Array(original[..<count])) }
    }
    for place in original.indices {
      for change: UInt8 in [1, 0x80, 0xFF] {
        var bytes = original
        bytes[place] ^= change
        guard let file = try? NPZFile(bytes: bytes) else { continue }
        for key in file.keys where key == "features" || key == "X" {
          do {
            let found = try file.array(named: key)
            #expect(found.tensor(as: Float.self).scalars == features)
          } catch { #expect(!"\(error)".contains("\n")) }
        }
      }
    }
  }

  @Test func checksum() throws {
    var bytes = try bytes("stored.npz")
    // The last byte of the first array: before the second local header.
    let second = try #require(bytes.indices.dropFirst(4).first { Array(bytes[$0..<$0 + 4]) == [0x50, 0x4B, 3, 4] })
    bytes[second - 1] ^= 1
    let error = #expect(throws: TableError.self) { try NPZFile(bytes: bytes).array(named: "features") }
    guard case .npz(let inner) = error, case .checksum = inner.reason else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func anEmptyZip() throws {
    let empty: [UInt8] = [0x50, 0x4B, 5, 6] + [UInt8](repeating: 0, count: 18)
    #expect(try NPZFile(bytes: empty).keys.isEmpty)
    #expect(throws: NPZError(reason: .notZip(byteCount: 0))) { try NPZFile(bytes: []) }
  }
}
