import CDatasets
import SurprisalIO

/// The lengths of 150 irises of three species: R. A. Fisher, "The use of multiple measurements in taxonomic problems",
/// 1936; UCI Machine Learning Repository; CC BY 4.0.
package enum Iris {
    /// The embedded table.
    package static var table: Table<Double> {
        unsafe surprisal_iris_csv.table(labels: "species")
    }
}
