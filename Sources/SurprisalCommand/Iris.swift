import SurprisalIO

/// The lengths of 150 irises of three species: R. A. Fisher, "The use of multiple measurements in taxonomic problems",
/// 1936; UCI Machine Learning Repository; CC BY 4.0.
enum Iris {
    /// The embedded table.
    static var table: CSVTable {
        do { return try CSVTable(contents: PackageResources.iris_csv, labels: "species") } catch {
            fatalError("iris.csv: \(error)")
        }
    }
}
