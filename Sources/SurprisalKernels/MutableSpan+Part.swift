extension MutableSpan where Element: BitwiseCopyable {
    /// Some of the elements for writing. (Swift 6.3 calls its own way to them by another name than Swift 6.2.)
    @_lifetime(&self)
    package mutating func part(_ range: Range<Int>) -> MutableSpan {
        require(range.lowerBound >= 0 && range.upperBound <= count, "MutableSpan: elements \(range) of \(count)")
        let all = unsafe withUnsafeMutableBufferPointer { unsafe $0 }
        let span = unsafe MutableSpan(_unsafeElements: UnsafeMutableBufferPointer(rebasing: all[range]))
        return unsafe _overrideLifetime(span, mutating: &self)
    }
}
