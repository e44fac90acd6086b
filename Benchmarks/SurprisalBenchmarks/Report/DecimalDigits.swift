/// A number's shortest decimal digits, those that JSON shows, to be rounded and written without a binary detour:
/// scaling by a power of ten in `Double` would round twice.
struct DecimalDigits {
    private(set) var isNegative: Bool
    /// Without leading zeros; empty for zero.
    private(set) var digits: [Int]
    /// The power of ten of the first digit.
    private(set) var exponent: Int

    /// None for NaN and infinities.
    init?(_ value: Double) {
        guard value.isFinite else { return nil }
        let parts = value.magnitude.description.split(separator: "e")
        let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        let all = mantissa.joined().compactMap(\.wholeNumberValue)
        let zeros = all.prefix { $0 == 0 }.count
        digits = Array(all[zeros...])
        exponent = mantissa[0].count - 1 - zeros + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
        isNegative = value < 0
        if digits.isEmpty { exponent = 0 }
    }

    /// To the nearest, halves away from zero.
    func rounded(significant count: Int) -> DecimalDigits {
        guard count < digits.count else { return self }
        var result = self
        result.digits = Array(digits.prefix(max(count, 0)))
        if count >= 0, digits[count] >= 5 {
            while result.digits.last == 9 { result.digits.removeLast() }
            if let last = result.digits.indices.last {
                result.digits[last] += 1
            } else {
                result.digits = [1]
                result.exponent += 1
            }
        }
        if result.digits.isEmpty {
            result.exponent = 0
            result.isNegative = false
        }
        return result
    }

    func scaled(byPowerOfTen power: Int) -> DecimalDigits {
        var result = self
        if !digits.isEmpty { result.exponent += power }
        return result
    }

    /// With exactly so many digits behind the point.
    func text(fraction: Int) -> String {
        let value = rounded(significant: exponent + 1 + fraction)
        var text = value.isNegative && !value.digits.isEmpty ? "-" : ""
        for power in stride(from: max(value.exponent, 0), through: -fraction, by: -1) {
            if power == -1 { text += "." }
            let place = value.exponent - power
            text += String(value.digits.indices.contains(place) ? value.digits[place] : 0)
        }
        return text
    }

    /// With exactly so many significant digits, and zeros before the point where those do not reach it.
    func text(significant count: Int) -> String {
        let value = rounded(significant: count)
        return value.digits.isEmpty ? "0" : value.text(fraction: max(0, count - 1 - value.exponent))
    }
}
