import CKernels
import Synchronization

/// The instruction sets the kernels are compiled for.
public enum InstructionSet: String, CaseIterable, Sendable, CustomStringConvertible {
    /// SSE2 on x86-64, NEON on arm64.
    case baseline
    /// AVX2 with FMA (x86-64-v3).
    case avx2
    /// AVX-512 F, VL, DQ, BW, CD (x86-64-v4).
    case avx512

    public var description: String { rawValue }

    private var code: ck_isa {
        switch self {
        case .baseline: .baseline
        case .avx2: .avx2
        case .avx512: .avx512
        }
    }

    private init(_ code: ck_isa) {
        self =
            switch code {
            case .baseline: .baseline
            case .avx2: .avx2
            case .avx512: .avx512
            }
    }

    /// Whether this processor has it.
    public var isAvailable: Bool { unsafe ck_table_for(code) != nil }

    public static var available: [InstructionSet] { allCases.filter(\.isAvailable) }

    /// The one in use: what `SURPRISAL_ISA` names, otherwise the best that the processor has. Chosen at the
    /// first use; naming one that is unknown or that the processor lacks stops the program.
    public static let current: InstructionSet = {
        guard let name = Environment.value(of: "SURPRISAL_ISA") else { return available.last ?? .baseline }
        guard let wanted = InstructionSet(rawValue: name) else {
            Environment.stop("SURPRISAL_ISA is \(Environment.quoted(name)); expected one of \(allCases.map(\.rawValue).joined(separator: ", "))")
        }
        guard wanted.isAvailable else {
            let had = available.map(\.rawValue).joined(separator: ", ")
            Environment.stop("SURPRISAL_ISA asks for \(name), which this processor lacks; it has \(had)")
        }
        return wanted
    }()

    /// Tests and benchmarks run a body on another set than the current one, of those that are available.
    package static let override = Override<InstructionSet> { mayDiffer.store(true, ordering: .relaxed) }

    /// Whether a task may have an override. As long as none has, the table is asked for once: of a small call's time the lazy
    /// values were a tenth.
    private static let mayDiffer = Atomic<Bool>(false)
    // Of constants, to which a pointer may be shared.
    nonisolated(unsafe) private static let usual = unsafe Atomic<UnsafePointer<ck_table>?>(nil)

    private static var known: ck_table? {
        if mayDiffer.load(ordering: .relaxed) { return nil }
        return unsafe usual.load(ordering: .acquiring)?.pointee
    }

    /// Also one that the processor lacks, where an override asks for what would be done on it.
    static var inUse: InstructionSet {
        if let known = unsafe known { return unsafe InstructionSet(known.isa) }
        return override.value ?? current
    }

    static var table: ck_table {
        if let known = unsafe known { return unsafe known }
        let wanted = inUse
        // A set comes here only from `available`, or checked against it.
        guard let table = unsafe ck_table_for(wanted.code) else { Environment.stop("this processor lacks \(wanted)") }
        if !mayDiffer.load(ordering: .relaxed) { unsafe usual.store(table, ordering: .releasing) }
        return unsafe table.pointee
    }
}
