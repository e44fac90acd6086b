import FoundationEssentials
import Surprisal

/// Writes rows of text and numbers as a CSV file.
///
/// Fields with a comma, a quote, a line break or a blank at an end stand in quotes. Numbers are the shortest decimals that
/// read back as the same number; NaN is an empty field, as every reader takes it.
public struct CSVWriter {
  public enum Field: Sendable, Equatable {
    case text(String)
    case integer(Int)
    case float(Float)
    case double(Double)
  }

  /// A row as it stands in the file, its line feed included.
  public static func line(_ fields: [Field]) -> [UInt8] {
    var line: [UInt8] = []
    for (place, field) in fields.enumerated() {
      if place > 0 { line.append(UInt8(ascii: ",")) }
      append(field, to: &line)
    }
    // Without its quotes, a row of one empty field would be a line without anything, which is none.
    if line.isEmpty { line += "\"\"".utf8 }
    line.append(UInt8(ascii: "\n"))
    return line
  }

  /// A field as it stands in a row of several.
  public static func append(_ field: Field, to line: inout [UInt8]) {
    switch field {
    case .text(let text): append(text, to: &line)
    case .integer(let value): line += value.description.utf8
    case .float(let value): if !value.isNaN { line += value.description.utf8 }
    case .double(let value): if !value.isNaN { line += value.description.utf8 }
    }
  }

  /// Writes rows so that `path` holds either what it held before or all of the new file.
  ///
  /// - Parameter rows: taken one after the other, so that they need not be in memory.
  /// - Throws: `CSVError` naming the path and the operating system's reason.
  public static func write(_ rows: some Sequence<[Field]>, to path: String) throws(CSVError) {
    do throws(FileFailure) {
      try AtomicFile.write(to: path) { write in
        var piece: [UInt8] = []
        for row in rows {
          piece += line(row)
          if piece.count >= 1 << 20 {
            try write(piece)
            piece.removeAll(keepingCapacity: true)
          }
        }
        try write(piece)
      }
    } catch { throw CSVError(error, path: path) }
  }

  /// Writes pieces of whole rows, so that `path` holds either what it held before or all of the new file.
  ///
  /// - Throws: what `body` throws, and `CSVError` as above.
  public static func write(to path: String, _ body: @escaping (_ write: ([UInt8]) throws -> Void) throws -> Void) throws {
    var thrown: (any Error)?
    do throws(FileFailure) {
      try AtomicFile.write(to: path) { write in
        do { try body(write) } catch {
          thrown = error
          throw error
        }
      }
    } catch {
      // What writing itself threw has a number of the operating system's.
      if let thrown, FileFailure.code(of: thrown) == nil { throw thrown }
      throw CSVError(error, path: path)
    }
  }

  private static func append(_ text: String, to line: inout [UInt8]) {
    let needsQuotes = text.utf8.contains { [0x22, 0x2C, 0x0A, 0x0D].contains($0) } || text.hasPrefix(" ") || text.hasSuffix(" ")
      // A row that began with the mark of UTF-8 would lose it.
      || text.unicodeScalars.first == "\u{FEFF}"
    if !needsQuotes {
      line += text.utf8
      return
    }
    line.append(0x22)
    for byte in text.utf8 {
      if byte == 0x22 { line.append(0x22) }
      line.append(byte)
    }
    line.append(0x22)
  }
}
