import FoundationEssentials
import Surprisal
import SurprisalKernels

/// What a file of data is, as its first bytes tell, opened.
enum FileFormat {
  case npy(NPYFile)
  case npz(NPZFile)
  case idx(IDXFile)
  case safetensors(SafetensorsFile)
  case csv(FileMapping)

  init(ofFileAt path: String) throws(TableError) {
    let file: RegularFile, prefix: [UInt8]
    do throws(FileFailure) {
      file = try RegularFile(path: path, to: "read")
      prefix = [UInt8](try file.prefix(9))
    } catch { throw .csv(CSVError(error, path: path)) }
    let name = path.lowercased()
    if prefix.starts(with: NPYHeader.magic) || name.hasSuffix(".npy") {
      do throws(NPYError) { self = .npy(try NPYFile(contentsOf: path)) } catch { throw .npy(error) }
    } else if prefix.starts(with: [0x50, 0x4B, 0x03, 0x04]) || prefix.starts(with: [0x50, 0x4B, 0x05, 0x06])
      || name.hasSuffix(".npz")
    {
      do throws(NPZError) { self = .npz(try NPZFile(contentsOf: path)) } catch { throw .npz(error) }
    } else if prefix.starts(with: Gzip.magic) || Self.isIDX(prefix) {
      do throws(IDXError) { self = .idx(try IDXFile(contentsOf: path)) } catch { throw .idx(error) }
    } else if Self.isSafetensors(prefix) || name.hasSuffix(".safetensors") {
      do throws(SafetensorsError) { self = .safetensors(try SafetensorsFile(mapping: path)) } catch {
        throw .safetensors(error)
      }
    } else {
      // Only the others are left.
      do throws(FileFailure) { self = .csv(try file.mapping()) } catch { throw .csv(CSVError(error, path: path)) }
    }
  }

  /// Two zeros, a type, and a few axes: no text begins so.
  private static func isIDX(_ prefix: [UInt8]) -> Bool { prefix.count >= 2 && prefix[0] == 0 && prefix[1] == 0 }

  /// The length of a header that is shorter than 2²⁴ bytes, and its first brace.
  private static func isSafetensors(_ prefix: [UInt8]) -> Bool {
    prefix.count == 9 && prefix[4...7].allSatisfy { $0 == 0 } && prefix[8] == UInt8(ascii: "{")
  }
}
