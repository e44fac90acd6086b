import Surprisal
import SurprisalCodecs

extension SafetensorsFile {
  /// The values of an F32, F16 or BF16 tensor, row-major; the narrower types widen exactly,
  /// signs of zero and NaN payloads included.
  ///
  /// - Throws: `SafetensorsError` when no tensor has the name or its type has no exact conversion.
  public func floats(of name: String) throws(SafetensorsError) -> [Float] {
    let entry = try requireEntry(name)
    switch entry.dtype {
    case .float32: return decode(entry, UInt32.self) { Float(bitPattern: $0) }
    case .float16: return decode(entry, UInt16.self) { Float(binary16: $0) }
    case .bfloat16: return decode(entry, UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
    default: throw error(name, .unsupportedConversion(dtype: entry.dtype, to: "Float"))
    }
  }

  /// The values of an F64, F32, F16 or BF16 tensor, row-major; the narrower types widen exactly.
  ///
  /// - Throws: `SafetensorsError` when no tensor has the name or its type has no exact conversion.
  public func doubles(of name: String) throws(SafetensorsError) -> [Double] {
    let entry = try requireEntry(name)
    switch entry.dtype {
    case .float64: return decode(entry, UInt64.self) { Double(bitPattern: $0) }
    case .float32: return decode(entry, UInt32.self) { Double(Float(bitPattern: $0)) }
    case .float16: return decode(entry, UInt16.self) { Double(Float(binary16: $0)) }
    case .bfloat16:
      return decode(entry, UInt16.self) { Double(Float(bitPattern: UInt32($0) << 16)) }
    default: throw error(name, .unsupportedConversion(dtype: entry.dtype, to: "Double"))
    }
  }

  /// The values of an integer or BOOL tensor, row-major; false is 0 and true 1.
  ///
  /// - Throws: `SafetensorsError` when no tensor has the name, its type is no integer type, a U64
  ///   value is above `Int.max`, or a BOOL byte is neither 0 nor 1.
  public func integers(of name: String) throws(SafetensorsError) -> [Int] {
    let entry = try requireEntry(name)
    switch entry.dtype {
    case .int64: return decode(entry, UInt64.self) { Int(truncatingIfNeeded: $0) }
    case .int32: return decode(entry, UInt32.self) { Int(Int32(bitPattern: $0)) }
    case .int16: return decode(entry, UInt16.self) { Int(Int16(bitPattern: $0)) }
    case .int8: return decode(entry, UInt8.self) { Int(Int8(bitPattern: $0)) }
    case .uint32: return decode(entry, UInt32.self) { Int($0) }
    case .uint16: return decode(entry, UInt16.self) { Int($0) }
    case .uint8: return decode(entry, UInt8.self) { Int($0) }
    case .uint64:
      let values = decode(entry, UInt64.self) { Int(truncatingIfNeeded: $0) }
      if let position = values.firstIndex(where: { $0 < 0 }) {
        throw error(
          name,
          .unrepresentableValue(
            position: position, value: "\(UInt(bitPattern: values[position]))",
            expected: "at most \(Int.max)"))
      }
      return values
    case .bool:
      let values = decode(entry, UInt8.self) { Int($0) }
      if let position = values.firstIndex(where: { $0 > 1 }) {
        throw error(
          name,
          .unrepresentableValue(
            position: position, value: "\(values[position])", expected: "0 or 1 for BOOL"))
      }
      return values
    default: throw error(name, .unsupportedConversion(dtype: entry.dtype, to: "Int"))
    }
  }

  /// An F64, F32, F16 or BF16 tensor in Double, or one but F64 in Float; of a mapped file, where type and alignment allow,
  /// without a copy: the elements then lie in the file until somebody writes to the tensor.
  ///
  /// - Throws: `SafetensorsError` when no tensor has the name or its type has no exact conversion.
  public func tensor<Scalar: Surprisal.Scalar>(
    of name: String, as type: Scalar.Type
  ) throws(SafetensorsError) -> Tensor<Scalar> {
    let entry = try requireEntry(name)
    if entry.dtype == (type == Float.self ? .float32 : .float64),
      let elements = elements(of: entry, as: Scalar.self)
    {
      return Tensor(shape: entry.shape, mapped: elements)
    }
    if let values = type == Float.self ? try floats(of: name) as? [Scalar] : nil {
      return Tensor(values, shape: entry.shape)
    }
    return Tensor(try doubles(of: name).map { Scalar($0) }, shape: entry.shape)
  }

  /// The elements of `entry`, whose size is that of `Bits`.
  @inline(__always)
  private func decode<Bits: FixedWidthInteger & UnsignedInteger, Value>(
    _ entry: Entry, _: Bits.Type, _ value: (Bits) -> Value
  ) -> [Value] {
    withBytes(of: entry) { bytes in
      let width = MemoryLayout<Bits>.size
      return [Value](capacity: bytes.count / width) { (output: inout OutputSpan<Value>) in
        var start = 0
        while start < bytes.count {
          // Assembled byte by byte, so neither alignment nor the host's byte order matters.
          var bits: Bits = 0
          for offset in 0..<width {
            bits |= Bits(truncatingIfNeeded: bytes[start + offset]) << Bits(8 * offset)
          }
          output.append(value(bits))
          start += width
        }
      }
    }
  }
}
