import Foundation

/// Files of a report: whole or not at all.
enum ReportFile {
    static func requireWritable(_ path: String) throws {
        let folder = URL(filePath: path).deletingLastPathComponent().path(percentEncoded: false)
        var isFolder: ObjCBool = false
        guard unsafe FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
            throw CommandFailure("\(path): there is no folder \(folder)")
        }
        if unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
            throw CommandFailure("\(path) is a folder; expected a file's name")
        }
        guard FileManager.default.isWritableFile(atPath: folder) else { throw CommandFailure("\(path): cannot write in \(folder)") }
    }

    static func write(_ data: Data, to path: String) throws {
        do {
            try data.write(to: URL(filePath: path), options: .atomic)
        } catch {
            throw CommandFailure("\(path): \(error.localizedDescription)")
        }
    }
}
