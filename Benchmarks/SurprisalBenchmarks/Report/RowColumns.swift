extension Row {
    var passName: String { consumesInput ? "\(pass.rawValue), given away" : pass.rawValue }

    /// Bytes per second where memory is the limit, else operations per second.
    var rate: String {
        let isMemory = [.read, .copy, .update].contains(limit.kind)
        let amount = isMemory ? bytes : operations
        guard amount > 0 else { return Units.noValue }
        let rate = amount / engine.median
        return isMemory ? Units.bytesPerSecond(rate) : Units.operationsPerSecond(rate)
    }

    var shareOfLimit: String {
        limit.kind == .none ? Units.noValue : "\(Units.percent(limit.share)) of \(limit.kind.title)"
    }
}

extension Row {
    /// Of the rate of the best product.
    var shareOfProductRate: Double {
        guard let products, limit.kind == .matrixProduct, limit.rate > 0 else { return .nan }
        return products.rate / limit.rate
    }
}

extension Limit.Kind {
    var title: String {
        switch self {
        case .matrixProduct: "matrix product"
        case .arithmetic: "multiply-add"
        default: rawValue
        }
    }
}

extension Column where Value == Row {
    static var all: [Column] {
        [
            Column(title: "workload", alignment: .left) { $0.workload },
            Column(title: "shape") { $0.shape },
            Column(title: "type", alignment: .left) { $0.type },
            Column(title: "pass", alignment: .left) { $0.passName },
            Column(title: "threads") { Units.count(Double($0.threads)) },
            Column(title: "isa", alignment: .left) { $0.instructionSet },
            Column(title: "naive") { $0.naive.map { Units.seconds($0.median) } ?? Units.noValue },
            Column(title: "engine") { Units.seconds($0.engine.median) },
            Column(title: "spread", unit: "%") { Units.percentNumber($0.engine.spread) },
            Column(title: "×") { $0.ratio.map(Units.interval) ?? Units.noValue },
            Column(title: "rate") { $0.rate },
            Column(title: "% of limit", alignment: .left) { $0.shareOfLimit },
            Column(title: "of the speed in cache", unit: "%") { Units.percentNumber($0.shareOfCached ?? .nan) },
            Column(title: "in products", unit: "%") { Units.percentNumber($0.products?.share ?? .nan) },
            Column(title: "their rate", unit: "%") { Units.percentNumber($0.shareOfProductRate) },
            Column(title: "extra peak") { Units.bytes($0.memory.extraPeakBytes) },
            Column(title: "beyond results") { $0.memory.beyondResultBytes.map(Units.bytes) ?? Units.noValue },
            Column(title: "heap objects", unit: "per call") { Units.count($0.memory.heapObjects) },
            Column(title: "fresh blocks") { Units.count(Double($0.memory.freshBlocks)) },
            Column(title: "page faults") { Units.count(Double($0.memory.pageFaults)) },
            Column(title: "worst error", unit: "ULP") { Units.number($0.error) },
        ]
    }
}
