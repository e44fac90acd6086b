extension Reference {
  /// The matrix product `op(A) · op(B)`, op the transposition where asked for.
  ///
  /// - Parameters:
  ///   - left: A, `rows × inner`, stored `inner × rows` when `transposingLeft`.
  ///   - right: B, `inner × columns`, stored `columns × inner` when `transposingRight`.
  ///   - result: `rows × columns`; what it held is not read.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public static func matmul<T: ReferenceScalar>(
    _ left: [T], _ right: [T], rows: Int, inner: Int, columns: Int,
    transposingLeft: Bool = false, transposingRight: Bool = false, into result: inout [T]
  ) {
    requireCount(left.count, rows * inner, "left", of: "matmul")
    requireCount(right.count, inner * columns, "right", of: "matmul")
    requireCount(result.count, rows * columns, "result", of: "matmul")
    for row in 0..<rows {
      for column in 0..<columns {
        var sum: T = 0
        for k in 0..<inner {
          let a = left[transposingLeft ? k * rows + row : row * inner + k]
          let b = right[transposingRight ? column * inner + k : k * columns + column]
          sum += a * b
        }
        result[row * columns + column] = sum
      }
    }
  }

  /// The matrix product, as a new array.
  public static func matmul<T: ReferenceScalar>(
    _ left: [T], _ right: [T], rows: Int, inner: Int, columns: Int,
    transposingLeft: Bool = false, transposingRight: Bool = false
  ) -> [T] {
    array(rows * columns, of: 0) {
      matmul(
        left, right, rows: rows, inner: inner, columns: columns,
        transposingLeft: transposingLeft, transposingRight: transposingRight, into: &$0)
    }
  }
}
