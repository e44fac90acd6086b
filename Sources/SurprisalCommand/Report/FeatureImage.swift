import FoundationEssentials

/// A row of features as a square picture in levels of grey, the larger the darker.
struct FeatureImage {
    /// A row of fewer features is hardly a picture.
    static let leastSide = 5
    /// Larger pictures are reduced to at most this.
    static let mostSide = 64
    private static let levels = 32.0

    /// The side of a square of so many features, or nil when they are none.
    static func side(of featureCount: Int) -> Int? {
        let side = Int(Double(featureCount).squareRoot().rounded())
        return side * side == featureCount && side >= leastSide ? side : nil
    }

    private let side: Int
    /// From 0 to 1; NaN where the file has no number.
    private let values: [Double]

    /// - Parameters:
    ///   - features: in row-major order, `side * side`.
    ///   - range: drawn from white to black.
    init(_ features: some RandomAccessCollection<Float>, side full: Int, range: ClosedRange<Float>) {
        let factor = (full + Self.mostSide - 1) / Self.mostSide, pixels = Array(features)
        side = (full + factor - 1) / factor
        let low = Double(range.lowerBound), span = Double(range.upperBound) - low
        var values: [Double] = []
        for top in stride(from: 0, to: full, by: factor) {
            for left in stride(from: 0, to: full, by: factor) {
                var sum = 0.0, count = 0.0
                for y in top..<min(top + factor, full) {
                    for x in left..<min(left + factor, full) {
                        sum += Double(pixels[y * full + x])
                        count += 1
                    }
                }
                values.append(span > 0 || !sum.isFinite ? (sum / count - low) / span : 0)
            }
        }
        self.values = values
    }

    /// A path a level, of runs of pixels along the rows.
    func svg(title: String) -> String {
        var paths: [Int: String] = [:]
        for y in 0..<side {
            var x = 0
            while x < side {
                let level = self.level(x, y), start = x
                while x < side, self.level(x, y) == level { x += 1 }
                if let level, level > 0 { paths[level, default: ""] += "M\(start) \(y)h\(x - start)v1h-\(x - start)z" }
                if level == nil { paths[-1, default: ""] += "M\(start) \(y)h\(x - start)v1h-\(x - start)z" }
            }
        }
        let drawn = paths.sorted { $0.key < $1.key }.map { level, path in
            level < 0 ? "<path class=\"missing\" d=\"\(path)\"/>" : "<path fill=\"\(Self.grey(level))\" d=\"\(path)\"/>"
        }
        return """
            <svg viewBox="0 0 \(side) \(side)" role="img" shape-rendering="crispEdges"><title>\(title)</title>\
            <rect width="\(side)" height="\(side)" fill="#ffffff"/>\(drawn.joined())</svg>
            """
    }

    private func level(_ x: Int, _ y: Int) -> Int? {
        let value = values[y * side + x]
        return value.isFinite ? Int((min(max(value, 0), 1) * (Self.levels - 1)).rounded()) : nil
    }

    private static func grey(_ level: Int) -> String {
        let part = Int((255 * (1 - Double(level) / (levels - 1))).rounded())
        return String(format: "#%02x%02x%02x", part, part, part)
    }
}
