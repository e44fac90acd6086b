#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A floating-point type with the elementary functions that the textbook needs, as the C library computes them.
public protocol ReferenceScalar: BinaryFloatingPoint, Sendable {
  /// e to the power `x`.
  static func exp(_ x: Self) -> Self
  /// The natural logarithm of `x`.
  static func log(_ x: Self) -> Self
  /// The natural logarithm of `1 + x`.
  static func log1p(_ x: Self) -> Self
  /// `x` to the power `y`.
  static func pow(_ x: Self, _ y: Self) -> Self
}

extension Float: ReferenceScalar {
  public static func exp(_ x: Float) -> Float { expf(x) }
  public static func log(_ x: Float) -> Float { logf(x) }
  public static func log1p(_ x: Float) -> Float { log1pf(x) }
  public static func pow(_ x: Float, _ y: Float) -> Float { powf(x, y) }
}

extension Double: ReferenceScalar {
  public static func exp(_ x: Double) -> Double { libraryExp(x) }
  public static func log(_ x: Double) -> Double { libraryLog(x) }
  public static func log1p(_ x: Double) -> Double { libraryLog1p(x) }
  public static func pow(_ x: Double, _ y: Double) -> Double { libraryPow(x, y) }
}

// Inside the extension of Double the library's names would mean the members.
private func libraryExp(_ x: Double) -> Double { exp(x) }
private func libraryLog(_ x: Double) -> Double { log(x) }
private func libraryLog1p(_ x: Double) -> Double { log1p(x) }
private func libraryPow(_ x: Double, _ y: Double) -> Double { pow(x, y) }
