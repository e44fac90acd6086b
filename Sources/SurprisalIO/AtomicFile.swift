import Foundation
import Glibc

/// Replaces files as a whole.
enum AtomicFile {
  /// Gives `path` the bytes that `body` hands to its argument, or leaves it as it was.
  ///
  /// - Throws: `FileFailure`; the temporary file is removed. When only the last step fails, flushing
  ///   the folder, the new file is in place but might not survive a power cut.
  static func write(
    to path: String, _ body: (_ write: ([UInt8]) throws -> Void) throws -> Void
  ) throws(FileFailure) {
    let target = try RegularFile(path: path, to: "write")
    let folder = target.url.deletingLastPathComponent()
    // Hidden and unlike any other: two writers of one path must not share it.
    let temporary = folder.appendingPathComponent(".\(UUID().uuidString).partial")
    do {
      // Created empty, so that nothing can be read before the permissions are set.
      try Data().write(to: temporary, options: .withoutOverwriting)
    } catch {
      throw FileFailure("create a temporary file in the folder of the target", error)
    }
    do {
      // Opened first: the permissions to come may forbid writing.
      let handle = try FileHandle(forWritingTo: temporary)
      defer { try? handle.close() }
      if let existing = target.existing {
        try FileManager.default.setAttributes(
          [.posixPermissions: existing.permissions], ofItemAtPath: temporary.path)
      }
      try body { bytes in try handle.write(contentsOf: bytes) }
      try handle.synchronize()
      try handle.close()
    } catch {
      try? FileManager.default.removeItem(at: temporary)
      throw FileFailure("write", error)
    }
    do {
      try rename(temporary.path, to: target.url.path)
    } catch {
      try? FileManager.default.removeItem(at: temporary)
      throw FileFailure("replace", error)
    }
    do {
      let handle = try FileHandle(forReadingFrom: folder)
      defer { try? handle.close() }
      try handle.synchronize()
    } catch where FileFailure.code(of: error) == EINVAL {
      // The file system keeps no folders that could be flushed.
    } catch {
      throw FileFailure("flush the folder", error)
    }
  }

  /// Gives the file at `source` the name `target`, in one step and over what had that name.
  private static func rename(_ source: String, to target: String) throws {
    // The one system call that Foundation has no sound form of: moveItem refuses an existing
    // target, and replaceItemAt of Swift 6.3.1 may rename the old file over the new one. Both
    // strings are borrowed for the call alone.
    guard unsafe Glibc.rename(source, target) == 0 else {
      throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
    }
  }
}
