import Surprisal
import SurprisalReference
import Testing

/// Soft cap, temperature, masked classes, z-loss, row weights, denominators: what PyTorch's cross-entropy has not.
@Suite struct CrossEntropyOptionTests {
    /// Logits, labels and probabilities that keep clear of the masked classes, and row weights with zeros on rows of NaN.
    struct Problem<T: Surprisal.Scalar> {
        let shape: [Int], masked: [Int]
        let x: Tensor<T>, labels: Labels, q: Tensor<T>, weight: Tensor<T>, rowWeights: Tensor<T>
        /// The same logits without NaN.
        let clean: Tensor<T>

        init(_ shape: [Int], masks: Bool, weighsRows: Bool) throws {
            self.shape = shape
            let classes = shape[1], inner = shape[2...].reduce(1, *)
            masked = masks && classes > 2 ? [0, classes / 2] : []
            let masked = masked
            clean = CrossEntropyRelationTests.logits(shape, seed: 21)
            labels = {
                let y = CrossEntropyRelationTests.labels(shape)
                let values = (0..<y.count).map { n in y[n].map { masked.contains($0) ? classes - 1 : $0 } ?? -100 }
                do { return try Labels(values, shape: y.shape, classCount: classes) } catch { fatalError("\(error)") }
            }()
            var probabilities = (CrossEntropyRelationTests.logits(shape, seed: 4) as Tensor<T>).softmax().scalars
            for i in probabilities.indices where masked.contains(i / inner % classes) { probabilities[i] = 0 }
            q = Tensor(probabilities, shape: shape)
            weight = (CrossEntropyRelationTests.logits([classes], seed: 3, spread: 1) as Tensor<T>).exp()
            let count = labels.count
            rowWeights = Tensor((0..<count).map { weighsRows ? T($0 % 3) / 2 : 1 }, shape: labels.shape)
            var values = clean.scalars
            for i in values.indices where weighsRows {
                let position = i / (classes * inner) * inner + i % inner
                if position % 3 == 0 { values[i] = .nan }
            }
            x = Tensor(values, shape: shape)
        }

        /// Whether an element of the gradient is exactly 0: its class is masked, or its row counts for nothing.
        func isSilent(soft: Bool) -> (Int) -> Bool {
            let classes = shape[1], inner = shape[2...].reduce(1, *), weights = rowWeights.scalars
            return { i in
                let n = i / (classes * inner) * inner + i % inner
                return masked.contains(i / inner % classes) || weights[n] == 0 || !soft && labels[n] == nil
            }
        }

        /// The naive losses of the positions and the gradient of their sum, row weights and ignored labels included.
        func expected(_ reference: ReferenceCrossEntropy, soft: Bool) -> (losses: [Double], gradient: [Double]) {
            let classes = shape[1], inner = shape[2...].reduce(1, *)
            var losses = [Double](repeating: 0, count: labels.count), gradient = [Double](repeating: 0, count: x.count)
            for n in losses.indices {
                let r = Double(rowWeights.span[n])
                guard r != 0, soft || labels[n] != nil else { continue }
                let places = (0..<classes).map { (n / inner * classes + $0) * inner + n % inner }
                let target = (0..<classes).map { soft ? Double(q.span[places[$0]]) : $0 == labels[n] ? 1 : 0 }
                let (loss, slope) = reference.lossAndGradient(places.map { Double(x.span[$0]) }, target: target)
                losses[n] = r * loss
                for (c, place) in places.enumerated() { gradient[place] = r * slope[c] }
            }
            return (losses, gradient)
        }
    }

    /// Rows, lanes and lanes in place; part vectors; more classes than are compared with the labels, and fewer.
    private static let shapes = [
        [7, 1], [5, 2], [33, 3], [19, 17], [3, 65], [37, 123], [2, 1000], [2, 5, 3], [2, 21, 17], [1, 1100, 5],
        [5, 3, 9],
    ]

    @Test(arguments: InstructionSet.available, shapes)
    func agreesWithTheFormulas(isa: InstructionSet, shape: [Int]) throws {
        try InstructionSet.override.withValue(isa) {
            try check(shape, Float.self)
            try check(shape, Double.self)
        }
    }

    private func check<T: Surprisal.Scalar>(_ shape: [Int], _ type: T.Type) throws {
        // All on, each alone, and none: the order of bits.
        for options in shape.reduce(1, *) < 1000 ? [0, 1, 2, 4, 8, 16, 32, 64, 33, 63, 55, 47, 127] : [127, 63, 41, 6] {
            let has = { (bit: Int) in options & bit != 0 }
            let problem = try Problem<T>(shape, masks: has(1), weighsRows: has(8))
            var reference = ReferenceCrossEntropy()
            reference.weights = has(16) ? problem.weight.scalars.map { Double($0) } : nil
            reference.labelSmoothing = has(32) ? 0.125 : 0
            reference.maskedClasses = Set(problem.masked)
            reference.temperature = has(2) ? 2 : 1
            reference.zLoss = has(4) ? 0.0625 : 0
            reference.softCap = has(64) ? 5 : nil
            func loss(_ reduction: Reduction) -> CrossEntropyLoss<T> {
                CrossEntropyLoss(
                    weight: has(16) ? problem.weight : nil, labelSmoothing: reference.labelSmoothing, reduction: reduction,
                    maskedClasses: problem.masked.reversed(), temperature: reference.temperature,
                    softCap: reference.softCap, zLoss: reference.zLoss)
            }
            let rowWeights = has(8) ? problem.rowWeights : nil
            // Terms of up to 20 (surprisal), e (weight) and 9 (λ·lse²) for the losses; of 1, e and 1.5 for the gradients.
            let unit = Double(T.ulpOfOne), walk = 30 * Double(shape[1]).squareRoot() * Double.ulpOfOne
            for soft in [false, true] {
                let what = "\(T.self) \(shape) options \(options)\(soft ? " of probabilities" : "")"
                let (losses, gradient) = problem.expected(reference, soft: soft)
                func call(_ reduction: Reduction, _ x: Tensor<T>) -> Tensor<T> {
                    soft ? loss(reduction)(x, probabilities: problem.q, rowWeights: rowWeights)
                        : loss(reduction)(x, problem.labels, rowWeights: rowWeights)
                }
                expectClose(call(.none, problem.x), losses, 120 * unit + walk, what + ": losses")
                let found = valueWithGradient(at: problem.x) { call(.sum, $0) }
                expectClose(found.gradient, gradient, 16 * unit, what + ": gradient")
                let direct = soft
                    ? loss(.sum).valueWithGradient(at: problem.x, probabilities: problem.q, rowWeights: rowWeights)
                    : loss(.sum).valueWithGradient(at: problem.x, problem.labels, rowWeights: rowWeights)
                #expect(direct.value == found.value && direct.gradient == found.gradient, "\(what): without a graph")
                // What is masked and what weighs nothing has no gradient at all.
                let isSilent = problem.isSilent(soft: soft)
                #expect(found.gradient.scalars.indices.allSatisfy { !isSilent($0) || found.gradient.scalars[$0] == 0 }, "\(what)")
            }
        }
    }

    /// Gradients of class weights and of probabilities, with everything else on.
    @Test(arguments: [[5, 4], [2, 3, 3]], [Reduction.mean, .sum])
    func targetGradientsAreThoseOfDifferences(shape: [Int], reduction: Reduction) throws {
        let problem = try Problem<Double>(shape, masks: true, weighsRows: true)
        for denominator in [MeanDenominator.labelWeights, .labels, .positions, .number(2.5)] {
            func number(_ w: Tensor<Double>, _ q: Tensor<Double>?) -> Tensor<Double> {
                let loss = CrossEntropyLoss(
                    weight: w, labelSmoothing: 0.1, reduction: reduction, denominator: denominator,
                    maskedClasses: problem.masked, temperature: 1.5, softCap: 6, zLoss: 0.01)
                return q.map { loss(problem.x, probabilities: $0, rowWeights: problem.rowWeights) }
                    ?? loss(problem.x, problem.labels, rowWeights: problem.rowWeights)
            }
            func moved(_ tensor: Tensor<Double>, _ i: Int, _ by: Double) -> Tensor<Double> {
                var values = tensor.scalars
                values[i] += by
                return Tensor(values, shape: tensor.shape)
            }
            func expect(_ found: Double, _ difference: (Double) -> Double, _ what: String) {
                let h = 1e-5, slope = (difference(h) - difference(-h)) / (2 * h)
                // h² of truncation and 1e-16/h of rounding, times terms of about 30.
                #expect(abs(found - slope) <= 1e-8 * max(1, abs(slope)), "\(what): \(found), differences \(slope)")
            }
            let w = problem.weight, q = problem.q
            let byLabels = valueWithGradient(at: w) { number($0, nil) }.gradient
            let bySoft = valueWithGradient(at: [w, q]) { number($0[0], $0[1]) }.gradients
            for c in 0..<w.count {
                expect(byLabels.scalars[c], { number(moved(w, c, $0), nil).item() }, "\(denominator) weight \(c)")
                expect(bySoft[0].scalars[c], { number(moved(w, c, $0), q).item() }, "\(denominator) weight \(c), soft")
            }
            let inner = shape[2...].reduce(1, *)
            for i in 0..<q.count where !problem.masked.contains(i / inner % shape[1]) {
                expect(bySoft[1].scalars[i], { number(w, moved(q, i, $0)).item() }, "\(denominator) probability \(i)")
            }
        }
    }

    @Test func denominators() throws {
        let x: Tensor<Double> = CrossEntropyRelationTests.logits([6, 4], seed: 8)
        let w = Tensor<Double>([0.5, 2, 1.5, 0.25]), r = Tensor<Double>([1, 2, 0, 0.5, 3, 1])
        let y = try Labels([2, -100, 1, 0, 3, 2], classCount: 4), q = x.softmax()
        let sum = CrossEntropyLoss(weight: w, reduction: .sum)
        let cases: [(MeanDenominator, labels: Double, probabilities: Double)] = [
            // 1·1.5 + 0·2 + 0.5·0.5 + 3·0.25 + 1·1.5; the row weights' sum.
            (.labelWeights, 4, 7.5), (.labels, 5, 6), (.positions, 6, 6), (.number(0.5), 0.5, 0.5),
        ]
        for (denominator, labels, probabilities) in cases {
            let mean = CrossEntropyLoss(weight: w, denominator: denominator)
            let (value, gradient) = mean.valueWithGradient(at: x, y, rowWeights: r)
            let (total, slope) = sum.valueWithGradient(at: x, y, rowWeights: r)
            #expect(abs(value.item() - total.item() / labels) <= 2 * value.item().ulp, "\(denominator)")
            for (a, b) in zip(gradient.scalars, slope.scalars) { #expect(abs(a - b / labels) <= 4 * a.ulp) }
            let soft = mean(x, probabilities: q, rowWeights: r).item()
            #expect(abs(soft - sum(x, probabilities: q, rowWeights: r).item() / probabilities) <= 2 * soft.ulp)
        }
    }

    @Test func theMeanOfNothingIsWhatWasAskedFor() throws {
        let x = Tensor<Float>([[1, 2, 3], [.nan, 0, 1]])
        let ignored = try Labels([-100, -100], classCount: 3), y = try Labels([0, 1], classCount: 3)
        let none = Tensor<Float>([0, 0])
        for zero in [false, true] {
            let loss = CrossEntropyLoss<Float>(emptyMeanIsZero: zero)
            for (labels, weights) in [(ignored, nil), (y, none)] as [(Labels, Tensor<Float>?)] {
                let (value, gradient) = loss.valueWithGradient(at: x, labels, rowWeights: weights)
                #expect(zero ? value.item() == 0 : value.item().isNaN)
                #expect(gradient == Tensor.zeros([2, 3]))
            }
        }
    }

    @Test func severalValuesMayBeIgnored() throws {
        let y = try Labels([0, -1, 2, 255, -100], classCount: 3, ignoring: [-1, 255, -100])
        #expect((0..<5).map { y[$0] } == [0, nil, 2, nil, nil] && y.ignoredCount == 3)
        #expect(throws: LabelError.outOfRange(value: "-1", position: [1], classCount: 3)) {
            try Labels([0, -1], classCount: 3, ignoring: [-100, 7])
        }
        #expect(throws: LabelError.outOfRange(value: "18446744073709551615", position: [0], classCount: 3)) {
            try Labels([UInt64.max], classCount: 3, ignoring: [-1])
        }
    }

    @Test func optionsOutOfRangeAreNamed() throws {
        typealias Loss = CrossEntropyLoss<Float>
        for value in [0, -1, .nan, .infinity] {
            #expect(throws: LossError.self) { try Loss.check(labelSmoothing: 0, temperature: value) }
            #expect(throws: LossError.self) { try Loss.check(labelSmoothing: 0, denominator: .number(value)) }
        }
        // As a Float 0 and infinite.
        for value in [1e-50, 1e50] {
            #expect(throws: LossError.temperature(value)) { try Loss.check(labelSmoothing: 0, temperature: value) }
            #expect(throws: Never.self) { try CrossEntropyLoss<Double>.check(labelSmoothing: 0, temperature: value) }
        }
        for value in [-1, .nan, .infinity] { #expect(throws: LossError.self) { try Loss.check(labelSmoothing: 0, zLoss: value) } }
        for value in [0, -1, .nan, .infinity, 1e-50, 1e50] {
            let found = #expect(throws: LossError.self) { try Loss.check(labelSmoothing: 0, softCap: value) }
            #expect(found.map { "\($0)" } == "soft cap is \(value); expected a finite number above 0")
        }
        #expect("\(LossError.temperature(0))" == "temperature is 0.0; expected a finite number above 0")
        let y = try Labels([1, 2], classCount: 3)
        #expect(throws: LossError.maskedClass(3, classes: 3)) { try Loss(maskedClasses: [0, 3]).check([2, 3], y) }
        #expect(throws: LossError.maskedClass(-1, classes: 3)) { try Loss(maskedClasses: [-1]).check([2, 3], probabilities: [2, 3]) }
        #expect(throws: LossError.everyClassMasked(classes: 3)) { try Loss(maskedClasses: 0..<3).check([2, 3], y) }
        #expect(throws: LossError.maskedLabel(2, position: 1)) { try Loss(maskedClasses: [2]).check([2, 3], y) }
        #expect(throws: LossError.rowWeightShape(found: [3], positions: [2])) { try Loss().check([2, 3], y, rowWeights: [3]) }
        #expect(throws: LossError.rowWeightShape(found: [2, 1], positions: [2])) {
            try Loss().check([2, 3], probabilities: [2, 3], rowWeights: [2, 1])
        }
    }

    /// A confident row keeps its digits beside a z-loss of 0 and under a mask.
    @Test func aMaskedRowIsThatOfTheOtherClasses() throws {
        let full = Tensor<Float>([[30, 99, 1, -2], [0.5, 7, 40, 3]]), few = Tensor<Float>([[30, 1, -2], [0.5, 40, 3]])
        let a = CrossEntropyLoss<Float>(labelSmoothing: 0.1, reduction: .none, maskedClasses: [1])(
            full, try Labels([0, 2], classCount: 4))
        let b = CrossEntropyLoss<Float>(labelSmoothing: 0.1, reduction: .none)(few, try Labels([0, 1], classCount: 3))
        #expect(a == b)
        let sharp = CrossEntropyLoss<Float>(reduction: .none, maskedClasses: [1])(full, try Labels([0, 2], classCount: 4))
        #expect(sharp == CrossEntropyLoss<Float>(reduction: .none)(few, try Labels([0, 1], classCount: 3)))
        #expect(sharp[0] > 2e-13 && sharp[1] > 8e-17)
    }

    @Test func stopsAtTrackedRowWeightsAndMaskedLabels() async throws {
        let tracked = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let labels = try Labels([0], classCount: 2)
            _ = valueWithGradient(at: Tensor<Float>([1])) {
                CrossEntropyLoss()(Tensor([[1, 2]]), labels, rowWeights: $0)
            }
        }
        #expect(String(decoding: tracked.standardErrorContent, as: UTF8.self)
            .contains("CrossEntropyLoss: tracked row weights; expected constants"))
        let masked = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = CrossEntropyLoss<Float>(maskedClasses: [1])(Tensor([[1, 2], [3, 4]]), try Labels([0, 1], classCount: 2))
        }
        #expect(String(decoding: masked.standardErrorContent, as: UTF8.self)
            .contains("CrossEntropyLoss: label 1, position 1 in row-major order: that class is masked"))
    }
}
