import Foundation

@testable import SurprisalIO

/// The bytes of a file with `header` and `dataByteCount` bytes of data counting up from 0.
func safetensorsBytes(header: some Sequence<UInt8>, dataByteCount: Int = 0) -> [UInt8] {
  let header = Array(header)
  let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
  return length + header + (0..<dataByteCount).map { UInt8(truncatingIfNeeded: $0) }
}

func safetensorsBytes(header: String, dataByteCount: Int = 0) -> [UInt8] {
  safetensorsBytes(header: header.utf8, dataByteCount: dataByteCount)
}

/// The path of a file that the reference implementation wrote.
func fixturePath(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures/\(name).safetensors").path
}

/// A folder of its own for one test.
struct TemporaryFolder {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory
      .appendingPathComponent("surprisal-io-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  /// Removes the folder with all it holds.
  func remove() { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Everything in the folder, hidden files included.
  func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path).sorted()
  }
}

/// Runs a program to its end; true if it could be started and succeeded.
@discardableResult
func run(_ program: String, _ arguments: String...) -> Bool {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = [program] + arguments
  process.standardError = FileHandle.nullDevice
  do { try process.run() } catch { return false }
  process.waitUntilExit()
  return process.terminationStatus == 0
}

func permissions(_ path: String) throws -> Int? {
  try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
}
