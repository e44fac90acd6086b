import Testing

import Surprisal
import SurprisalKernels

/// LAPACK's factorisations against what defines them.
@Suite struct FactorisationTests {
    private func numbers(_ count: Int, seed: UInt64) -> [Double] {
        var generator = SplitMix64(seed: seed)
        return (0..<count).map { _ in Double.random(in: -1...1, using: &generator) }
    }

    /// G·Gᵀ + I.
    private func positiveDefinite(_ n: Int) -> [Double] {
        let g = numbers(n * n, seed: UInt64(n))
        return (0..<n * n).map { place in
            let (i, j) = (place / n, place % n)
            return (0..<n).reduce(i == j ? 1 : 0) { $0 + g[i * n + $1] * g[j * n + $1] }
        }
    }

    @Test(arguments: [0, 1, 2, 5, 33, 130])
    func choleskySolvesAndInverts(n: Int) throws {
        let a = positiveDefinite(n), b = numbers(n, seed: 9)
        // Only the upper triangle counts.
        let upper = (0..<n * n).map { $0 % max(n, 1) >= $0 / max(n, 1) ? a[$0] : .nan }
        let factor = try Factorisation.Cholesky(Buffer(n == 0 ? [] : upper.map { $0.isNaN ? 77 : $0 }), order: n)
        let x = try factor.solve(b)
        for i in 0..<n {
            let found = (0..<n).reduce(0.0) { $0 + a[i * n + $1] * x[$1] }
            #expect(abs(found - b[i]) <= 1e-11)
        }
        let inverse = try factor.inverse()
        for i in 0..<n {
            for j in 0..<n {
                let found = (0..<n).reduce(0.0) { $0 + a[i * n + $1] * inverse.span[$1 * n + j] }
                #expect(abs(found - (i == j ? 1 : 0)) <= 1e-10)
            }
        }
    }

    @Test func choleskySaysWhereItStops() {
        #expect(throws: FactorisationError.notPositiveDefinite(order: 2)) {
            try Factorisation.Cholesky(Buffer([1.0, 2, 2, 1]), order: 2)
        }
        #expect(throws: FactorisationError.notPositiveDefinite(order: 1)) {
            try Factorisation.Cholesky(Buffer([-1.0]), order: 1)
        }
        #expect(throws: FactorisationError.notANumber) { try Factorisation.Cholesky(Buffer([1.0, .nan, 0, 1]), order: 2) }
        #expect(FactorisationError.notPositiveDefinite(order: 2).description
            == "the matrix is not positive definite: its leading minor of order 2 is not positive")
    }

    @Test(arguments: [(0, 3), (1, 1), (3, 3), (5, 17), (40, 41)])
    func qrIsOrthonormalAndTriangular(size: (Int, Int)) throws {
        try expectQR(size, Double.self, tolerance: 1e-14)
        try expectQR(size, Float.self, tolerance: 1e-6)
    }

    private func expectQR<T: Scalar>(_ size: (Int, Int), _ type: T.Type, tolerance: Double) throws {
        let (rows, columns) = size, x = numbers(rows * columns, seed: 4).map { T($0) }
        let qr = try Factorisation.QR(Buffer(x), rows: rows, columns: columns)
        let q = try qr.orthonormal()
        #expect(q.count == rows * columns && qr.r.count == rows * rows)
        for a in 0..<rows {
            for b in 0..<rows {
                var product = 0.0
                for j in 0..<columns { product += Double(q.span[a * columns + j]) * Double(q.span[b * columns + j]) }
                #expect(abs(product - (a == b ? 1 : 0)) <= tolerance * Double(columns))
                if b < a { #expect(qr.r.span[a * rows + b] == 0) }
            }
            // X = Rᵀ·Q
            for j in 0..<columns {
                var sum = 0.0
                for b in 0..<rows { sum += Double(qr.r.span[b * rows + a]) * Double(q.span[b * columns + j]) }
                #expect(abs(sum - Double(x[a * columns + j])) <= tolerance * Double(columns))
            }
        }
    }

    @Test func qrMultipliesWithoutFormingQ() throws {
        let x = numbers(6 * 50, seed: 8), z = numbers(3 * 6, seed: 9)
        let qr = try Factorisation.QR(Buffer(x), rows: 6, columns: 50), q = try qr.orthonormal()
        let found = try qr.product(z, count: 3)
        for i in 0..<3 {
            for j in 0..<50 {
                let expected = (0..<6).reduce(0.0) { $0 + z[i * 6 + $1] * q.span[$1 * 50 + j] }
                #expect(abs(found[i * 50 + j] - expected) <= 1e-14)
            }
        }
    }

    @Test(arguments: [0, 1, 2, 20])
    func eigenvectorsAreStretched(n: Int) throws {
        let a = positiveDefinite(n)
        let (values, vectors) = try Factorisation.symmetricEigen(Buffer(a), order: n)
        #expect(values == values.sorted())
        for k in 0..<n {
            var length = 0.0
            for i in 0..<n {
                let found = (0..<n).reduce(0.0) { $0 + a[i * n + $1] * vectors.span[k * n + $1] }
                #expect(abs(found - values[k] * vectors.span[k * n + i]) <= 1e-12 * (values.last ?? 1))
                length += vectors.span[k * n + i] * vectors.span[k * n + i]
            }
            #expect(abs(length - 1) <= 1e-13)
        }
        if n == 2 {
            #expect(throws: FactorisationError.notANumber) { try Factorisation.symmetricEigen(Buffer([.nan, 0, 0, 1]), order: 2) }
        }
    }

    @Test func leastSquaresOfTallWideAndDeficient() throws {
        // A line through points on it.
        let line = try Factorisation.leastSquares(Buffer([1.0, 0, 1, 1, 1, 2]), rows: 3, columns: 2, [1, 3, 5])
        #expect(line.rank == 2 && abs(line.solution[0] - 1) <= 1e-14 && abs(line.solution[1] - 2) <= 1e-14)
        // The shortest of many.
        let wide = try Factorisation.leastSquares(Buffer([3.0, 4]), rows: 1, columns: 2, [25])
        #expect(wide.rank == 1 && abs(wide.solution[0] - 3) <= 1e-13 && abs(wide.solution[1] - 4) <= 1e-13)
        let twice = try Factorisation.leastSquares(Buffer([1.0, 1, 2, 2]), rows: 2, columns: 2, [2, 4])
        #expect(twice.rank == 1 && abs(twice.solution[0] - 1) <= 1e-14 && abs(twice.solution[1] - 1) <= 1e-14)
        #expect(throws: FactorisationError.notANumber) {
            try Factorisation.leastSquares(Buffer([1.0, .nan]), rows: 2, columns: 1, [1, 1])
        }
        #expect(try Factorisation.leastSquares(Buffer([]), rows: 0, columns: 2, []).solution == [0, 0])
    }
}
