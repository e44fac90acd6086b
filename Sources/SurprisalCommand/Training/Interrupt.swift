import Dispatch
import FoundationEssentials
import Glibc
import Synchronization

/// Ctrl-C asks for an end; a second one ends the program as ever.
final class Interrupt: Sendable {
    private let wasAsked = Atomic<Bool>(false)

    var isAsked: Bool { wasAsked.load(ordering: .relaxed) }

    /// Runs `body`, during which Ctrl-C only asks.
    func during<T>(_ body: () throws -> T) rethrows -> T {
        let source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        source.setEventHandler { [wasAsked = self] in
            wasAsked.wasAsked.store(true, ordering: .relaxed)
            signal(SIGINT, SIG_DFL)
        }
        signal(SIGINT, SIG_IGN)
        source.resume()
        defer {
            source.cancel()
            signal(SIGINT, SIG_DFL)
        }
        return try body()
    }
}
