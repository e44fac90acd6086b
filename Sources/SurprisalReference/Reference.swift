/// The textbook: every operation of the package as the loop its definition spells.
///
/// It is the oracle that tests compare with and the baseline that benchmarks are measured against,
/// so each function is written to be obviously right and nothing is shared with the code that it
/// judges.
///
/// Every operation that makes an array has two spellings: the one that writes `into:` an array of
/// the right size allocates nothing and is compiled for `Float` and `Double`; the other returns a
/// new array.
///
/// A size that does not fit stops the program with a message that names the operation, the argument,
/// its size and the size expected, in release builds too.
// Arrays and not spans: Swift 6.3.1 believes that `Array.span`, where it is not inlined, as in a
// generic function, lets nothing of the array escape. An optimised caller then leaves out the
// stores that fill an array it only passes on, and the function reads garbage.
public enum Reference {
  /// A new array of `count` elements, all of which `body` writes.
  static func array<T>(_ count: Int, of initial: T, _ body: (inout [T]) -> Void) -> [T] {
    var result = [T](repeating: initial, count: count)
    body(&result)
    return result
  }
}
