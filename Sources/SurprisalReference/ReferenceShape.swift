/// A contiguous row-major array seen along one axis: `outer × classes × inner`.
///
/// Position `n = o * inner + i` names one row along the axis; its element of class `c` is stored at
/// `(o * classes + c) * inner + i`.
public struct ReferenceShape: Hashable, Sendable {
  /// The product of the sizes before the axis.
  public let outer: Int
  /// The size of the axis.
  public let classes: Int
  /// The product of the sizes after the axis; also the distance between two classes of one row.
  public let inner: Int

  /// A shape of `outer × classes × inner` elements.
  public init(outer: Int, classes: Int, inner: Int = 1) {
    guard outer >= 0, classes >= 0, inner >= 0 else {
      fatalError("ReferenceShape: \(outer) × \(classes) × \(inner) has a negative size")
    }
    self.outer = outer
    self.classes = classes
    self.inner = inner
  }

  /// The shape of an array of the given `sizes`, seen along `axis`.
  public init(_ sizes: [Int], along axis: Int) {
    guard sizes.indices.contains(axis) else {
      fatalError(
        "ReferenceShape: axis \(axis) of an array of rank \(sizes.count), expected 0..<\(sizes.count)"
      )
    }
    self.init(
      outer: sizes[..<axis].reduce(1, *), classes: sizes[axis],
      inner: sizes[(axis + 1)...].reduce(1, *))
  }

  /// The number of rows along the axis.
  public var positions: Int { outer * inner }

  /// The number of elements.
  public var count: Int { outer * classes * inner }

  /// Where the row of `position` begins; its next classes follow at distance `inner`.
  public func start(of position: Int) -> Int {
    (position / inner) * classes * inner + position % inner
  }

  /// Where the element of `position` and `class` is stored.
  public func index(position: Int, class c: Int) -> Int {
    start(of: position) + c * inner
  }
}
