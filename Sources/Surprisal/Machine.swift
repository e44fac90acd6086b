import SurprisalKernels

/// The threads that calls may use.
public typealias Parallel = SurprisalKernels.Parallel
/// The processor's instruction sets, and the one in use.
public typealias InstructionSet = SurprisalKernels.InstructionSet
/// What computes matrix products.
public enum MatrixLibrary {
    /// Its name, version and kernels, in its own words.
    public static var description: String { MatrixProduct.library }
}
/// The memory that tensors recycle.
public typealias BufferPool = SurprisalKernels.BufferPool
