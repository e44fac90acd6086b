import CText
import SurprisalKernels

/// What a column of a CSV file is.
package typealias CSVRole = ct_role

/// Bytes of a CSV file that begin where a row does.
package enum CSVText {
    /// Where a field was wrong, and how.
    package struct Problem: Error {
        package enum Kind { case syntax(ct_stop), fieldCount(Int), invalidUTF8 }
        package let kind: Kind
        /// Line feeds before it.
        package let lineFeeds: Int
        /// From 0; `nil` when the row itself is the problem, or a label.
        package let column: Int?
        /// Its text, without quotes.
        package let text: [UInt8]
    }

    /// Fields longer than this are refused: a quote that is never closed must not take all memory.
    package static let longestField = 1 << 20

    /// Of each part of the bytes that a thread takes at once: in cache, and long enough for its ends not to count; short
    /// beside a piece of a stream, as whoever is done waits for the last one.
    private static let partByteCount = 1 << 18

    /// Line feeds in bytes.
    package static func lineFeedCount(_ bytes: Span<UInt8>) -> Int { count(bytes).lineFeeds }

    private static func count(_ bytes: Span<UInt8>) -> (lineFeeds: Int, quotes: Int) {
        var lineFeeds = 0, quotes = 0
        unsafe bytes.withUnsafeBufferPointer { bytes in
            if let base = bytes.baseAddress { unsafe ct_count(base, bytes.count, &lineFeeds, &quotes) }
        }
        return (lineFeeds, quotes)
    }

    /// The fields of the first row with anything in it and the byte after it; `nil` where the bytes end before the row does,
    /// or where there is none.
    package static func firstRow(
        _ bytes: Span<UInt8>, isLast: Bool
    ) throws(Problem) -> (fields: [[UInt8]], lineFeeds: Int, end: Int)? {
        var position = 0
        while position < bytes.count {
            if bytes[position] == UInt8(ascii: "\n") {
                position += 1
            } else if bytes[position] == UInt8(ascii: "\r"), position + 1 < bytes.count, bytes[position + 1] == UInt8(ascii: "\n") {
                position += 2
            } else {
                break
            }
        }
        if position == bytes.count || (position + 1 == bytes.count && bytes[position] == UInt8(ascii: "\r")) { return nil }
        var fields: [[UInt8]] = []
        while true {
            var field = ct_field(), isWhole = false
            let stop = unsafe bytes.withUnsafeBufferPointer { text in
                unsafe text.baseAddress.map {
                    unsafe ct_next_field($0, text.count, isLast, longestField, &position, &field, &isWhole)
                } ?? .end
            }
            if stop != .end {
                throw Problem(
                    kind: .syntax(stop), lineFeeds: lineFeedCount(bytes.extracting(first: field.start)), column: fields.count, text: [])
            }
            if !isWhole { return nil }
            fields.append(text(of: field, in: bytes))
            if position == bytes.count { break }
            if bytes[position] == UInt8(ascii: "\r") { position += 1 }
            if position == bytes.count { break }
            position += 1
            if bytes[position - 1] == UInt8(ascii: "\n") { break }
        }
        return (fields, lineFeedCount(bytes.extracting(first: position)), position)
    }

    fileprivate static func text(of field: ct_field, in bytes: Span<UInt8>) -> [UInt8] {
        let quote = UInt8(ascii: "\"")
        var text: [UInt8] = [], isSecond = false
        text.reserveCapacity(field.length)
        for i in field.start..<field.start + field.length {
            let byte = bytes[i]
            if field.has_quotes, byte == quote, isSecond {
                isSecond = false
                continue
            }
            isSecond = byte == quote
            text.append(byte)
        }
        return text
    }
}

/// Rows of a CSV file.
package struct CSVRows<Element: Scalar>: Sendable {
    /// rows × columns of numbers.
    package let values: Buffer<Element>
    package let count: Int
    /// One a row, empty without a column of labels.
    package let classes: [Int]
    package let missingCount: Int
    /// Bytes and line feeds up to the end of the last whole row.
    package let consumed, lineFeeds: Int
}

/// The distinct labels of a file, numbered as they are first seen.
package struct CSVClasses: Sendable {
    package private(set) var names: [String] = []
    private var numbers: [String: Int] = [:]

    package init(names: [String] = []) {
        self.names = names
        for (number, name) in names.enumerated() { numbers[name] = number }
    }

    /// `nil` for text that is no UTF-8.
    mutating func number(of text: [UInt8]) -> Int? {
        guard let name = String(validating: text, as: UTF8.self) else { return nil }
        if let known = numbers[name] { return known }
        numbers[name] = names.count
        names.append(name)
        return names.count - 1
    }
}

extension CSVText {
    /// The whole rows of `bytes`, on all threads; the same whatever their number.
    ///
    /// - Parameters:
    ///   - isLast: whether the file ends with the bytes, so that the last row needs no line feed.
    ///   - keepsMissing: whether a missing number is NaN, and no problem.
    ///   - classes: takes the labels that it does not have yet.
    package static func rows<Element: Scalar>(
        _ bytes: Span<UInt8>, isLast: Bool, roles: [CSVRole], keepsMissing: Bool, classes: inout CSVClasses, as: Element.Type
    ) throws(Problem) -> CSVRows<Element> {
        // Without the row that is cut there is, as a rule, just the room that the rows need.
        let bytes = isLast ? bytes : bytes.extracting(first: endOfLastLine(bytes))
        let cuts = cut(bytes), room = cuts[cuts.count - 1].row
        let width = roles.count { $0 == .number }, hasLabels = roles.contains(.label)
        var values = Buffer<Element>(uninitialized: room * width)
        var numbers = [Int32](repeating: 0, count: hasLabels ? room : 0)
        let partCount = cuts.count - 1
        var parts = unsafe [ct_rows](repeating: ct_rows(), count: partCount)
        defer { for part in 0..<partCount { unsafe ct_labels_free(&parts[part].labels) } }
        for part in 0..<partCount {
            unsafe parts[part].begin = cuts[part].byte
            unsafe parts[part].end = cuts[part + 1].byte
            unsafe parts[part].is_last = isLast
            unsafe parts[part].keeps_missing = keepsMissing
            unsafe parts[part].longest_field = longestField
        }
        var span = values.mutableSpan
        unsafe bytes.withUnsafeBufferPointer { bytes in
            unsafe roles.withUnsafeBufferPointer { roles in
                unsafe span.withUnsafeMutableBufferPointer { values in
                    unsafe numbers.withUnsafeMutableBufferPointer { numbers in
                        unsafe parse(&parts, cuts, bytes, roles, values, width: width, numbers)
                    }
                }
            }
        }
        var count = 0, missingCount = 0, indices: [Int] = []
        if hasLabels { indices.reserveCapacity(room) }
        for part in 0..<partCount {
            // In the order of the file, so that its first problem is the one that is told.
            let known = unsafe try numbered(parts[part].labels, in: bytes, &classes), rows = unsafe Int(parts[part].rows)
            if unsafe parts[part].stop != .end { throw unsafe problem(parts[part], in: bytes) }
            if hasLabels { for row in 0..<rows { indices.append(known[Int(numbers[cuts[part].row + row])]) } }
            count += rows
            missingCount += unsafe Int(parts[part].missing)
        }
        let consumed = unsafe parts.last.map { unsafe Int($0.consumed) } ?? 0
        if count < room {
            // Lines were blank, or broken within quotes.
            let rows = (0..<partCount).flatMap { part in unsafe cuts[part].row..<cuts[part].row + Int(parts[part].rows) }
            values = values.copy(ofRows: rows[...], width: width)
        }
        return CSVRows(
            values: values, count: count, classes: indices, missingCount: missingCount, consumed: consumed,
            lineFeeds: isLast ? 0 : lineFeedCount(bytes.extracting(first: consumed)))
    }

    private static func endOfLastLine(_ bytes: Span<UInt8>) -> Int {
        var end = bytes.count
        while end > 0, bytes[end - 1] != UInt8(ascii: "\n") { end -= 1 }
        return end
    }

    /// Where the parts begin, and the last one ends: the byte, and how many rows there are before it at most.
    private static func cut(_ bytes: Span<UInt8>) -> [(byte: Int, row: Int)] {
        let blockCount = (bytes.count + partByteCount - 1) / partByteCount
        var counts = [(lineFeeds: Int, quotes: Int)](repeating: (0, 0), count: blockCount)
        unsafe bytes.withUnsafeBufferPointer { bytes in
            unsafe counts.withUnsafeMutableBufferPointer { counts in
                Parallel.forEach(parts: blockCount) { block in
                    let start = block * partByteCount
                    let part = unsafe UnsafeBufferPointer(rebasing: bytes[start..<min(bytes.count, start + partByteCount)])
                    unsafe counts[block] = count(unsafe Span(_unsafeElements: part))
                }
            }
        }
        var cuts = [(byte: 0, row: 0)], lineFeeds = 0, quotes = 0
        for block in 0..<blockCount {
            let start = block * partByteCount
            // A row may be longer than a block.
            if block > 0, start >= cuts[cuts.count - 1].byte {
                let byte = unsafe bytes.withUnsafeBufferPointer { bytes in
                    unsafe bytes.baseAddress.map { unsafe ct_row_start($0, bytes.count, start, !quotes.isMultiple(of: 2)) } ?? 0
                }
                if byte < bytes.count { cuts.append((byte, lineFeeds + lineFeedCount(bytes.extracting(start..<byte)))) }
            }
            lineFeeds += counts[block].lineFeeds
            quotes += counts[block].quotes
        }
        // The last row may lack its line feed.
        let isOpen = bytes.count > 0 && bytes[bytes.count - 1] != UInt8(ascii: "\n")
        cuts.append((bytes.count, lineFeeds + (isOpen ? 1 : 0)))
        return cuts
    }

    private static func parse<Element: Scalar>(
        _ parts: inout [ct_rows], _ cuts: [(byte: Int, row: Int)], _ bytes: UnsafeBufferPointer<UInt8>,
        _ roles: UnsafeBufferPointer<ct_role>, _ values: UnsafeMutableBufferPointer<Element>, width: Int,
        _ numbers: UnsafeMutableBufferPointer<Int32>
    ) {
        guard let text = bytes.baseAddress, let roleBase = roles.baseAddress, let valueBase = values.baseAddress else { return }
        unsafe parts.withUnsafeMutableBufferPointer { parts in
            Parallel.forEach(parts: parts.count) { number in
                var part = unsafe parts[number]
                unsafe part.bytes = text
                unsafe part.count = bytes.count
                unsafe part.roles = roleBase
                unsafe part.columns = roles.count
                unsafe part.values = UnsafeMutableRawPointer(valueBase + cuts[number].row * width)
                unsafe part.classes = numbers.baseAddress.map { unsafe $0 + cuts[number].row }
                if Element.self == Float.self { unsafe ct_rows_f32(&part) } else { unsafe ct_rows_f64(&part) }
                unsafe parts[number] = part
            }
        }
    }

    /// The file's number of each label of a part.
    private static func numbered(
        _ labels: ct_labels, in bytes: Span<UInt8>, _ classes: inout CSVClasses
    ) throws(Problem) -> [Int] {
        var numbers: [Int] = []
        for label in 0..<Int(unsafe labels.count) {
            guard let field = unsafe labels.fields?[label] else { break }
            let text = text(of: field, in: bytes)
            guard let number = classes.number(of: text) else {
                throw Problem(
                    kind: .invalidUTF8, lineFeeds: lineFeedCount(bytes.extracting(first: field.start)), column: nil, text: text)
            }
            numbers.append(number)
        }
        return numbers
    }

    private static func problem(_ part: ct_rows, in bytes: Span<UInt8>) -> Problem {
        let stop = unsafe part.stop, field = unsafe part.field
        return Problem(
            kind: stop == .fieldCount ? .fieldCount(Int(unsafe part.fields)) : .syntax(stop),
            lineFeeds: lineFeedCount(bytes.extracting(first: field.start)), column: stop == .fieldCount ? nil : Int(unsafe part.column),
            text: text(of: field, in: bytes))
    }
}
