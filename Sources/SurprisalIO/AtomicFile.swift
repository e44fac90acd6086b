import FoundationEssentials
import Glibc
import SystemPackage

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
    let file: FileDescriptor
    do {
      // As C's fopen, less the process's mask.
      file = try FileDescriptor.open(
        FilePath(temporary.path), .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
        permissions: FilePermissions(rawValue: 0o666))
    } catch {
      throw FileFailure("create a temporary file in the folder of the target", error)
    }
    do {
      try file.closeAfter {
        // Before the first byte, so that none can be read by those who may not.
        if let existing = target.existing { try require(fchmod(file.rawValue, existing.permissions.rawValue)) }
        try body { bytes in try file.writeAll(bytes) }
        try require(fsync(file.rawValue))
      }
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
      let file = try FileDescriptor.open(FilePath(folder.path), .readOnly, options: .closeOnExec)
      try file.closeAfter { try require(fsync(file.rawValue)) }
    } catch where FileFailure.code(of: error) == EINVAL {
      // The file system keeps no folders that could be flushed.
    } catch {
      throw FileFailure("flush the folder", error)
    }
  }

  /// Gives the file at `source` the name `target`, in one step and over what had that name.
  private static func rename(_ source: String, to target: String) throws {
    // Foundation has no sound form of it: moveItem refuses an existing
    // target, and replaceItemAt of Swift 6.3.1 may rename the old file over the new one. Both
    // strings are borrowed for the call alone.
    try unsafe require(Glibc.rename(source, target))
  }

  /// Throws the reason when a system call says that it has failed.
  private static func require(_ status: Int32) throws {
    guard status == 0 else { throw Errno(rawValue: errno) }
  }
}
