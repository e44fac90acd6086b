import SurprisalKernels

/// The type of the numbers of an array in a file.
package enum StoredElement: Sendable, Hashable, CaseIterable {
    case bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float16, bfloat16, float32, float64

    package var byteCount: Int {
        switch self {
        case .bool, .int8, .uint8: 1
        case .int16, .uint16, .float16, .bfloat16: 2
        case .int32, .uint32, .float32: 4
        case .int64, .uint64, .float64: 8
        }
    }

    package var isFloatingPoint: Bool {
        switch self {
        case .float16, .bfloat16, .float32, .float64: true
        default: false
        }
    }
}

/// How the numbers of a table lie in a file: element (i, j) at `i · rowStride + columnOffsets[j]`, counted in elements.
package struct StoredLayout: Sendable {
    package let element: StoredElement
    package let isBigEndian: Bool
    package let rowStride: Int
    package let columnOffsets: [Int]

    package init(element: StoredElement, isBigEndian: Bool, rowStride: Int, columnOffsets: [Int]) {
        (self.element, self.isBigEndian) = (element, isBigEndian)
        (self.rowStride, self.columnOffsets) = (rowStride, columnOffsets)
    }

    /// Some rows of the table, row-major, each number to the nearest of `Element`.
    package func rows<Element: Scalar>(_ rows: Range<Int>, of bytes: Span<UInt8>, as: Element.Type) -> Buffer<Element> {
        var buffer = Buffer<Element>(uninitialized: rows.count * columnOffsets.count)
        if buffer.count == 0 { return buffer }
        let last = (rows.upperBound - 1) * rowStride + (columnOffsets.max() ?? 0)
        precondition(rows.lowerBound >= 0 && (last + 1) * element.byteCount <= bytes.count)
        var span = buffer.mutableSpan
        unsafe bytes.withUnsafeBufferPointer { bytes in
            Parallel.forRows(rows.count, elementsPerRow: columnOffsets.count, writing: &span) { part, span in
                let from = rows.lowerBound
                switch element {
                case .bool, .uint8: unsafe fill(part, from, bytes, &span, UInt8.self) { Element($0) }
                case .int8: unsafe fill(part, from, bytes, &span, UInt8.self) { Element(Int8(bitPattern: $0)) }
                case .uint16: unsafe fill(part, from, bytes, &span, UInt16.self) { Element($0) }
                case .int16: unsafe fill(part, from, bytes, &span, UInt16.self) { Element(Int16(bitPattern: $0)) }
                case .uint32: unsafe fill(part, from, bytes, &span, UInt32.self) { Element($0) }
                case .int32: unsafe fill(part, from, bytes, &span, UInt32.self) { Element(Int32(bitPattern: $0)) }
                case .uint64: unsafe fill(part, from, bytes, &span, UInt64.self) { Element($0) }
                case .int64: unsafe fill(part, from, bytes, &span, UInt64.self) { Element(Int64(bitPattern: $0)) }
                case .float16: unsafe fill(part, from, bytes, &span, UInt16.self) { Element(Float(binary16: $0)) }
                case .bfloat16: unsafe fill(part, from, bytes, &span, UInt16.self) { Element(Float(bitPattern: UInt32($0) << 16)) }
                case .float32: unsafe fill(part, from, bytes, &span, UInt32.self) { Element(Float(bitPattern: $0)) }
                case .float64: unsafe fill(part, from, bytes, &span, UInt64.self) { Element(Double(bitPattern: $0)) }
                }
            }
        }
        return buffer
    }

    @inline(__always)
    private func fill<Element, Bits: FixedWidthInteger>(
        _ part: Range<Int>, _ from: Int, _ bytes: UnsafeBufferPointer<UInt8>, _ target: inout MutableSpan<Element>, _: Bits.Type,
        _ value: (Bits) -> Element
    ) {
        let base = UnsafeRawBufferPointer(bytes), columns = columnOffsets.count
        for row in part {
            for column in 0..<columns {
                let place = (from + row) * rowStride + columnOffsets[column]
                let bits = unsafe base.loadUnaligned(fromByteOffset: place * MemoryLayout<Bits>.size, as: Bits.self)
                target[row * columns + column] = value(isBigEndian ? Bits(bigEndian: bits) : Bits(littleEndian: bits))
            }
        }
    }
}

extension Float {
    /// The binary16 number with the bits `half`, exactly; a NaN keeps its payload and stays signalling
    /// if it was, which a conversion by the processor would not.
    package init(binary16 half: UInt16) {
        let sign = UInt32(half & 0x8000) << 16
        let magnitude = UInt32(half & 0x7FFF)
        if magnitude >= 0x7C00 {
            self.init(bitPattern: sign | 0x7F80_0000 | (magnitude & 0x3FF) << 13)
        } else {
            // Shifted, the exponent is read with binary32's bias, too low by 127 − 15; the product
            // is exact and normalises the subnormal numbers.
            let scaled = Float(bitPattern: magnitude << 13) * 0x1p112
            self.init(bitPattern: sign | scaled.bitPattern)
        }
    }
}
