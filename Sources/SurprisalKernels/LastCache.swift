import CKernels

/// The last cache before memory: whether what a call reads and writes stays there decides in which order the kernels
/// take it, though never a bit of a result.
package enum LastCache {
    /// Tests take another size than this processor's, bytes.
    package static let override = Override<Int>()

    private static let bytes = ck_last_cache()

    /// Whether arrays of so many bytes in all leave it: three quarters of it, from where the C library copies past the
    /// caches, the rest being others'.
    static func isExceeded(by size: Int) -> Bool {
        // There is none so small, and a small call would take longer to ask than to compute.
        guard size > 1 << 20 else { return false }
        return size > (override.value ?? bytes) / 4 * 3
    }
}
