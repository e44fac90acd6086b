import SurprisalKernels

/// The accuracy that is promised, in units in the last place (ULP) of the true value, which is one of 50
/// digits. The tests read the bounds here.
public enum Accuracy {
    /// `exp`, subnormal results included.
    public static let expULP = 1.0
    /// `log` and `log1p`.
    public static let logULP = 1.0
    /// The loss of any row of up to 2¹⁷ classes, and each of its log-probabilities.
    public static let lossULP = 4.0
    /// A row's gradient at its label.
    public static let labelGradientULP = 8.0
    /// A row's gradient elsewhere.
    public static let gradientULP = 4.0
    /// Gradients next to the subnormal numbers, below this, are within this of the true ones.
    public static func gradientFloor<T: Scalar>(_ type: T.Type) -> Double { type == Float.self ? 1e-37 : 1e-307 }
    /// A soft-capped logit.
    public static let softCapULP = 4.0
    /// What a soft cap makes of a gradient, and besides 2·|x/c| ULP, from the rounding of x/c.
    public static let softCapGradientULP = 6.0
    /// A sigmoid, SiLU or GELU, and its derivative where that is not next to 0.
    public static let activationULP = 6.0
    /// A focal loss of any row: what a cross-entropy has, and the error of 1 − p_y times γ.
    public static func focalLossULP(gamma: Double) -> Double { 5 + 3 * gamma }
    /// A poly loss of any row with ε ≥ 0.
    public static let polyLossULP = 5.0
    /// A binary cross-entropy of an entry whose target is 0 or 1, and its gradient.
    public static let binaryLossULP = 3.0
    /// A divergence's term, of the larger of its two parts.
    public static let divergenceULP = 3.0
    /// A margin loss of any row, and its gradient.
    public static let marginLossULP = 2.0
    /// A mean or sum over rows, from the exact one of the row losses.
    public static let meanULP = 1.0
    /// The entropy of a row of up to 300 classes.
    public static let entropyULP = 8.0
    /// A row's Brier score, which is twice as far off as its gradient.
    public static let brierULP = 20.0
}
