import Glibc

/// Puts labels beside points, so that none covers another label or a point.
struct LabelPlacement {
    var bounds: Drawing.Box
    /// Where no label may lie.
    var obstacles: [Drawing.Box]
    private var leaders: [(Drawing.Point, Drawing.Point)] = []

    init(bounds: Drawing.Box, obstacles: [Drawing.Box]) {
        self.bounds = bounds
        self.obstacles = obstacles
    }

    /// The nearest free place, and the line from the point to it where it is not beside the point; nil when there is
    /// none.
    mutating func place(
        width: Double, height: Double, beside point: Drawing.Point
    ) -> (box: Drawing.Box, leader: (from: Drawing.Point, to: Drawing.Point)?)? {
        let directions = 24
        // Towards each distance, to the right first.
        for radius in stride(from: 9.0, through: 360, by: 7) {
            for turn in 0..<directions {
                let side = turn % 2 == 0 ? 1.0 : -1
                let angle = side * Double((turn + 1) / 2) * 2 * Double.pi / Double(directions)
                let near = Drawing.Point(x: point.x + radius * cos(angle), y: point.y - radius * sin(angle))
                // The label's side that looks at the point lies there.
                let box = Drawing.Box(
                    x: near.x - width / 2 + width / 2 * cos(angle), y: near.y - height / 2 - height / 2 * sin(angle),
                    width: width, height: height)
                let isInside = box.x >= bounds.x && box.right <= bounds.right && box.y >= bounds.y
                    && box.bottom <= bounds.bottom
                guard isInside, !obstacles.contains(where: box.meets) else { continue }
                guard !leaders.contains(where: { Self.cross($0.0, $0.1, box) || Self.cross($0.0, $0.1, point, near) })
                else { continue }
                obstacles.append(box)
                guard radius > 9 else { return (box, nil) }
                leaders.append((point, near))
                return (box, (point, near))
            }
        }
        return nil
    }

    private static func cross(_ a: Drawing.Point, _ b: Drawing.Point, _ box: Drawing.Box) -> Bool {
        cross(a, b, .init(x: box.x, y: box.y), .init(x: box.right, y: box.bottom))
            || cross(a, b, .init(x: box.right, y: box.y), .init(x: box.x, y: box.bottom))
    }

    private static func cross(
        _ a: Drawing.Point, _ b: Drawing.Point, _ c: Drawing.Point, _ d: Drawing.Point
    ) -> Bool {
        let side = { (p: Drawing.Point, q: Drawing.Point, r: Drawing.Point) in
            (q.x - p.x) * (r.y - p.y) - (q.y - p.y) * (r.x - p.x)
        }
        return side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0
    }
}
