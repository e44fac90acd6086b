import FoundationEssentials
import SurprisalKernels
import SystemPackage

/// A path that leads, through any symbolic links, to a regular file or to nothing.
///
/// Directories, pipes and devices are refused before they are opened: reading a pipe could wait
/// for ever, and replacing a device by a file, which root may do, would destroy it.
struct RegularFile {
  /// Linux's own limit on the links of one path.
  private static let linkLimit = 40

  /// The path, or what it leads to when it is a symbolic link.
  let url: URL
  /// The permission bits and size, or nil when there is no file.
  let existing: (permissions: FilePermissions, byteCount: Int)?

  init(path: String, to operation: String) throws(FileFailure) {
    guard !path.isEmpty else {
      throw FileFailure.operation(operation, problem: "the path is empty")
    }
    guard !path.hasSuffix("/") else {
      throw FileFailure.operation(operation, problem: "the path ends in a slash; expected a file's")
    }
    // C's file functions would stop at the NUL and use another file.
    guard !path.utf8.contains(0) else {
      throw FileFailure.operation(operation, problem: "the path contains a NUL character")
    }
    var url = URL(fileURLWithPath: path)
    do {
      var status = try Stat(FilePath(url.path), followTargetSymlink: false)
      // Links in the folders are the kernel's to follow, some of which have no textual target.
      for _ in 0..<Self.linkLimit where status.type == .symbolicLink {
        let target = try FileManager.default.destinationOfSymbolicLink(atPath: url.path)
        url = URL(fileURLWithPath: target, relativeTo: url.deletingLastPathComponent()).absoluteURL
        status = try Stat(FilePath(url.path), followTargetSymlink: false)
      }
      guard status.type == .regular else { throw FileFailure.notRegularFile(kind: Self.name(of: status.type)) }
      existing = (status.permissions, Int(status.size))
    } catch let failure as FileFailure {
      throw failure
    } catch where FileFailure.code(of: error) == Errno.noSuchFileOrDirectory.rawValue {
      existing = nil
    } catch {
      throw FileFailure(operation, error)
    }
    self.url = url
  }

  private static func name(of type: FileType) -> String {
    switch type {
    case .directory: "a directory"
    case .symbolicLink: "a circle of symbolic links"
    case .characterSpecial: "a character device"
    case .blockSpecial: "a block device"
    case .socket: "a socket"
    default: "a pipe or another special file"
    }
  }

  /// The first `count` bytes, fewer when the file is shorter.
  func prefix(_ count: Int) throws(FileFailure) -> Data {
    do {
      let file = try FileDescriptor.open(FilePath(url.path), .readOnly, options: .closeOnExec)
      return try file.closeAfter { Data(try file.bytes(upTo: count)) }
    } catch {
      throw FileFailure("read", error)
    }
  }

  /// The file as memory, which ends the program when another one truncates the file.
  func mapping() throws(FileFailure) -> FileMapping {
    do throws(FileMapping.Failure) {
      return try FileMapping(path: url.path)
    } catch {
      throw FileFailure("map", Errno(rawValue: error.code))
    }
  }

  /// The whole file, copied: no other program can take it away again.
  func contents() throws(FileFailure) -> Data {
    do {
      return try Data(contentsOf: url)
    } catch {
      throw FileFailure("read", error)
    }
  }
}
