import Glibc

/// Decimal text as C's printf writes it, exactly rounded.
public enum DecimalFormat {
    /// `%.{digits}f`
    public static func fixed(_ value: Double, digits: Int) -> String { format("%.\(digits)f", value) }

    /// `%.{digits}e`
    public static func scientific(_ value: Double, digits: Int) -> String { format("%.\(digits)e", value) }

    private static func format(_ pattern: String, _ value: Double) -> String {
        // The longest: 1.8e308 in fixed notation.
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 400) { text in
            unsafe withVaList([value]) { _ = unsafe vsnprintf(text.baseAddress, text.count, pattern, $0) }
            return unsafe String(cString: text.baseAddress.unsafelyUnwrapped)
        }
    }
}
