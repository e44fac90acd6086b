import SurprisalKernels

extension SoftmaxRegression {
    /// The Hessian of `Σ s_i·ℓ_i`, the summed cross-entropy of logits `W·x_i`, with respect to W.
    ///
    /// With p_i the probabilities of a row, `∂ℓ_i/∂z_i = p_i − q_i`, whose derivative is that of the softmax,
    /// `∂p_a/∂z_b = p_a·([a = b] − p_b)`, whatever the target q. As `z = W·x`, block (a, b) of W's Hessian is
    ///
    ///     H(a,b) = Σ_i s_i·(p_ia·[a = b] − p_ia·p_ib)·x_i·x_iᵀ.
    ///
    /// It is positive semi-definite. Its null space holds what moves all classes alike, `v_c = v`.
    ///
    /// - Shapes: x rows × features (with a column of ones where there is an intercept), probabilities rows × classes,
    ///   rowWeights rows → order × order, order = classes·features, class by class.
    /// - Accuracy: `p(1 − p)` of a confident row is not a difference.
    /// - Complexity: O(rows·order²); order² numbers.
    public static func hessian(
        _ x: Tensor<Double>, probabilities: Tensor<Double>, rowWeights: Tensor<Double>? = nil
    ) -> Tensor<Double> {
        let (n, classes) = checked(x, probabilities, rowWeights, "hessian")
        // A class more, which has no probability: the Hessian in the coefficients of the others is then that of all.
        var padded = Buffer<Double>(repeating: 0, count: n * (classes + 1))
        var out = padded.mutableSpan
        for i in 0..<n {
            for c in 0..<classes { out[i * (classes + 1) + c + 1] = probabilities.span[i * classes + c] }
        }
        let order = classes * x.shape[1]
        var hessian = Buffer<Double>(repeating: 0, count: order * order)
        var span = hessian.mutableSpan
        if n > 0, order > 0 { rows(x, classes + 1, rowWeights).hessian(padded.span, into: &span) }
        for i in 0..<order {
            for j in 0..<i { span[i * order + j] = span[j * order + i] }
        }
        return Tensor(shape: [order, order], buffer: hessian)
    }

    /// The product of that Hessian with a direction V of W's shape, without the Hessian.
    ///
    /// The derivative of `∂L/∂W = Σ s_i·(p_i − q_i)·x_iᵀ` along V, by the chain rule: logits move by `u_i = V·x_i`,
    /// probabilities by `p_c·(u_c − Σ_j p_j·u_j)`, hence
    ///
    ///     (H·V)_c = Σ_i s_i·p_ic·(u_ic − Σ_j p_ij·u_ij)·x_iᵀ.
    ///
    /// - Shapes: direction classes × features → the same; the others as `hessian`.
    /// - Complexity: O(rows·classes·features), two products.
    public static func hessianProduct(
        _ x: Tensor<Double>, probabilities: Tensor<Double>, rowWeights: Tensor<Double>? = nil, _ direction: Tensor<Double>
    ) -> Tensor<Double> {
        let (n, classes) = checked(x, probabilities, rowWeights, "hessianProduct")
        guard direction.shape == [classes, x.shape[1]] else {
            fatalError("SoftmaxRegression.hessianProduct: direction of shape \(direction.shape); expected [\(classes), \(x.shape[1])]")
        }
        var product = Buffer<Double>(repeating: 0, count: direction.count)
        var span = product.mutableSpan
        if n > 0, direction.count > 0 {
            rows(x, classes, rowWeights).hessianProduct(probabilities.span, direction.span, into: &span)
        }
        return Tensor(shape: direction.shape, buffer: product)
    }

    private static func rows(_ x: Tensor<Double>, _ classes: Int, _ weights: Tensor<Double>?) -> RegressionRows {
        let none = ClassIndices(Array(repeating: -1, count: x.shape[0]))
        return RegressionRows(
            design: x.buffer, features: x.shape[1], classes: classes, target: .labels(none), weight: weights?.buffer)
    }

    private static func checked(
        _ x: Tensor<Double>, _ probabilities: Tensor<Double>, _ weights: Tensor<Double>?, _ name: String
    ) -> (rows: Int, classes: Int) {
        guard x.rank == 2, probabilities.rank == 2, probabilities.shape[0] == x.shape[0] else {
            fatalError("SoftmaxRegression.\(name): x of shape \(x.shape), probabilities \(probabilities.shape); expected rows × features and rows × classes")
        }
        if let weights, weights.shape != [x.shape[0]] {
            fatalError("SoftmaxRegression.\(name): rowWeights of shape \(weights.shape); expected [\(x.shape[0])]")
        }
        return (x.shape[0], probabilities.shape[1])
    }
}
