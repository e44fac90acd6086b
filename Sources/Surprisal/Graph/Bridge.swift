import SurprisalKernels
import Synchronization

/// The edges of each hundredth node of a chain, in an object of their own.
///
/// The chain behind a tensor may be a million nodes long, and releasing its nodes one within the other overflows the
/// stack at some ten thousand. So bridges are released one after the other. (If every `deinit` took the next node's
/// edges over, they would be variables, behind a lock in each node.)
final class Bridge<Scalar: Surprisal.Scalar>: Sendable {
    let edges: Edges<Scalar>

    init(_ edges: consuming Edges<Scalar>) { self.edges = edges }
}

enum Bridges {
    /// Nodes from one to the next; each takes a few hundred bytes of stack when it dies.
    static let distance = 100

    private struct Waiting {
        var bridges: [any AnyObject & Sendable] = []
        var isReleasing = false
    }

    private static let waiting = Mutex(Waiting())

    /// Lets go of the bridge of a dying node: at once, or when the bridge within whose release the node dies is gone.
    /// Taken from the caller: the list's is to be the last reference, so that the bridge dies in the loop below.
    static func release(_ bridge: inout (any AnyObject & Sendable)?) {
        let isFirst = waiting.withLock { waiting in
            if let bridge = bridge.take() { waiting.bridges.append(bridge) }
            defer { waiting.isReleasing = true }
            return !waiting.isReleasing
        }
        // Another thread's bridges may be among them; whoever comes first releases them all.
        var isMore = isFirst
        while isMore { isMore = releaseOne() }
    }

    private static func releaseOne() -> Bool {
        let next = waiting.withLock { waiting in
            if waiting.bridges.isEmpty { waiting.isReleasing = false }
            return waiting.bridges.popLast()
        }
        return next != nil
    }
}
