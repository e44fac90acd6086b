import Surprisal

/// Handwritten digits, 8 × 8 pixels: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI
/// Machine Learning Repository, 1998 (its test part); CC BY 4.0.
struct Digits {
    let training, heldOut: (pixels: [Float], digits: [Int])
    static let pixelCount = 64
    static let classCount = 10

    /// The embedded table, pixels scaled to 0...1, every fifth row held out.
    init() {
        var parts: [(pixels: [Float], digits: [Int])] = [([], []), ([], [])]
        let lines = PackageResources.digits_csv.split(separator: UInt8(ascii: "\n")).dropFirst()
        for (row, line) in lines.enumerated() {
            let fields = line.split(separator: UInt8(ascii: ",")).map { field in
                field.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
            }
            guard fields.count == Self.pixelCount + 1 else { fatalError("digits.csv: row \(row) has \(fields.count) fields") }
            let part = row % 5 == 4 ? 1 : 0
            parts[part].pixels += fields.dropLast().map { Float($0) / 16 }
            parts[part].digits.append(fields[Self.pixelCount])
        }
        (training, heldOut) = (parts[0], parts[1])
    }
}
