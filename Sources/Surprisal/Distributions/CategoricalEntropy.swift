import SurprisalKernels

extension Categorical {
    /// The entropy of each row, in nats: the expected surprisal, from 0 to the logarithm of the class count.
    ///
    /// - Formula: `H = −Σ p_c·lp_c`, where a class of probability 0 adds nothing.
    ///   Derivative: `∂H/∂x_c = −p_c·(lp_c + H)` with respect to logits, over p_c with respect to normalised
    ///   probabilities; 0 at a class of probability 0, as of a class that is not there.
    /// - Shapes: the batch's.
    /// - Accuracy: `Accuracy.entropyULP`, of confident rows too: no term is negative.
    /// - Complexity: O(parameters).
    public var entropy: Tensor<Scalar> { entropy(plainProbabilities) }

    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    private func entropy(_ probabilities: Tensor<Scalar>) -> Tensor<Scalar> {
        let p = probabilities.span, lp = logProbabilities.span, width = classCount
        var terms = Buffer<Scalar>(uninitialized: p.count)
        var out = terms.mutableSpan
        // 0 less the product: a certain class's is 0, not −0.
        for i in p.indices { out[i] = p[i] == 0 ? 0 : 0 - p[i] * lp[i] }
        let rows = ClassAxis(outer: batchShape.elementCount, classes: width, inner: 1)
        let entropies = rowSums(terms.span, rows)
        let (logarithms, shape, likeliest) = (logProbabilities.buffer, logProbabilities.shape, likeliest)
        return Tensor(
            shape: batchShape, buffer: entropies, from: "CategoricalEntropy",
            edges: logProbabilities.edge { dy in
                var gradient = Buffer<Scalar>(uninitialized: logarithms.count)
                var out = gradient.mutableSpan
                let p = probabilities.span, lp = logarithms.span, likeliest = likeliest.span
                for i in p.indices {
                    let row = i / width, a = row * width + Int(likeliest[row])
                    // −p_c·(lp_c + 1) but for a multiple of p: see `likeliest`.
                    out[i] = p[i] == 0 ? 0 : dy.span[row] * p[i] * (lp[a] - lp[i])
                }
                return Tensor(shape: shape, buffer: gradient)
            })
    }
}
