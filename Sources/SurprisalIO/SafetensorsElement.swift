/// A Swift type whose values a safetensors file stores bit for bit.
public protocol SafetensorsElement: Sendable {
  /// The type in the file; its elements fill whole bytes.
  static var safetensorsDtype: SafetensorsDtype { get }
  /// The bits of `values` in order, the least significant byte of each first.
  static func safetensorsBytes(of values: ArraySlice<Self>) -> [UInt8]
}

/// The loop behind every conformance. Each instantiates it with its own types: through the protocol's
/// witnesses for every element, writing 100 MB took 6.5 s instead of 0.26 s.
@inline(__always)
private func littleEndianBytes<Element, Bits: FixedWidthInteger & UnsignedInteger>(
  of values: ArraySlice<Element>, _ bits: (Element) -> Bits
) -> [UInt8] {
  let width = MemoryLayout<Bits>.size
  return [UInt8](capacity: values.count * width) { (output: inout OutputSpan<UInt8>) in
    for value in values {
      let bits = bits(value)
      for offset in 0..<width {
        output.append(UInt8(truncatingIfNeeded: bits >> Bits(8 * offset)))
      }
    }
  }
}

extension Float: SafetensorsElement {
  public static var safetensorsDtype: SafetensorsDtype { .float32 }
  public static func safetensorsBytes(of values: ArraySlice<Self>) -> [UInt8] {
    littleEndianBytes(of: values) { $0.bitPattern }
  }
}

extension Double: SafetensorsElement {
  public static var safetensorsDtype: SafetensorsDtype { .float64 }
  public static func safetensorsBytes(of values: ArraySlice<Self>) -> [UInt8] {
    littleEndianBytes(of: values) { $0.bitPattern }
  }
}

extension Int: SafetensorsElement {
  public static var safetensorsDtype: SafetensorsDtype { .int64 }
  public static func safetensorsBytes(of values: ArraySlice<Self>) -> [UInt8] {
    littleEndianBytes(of: values) { UInt64(bitPattern: Int64($0)) }
  }
}

extension Int64: SafetensorsElement {
  public static var safetensorsDtype: SafetensorsDtype { .int64 }
  public static func safetensorsBytes(of values: ArraySlice<Self>) -> [UInt8] {
    littleEndianBytes(of: values) { UInt64(bitPattern: $0) }
  }
}

extension Int32: SafetensorsElement {
  public static var safetensorsDtype: SafetensorsDtype { .int32 }
  public static func safetensorsBytes(of values: ArraySlice<Self>) -> [UInt8] {
    littleEndianBytes(of: values) { UInt32(bitPattern: $0) }
  }
}

extension Int16: SafetensorsElement {
  public static var safetensorsDtype: SafetensorsDtype { .int16 }
  public static func safetensorsBytes(of values: ArraySlice<Self>) -> [UInt8] {
    littleEndianBytes(of: values) { UInt16(bitPattern: $0) }
  }
}

extension Int8: SafetensorsElement {
  public static var safetensorsDtype: SafetensorsDtype { .int8 }
  public static func safetensorsBytes(of values: ArraySlice<Self>) -> [UInt8] {
    littleEndianBytes(of: values) { UInt8(bitPattern: $0) }
  }
}

extension UInt64: SafetensorsElement {
  public static var safetensorsDtype: SafetensorsDtype { .uint64 }
  public static func safetensorsBytes(of values: ArraySlice<Self>) -> [UInt8] {
    littleEndianBytes(of: values) { $0 }
  }
}

extension UInt32: SafetensorsElement {
  public static var safetensorsDtype: SafetensorsDtype { .uint32 }
  public static func safetensorsBytes(of values: ArraySlice<Self>) -> [UInt8] {
    littleEndianBytes(of: values) { $0 }
  }
}

extension UInt16: SafetensorsElement {
  public static var safetensorsDtype: SafetensorsDtype { .uint16 }
  public static func safetensorsBytes(of values: ArraySlice<Self>) -> [UInt8] {
    littleEndianBytes(of: values) { $0 }
  }
}

extension UInt8: SafetensorsElement {
  public static var safetensorsDtype: SafetensorsDtype { .uint8 }
  public static func safetensorsBytes(of values: ArraySlice<Self>) -> [UInt8] {
    littleEndianBytes(of: values) { $0 }
  }
}

extension Bool: SafetensorsElement {
  public static var safetensorsDtype: SafetensorsDtype { .bool }
  public static func safetensorsBytes(of values: ArraySlice<Self>) -> [UInt8] {
    littleEndianBytes(of: values) { UInt8($0 ? 1 : 0) }
  }
}
