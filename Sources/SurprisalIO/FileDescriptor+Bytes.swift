import Glibc
import SystemPackage

extension FileDescriptor {
  /// What is there to be read, at most `count` bytes; none at the end. Waits for the first of them only: of a pipe, the
  /// rows that were sent are not kept back for those that were not.
  func bytes(upTo count: Int) throws -> [UInt8] {
    try unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      repeat {
        let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[filled...])
        let added = try unsafe read(into: rest)
        if added == 0 { return }
        filled += added
      } while filled < count && isReadable
    }
  }

  private var isReadable: Bool {
    var request = pollfd(fd: rawValue, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&request, 1, 0) > 0
  }
}
