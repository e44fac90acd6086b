import Foundation
import Synchronization

/// Ctrl-C: the first ends the run in order, with what was measured; the second ends the program.
enum Interruption {
    private static let seen = Atomic<Bool>(false)

    static var isRequested: Bool { seen.load(ordering: .relaxed) }

    static func watch() {
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                Interruption.seen.store(true, ordering: .relaxed)
                signal(number, SIG_DFL)
            }
        }
    }
}
