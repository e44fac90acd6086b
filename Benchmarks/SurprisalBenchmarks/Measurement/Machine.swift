import Foundation
import SurprisalKernels

extension MachineDescription {
    static var current: MachineDescription {
        let release = (try? String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8)) ?? ""
        let cpuinfo = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let model = cpuinfo.split(separator: "\n").first { $0.hasPrefix("model name") }
            .flatMap { $0.split(separator: ":").last }.map { $0.trimmingCharacters(in: .whitespaces) }
        return MachineDescription(
            processor: model ?? "unknown processor", processorCount: ProcessInfo.processInfo.activeProcessorCount,
            system: "Linux \(release.split(separator: ".").prefix(2).joined(separator: "."))", blas: MatrixProduct.library)
    }
}
