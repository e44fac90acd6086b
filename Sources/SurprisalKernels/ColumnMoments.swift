/// Mean and spread of a table's columns, and the table with its columns shifted and scaled.
package enum ColumnMoments {
    /// Rows that a part of the work takes: boundaries that depend on the shape alone.
    private static func parts(_ rows: Int, _ columns: Int) -> (rowsPerPart: Int, count: Int) {
        let wanted = max(1, (1 << 16) / max(1, columns)), count = max(1, min(16, (rows + wanted - 1) / wanted))
        let rowsPerPart = (rows + count - 1) / count
        return (rowsPerPart, count)
    }

    /// Σ over the chosen rows of `weight·x` (`centre` nil), or of `weight·(x − centre)²`: one a column.
    ///
    /// - Parameter rows: `nil`: all.
    @specialized(where T == Float)
    @specialized(where T == Double)
    package static func sums<T: Scalar>(
        _ x: Span<T>, columns: Int, rows: [Int]?, weight: Buffer<Double>?, centre: [Double]?
    ) -> [Double] {
        let count = rows?.count ?? (columns > 0 ? x.count / columns : 0)
        let (rowsPerPart, parts) = parts(count, columns)
        var sums = Buffer<Double>(repeating: 0, count: parts * columns)
        var span = sums.mutableSpan
        unsafe x.withUnsafeBufferPointer { x in
            unsafe span.withUnsafeMutableBufferPointer { sums in
                guard let x = x.baseAddress, let sums = sums.baseAddress else { return }
                Parallel.forEach(parts: parts) { part in
                    let sum = unsafe sums + part * columns
                    for i in part * rowsPerPart..<min(count, (part + 1) * rowsPerPart) {
                        let row = unsafe x + (rows?[i] ?? i) * columns, s = weight?.span[i] ?? 1
                        if let centre {
                            unsafe centre.withUnsafeBufferPointer { centre in
                                for j in 0..<columns {
                                    let difference = unsafe Double(row[j]) - centre[j]
                                    unsafe sum[j] += s * difference * difference
                                }
                            }
                        } else {
                            for j in 0..<columns { unsafe sum[j] += s * Double(row[j]) }
                        }
                    }
                }
            }
        }
        var total = [Double](repeating: 0, count: columns)
        for part in 0..<parts {
            for j in 0..<columns { total[j] += span[part * columns + j] }
        }
        return total
    }

    /// The chosen rows, each `(x − centre)·factor` and then a 1.
    @specialized(where T == Float)
    @specialized(where T == Double)
    package static func design<T: Scalar>(
        _ x: Span<T>, columns: Int, rows: [Int]?, centre: [Double], factor: [Double]
    ) -> Buffer<Double> {
        let count = rows?.count ?? (columns > 0 ? x.count / columns : 0), width = columns + 1
        require(centre.count == columns && factor.count == columns, "design: \(centre.count) centres of \(columns) columns")
        var design = Buffer<Double>(uninitialized: count * width)
        var span = design.mutableSpan
        let (rowsPerPart, parts) = parts(count, columns)
        unsafe x.withUnsafeBufferPointer { x in
            unsafe span.withUnsafeMutableBufferPointer { design in
                guard let x = x.baseAddress, let design = design.baseAddress else { return }
                unsafe centre.withUnsafeBufferPointer { centre in
                    unsafe factor.withUnsafeBufferPointer { factor in
                        Parallel.forEach(parts: parts) { part in
                            for i in part * rowsPerPart..<min(count, (part + 1) * rowsPerPart) {
                                let row = unsafe x + (rows?[i] ?? i) * columns, to = unsafe design + i * width
                                for j in 0..<columns { unsafe to[j] = (Double(row[j]) - centre[j]) * factor[j] }
                                unsafe to[columns] = 1
                            }
                        }
                    }
                }
            }
        }
        return design
    }

    /// Rows to be standardised by a kernel, in parts: x, what becomes of it, and means, deviations and, where these are
    /// ordinary, their reciprocals, one a column.
    static func forRows<T>(
        of x: Span<T>, _ mean: [Double], _ deviation: [Double], into y: inout MutableSpan<T>,
        _ body: (
            UnsafePointer<T>, UnsafeMutablePointer<T>, UnsafePointer<Double>, UnsafePointer<Double>, UnsafePointer<Double>?,
            (begin: Int, end: Int, columns: Int)
        ) -> Void
    ) {
        let columns = mean.count, rows = columns > 0 ? x.count / columns : 0
        require(
            x.count == rows * columns && y.count == x.count && deviation.count == columns,
            "standardise: \(x.count) elements into \(y.count), \(columns) means and \(deviation.count) deviations")
        let isOrdinary = deviation.allSatisfy { 0x1p-800 < $0 && $0 < 0x1p800 }
        let reciprocals = isOrdinary ? deviation.map { 1 / $0 } : []
        unsafe x.withUnsafeBufferPointer { x in
            unsafe y.withUnsafeMutableBufferPointer { y in
                unsafe mean.withUnsafeBufferPointer { mean in
                    unsafe deviation.withUnsafeBufferPointer { deviation in
                        unsafe reciprocals.withUnsafeBufferPointer { reciprocals in
                            guard let x = x.baseAddress, let y = y.baseAddress, let mean = mean.baseAddress,
                                let deviation = deviation.baseAddress
                            else { return }
                            let reciprocal = isOrdinary ? reciprocals.baseAddress : nil
                            Parallel.forRows(rows, elementsPerRow: columns) { begin, end in
                                unsafe body(x, y, mean, deviation, reciprocal, (begin, end, columns))
                            }
                        }
                    }
                }
            }
        }
    }
}
