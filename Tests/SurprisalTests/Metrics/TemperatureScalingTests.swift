import Surprisal
import SurprisalReference
import Testing

@Suite struct TemperatureScalingTests {
    @Test func agreesWithSciPy() throws {
        func check<T: Surprisal.Scalar>(_ golden: MetricCase, _ type: T.Type) throws {
            do {
                let fit = try TemperatureScaling(fitting: golden.tensor(of: type), try golden.labels)
                let expected = try #require(golden.fit.temperature, "\(golden.name): \(golden.fit.outcome ?? "")")
                // The derivatives, in Double, of sums of some hundred terms.
                expectClose(fit.temperature, expected, relative: 1e-11, "\(golden.name): temperature")
                expectClose(
                    fit.lossBefore, try #require(golden.fit.lossBefore), relative: 1e-13, "\(golden.name): loss before")
                expectClose(
                    fit.lossAfter, try #require(golden.fit.lossAfter), relative: 1e-13, "\(golden.name): loss after")
                #expect(fit.lossAfter <= fit.lossBefore * (1 + 1e-14))
                #expect(fit.iterations <= 20, "\(golden.name): \(fit.iterations) iterations")
            } catch {
                #expect(Self.name(error) == golden.fit.outcome, "\(golden.name)")
            }
        }
        try MetricCase.forEach { try check($0, $1) }
    }

    private static func name(_ error: any Error) -> String {
        switch error as? TemperatureError {
        case .separable: "separable"
        case .uninformative: "uninformative"
        case .constant: "constant"
        case .impossibleLabel: "impossibleLabel"
        default: "\(error)"
        }
    }

    @Test(arguments: [[33, 2], [40, 3], [300, 40], [6, 5, 3]]) func equalsTheNaiveBisection(shape: [Int]) throws {
        let noise: Tensor<Double> = CrossEntropyRelationTests.logits(shape, spread: 3)
        let y = CrossEntropyRelationTests.labels(shape), axis = ReferenceShape(shape, along: 1)
        var values = noise.scalars
        for n in 0..<y.count { if let c = y[n] { values[axis.index(position: n, class: c)] += 2 } }
        let fit = try TemperatureScaling(fitting: Tensor(values, shape: shape), y)
        let naive = Reference.temperature(values, labels: MetricBatch.values(y), shape: axis, ignoring: -1)
        expectClose(fit.temperature, naive, relative: 1e-11, "\(shape)")
        #expect(try TemperatureScaling(fitting: MetricBatch.spoilt(Tensor(values, shape: shape), where: y), y) == fit)
        // What it is for: scaled logits need no scaling.
        let scaled = fit(Tensor(values, shape: shape))
        expectClose(try TemperatureScaling(fitting: scaled, y).temperature, 1, relative: 1e-11, "\(shape), scaled")
        expectClose(scaled.negativeLogLikelihood(against: y), fit.lossAfter, relative: 1e-13, "\(shape), loss")
    }

    /// Twice the logits, twice the temperature, over most of Double's range; and Float's.
    @Test(arguments: [-900, -300, -31, -1, 1, 31, 300, 900]) func followsTheScaleOfTheLogits(exponent: Int) throws {
        let logits = Tensor<Double>([[1, 0], [2, 0], [0.5, 0], [1, 0]]), labels = try Labels([0, 0, 0, 1], classCount: 2)
        let fit = try TemperatureScaling(fitting: logits, labels)
        let factor = Double(sign: .plus, exponent: exponent, significand: 1)
        let scaled = try TemperatureScaling(fitting: logits * factor, labels)
        expectClose(scaled.temperature / factor, fit.temperature, relative: 1e-12, "2^\(exponent)")
        #expect(scaled.iterations <= 30, "2^\(exponent): \(scaled.iterations) iterations")
    }

    /// Three of four right by a margin of 1: at the optimum σ(β) = 3/4.
    @Test func aCaseInClosedForm() throws {
        let logits = Tensor<Float>([[1, 0], [1, 0], [1, 0], [1, 0]]), labels = try Labels([0, 0, 0, 1], classCount: 2)
        let fit = try TemperatureScaling(fitting: logits, labels)
        expectClose(fit.temperature, 1 / Tensor<Double>(3).log().item(), relative: 1e-14, "T")
        let third = Tensor<Double>([0.75, 0.25]).log().scalars
        expectClose(fit.lossAfter, -(0.75 * third[0] + 0.25 * third[1]), relative: 1e-15, "loss")
    }

    @Test func whereThereIsNoOptimum() throws {
        func fit(_ rows: [[Double]], _ labels: [Int]) throws(TemperatureError) -> TemperatureScaling {
            do {
                let labels = try Labels(labels, classCount: rows[0].count)
                return try TemperatureScaling(fitting: Tensor(rows), labels)
            } catch let error as TemperatureError { throw error } catch { fatalError("\(error)") }
        }
        #expect(throws: TemperatureError.separable) { try fit([[1, 0], [0, 3]], [0, 1]) }
        // A tie at the top is no mistake.
        #expect(throws: TemperatureError.separable) { try fit([[1, 1, 0], [0, 3, 2]], [1, 1]) }
        #expect(throws: TemperatureError.uninformative) { try fit([[1, 0], [0, 3]], [1, 0]) }
        #expect(throws: TemperatureError.uninformative) { try fit([[1, 0], [1, 0]], [0, 1]) }
        #expect(throws: TemperatureError.constant) { try fit([[5, 5], [-2, -2]], [0, 1]) }
        #expect(throws: TemperatureError.constant) { try fit([[5], [2]], [0, 0]) }
        #expect(throws: TemperatureError.noLabels) { try fit([[5, 1]], [-100]) }
        #expect(throws: TemperatureError.impossibleLabel(position: [1])) { try fit([[1, 0], [-.infinity, 0]], [0, 0]) }
        for bad in [[Double.nan, 0], [.infinity, 0], [-.infinity, -.infinity]] {
            #expect(throws: TemperatureError.noProbabilities(position: [1])) { try fit([[1, 0], bad], [0, 0]) }
        }
        // Ignored, they do no harm; nor does an impossible class that is not the label.
        let fitted = try fit([[1, 0], [1, 0], [1, 0], [1, 0], [.nan, 0]], [0, 0, 0, 1, -100])
        let masked = try fit(
            [[1, 0, -.infinity], [1, 0, -.infinity], [1, 0, -.infinity], [1, 0, -.infinity]], [0, 0, 0, 1])
        #expect(fitted.temperature == masked.temperature)
        #expect("\(TemperatureError.impossibleLabel(position: [1]))".contains("position [1]"))
    }

    /// A thousand sure and right rows and one that is barely wrong: there e^−β is about 10⁻³·margin, β up to some 700, where
    /// Newton's method on the derivative itself gains 1 a step.
    @Test(arguments: [1e-3, 1e-9, 1e-40, 1e-300]) func nearlySeparable(margin: Double) throws {
        let rows = [[Double]](repeating: [1, 0], count: 1000) + [[margin, 0]]
        let labels = try Labels([Int](repeating: 0, count: 1000) + [1], classCount: 2)
        let fit = try TemperatureScaling(fitting: Tensor(rows), labels)
        let shape = ReferenceShape(outer: 1001, classes: 2)
        let naive = Reference.temperature(rows.flatMap { $0 }, labels: MetricBatch.values(labels), shape: shape)
        expectClose(fit.temperature, naive, relative: 1e-11, "T")
        #expect(fit.iterations <= 10, "\(fit.iterations) iterations")
        #expect(fit.lossAfter < fit.lossBefore)
    }

    /// Rows whose logits differ in scale by up to 2⁴⁰, some of them wrong: G falls in stairs.
    @Test(arguments: 0..<40) func manyScales(seed: Int) throws {
        var generator = SplitMix64(seed: UInt64(seed))
        let rows = Int.random(in: 2...30, using: &generator), classes = Int.random(in: 2...6, using: &generator)
        let range = Int.random(in: 0...20, using: &generator)
        var values: [Double] = [], targets: [Int] = []
        for _ in 0..<rows {
            let scale = Double(sign: .plus, exponent: Int.random(in: -range...range, using: &generator), significand: 1)
            let row = (0..<classes).map { _ in Double.random(in: -1...1, using: &generator) * scale }
            values += row
            let best = row.indices.max { row[$0] < row[$1] } ?? 0
            targets.append(Int.random(in: 0..<4, using: &generator) == 0 ? (best + 1) % classes : best)
        }
        let labels = try Labels(targets, classCount: classes)
        do {
            let fit = try TemperatureScaling(fitting: Tensor(values, shape: [rows, classes]), labels)
            let naive = Reference.temperature(values, labels: targets, shape: ReferenceShape(outer: rows, classes: classes))
            // Rounding of the largest rows, 2²⁰, against a slope of the smallest.
            expectClose(fit.temperature, naive, relative: 1e-9, "T of seed \(seed)")
            #expect(fit.iterations <= 40, "\(fit.iterations) iterations of seed \(seed)")
        } catch {
            #expect([.separable, .uninformative].contains(error))
        }
    }

    @Test func aFittingShapeIsAskedFor() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = try TemperatureScaling(fitting: Tensor<Float>.zeros([3, 4]), try Labels([0, 1], classCount: 4))
        }
        #expect(String(decoding: result.standardErrorContent, as: UTF8.self)
            .contains("TemperatureScaling: labels of shape [2] for an input of shape [3, 4]; expected [3]"))
    }

    @Test func divisionIsDifferentiable() throws {
        let labels = try Labels([0, 0, 0, 1], classCount: 2)
        let x = Tensor<Double>([[1, 0], [2, 0], [0.5, 0], [1, 0]])
        let fit = try TemperatureScaling(fitting: x, labels)
        let gradient = valueWithGradient(at: x) { fit($0).sum() }.gradient
        #expect(gradient.scalars.allSatisfy { $0 == 1 / fit.temperature })
    }
}
