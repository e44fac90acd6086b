import Foundation
import Surprisal
import Testing

@testable import SurprisalIO

@Suite struct IDXTests {
  private func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: dataFixture(name))))
  }

  private let pixels = (0..<24).map { Float($0 * 10 % 251) }

  @Test(arguments: ["images.idx", "images.idx.gz"]) func imagesAndLabels(name: String) throws {
    let table = try Table<Float>(contentsOf: dataFixture(name), labels: .file(dataFixture("labels.idx")))
    #expect(table.features.shape == [4, 6])
    #expect(table.features.scalars == pixels)
    #expect(table.classNames == ["0", "3", "9"])
    #expect(table.classes == [1, 0, 1, 2])
    #expect(try IDXFile(contentsOf: dataFixture(name)).tensor(as: Double.self).shape == [4, 3, 2])
  }

  @Test(arguments: ["i1", "i2", "i4", "f4", "f8"]) func types(name: String) throws {
    let tensor = try IDXFile(contentsOf: dataFixture("\(name).idx")).tensor(as: Double.self)
    #expect(tensor.shape == [2, 3])
    #expect(tensor.scalars == [-2, -1, 0, 1, 2, 3])
  }

  @Test func malformed() throws {
    func reason(_ bytes: [UInt8]) -> IDXError.Reason? {
      do {
        _ = try IDXFile(bytes: bytes)
        return nil
      } catch { return error.reason }
    }
    #expect(reason([]) == .truncatedHeader(byteCount: 0, expected: 4))
    #expect(reason([0, 1, 8, 1]) == .notIDX)
    #expect(reason([0, 0, 7, 1, 0, 0, 0, 0]) == .type(7))
    #expect(reason([0, 0, 8, 2, 0, 0, 0, 1]) == .truncatedHeader(byteCount: 8, expected: 12))
    #expect(reason([0, 0, 8, 1, 0, 0, 0, 2, 5]) == .sizeMismatch(shape: [2], expected: 2, found: 1))
    #expect(reason([0, 0, 14, 2, 255, 255, 255, 255, 255, 255, 255, 255]) == .unrepresentableSize(shape: [4_294_967_295, 4_294_967_295]))
    for name in ["images.idx", "images.idx.gz"] {
      let whole = try bytes(name)
      for count in 0..<whole.count { #expect(throws: IDXError.self) { try IDXFile(bytes: Array(whole[..<count])) } }
      #expect(throws: IDXError.self) { try IDXFile(bytes: whole + [1]) }
    }
    let gzip = try bytes("images.idx.gz")
    #expect(reason(gzip + [1, 2]) == .bytesAfterGzip(byte: gzip.count))
    #expect(reason(Array(gzip.dropLast())) == .truncatedGzip(byteCount: gzip.count - 1))
    for place in gzip.indices.dropFirst(10) {
      var changed = gzip
      changed[place] ^= 0x10
      // The bits after the end of the deflated ones say nothing.
      if let found = try? IDXFile(bytes: changed) { #expect(found.tensor(as: Float.self).scalars == pixels) }
    }
  }
}
