import Surprisal
import Testing

/// One line of `random.jsonl`: a call of PyTorch, after those before it in its sequence.
struct RandomGolden: Decodable {
    let name, op: String
    let sequence: Int
    let seed: UInt64
    let dtype: String?
    let shape: [Int]?
    let low, high, mean, deviation, probability, gain, slope: Double?
    let limit, count, padding: Int?
    let replacement: Bool?
    let nonlinearity, fan: String?
    let input, bias: [Double]?
    let output: [Double]

    /// The sequences that hold one of these calls, in order.
    static func sequences(with ops: Set<String>) throws -> [[RandomGolden]] {
        let lines: [RandomGolden] = try goldens("random")
        let all = Dictionary(grouping: lines, by: \.sequence).sorted { $0.key < $1.key }.map(\.value)
        return all.filter { $0.contains { ops.contains($0.op) } }
    }

    func tensor<T: Surprisal.Scalar>(_ values: [Double]) -> Tensor<T> { Tensor(values.map { T($0) }, shape: shape ?? []) }

    func expect<T: Surprisal.Scalar>(
        _ found: Tensor<T>, _ golden: [Double]? = nil, shape: [Int]? = nil, within tolerance: Double = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let golden = golden ?? output
        #expect(found.shape == shape ?? self.shape, "\(name)", sourceLocation: sourceLocation)
        let expected = golden.map { T($0) }
        guard found.count == expected.count else {
            Issue.record("\(name): \(found.count) values, not \(expected.count)", sourceLocation: sourceLocation)
            return
        }
        for (i, (a, b)) in zip(found.scalars, expected).enumerated() where !(abs(Double(a) - Double(b)) <= tolerance) {
            Issue.record("\(name): element \(i) is \(a), PyTorch's \(b)", sourceLocation: sourceLocation)
            return
        }
    }
}
