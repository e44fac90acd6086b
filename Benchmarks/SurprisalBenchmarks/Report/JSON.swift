import Foundation

extension Report {
    /// Pretty printed with sorted keys, so that the same report is the same file and two can be compared by line.
    func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        // JSON has no NaN, and a slope through one point is one.
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        return try encoder.encode(self) + Data("\n".utf8)
    }

    /// `source` is what an error names as the place.
    init(json: Data, source: String = "report") throws(ReportError) {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        // The format first: another one need not have the same fields at all.
        let format = try ReportError.located(in: source) { try decoder.decode(Format.self, from: json).format }
        guard format == Self.currentFormat else { throw ReportError(source: source, reason: .format(format)) }
        self = try ReportError.located(in: source) { try decoder.decode(Report.self, from: json) }
    }

    init(contentsOf path: String) throws(ReportError) {
        let data: Data
        do { data = try Data(contentsOf: URL(fileURLWithPath: path)) } catch {
            let isMissing = (error as? CocoaError)?.code == .fileReadNoSuchFile
            let reason = isMissing ? ReportError.Reason.missing : .unreadable(error.localizedDescription)
            throw ReportError(source: path, reason: reason)
        }
        try self.init(json: data, source: path)
    }

    private struct Format: Decodable {
        var format: Int
    }
}

/// Why something is no report that can be read: what, where, and what was expected.
struct ReportError: Error, Equatable, CustomStringConvertible {
    enum Reason: Equatable {
        case missing
        case unreadable(String)
        case notJSON
        case format(Int)
        /// A field that is missing or holds something else: where in the file, and the decoder's words.
        case field(String, String)
        /// Two rows with one identifier, number of threads and instruction set.
        case duplicate(String)
        /// A row without samples, or with one that is no time.
        case samples(String)
    }

    var source: String
    var reason: Reason

    var description: String {
        let what = switch reason {
        case .missing: "no such file, expected a report in JSON"
        case .unreadable(let words): "cannot be read (\(words)), expected a report in JSON"
        case .notJSON: "not JSON, expected a report of this program"
        case .format(let format): "report of format \(format), expected format \(Report.currentFormat)"
        case .field(let field, let words): "\(words) at \(field), expected a report of this program"
        case .duplicate(let row): "two rows for \(row), expected one"
        case .samples(let row): "a sample of \(row) is missing or no time, expected positive seconds"
        }
        return "\(source): \(what)"
    }

    fileprivate static func located<Value>(in source: String, _ body: () throws -> Value) throws(ReportError) -> Value {
        do { return try body() } catch {
            throw ReportError(source: source, reason: reason(for: error))
        }
    }

    private static func reason(for error: any Error) -> Reason {
        let place = { (context: DecodingError.Context) in
            let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? ".\($0.stringValue)" }.joined()
            return path.isEmpty ? "the top" : String(path.drop { $0 == "." })
        }
        switch error as? DecodingError {
        case .keyNotFound(let key, let context)?: return .field(place(context), "no field ‘\(key.stringValue)’")
        case .typeMismatch(let type, let context)?: return .field(place(context), "not a value of type \(type)")
        case .valueNotFound(let type, let context)?: return .field(place(context), "no value of type \(type)")
        // Also what `Row.Pass` and `Limit.Kind` do not know.
        case .dataCorrupted(let context)? where !context.codingPath.isEmpty:
            return .field(place(context), context.debugDescription)
        default: return .notJSON
        }
    }
}
