import Foundation
import Testing

@testable import SurprisalIO

@Suite struct SafetensorsFileSystemTests {
  private func writer(_ value: Float = 1, count: Int = 1) throws -> SafetensorsWriter {
    var writer = SafetensorsWriter()
    try writer.add("a", shape: [count], values: [Float](repeating: value, count: count))
    return writer
  }

  // MARK: Reading

  @Test func missingFile() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let path = folder.file("absent.safetensors")
    let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(contentsOf: path) }
    #expect(error.map { "\($0)" } == "\(path): cannot read: No such file or directory (errno 2)")
  }

  @Test func emptyFile() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let path = folder.file("empty.safetensors")
    try Data().write(to: URL(fileURLWithPath: path))
    #expect(throws: SafetensorsError(path: path, reason: .truncatedLength(byteCount: 0))) {
      try SafetensorsFile(contentsOf: path)
    }
  }

  @Test func folderInsteadOfAFile() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    #expect(
      throws: SafetensorsError(path: folder.path, reason: .notRegularFile(kind: "a directory"))
    ) { try SafetensorsFile(contentsOf: folder.path) }
  }

  /// Opening a pipe nobody writes to would wait for ever.
  @Test(.timeLimit(.minutes(1))) func pipe() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let path = folder.file("pipe")
    try #require(run("mkfifo", path))
    let reason = SafetensorsError.Reason.notRegularFile(kind: "a pipe or another special file")
    #expect(throws: SafetensorsError(path: path, reason: reason)) {
      try SafetensorsFile(contentsOf: path)
    }
    #expect(throws: SafetensorsError(path: path, reason: reason)) { try writer().write(to: path) }
  }

  @Test func pathsThatAreNone() throws {
    for (path, problem) in [
      ("", "the path is empty"), ("a\0b", "the path contains a NUL character"),
    ] {
      #expect(
        throws: SafetensorsError(path: path, reason: .file(operation: "read", problem: problem))
      ) { try SafetensorsFile(contentsOf: path) }
      #expect(
        throws: SafetensorsError(path: path, reason: .file(operation: "write", problem: problem))
      ) { try writer().write(to: path) }
    }
  }

  @Test(.enabled(if: geteuid() != 0, "root reads files whatever their permissions"))
  func unreadableFile() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let path = folder.file("secret.safetensors")
    try writer().write(to: path)
    try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: path)
    let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(contentsOf: path) }
    #expect(error.map { "\($0)" } == "\(path): cannot read: Permission denied (errno 13)")
  }

  /// A terabyte of nothing is refused by its first bytes, not read.
  @Test(.timeLimit(.minutes(1))) func hugeFileOfAnotherKind() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let path = folder.file("huge")
    try Data("PK\u{3}\u{4}not tensors".utf8).write(to: URL(fileURLWithPath: path))
    try #require(run("truncate", "--size=1T", path))
    let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(contentsOf: path) }
    guard case .headerTooLong = error?.reason else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func symbolicLinks() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let files = FileManager.default
    try files.createDirectory(atPath: folder.file("data"), withIntermediateDirectories: false)
    try files.createSymbolicLink(
      atPath: folder.file("second"), withDestinationPath: "data/model.safetensors")
    try files.createSymbolicLink(atPath: folder.file("first"), withDestinationPath: "second")
    try files.createSymbolicLink(atPath: folder.file("circle"), withDestinationPath: "circle")

    // The link may lead to a file that is still to come.
    try writer(1).write(to: folder.file("first"))
    try writer(2).write(to: folder.file("first"))
    #expect(try SafetensorsFile(contentsOf: folder.file("first")).floats(of: "a") == [2])
    #expect(
      try SafetensorsFile(contentsOf: folder.file("data/model.safetensors")).floats(of: "a") == [2])
    #expect(try files.destinationOfSymbolicLink(atPath: folder.file("first")) == "second")
    #expect(throws: SafetensorsError.self) {
      try SafetensorsFile(contentsOf: folder.file("circle"))
    }
    #expect(try folder.names() == ["circle", "data", "first", "second"])
  }

  // MARK: Writing

  @Test func relativePath() throws {
    let error = #expect(throws: SafetensorsError.self) {
      try SafetensorsFile(contentsOf: "no-such-folder/absent.safetensors")
    }
    #expect(error?.path == "no-such-folder/absent.safetensors")
  }

  @Test func folderAsTarget() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let path = folder.file("model.safetensors")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    try Data([1]).write(to: URL(fileURLWithPath: path + "/inside"))
    #expect(throws: SafetensorsError(path: path, reason: .notRegularFile(kind: "a directory"))) {
      try writer().write(to: path)
    }
    #expect(try folder.names() == ["model.safetensors"])
    #expect(FileManager.default.fileExists(atPath: path + "/inside"))
  }

  /// Root may put a file in a device's place, which would break the machine. A link in a folder of
  /// the test's own, because the check must fail before anything near the device is touched.
  @Test(.enabled(if: geteuid() == 0, "only root makes devices")) func deviceAsTarget() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let path = folder.file("device")
    try #require(run("mknod", path, "c", "1", "3"))
    #expect(
      throws: SafetensorsError(path: path, reason: .notRegularFile(kind: "a character device"))
    ) { try writer().write(to: path) }
    let type = try FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
    #expect(type == .typeCharacterSpecial)
  }

  @Test func folderThatIsMissing() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let path = folder.file("none/model.safetensors")
    let error = #expect(throws: SafetensorsError.self) { try writer().write(to: path) }
    #expect(
      error.map { "\($0)" }
        == "\(path): cannot create a temporary file in the folder of the target: No such file or directory (errno 2)"
    )
    #expect(try folder.names() == [])
  }

  @Test func fileAsFolder() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    try writer().write(to: folder.file("file"))
    let path = folder.file("file/model.safetensors")
    let error = #expect(throws: SafetensorsError.self) { try writer().write(to: path) }
    #expect(error.map { "\($0)" } == "\(path): cannot write: Not a directory (errno 20)")
  }

  /// Not even root makes files there.
  @Test func folderThatNobodyWrites() throws {
    let error = #expect(throws: SafetensorsError.self) {
      try writer().write(to: "/proc/self/model.safetensors")
    }
    guard case .file(operation: _, let problem) = error?.reason else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(problem.contains("errno"))
  }

  @Test(.enabled(if: geteuid() != 0, "root writes to folders whatever their permissions"))
  func readOnlyFolder() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let path = folder.file("model.safetensors")
    try writer(1).write(to: path)
    try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: folder.path)
    defer {
      try? FileManager.default.setAttributes(
        [.posixPermissions: 0o755], ofItemAtPath: folder.path)
    }
    #expect(throws: SafetensorsError.self) { try writer(2).write(to: path) }
    #expect(try folder.names() == ["model.safetensors"])
    #expect(try SafetensorsFile(contentsOf: path).floats(of: "a") == [1])
  }

  @Test(arguments: [0o600, 0o644, 0o640, 0o444]) func permissionsOfAnExistingFile(mode: Int) throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let path = folder.file("model.safetensors")
    try writer(1).write(to: path)
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    try writer(2).write(to: path)
    #expect(try permissions(path) == mode)
    #expect(try SafetensorsFile(contentsOf: path).floats(of: "a") == [2])
    #expect(try folder.names() == ["model.safetensors"])
  }

  /// A new file has the permissions that any other new file of the process has.
  @Test func permissionsOfANewFile() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    try writer().write(to: folder.file("new.safetensors"))
    try Data().write(to: URL(fileURLWithPath: folder.file("plain")))
    #expect(try permissions(folder.file("new.safetensors")) == permissions(folder.file("plain")))
  }

  @Test func concurrentWritersOfOnePath() async throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let path = folder.file("model.safetensors")
    try await withThrowingTaskGroup { group in
      for value in 1...8 {
        let writer = try writer(Float(value), count: 5000)
        group.addTask { try writer.write(to: path) }
      }
      try await group.waitForAll()
    }
    let values = try SafetensorsFile(contentsOf: path).floats(of: "a")
    #expect(values.count == 5000 && Set(values).count == 1)
    #expect(try folder.names() == ["model.safetensors"])
  }

  @Test(.enabled(if: SmallDisk.isAvailable, "needs root and unshare to mount a small file system"))
  func fullDisk() throws {
    let disk = try SmallDisk()
    defer { disk.unmount() }
    let path = disk.path + "/model.safetensors"
    try writer(1).write(to: path)
    for target in [path, disk.path + "/new.safetensors"] {
      let error = #expect(throws: SafetensorsError.self) {
        try writer(2, count: 1 << 20).write(to: target)
      }
      #expect(
        error.map { "\($0)" } == "\(target): cannot write: No space left on device (errno 28)")
    }
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: disk.path) == ["model.safetensors"])
    #expect(try SafetensorsFile(contentsOf: path).floats(of: "a") == [1])
  }
}

/// A file system of 64 KiB, mounted where only a child process and who looks through it see it.
struct SmallDisk {
  private let folder: TemporaryFolder
  private let holder = Process()
  private let input = Pipe()
  let path: String

  static var isAvailable: Bool { geteuid() == 0 && run("unshare", "--mount", "true") }

  init() throws {
    folder = try TemporaryFolder()
    let output = Pipe()
    holder.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    holder.arguments = [
      "unshare", "--mount", "--propagation", "private", "sh", "-c",
      #"mount -t tmpfs -o size=64k surprisal "$0" && echo mounted && read line"#, folder.path,
    ]
    holder.standardInput = input
    holder.standardOutput = output
    try holder.run()
    path = "/proc/\(holder.processIdentifier)/root\(folder.path)"
    // The mount is there once the child says so, and gone with the child.
    let answer = try output.fileHandleForReading.read(upToCount: 8) ?? Data()
    try #require(String(decoding: answer, as: UTF8.self) == "mounted\n")
  }

  func unmount() {
    try? input.fileHandleForWriting.close()
    holder.waitUntilExit()
    folder.remove()
  }
}
