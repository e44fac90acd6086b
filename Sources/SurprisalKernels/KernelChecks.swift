/// What a kernel relies on: a count that does not fit would be a read or write past the end of memory.
@inlinable @inline(__always)
func require(_ condition: Bool, _ message: @autoclosure () -> String) {
    // Not a precondition: its text would be dropped in release builds.
    if !condition { fatalError(message()) }
}

extension ClassAxis {
    func require(_ count: Int, _ what: String) {
        SurprisalKernels.require(
            outer >= 0 && classes >= 0 && inner >= 0 && count == outer * classes * inner,
            "\(what): \(count) elements; expected \(outer) × \(classes) × \(inner)")
    }

    /// Of a selection among classes: there must be one, and its number must fit.
    func require(_ count: Int, places: Int, _ what: String) {
        require(count, what)
        SurprisalKernels.require(
            places == positions && (1...Int(Int32.max)).contains(classes) || places == 0 && positions == 0,
            "\(what): \(places) places in \(outer) × \(classes) × \(inner)")
    }
}

extension ClassIndices {
    func require(_ axis: ClassAxis, _ what: String) {
        SurprisalKernels.require(count == axis.positions, "\(what): \(count) labels; expected \(axis.positions)")
        SurprisalKernels.require(largest < axis.classes, "\(what): label \(largest) of \(axis.classes) classes")
    }
}

extension Normalisation {
    func require(_ x: Int, _ y: Int, _ axis: ClassAxis) {
        axis.require(x, "normalise: x")
        let expected = self == .logSumExp ? axis.positions : x
        SurprisalKernels.require(y == expected, "normalise: y has \(y) elements; expected \(expected)")
    }
}

extension CrossEntropySweep {
    func require(_ logits: Int, losses: Int, gradient: Int?) {
        axis.require(logits, "cross-entropy: logits")
        SurprisalKernels.require(losses == axis.positions, "cross-entropy: \(losses) losses; expected \(axis.positions)")
        if let gradient { axis.require(gradient, "cross-entropy: gradient") }
        func check(_ buffer: Buffer<Element>?, _ expected: Int, _ name: StaticString) {
            guard let count = buffer?.count else { return }
            SurprisalKernels.require(count == expected, "cross-entropy: \(count) \(name); expected \(expected)")
        }
        check(weight, axis.classes, "weights")
        check(rowWeights, axis.positions, "row weights")
        check(openClasses, axis.classes, "open classes")
        switch target {
        case .probabilities(let probabilities): axis.require(probabilities.count, "cross-entropy: probabilities")
        case .labels(let labels): labels.require(axis, "cross-entropy")
        }
    }
}

extension BinaryCrossEntropySweep {
    func require(_ logits: Int, targets: Int, losses: Int, sums: Int, slopes: Int) {
        func check(_ found: Int, _ expected: Int, _ name: StaticString, orNone: Bool = true) {
            SurprisalKernels.require(
                found == expected || orNone && found == 0, "binary cross-entropy: \(found) \(name); expected \(expected)")
        }
        check(targets, logits, "targets", orNone: false)
        check(losses, logits, "losses")
        check(sums, Strips.count(of: logits), "sums")
        check(slopes, logits, "slopes")
        for factors in [weight, positive] {
            guard let factors else { continue }
            SurprisalKernels.require(
                factors.values.count > 0 && factors.distance > 0 || logits == 0,
                "binary cross-entropy: \(factors.values.count) factors, \(factors.distance) apart")
        }
    }
}

extension MarginSweep {
    func require(_ scores: Int, losses: Int, gradient: Int) {
        axis.require(scores, "margin loss: scores")
        if gradient > 0 { axis.require(gradient, "margin loss: gradient") }
        SurprisalKernels.require(losses == axis.positions, "margin loss: \(losses) losses; expected \(axis.positions)")
        labels.require(axis, "margin loss")
        if let count = weight?.count {
            SurprisalKernels.require(count == axis.classes, "margin loss: \(count) weights; expected \(axis.classes)")
        }
    }
}

/// Of a divergence: what has no elements is not wanted.
func requireDivergence(_ logProbabilities: Int, targets: Int, results: Int, sums: Int = 0) {
    require(
        logProbabilities == targets && (results == targets || results == 0)
            && (sums == Strips.count(of: targets) || sums == 0),
        "divergence: \(targets) targets of \(logProbabilities) log-probabilities into \(results) elements and \(sums) sums")
}
