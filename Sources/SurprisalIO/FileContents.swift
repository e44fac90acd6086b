import FoundationEssentials
import SurprisalKernels

/// The bytes of a file, in memory or where they lie.
enum FileContents: Sendable {
  case copied(Data)
  case restored([UInt8])
  case mapped(FileMapping)

  var byteCount: Int {
    switch self {
    case .copied(let data): data.count
    case .restored(let bytes): bytes.count
    case .mapped(let mapping): mapping.byteCount
    }
  }

  /// How long the file is now, when another program has made it shorter than the bytes that are mapped.
  var shortenedByteCount: Int? {
    if case .mapped(let mapping) = self, !mapping.isWhole { mapping.currentByteCount ?? 0 } else { nil }
  }

  func withSpan<R, E>(_ range: Range<Int>, _ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
    switch self {
    case .copied(let data): try body(data.span.extracting(range))
    case .restored(let bytes): try body(bytes.span.extracting(range))
    case .mapped(let mapping): try body(mapping.bytes.extracting(range))
    }
  }

  func array(_ range: Range<Int>) -> [UInt8] {
    withSpan(range) { span in
      [UInt8](capacity: span.count) { output in for i in span.indices { output.append(span[i]) } }
    }
  }

  /// What `body` reads out of a range, unless the file has become shorter: whatever was found wrong came of that.
  func parsed<R>(_ range: Range<Int>, path: String?, _ body: (Span<UInt8>) throws(CSVError) -> R) throws(CSVError) -> R {
    let result: Result<R, CSVError> = withSpan(range) { bytes in
      do throws(CSVError) { return .success(try body(bytes)) } catch { return .failure(error) }
    }
    if let found = shortenedByteCount {
      throw CSVError(path: path, reason: .shortened(byteCount: byteCount, found: found))
    }
    return try result.get()
  }
}
