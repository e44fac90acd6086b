import CKernels

extension Normalisation {
    var code: ck_output {
        switch self {
        case .logSoftmax: .logSoftmax
        case .softmax: .softmax
        case .logSumExp: .logSumExp
        }
    }
}

extension CrossEntropySweep {
    /// Calls `body` with the labels or the probabilities, and the weights, where there are any.
    @inline(__always)
    func withTarget(
        _ body: (UnsafePointer<Int32>?, UnsafePointer<Element>?, UnsafePointer<Element>?) -> Void
    ) {
        func withWeight(_ body: (UnsafePointer<Element>?) -> Void) {
            guard let weight else { return body(nil) }
            unsafe weight.span.withUnsafeBufferPointer { unsafe body($0.baseAddress) }
        }
        unsafe withWeight { weight in
            switch target {
            case .labels(let labels):
                unsafe labels.values.withUnsafeBufferPointer { unsafe body($0.baseAddress, nil, weight) }
            case .probabilities(let probabilities):
                unsafe probabilities.span.withUnsafeBufferPointer { unsafe body(nil, $0.baseAddress, weight) }
            }
        }
    }
}
