/// Numbers as tables and charts show them: three significant digits, and a dash for what is no number.
enum Units {
    static let noValue = "—"

    static func seconds(_ value: Double, significant: Int = 3) -> String {
        prefixed(value, significant, [("ns", -9), ("µs", -6), ("ms", -3), ("s", 0)])
    }

    /// Decimal: a kilobyte is 1000 bytes, as a gigabyte per second is 10⁹ bytes per second.
    static func bytes(_ count: Int) -> String {
        guard count.magnitude >= 1000 else { return written(count.description) + " B" }
        return prefixed(Double(count), 3, [("B", 0), ("kB", 3), ("MB", 6), ("GB", 9), ("TB", 12)])
    }

    /// In GB/s however small, so that a column can be compared by eye.
    static func bytesPerSecond(_ value: Double) -> String { prefixed(value, 3, [("GB/s", 9)]) }

    static func operationsPerSecond(_ value: Double) -> String { prefixed(value, 3, [("GFLOP/s", 9)]) }

    static func number(_ value: Double, significant: Int = 3) -> String {
        DecimalDigits(value).map { written($0.text(significant: significant)) } ?? noValue
    }

    static func ratio(_ value: Double, significant: Int = 3) -> String {
        value.isFinite ? "\(number(value, significant: significant))×" : noValue
    }

    /// `24.1 (23.5–24.8)`
    static func interval(_ interval: Interval) -> String {
        guard interval.value.isFinite else { return noValue }
        return "\(number(interval.value)) (\(number(interval.low))–\(number(interval.high)))"
    }

    /// `82`, `4.3`: percent of a share.
    static func percentNumber(_ share: Double) -> String {
        guard let percent = DecimalDigits(share)?.scaled(byPowerOfTen: 2) else { return noValue }
        // 9.96 is 10 once it is rounded, and then has no digit behind the point.
        let isSmall = percent.rounded(significant: percent.exponent + 2).exponent < 1
        return written(percent.text(fraction: isSmall ? 1 : 0))
    }

    static func percent(_ share: Double) -> String { share.isFinite ? "\(percentNumber(share)) %" : noValue }

    /// Whole numbers in full, parts of one with three significant digits.
    static func count(_ value: Double) -> String {
        guard let digits = DecimalDigits(value) else { return noValue }
        let isWhole = digits.exponent >= 2 || value == value.rounded()
        return written(isWhole ? digits.text(fraction: 0) : digits.text(significant: 3))
    }

    private static func prefixed(_ value: Double, _ significant: Int, _ units: [(name: String, power: Int)]) -> String {
        // Rounded first: 999.6 µs are 1.00 ms.
        guard let digits = DecimalDigits(value)?.rounded(significant: significant) else { return noValue }
        guard value != 0 else { return "0 \(units.first { $0.power == 0 }?.name ?? units[0].name)" }
        let unit = units.last { $0.power <= digits.exponent } ?? units[0]
        return written(digits.scaled(byPowerOfTen: -unit.power).text(significant: significant)) + " \(unit.name)"
    }

    private static func written(_ number: String) -> String {
        number.hasPrefix("-") ? "−" + number.dropFirst() : number
    }
}
