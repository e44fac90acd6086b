/// What a table shows of a value, for the console and for Markdown alike.
struct Column<Value> {
    enum Alignment {
        case left, right
    }

    var title: String
    var unit: String?
    var alignment = Alignment.right
    var text: (Value) -> String

    var heading: String { unit.map { "\(title), \($0)" } ?? title }
}

struct TextTable {
    private var alignments: [Column<Never>.Alignment]
    private var headings: [String]
    private var cells: [[String]]

    init<Value>(_ columns: [Column<Value>], of values: [Value]) {
        alignments = columns.map { $0.alignment == .left ? .left : .right }
        // A line break would end a table's row.
        let line = { (text: String) in String(text.map { $0.isNewline ? " " : $0 }) }
        headings = columns.map { line($0.heading) }
        cells = values.map { value in columns.map { line($0.text(value)) } }
    }

    /// For a console. A character counts as one column, as × → − µ and all else in a report are.
    var plain: String {
        // A heading takes as many lines as it needs to be no wider than its column.
        let stacks = headings.indices.map { column in
            Self.wrapped(headings[column], to: cells.reduce(4) { max($0, $1[column].count) })
        }
        let height = stacks.map(\.count).max() ?? 0
        let heading = (0..<height).map { line in
            stacks.map { line < height - $0.count ? "" : $0[line - height + $0.count] }
        }
        let widths = stacks.indices.map { column in
            (stacks[column] + cells.map { $0[column] }).reduce(0) { max($0, $1.count) }
        }
        let rule = widths.map { String(repeating: "─", count: $0) }
        return (heading + [rule] + cells).map { cells in
            var line = cells.indices.map { column in
                let padding = String(repeating: " ", count: widths[column] - cells[column].count)
                return alignments[column] == .left ? cells[column] + padding : padding + cells[column]
            }.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }

    private static func wrapped(_ text: String, to width: Int) -> [String] {
        text.split(separator: " ").reduce(into: [String]()) { lines, word in
            if let last = lines.last, last.count + 1 + word.count <= width {
                lines[lines.count - 1] += " \(word)"
            } else {
                lines.append(String(word))
            }
        }
    }

    var markdown: String {
        let rule = alignments.map { $0 == .left ? ":--" : "--:" }
        let escaped = ([headings] + cells).map { $0.map(Markdown.escaped) }
        return ([escaped[0], rule] + escaped[1...]).map { "| " + $0.joined(separator: " | ") + " |\n" }.joined()
    }
}

enum Markdown {
    /// With nothing left in it that would end a cell or begin markup.
    static func escaped(_ text: String) -> String {
        String(text.flatMap { "\\|`*<[".contains($0) ? ["\\", $0] : [$0] })
    }
}
