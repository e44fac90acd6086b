import CDatasets
import SurprisalIO

/// Handwritten digits, 8 × 8 pixels: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI
/// Machine Learning Repository, 1998 (its test part); CC BY 4.0.
package struct Digits {
    package let training, heldOut: (pixels: [Float], digits: [Int])
    package static let pixelCount = 64
    package static let classCount = 10
    package static let largestPixel = 16

    /// The embedded table as it is, pixels 0 to 16.
    package static var table: Table<Double> {
        unsafe surprisal_digits_csv.table(labels: "digit")
    }

    /// The embedded table, pixels scaled to 0...1, every fifth row held out.
    package init() {
        var parts: [(pixels: [Float], digits: [Int])] = [([], []), ([], [])]
        let table = Self.table, values = table.features.scalars, classes = table.classes ?? []
        for row in 0..<table.rowCount {
            let part = row % 5 == 4 ? 1 : 0
            parts[part].pixels += values[row * Self.pixelCount..<(row + 1) * Self.pixelCount].map {
                Float($0) / Float(Self.largestPixel)
            }
            parts[part].digits.append(classes[row])
        }
        (training, heldOut) = (parts[0], parts[1])
    }
}
