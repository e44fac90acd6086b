import Glibc

/// Foundation has these too, and to load it takes longer than the rest of a start.
extension String {
    /// As C's printf, in its locale: an integer is `%ld`, text is interpolated.
    init(format: String, _ arguments: any CVarArg...) {
        let count = unsafe withVaList(arguments) { unsafe Int(vsnprintf(nil, 0, format, $0)) }
        precondition(count >= 0, "no format: \(format)")
        unsafe self.init(unsafeUninitializedCapacity: count + 1) { buffer in
            _ = unsafe withVaList(arguments) { list in
                unsafe buffer.withMemoryRebound(to: CChar.self) { unsafe vsnprintf($0.baseAddress, count + 1, format, list) }
            }
            return count
        }
    }

    /// At least `width` characters, blanks after them.
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
