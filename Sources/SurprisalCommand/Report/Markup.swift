import FoundationEssentials

/// Text and numbers as HTML that is XML as well.
enum Markup {
    /// Of names, which come from outside; the page stays readable whatever classes are called.
    static let longestName = 48

    /// What is not seen is shown by its number: control characters, which XML cannot hold, and those that reorder or hide
    /// the text around them.
    static func escaped(_ text: some StringProtocol) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            // Joiners, which emoji and several scripts are written with.
            case "\u{200C}", "\u{200D}": result.unicodeScalars.append(scalar)
            default:
                // The last two of each plane are no characters.
                if scalar.value & 0xFFFE == 0xFFFE || scalar.isInvisible {
                    result += "\\u{\(String(scalar.value, radix: 16))}"
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result
    }

    static func name(_ text: String, most: Int = longestName) -> String {
        if text.isEmpty { return "“”" }
        // By scalars: one character may consist of any number of them.
        let scalars = text.unicodeScalars, kept = String(scalars.prefix(most))
        return escaped(kept) + (scalars.dropFirst(most).isEmpty ? "" : "…")
    }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "nan" }
        if value.isInfinite { return value < 0 ? "−∞" : "∞" }
        let size = abs(value), isPlain = size == 0 || (size >= 1e-3 && size < 1e6)
        return String(format: isPlain ? "%.4f" : "%.3e", value)
    }

    static func percent(_ count: Int, of total: Int) -> String {
        total == 0 ? "0/0" : String(format: "%.1f %%", 100 * Double(count) / Double(total))
    }

    static func counted(_ count: Int, _ noun: String, plural: String? = nil) -> String {
        "\(count) \(count == 1 ? noun : plural ?? noun + "s")"
    }

    /// A box that its content scrolls in: the page itself never scrolls sideways.
    static func scrolling(_ content: String, label: String, style: String = "") -> String {
        "<div class=\"scroll \(style)\" role=\"region\" tabindex=\"0\" aria-label=\"\(escaped(label))\">\n\(content)\n</div>"
    }

    /// - Parameters:
    ///   - caption: markup.
    ///   - columns: markup of the heads; those in `textColumns` are of text, which begins at the left.
    ///   - rows: markup of the cells; the first of each is its head.
    static func table(
        caption: String, columns: [String], rows: [[String]], foot: [[String]] = [], style: String = "",
        textColumns: Set<Int> = []
    ) -> String {
        func line(_ cells: [String]) -> String {
            let rest = cells.enumerated().dropFirst().map { place, cell in
                if cell.hasPrefix("<td") { return cell }
                return "<td\(textColumns.contains(place) ? " class=\"text\"" : "")>\(cell)</td>"
            }
            return "<tr><th scope=\"row\">\(cells[0])</th>\(rest.joined())</tr>"
        }
        let heads = columns.enumerated().map { place, head in
            "<th scope=\"col\"\(textColumns.contains(place) ? " class=\"text\"" : "")>\(head)</th>"
        }
        var parts = ["<table class=\"\(style)\">", "<caption>\(caption)</caption>"]
        parts.append("<thead><tr>\(heads.joined())</tr></thead>")
        parts += ["<tbody>"] + rows.map(line) + ["</tbody>"]
        if !foot.isEmpty { parts += ["<tfoot>"] + foot.map(line) + ["</tfoot>"] }
        return (parts + ["</table>"]).joined(separator: "\n")
    }
}

extension Unicode.Scalar {
    fileprivate var isInvisible: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
