import Testing

@testable import SurprisalBenchmarks

@Suite struct StatisticsTests {
    @Test func quantilesInterpolateLinearly() {
        // As R's quantile(type = 7) gives them.
        #expect(Statistics.quantile(0.25, ofSorted: [1, 2, 3, 4]) == 1.75)
        #expect(Statistics.quantile(0.5, ofSorted: [1, 2, 3, 4]) == 2.5)
        #expect(Statistics.quantile(0.75, ofSorted: [1, 2, 3, 4]) == 3.25)
        #expect(abs(Statistics.quantile(0.9, ofSorted: [10, 20, 50]) - 44) < 1e-12)
        #expect(Statistics.quantile(0, ofSorted: [10, 20, 50]) == 10)
        #expect(Statistics.quantile(1, ofSorted: [10, 20, 50]) == 50)
        #expect(Statistics.quantile(0.3, ofSorted: [7]) == 7)
        #expect(Statistics.median([9, 1, 5]) == 5)
    }

    @Test func timing() {
        let timing = Timing(samples: [5, 1, 4, 2, 3])
        #expect(timing.median == 3)
        #expect(timing.lowerQuartile == 2)
        #expect(timing.upperQuartile == 4)
        #expect(timing.samples == [5, 1, 4, 2, 3])
        #expect(timing.spread == 1.0 / 3)
    }

    /// What slows both contenders in a round does not widen the interval of their ratio, but widens that of runs apart.
    @Test func roundsArePaired() {
        let engine = [1.0, 8, 2, 4, 16, 1, 4], naive = engine.map { $0 * 3 }
        #expect(Interval.ratio(of: naive, over: engine) == Interval(value: 3, low: 3, high: 3))
        let apart = Interval.ratio(ofIndependent: naive, over: engine)
        #expect(apart.value == 3)
        #expect(apart.low < 1.5)
        #expect(apart.high > 6)
    }

    /// By the binomial distribution, the median of 11 draws from 1…11 is at most 2 with probability 0.0072, 3 with
    /// 0.0512, 8 with 0.9488 and 9 with 0.9928.
    @Test func intervalHasTheBootstrapsQuantiles() {
        let values = (1...11).map { Double($0) }, ones = [Double](repeating: 1, count: 11)
        #expect(Interval.ratio(of: values, over: ones) == Interval(value: 6, low: 3, high: 9))
        #expect(Interval.ratio(ofIndependent: values, over: ones) == Interval(value: 6, low: 3, high: 9))
        let inverse = Interval.ratio(ofIndependent: ones, over: values)
        #expect(inverse == Interval(value: 1.0 / 6, low: 1.0 / 9, high: 1.0 / 3))
    }

    @Test func slope() {
        #expect(Statistics.slope([(0, 1), (1, 3), (5, 11)]) == 2)
        #expect(Statistics.slope([(0, 0), (1, 1), (2, 1)]) == 0.5)
        #expect(Statistics.slope([(1, 1)]).isNaN)
        #expect(Statistics.slope([]).isNaN)
    }

    @Test func sweepsLookAtTheLargePointsOnly() {
        let points = [(999, 5.0), (1000, 1), (2000, 4), (4000, 16)].map {
            Sweep.Point(rows: $0.0, classes: 1000, seconds: $0.1)
        }
        let sweep = Sweep(name: "rows", points: points)
        #expect(abs(sweep.slope - 2) < 1e-12)
        #expect(sweep.points == points)
    }
}
