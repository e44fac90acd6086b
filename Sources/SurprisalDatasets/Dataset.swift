import CDatasets
import SurprisalIO

extension surprisal_dataset {
    var contents: [UInt8] { unsafe [UInt8](UnsafeBufferPointer(start: bytes, count: count)) }

    func table(labels: String) -> Table<Double> {
        do { return try unsafe Table(csv: contents, labels: .named(labels)) } catch {
            fatalError("the embedded table: \(error)")
        }
    }
}
