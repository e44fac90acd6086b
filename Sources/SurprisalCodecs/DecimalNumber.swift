import CText

/// The number nearest to decimal text.
package enum DecimalNumber {
    /// `[+-] digits [. digits] [e [+-] digits]`, all of `text`; infinite beyond the largest number. `nil`: no number.
    package static func double(_ text: Span<UInt8>) -> Double? {
        unsafe text.withUnsafeBufferPointer { text in
            guard let start = text.baseAddress else { return nil }
            var value = 0.0
            let end = unsafe start + text.count
            return unsafe ct_number_f64(start, end, &value) == end ? value : nil
        }
    }

    package static func float(_ text: Span<UInt8>) -> Float? {
        unsafe text.withUnsafeBufferPointer { text in
            guard let start = text.baseAddress else { return nil }
            var value: Float = 0
            let end = unsafe start + text.count
            return unsafe ct_number_f32(start, end, &value) == end ? value : nil
        }
    }

    /// Whether a field, which may have blanks around it, stands for a missing value.
    package static func isMissing(_ text: Span<UInt8>) -> Bool {
        unsafe text.withUnsafeBufferPointer { text in
            guard let start = text.baseAddress else { return true }
            return unsafe ct_is_missing(start, text.count)
        }
    }
}
