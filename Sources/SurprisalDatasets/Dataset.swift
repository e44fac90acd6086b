import CDatasets
import SurprisalIO

extension surprisal_dataset {
    var contents: [UInt8] { unsafe [UInt8](UnsafeBufferPointer(start: bytes, count: count)) }

    func table(labels: String) -> CSVTable {
        do { return try CSVTable(contents: contents, labels: labels) } catch {
            fatalError("the embedded table: \(error)")
        }
    }
}
