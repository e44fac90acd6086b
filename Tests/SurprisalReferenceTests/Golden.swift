import SurprisalReference
import Testing

/// An argument and the value of a function at it, as a significand in two parts and an exponent of two.
///
/// Printed by Python's mpmath:
/// ```
/// from mpmath import *
/// mp.prec = 400
/// def parts(v):
///     e = int(floor(log(abs(v), 2))); s = v / mpf(2)**e; h = float(s)
///     return f"{h.hex()}, {float(s - h).hex()}, {e}"
/// def table(f, xs):
///     for x in xs: print(f"    Golden({float(x).hex()}, {parts(f(mpf(float(x))))}),")
/// ```
/// with the line named at each table below.
struct Golden: Sendable, CustomTestStringConvertible {
  let argument: Double
  let value: ScaledDoubleDouble

  init(_ argument: Double, _ high: Double, _ low: Double, _ exponent: Int) {
    self.argument = argument
    value = ScaledDoubleDouble(DoubleDouble(sum: high, low), exponent: exponent)
  }

  var testDescription: String { "\(argument)" }

  /// `table(exp, [0.5, 1, 10, 709.7, -1e-300, -1e-10, -1/128, -0.1, -0.34657, -0.35, -1, -17, -40.5, -88, -104, -700, -708.4, -745.13, -1000, -1e6])`
  static let exp: [Golden] = [
    Golden(0x1.0000000000000p-1, 0x1.a61298e1e069cp+0, -0x1.b4690082a4906p-55, 0),
    Golden(0x1.0000000000000p+0, 0x1.5bf0a8b145769p+0, 0x1.4d57ee2b1013ap-54, 1),
    Golden(0x1.4000000000000p+3, 0x1.5829dcf950560p+0, -0x1.83e055cfea4bbp-54, 14),
    Golden(0x1.62d999999999ap+9, 0x1.d75ae7a50ee14p+0, -0x1.a7242fe782b54p-55, 1023),
    Golden(-0x1.56e1fc2f8f359p-997, 0x1.0000000000000p+0, 0x0.0p+0, 0),
    Golden(-0x1.b7cdfd9d7bdbbp-34, 0x1.ffffffff24190p+0, 0x1.31714b6a191dcp-56, -1),
    Golden(-0x1.0000000000000p-7, 0x1.fc03fd56aa225p+0, -0x1.a00d03b3359dep-58, -1),
    Golden(-0x1.999999999999ap-4, 0x1.cf46d99d52b3ap+0, 0x1.d255100c4c1e2p-54, -1),
    Golden(-0x1.62e33eff19503p-2, 0x1.6a0a3b975afaep+0, 0x1.f3fbcc2928985p-55, -1),
    Golden(-0x1.6666666666666p-2, 0x1.68cce09671f71p+0, 0x1.7fb15788d6630p-56, -1),
    Golden(-0x1.0000000000000p+0, 0x1.78b56362cef38p+0, -0x1.ca8a4270fadf5p-55, -2),
    Golden(-0x1.1000000000000p+4, 0x1.639e3175a689dp+0, -0x1.0998f1158bcc0p-54, -25),
    Golden(-0x1.4400000000000p+5, 0x1.7c432199df55ap+0, -0x1.f9df284f63c73p-55, -59),
    Golden(-0x1.6000000000000p+6, 0x1.07b7112bc1ffep+0, 0x1.9d3e703e4a795p-56, -127),
    Golden(-0x1.a000000000000p+6, 0x1.f1e6b68529e33p+0, 0x1.a8a4753425ca7p-55, -151),
    Golden(-0x1.5e00000000000p+9, 0x1.14f2b0fb9307fp+0, 0x1.57961a567de7ap-57, -1010),
    Golden(-0x1.6233333333333p+9, 0x1.fe2b68d3dbf12p+0, -0x1.688b5868bea36p-54, -1023),
    Golden(-0x1.7490a3d70a3d7p+9, 0x1.00d34e97025f0p+0, -0x1.7ebfdcb68108dp-54, -1075),
    Golden(-0x1.f400000000000p+9, 0x1.3c4219e418954p+0, 0x1.e649e8dcf28b8p-57, -1443),
    Golden(-0x1.e848000000000p+19, 0x1.f1b14c35ed515p+0, -0x1.022aef39d8177p-54, -1_442_696),
  ]

  /// `table(expm1, [1e-20, -1/128, 0.0078, 0.0117, -0.0235, 0.34657, -0.35, -0.69, 0.7, -30, 40])`
  static let expm1: [Golden] = [
    Golden(0x1.79ca10c924223p-67, 0x1.79ca10c924223p+0, 0x1.16c262777579cp-67, -67),
    Golden(-0x1.0000000000000p-7, -0x1.fe0154aaeed83p+0, -0x1.00681d99aceefp-54, -8),
    Golden(0x1.ff2e48e8a71dep-8, 0x1.0096fd1664852p+0, 0x1.5166382fcf8eap-60, -7),
    Golden(0x1.7f62b6ae7d567p-7, 0x1.81a31e1ec32f3p+0, -0x1.a399bf35188dcp-56, -7),
    Golden(-0x1.810624dd2f1aap-6, -0x1.7c8902cda812cp+0, -0x1.985a3d6813dccp-55, -6),
    Golden(0x1.62e33eff19503p-2, 0x1.a82644e282273p+0, -0x1.6208166e3e31ap-54, -2),
    Golden(-0x1.6666666666666p-2, -0x1.2e663ed31c11ep+0, 0x1.7fb15788d6630p-55, -2),
    Golden(-0x1.6147ae147ae14p-1, -0x1.fe62d7cb9ec68p+0, -0x1.766ee25d5ace0p-57, -2),
    Golden(0x1.6666666666666p-1, 0x1.03854c24d130dp+0, 0x1.8be83ac405682p-56, 0),
    Golden(-0x1.e000000000000p+4, -0x1.ffffffffffcb5p+0, -0x1.1f3d53808b2afp-55, -1),
    Golden(0x1.4000000000000p+5, 0x1.a220d397972ebp+0, -0x1.f2f27be2e954ap-54, 57),
  ]

  /// `table(log1p, [1e-300, 2**-120, 2**-53, 1e-10, 0.007, 0.41421356, 0.5, 1, 3, 131071, 1e30, 1e300, -0.3, -0.75, 2**-40-1])`
  static let log1p: [Golden] = [
    Golden(0x1.56e1fc2f8f359p-997, 0x1.56e1fc2f8f359p+0, 0x0.0p+0, -997),
    Golden(0x1.0000000000000p-120, 0x1.0000000000000p+1, -0x1.0000000000000p-120, -121),
    Golden(0x1.0000000000000p-53, 0x1.0000000000000p+1, -0x1.fffffffffffffp-54, -54),
    Golden(0x1.b7cdfd9d7bdbbp-34, 0x1.b7cdfd9d1d693p+0, -0x1.0c8b7f5fd9a85p-54, -34),
    Golden(0x1.cac083126e979p-8, 0x1.c92760de12d3cp+0, -0x1.b2a60b0c70f34p-58, -8),
    Golden(0x1.a827997709f7ap-2, 0x1.62e42fd2cf8f5p+0, -0x1.5981c0cb81c9ep-57, -2),
    Golden(0x1.0000000000000p-1, 0x1.9f323ecbf984cp+0, -0x1.a92e513217f5cp-57, -2),
    Golden(0x1.0000000000000p+0, 0x1.62e42fefa39efp+0, 0x1.abc9e3b39803fp-55, -1),
    Golden(0x1.8000000000000p+1, 0x1.62e42fefa39efp+0, 0x1.abc9e3b39803fp-55, 0),
    Golden(0x1.ffff000000000p+16, 0x1.791272ee9dd8ep+0, 0x1.468681eed1843p-55, 3),
    Golden(0x1.93e5939a08ceap+99, 0x1.144f69ff9ffc4p+0, 0x1.58594e618bc34p-55, 6),
    Golden(0x1.7e43c8800759cp+996, 0x1.5963447f87fb5p+0, 0x1.abccc0710fcd4p-55, 9),
    Golden(-0x1.3333333333333p-2, -0x1.6d3c324e13f4ep+0, -0x1.f0207d9d4c9c1p-54, -2),
    Golden(-0x1.8000000000000p-1, -0x1.62e42fefa39efp+0, -0x1.abc9e3b39803fp-55, 0),
    Golden(-0x1.fffffffffe000p-1, -0x1.bb9d3beb8c86bp+0, -0x1.6bc5ca07e04f0p-59, 4),
  ]

  /// `table(log, [2, 10, 0.1, 1+2**-52, 0.75, 1.5, 1e300, 1e-307])`
  static let log: [Golden] = [
    Golden(0x1.0000000000000p+1, 0x1.62e42fefa39efp+0, 0x1.abc9e3b39803fp-55, -1),
    Golden(0x1.4000000000000p+3, 0x1.26bb1bbb55516p+0, -0x1.f48ad494ea3e9p-54, 1),
    Golden(0x1.999999999999ap-4, -0x1.26bb1bbb55515p+0, -0x1.8b752b6b15c17p-54, 1),
    Golden(0x1.0000000000001p+0, 0x1.fffffffffffffp+0, 0x1.5555555555554p-105, -53),
    Golden(0x1.8000000000000p-1, -0x1.269621134db92p+0, -0x1.e0efadd9db02bp-54, -2),
    Golden(0x1.8000000000000p+0, 0x1.9f323ecbf984cp+0, -0x1.a92e513217f5cp-57, -2),
    Golden(0x1.7e43c8800759cp+996, 0x1.5963447f87fb5p+0, 0x1.abccc0710fcd4p-55, 9),
    Golden(0x1.1fa182c40c60dp-1020, -0x1.61726241a7509p+0, 0x1.9ee2d1a337cfdp-55, 9),
  ]

}
