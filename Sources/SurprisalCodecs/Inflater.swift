import CZlib

/// Restores what deflate has compressed, some bytes at a time.
@safe package final class Inflater {
    package enum Format: Sendable {
        /// Deflated bytes alone, as in a zip file.
        case deflate
        /// With gzip's header and its checksum, which is checked.
        case gzip
    }

    package enum Failure: Error, Equatable {
        /// What zlib says of the byte, counted from where the compressed bytes begin.
        case malformed(problem: String, byte: Int)
        case outOfMemory
    }

    private var stream = unsafe z_stream()
    private(set) package var isAtEnd = false

    package init(_ format: Format) throws(Failure) {
        guard unsafe cz_inflate_init(&stream, format == .gzip ? 31 : -15) == Z_OK else { throw .outOfMemory }
    }

    deinit { _ = unsafe inflateEnd(&stream) }

    /// Compressed bytes that were taken so far.
    package var takenCount: Int { unsafe Int(stream.total_in) }

    /// Appends what `bytes` hold to `output`, at most `limit` bytes of it; returns how many of them were used.
    package func take(_ bytes: Span<UInt8>, into output: inout [UInt8], limit: Int) throws(Failure) -> Int {
        if isAtEnd || limit <= 0 { return 0 }
        let pieceCount = min(limit, 1 << 20), before = takenCount
        // zlib counts in 32 bits.
        let input = bytes.extracting(first: 1 << 30)
        var status = Z_OK
        let piece = unsafe [UInt8](unsafeUninitializedCapacity: pieceCount) { piece, count in
            unsafe input.withUnsafeBufferPointer { input in
                // zlib does not write to its input, whatever its type says.
                unsafe stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                unsafe stream.avail_in = UInt32(input.count)
                unsafe stream.next_out = piece.baseAddress
                unsafe stream.avail_out = UInt32(pieceCount)
                status = unsafe inflate(&stream, Z_NO_FLUSH)
                count = unsafe pieceCount - Int(stream.avail_out)
                unsafe stream.next_in = nil
                unsafe stream.next_out = nil
            }
        }
        output.append(contentsOf: piece)
        switch status {
        case Z_STREAM_END: isAtEnd = true
        // No progress was possible: there was no input.
        case Z_OK, Z_BUF_ERROR: break
        case Z_MEM_ERROR: throw .outOfMemory
        default:
            let text = unsafe stream.msg.map { unsafe String(cString: $0) } ?? "zlib error \(status)"
            throw .malformed(problem: text, byte: takenCount)
        }
        return takenCount - before
    }

    /// The checksum of zip and gzip.
    package static func crc32(_ bytes: Span<UInt8>) -> UInt32 {
        unsafe bytes.withUnsafeBufferPointer { unsafe UInt32(truncatingIfNeeded: crc32_z(0, $0.baseAddress, $0.count)) }
    }
}
