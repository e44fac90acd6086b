import Synchronization

/// A setting's other value for the current task alone: tests and benchmarks compare several.
package final class Override<Value: Sendable>: Sendable {
    private let local = TaskLocal<Value?>(wrappedValue: nil)
    /// To ask the task takes 10 ns, and a kernel asks twice; nearly no program ever has an override.
    private let wasUsed = Atomic<Bool>(false)
    private let onUse: @Sendable () -> Void

    /// - Parameter onUse: called before a value is ever set.
    init(onUse: @escaping @Sendable () -> Void = {}) { self.onUse = onUse }

    package var value: Value? { wasUsed.load(ordering: .relaxed) ? local.get() : nil }

    package func withValue<R>(_ value: Value?, operation: () throws -> R) rethrows -> R {
        wasUsed.store(true, ordering: .relaxed)
        onUse()
        return try local.withValue(value, operation: operation)
    }
}
