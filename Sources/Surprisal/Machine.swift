import SurprisalKernels

/// The threads that calls may use.
public typealias Parallel = SurprisalKernels.Parallel
/// The processor's instruction sets, and the one in use.
public typealias InstructionSet = SurprisalKernels.InstructionSet
/// The memory that tensors recycle.
public typealias BufferPool = SurprisalKernels.BufferPool
