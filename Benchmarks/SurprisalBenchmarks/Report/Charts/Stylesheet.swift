/// How charts look on light and on dark ground.
enum Stylesheet {
    enum Text: String {
        case title, heading, label, tick
        /// On top of lines, which it clears around itself.
        case mark

        /// At 1:1; 11 can still be read on paper.
        var size: Double {
            switch self {
            case .title: 18
            case .heading: 15
            case .label: 12
            case .tick, .mark: 11
            }
        }
    }

    private struct Palette {
        var ground, text, faint, axis, grid: String
        /// By M. Okabe and K. Ito, "Color universal design", 2008: told apart by all kinds of colour vision.
        var series: [String]
    }

    private static let light = Palette(
        ground: "#ffffff", text: "#1b1b1b", faint: "#8a8a8a", axis: "#444444", grid: "#e3e3e3",
        series: ["#0072b2", "#d55e00", "#009e73", "#b3558a"])
    private static let dark = Palette(
        ground: "#16181c", text: "#ececec", faint: "#8a8f98", axis: "#b8b8b8", grid: "#33373d",
        series: ["#56b4e9", "#e69f00", "#2fc79b", "#e0a3c4"])

    static var css: String {
        let fonts = #"font-family: "Helvetica Neue", Arial, "DejaVu Sans", sans-serif"#
        let sizes = [Text.title, .heading, .label, .tick, .mark].map { style in
            let weight = style == .title || style == .heading ? "; font-weight: 600" : ""
            return ".\(style.rawValue) { font-size: \(Int(style.size))px\(weight) }"
        }
        return ([
            "text { \(fonts) }", ".line { fill: none; stroke-width: 1.6 }", ".faint { stroke-width: 0.8 }",
            ".axis, .grid { stroke-width: 1 }", ".whisker { stroke-width: 1.4 }",
            ".first-line { stroke-dasharray: none }", ".second-line { stroke-dasharray: 7 4 }",
            ".third-line { stroke-dasharray: 2 3 }", ".fourth-line { stroke-dasharray: 9 3 2 3 }",
            ".solid { stroke-dasharray: none }",
            ".dashed { stroke-dasharray: 7 4 }", ".dotted { stroke-dasharray: 2 3 }",
        ] + sizes + rules(light) + ["@media (prefers-color-scheme: dark) {"] + rules(dark) + ["}"])
            .joined(separator: "\n")
    }

    /// The bars of the second series are hatched, so that they differ in greyscale.
    static let definitions = """
        <pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">\
        <rect class="ground" width="5" height="5"/><rect class="second-marker" width="2.5" height="5"/></pattern>
        """

    private static func rules(_ palette: Palette) -> [String] {
        var rules = [
            ".ground { fill: \(palette.ground) }", "text { fill: \(palette.text) }",
            ".line, .whisker { stroke: \(palette.text) }", ".faint { stroke: \(palette.faint) }",
            ".mark { stroke: \(palette.ground); stroke-width: 3; paint-order: stroke }",
            ".axis { stroke: \(palette.axis); fill: none }", ".grid { stroke: \(palette.grid); fill: none }",
        ]
        for (series, colour) in zip(Series.all, palette.series) {
            rules += [
                ".\(series.name)-line { stroke: \(colour) }",
                ".\(series.name)-marker { fill: \(colour); stroke: \(palette.ground); stroke-width: 1 }",
            ]
        }
        return rules + [
            ".first-bar { fill: \(palette.series[0]); fill-opacity: 0.6; stroke: \(palette.series[0]) }",
            ".second-bar { fill: url(#hatch); stroke: \(palette.series[1]) }",
        ]
    }
}
