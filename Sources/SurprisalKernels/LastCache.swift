import CKernels

/// The last cache before memory: whether what a call reads and writes stays there decides in which order the kernels
/// take it, though never a bit of a result.
package enum LastCache {
    /// Tests take another size than this processor's, bytes.
    package static let override = Override<Int>()

    /// At most 32 MB, what eight cores of Zen 5 share. A larger one is many cores', and what lies on the far side of their mesh
    /// is to be asked for as memory is. With the 260 MB that Emerald Rapids reports as the bound, segmentation 4×21×256×256 took
    /// 1.1 to 1.35 times as long, log-softmax and cross-entropy 4096×1000 and 512×32000 up to 1.25; others differed by less than
    /// their own runs.
    private static let bytes = min(whole, 32 << 20)
    private static let whole = ck_last_cache()

    /// Of arrays of so many bytes in all. They are larger from three quarters of it on, from where the C library copies past
    /// the caches, the rest being others'; from a quarter on, what a program wrote before may have pushed them out. Of what is half
    /// as large again as the whole cache nothing useful stays there. (Of 33 MB in a cache of 32, log-softmax past it took 0.75 ms
    /// instead of 1.0, and with a reading of its result after it 1.4 instead of 1.1: Zen 4.)
    static func place(of size: Int) -> ck_place {
        // There is none so small, and a small call would take longer to ask than to compute.
        guard size > 1 << 20 else { return .cached }
        if size / 3 * 2 > override.value ?? whole { return .beyond }
        let quarter = (override.value ?? bytes) / 4
        return size > quarter * 3 ? .memory : size > quarter ? .parted : .cached
    }
}
