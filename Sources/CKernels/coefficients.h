/* Written by scripts/derive-coefficients.py; its --check compares. The errors are measured there, in emulated
 * arithmetic: compile the evaluations with contraction off and fuse by hand where FMA is meant.
 */
#ifndef CK_COEFFICIENTS_H
#define CK_COEFFICIENTS_H

/* float: exp(r) ~ 1 + r + r^2 * q(r), q(r) = C2 + r*(C3 + r*( ... C6)), |r| <= ln2/2 * (1 + 2^-10).
 * Minimised: the relative error of the polynomial, with coefficients of the type.
 * That error is 0.0526 * 2^-24 (0.0516 with unrounded coefficients).
 * Worst error seen of the whole evaluation (k = rint(t * LOG2E), r by the splits below, Horner), in ULPs of
 * exp(t) where that is a normal number (every float of [-87.33, -0.34] and [0.34, 88.7] and a lattice between):
 *   no FMA  1 + (r + (r*r)*q)  0.989 at t = -5.8533711433410645 of 134841319
 *   no FMA  1 + r*(1 + r*q)    1.167 at t = -38.434974670410156 of 134841319
 *   FMA     1 + (r + (r*r)*q)  1.013 at t = 59.30603790283203 of 134841319
 *   FMA     1 + r*(1 + r*q)    0.891 at t = -5.848641872406006 of 134841319
 */
#define CK_EXP_F32_C2        0x1.fffffcp-2f             /* +4.99999940395355225e-01 */
#define CK_EXP_F32_C3        0x1.555492p-3f             /* +1.66665211319923401e-01 */
#define CK_EXP_F32_C4        0x1.5558b4p-5f             /* +4.16682735085487366e-02 */
#define CK_EXP_F32_C5        0x1.12399ap-7f             /* +8.36868304759263992e-03 */
#define CK_EXP_F32_C6        0x1.6a48dap-10f            /* +1.38200598303228617e-03 */

/* float: n = rint(t * 16 * LOG2E) = 16*k + j, r by the fused splits of ln 2 over 16,
 * exp(t) ~ 2^k * (P + P*(r + r^2 * q(r))), P = 2^(j/16) rounded, q(r) = C2 + r*(... C3),
 * |r| <= ln2/32 * (1 + 2^-10); the polynomial's error is 0.0268 * 2^-24.
 * Worst error seen of the whole evaluation, in ULPs: 0.989 at t = -22.029483795166016 of 134841319.
 * POWERS: the bits of P less those of 1 and less j * 2^19, which n << 19 brings along.
 */
#define CK_EXP16_F32_C2      0x1.00022p-1f              /* +5.00016212463378906e-01 */
#define CK_EXP16_F32_C3      0x1.55563cp-3f             /* +1.66668385267257690e-01 */
#define CK_POWERS_F32_16 { \
    0, -152893, -289342, -408621, \
    -509968, -592590, -655657, -698305, \
    -719629, -718684, -694486, -646004, \
    -572163, -471841, -343865, -187011 }

/* ln 2 for float. Without FMA: r = ((t - k*HI) - k*MID) - k*LO, k*HI and k*MID exact for |k| <= 2^11.
 * With FMA: r = fma(-k, FMA_LO, fma(-k, FMA_HI, t)). TAIL = ln 2 - HI in one term, for k*HI + k*TAIL in
 * logarithms. LOG2E = 1 / ln 2.
 */
#define CK_LN2_F32_HI        0x1.62ep-1f                /* +6.93115234375000000e-01 */
#define CK_LN2_F32_MID       0x1.0cp-15f                /* +3.19480895996093750e-05 */
#define CK_LN2_F32_LO        -0x1.05c61p-29f            /* -1.90465421212593355e-09 */
#define CK_LN2_F32_TAIL      0x1.0bfbe8p-15f            /* +3.19461832987144589e-05 */
#define CK_LN2_F32_FMA_HI    0x1.62e43p-1f              /* +6.93147182464599609e-01 */
#define CK_LN2_F32_FMA_LO    -0x1.05c61p-29f            /* -1.90465421212593355e-09 */
#define CK_LOG2E_F32         0x1.715476p+0f             /* +1.44269502162933350e+00 */

/* double: exp(r) ~ 1 + r + r^2 * q(r), q(r) = C2 + r*(C3 + r*( ... C11)), |r| <= ln2/2 * (1 + 2^-10).
 * Minimised: the relative error of the polynomial, with coefficients of the type.
 * That error is 0.0334 * 2^-53 (0.0330 with unrounded coefficients).
 * Worst error seen of the whole evaluation (k = rint(t * LOG2E), r by the splits below, Horner), in ULPs of
 * exp(t) where that is a normal number (a lattice):
 *   no FMA  1 + (r + (r*r)*q)  0.933 at t = -354.50213408601184 of 53376
 *   no FMA  1 + r*(1 + r*q)    1.114 at t = -708.028609058927 of 53376
 *   FMA     1 + (r + (r*r)*q)  0.981 at t = -354.4919264464341 of 53376
 *   FMA     1 + r*(1 + r*q)    0.835 at t = -707.3694109705727 of 53376
 */
#define CK_EXP_F64_C2        0x1.000000000000ap-1       /* +5.00000000000001110e-01 */
#define CK_EXP_F64_C3        0x1.5555555555508p-3       /* +1.66666666666664520e-01 */
#define CK_EXP_F64_C4        0x1.555555555074ep-5       /* +4.16666666665280599e-02 */
#define CK_EXP_F64_C5        0x1.11111111253d9p-7       /* +8.33333333347667689e-03 */
#define CK_EXP_F64_C6        0x1.6c16c184532dp-10       /* +1.38888889439952104e-03 */
#define CK_EXP_F64_C7        0x1.a01a013497006p-13      /* +1.98412695357031040e-04 */
#define CK_EXP_F64_C8        0x1.a01999b81bbc1p-16      /* +2.48014927994274301e-05 */
#define CK_EXP_F64_C9        0x1.71df130e6c4c8p-19      /* +2.75575656091177836e-06 */
#define CK_EXP_F64_C10       0x1.28adb661846e4p-22      /* +2.76303444208664666e-07 */
#define CK_EXP_F64_C11       0x1.ad9785fc0f5c2p-26      /* +2.50055389591080627e-08 */

/* double: n = rint(t * 16 * LOG2E) = 16*k + j, r by the fused splits of ln 2 over 16,
 * exp(t) ~ 2^k * (P + P*(r + r^2 * q(r))), P = 2^(j/16) rounded, q(r) = C2 + r*(... C6),
 * |r| <= ln2/32 * (1 + 2^-10); the polynomial's error is 0.1053 * 2^-53.
 * Worst error seen of the whole evaluation, in ULPs: 1.068 at t = -0.7176609884895901 of 53376.
 * POWERS: the bits of P less those of 1 and less j * 2^48, which n << 48 brings along.
 */
#define CK_EXP16_F64_C2      0x1.fffffffffffb8p-2       /* +4.99999999999996003e-01 */
#define CK_EXP16_F64_C3      0x1.555555548ec7ep-3       /* +1.66666666644093853e-01 */
#define CK_EXP16_F64_C4      0x1.5555555901755p-5       /* +4.16666666933866239e-02 */
#define CK_EXP16_F64_C5      0x1.11123b40e6eeep-7       /* +8.33347218740906545e-03 */
#define CK_EXP16_F64_C6      0x1.6c14c61421467p-10      /* +1.38885935760526560e-03 */
#define CK_POWERS_F64_16 { \
    0LL, -82083586668273LL, -155339362315909LL, -219376486358472LL, \
    -273786814220523LL, -318144131222494LL, -352003352548825LL, -374899687795671LL, \
    -386347768529971LL, -385840737222265LL, -372849295843109LL, -346820712337264LL, \
    -307177783110739LL, -253317749583204LL, -184611166772089LL, -100400721784614LL }

/* ln 2 for double. Without FMA: r = ((t - k*HI) - k*MID) - k*LO, k*HI and k*MID exact for |k| <= 2^13.
 * With FMA: r = fma(-k, FMA_LO, fma(-k, FMA_HI, t)). TAIL = ln 2 - HI in one term, for k*HI + k*TAIL in
 * logarithms. LOG2E = 1 / ln 2.
 */
#define CK_LN2_F64_HI        0x1.62e42fefa4p-1          /* +6.93147180560117704e-01 */
#define CK_LN2_F64_MID       -0x1.8432a1b0e2p-43        /* -1.72394445256108261e-13 */
#define CK_LN2_F64_LO        -0x1.8cff81a12a17ep-85     /* -4.00865610552016973e-26 */
#define CK_LN2_F64_TAIL      -0x1.8432a1b0e2634p-43     /* -1.72394445256148348e-13 */
#define CK_LN2_F64_FMA_HI    0x1.62e42fefa39efp-1       /* +6.93147180559945286e-01 */
#define CK_LN2_F64_FMA_LO    0x1.abc9e3b39803fp-56      /* +2.31904681384629956e-17 */
#define CK_LOG2E_F64         0x1.71547652b82fep+0       /* +1.44269504088896339e+00 */

/* log1p(x) for x >= 0.
 *   u = 1 + x = 2^k * v, v in [sqrt(1/2), sqrt(2)).
 *   k == 0: f = x (not v - 1), log1p(x) = f - (f*f/2 - s*(f*f/2 + R(z))).
 *   k != 0: f = v - 1; e = (x >= 1 ? 1 - (u - x) : x - (u - 1)) / u is what rounding u lost;
 *           log1p(x) = k*HI - ((f*f/2 - (s*(f*f/2 + R(z)) + (k*TAIL + e))) - f).
 *   "FMA" fuses the Horner steps, k*TAIL + e, s*(f*f/2 + R) + that sum, and f*f/2 - s*(f*f/2 + R); f*f/2 is
 *   (0.5*f)*f, and its use as a term is not fused.
 */

/* float: R(z) = z*(L1 + z*(L2 + ... L3)), s = f/(2+f), z = s*s, f in [sqrt(1/2)-1, sqrt(2)-1].
 * Minimised: |R(z) - D(z)| / (2 + D(z)), D(z) = (log(1+s) - log(1-s))/s - 2 = 2z/3 + 2z^2/5 + ..., which is the
 * relative error of log(1+f) = s*(2 + D), with coefficients of the type.
 * That error is 0.0135 * 2^-24 (0.0135 with unrounded coefficients).
 * Worst error seen of the whole evaluation of log1p(x) for x >= 0, as described above:
 *   no FMA  0.823 ULP at x = 0.40019354224205017 of 646404
 *   FMA     0.775 ULP at x = 0.4058471918106079 of 646404
 */
#define CK_LOG_F32_L1        0x1.55557ap-1f             /* +6.66667759418487549e-01 */
#define CK_LOG_F32_L2        0x1.995ed8p-2f             /* +3.99775862693786621e-01 */
#define CK_LOG_F32_L3        0x1.31e03cp-2f             /* +2.98706948757171631e-01 */

/* double: R(z) = z*(L1 + z*(L2 + ... L7)), s = f/(2+f), z = s*s, f in [sqrt(1/2)-1, sqrt(2)-1].
 * Minimised: |R(z) - D(z)| / (2 + D(z)), D(z) = (log(1+s) - log(1-s))/s - 2 = 2z/3 + 2z^2/5 + ..., which is the
 * relative error of log(1+f) = s*(2 + D), with coefficients of the type.
 * That error is 0.0110 * 2^-53 (0.0110 with unrounded coefficients).
 * Worst error seen of the whole evaluation of log1p(x) for x >= 0, as described above:
 *   no FMA  0.741 ULP at x = 0.4063121003442098 of 19099
 *   FMA     0.738 ULP at x = 1.7168005134747295 of 19099
 */
#define CK_LOG_F64_L1        0x1.5555555555592p-1       /* +6.66666666666673402e-01 */
#define CK_LOG_F64_L2        0x1.999999997ff5ep-2       /* +3.99999999994170241e-01 */
#define CK_LOG_F64_L3        0x1.24924941dbb46p-2       /* +2.85714287419001400e-01 */
#define CK_LOG_F64_L4        0x1.c71c5219b15fcp-3       /* +2.22221986207088551e-01 */
#define CK_LOG_F64_L5        0x1.74663bba9242cp-3       /* +1.81835619574742480e-01 */
#define CK_LOG_F64_L6        0x1.39a20930c2824p-3       /* +1.53141090202837948e-01 */
#define CK_LOG_F64_L7        0x1.2f026ac500636p-3       /* +1.47953828942307630e-01 */

/* float: erfc(z) = exp(-z*z)/(1 + 2z) * p(t), t = (z - K)/(z + K), p(t) = C0 + t*(C1 + ... C10), 0 <= z <= 11.
 * (M. M. Shepherd, J. G. Laframboise, "Chebyshev approximation of (1+2x)exp(x^2)erfc x in 0 <= x < oo",
 * Mathematics of Computation 36, 1981.) The Chebyshev polynomial's error, then the worst relative error seen of p
 * by Horner without FMA, of 2000 points: 0.244 and 1.481 * 2^-24.
 */
#define CK_ERFC_F32_K        0x1p+1f                    /* +2.00000000000000000e+00 */
#define CK_ERFC_F32_P { \
    0x1.46e80ep+0f, \
    -0x1.7bf6p-4f, \
    -0x1.540856p-3f, \
    0x1.4ffb12p-3f, \
    -0x1.bc085ep-5f, \
    -0x1.07893ap-7f, \
    0x1.1ad8fp-7f, \
    0x1.4affe8p-10f, \
    -0x1.47701ep-10f, \
    -0x1.6f110cp-12f, \
    0x1.143c2ep-15f }

/* double: erfc(z) = exp(-z*z)/(1 + 2z) * p(t), t = (z - K)/(z + K), p(t) = C0 + t*(C1 + ... C22), 0 <= z <= 28.
 * (M. M. Shepherd, J. G. Laframboise, "Chebyshev approximation of (1+2x)exp(x^2)erfc x in 0 <= x < oo",
 * Mathematics of Computation 36, 1981.) The Chebyshev polynomial's error, then the worst relative error seen of p
 * by Horner without FMA, of 2000 points: 0.284 and 1.452 * 2^-53.
 */
#define CK_ERFC_F64_K        0x1.8p+1                   /* +3.00000000000000000e+00 */
#define CK_ERFC_F64_P { \
    0x1.40c522d7e4987p+0, \
    -0x1.15c084bb9e8e1p-3, \
    -0x1.85a15c58aa35ep-5, \
    0x1.098366a5b3eabp-3, \
    -0x1.e88b803a4d084p-4, \
    0x1.17ca287812733p-4, \
    -0x1.8574c40a9b0e5p-6, \
    0x1.4b884e04cf18ap-9, \
    0x1.ef1bdc7d439fep-10, \
    -0x1.98db48cb9a9e4p-11, \
    -0x1.b91224996e6cap-14, \
    0x1.06598f0ebfdadp-13, \
    0x1.4c10888027b82p-18, \
    -0x1.512a5f53c593fp-16, \
    -0x1.869edff44bffcp-21, \
    0x1.d0ee0c85f55b9p-19, \
    0x1.76ba2f4878a4cp-22, \
    -0x1.44cf3c31a9fffp-21, \
    -0x1.19921ee6be774p-23, \
    0x1.8a8bcf6b1dbf4p-24, \
    0x1.1abfce4dab5a4p-25, \
    -0x1.240fd782dbbf8p-27, \
    -0x1.2150f332779a1p-28 }

/* float: log1p(x) ~ x + x * (x * q(x)), q(x) = C2 + x*(C3 + ... C10), x in [0, 1].
 * Minimised: the relative error of the polynomial, with coefficients of the type.
 * That error is 0.0877 * 2^-24 (0.0859 with unrounded coefficients).
 * Worst error seen of the whole evaluation, the last step and Horner's fused under FMA:
 *   no FMA  1.575 ULP at x = 0.9938283562660217 of 1696001
 *   FMA     1.200 ULP at x = 0.9792736768722534 of 1696001
 */
#define CK_LOG1P_F32_C2      -0x1.ffffd4p-2f            /* -4.99999344348907471e-01 */
#define CK_LOG1P_F32_C3      0x1.554e0ap-2f             /* +3.33305507898330688e-01 */
#define CK_LOG1P_F32_C4      -0x1.ff28b8p-3f            /* -2.49589383602142334e-01 */
#define CK_LOG1P_F32_C5      0x1.9364fap-3f             /* +1.96969941258430481e-01 */
#define CK_LOG1P_F32_C6      -0x1.3a9038p-3f            /* -1.53595387935638428e-01 */
#define CK_LOG1P_F32_C7      0x1.b5bd12p-4f             /* +1.06869764626026154e-01 */
#define CK_LOG1P_F32_C8      -0x1.d8de2ap-5f            /* -5.77231235802173615e-02 */
#define CK_LOG1P_F32_C9      0x1.4b828ep-6f             /* +2.02337633818387985e-02 */
#define CK_LOG1P_F32_C10     -0x1.b3c1bep-9f            /* -3.32456058822572231e-03 */

#endif
