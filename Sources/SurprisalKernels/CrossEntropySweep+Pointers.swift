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

extension Activation {
    var code: ck_activation {
        switch self {
        case .sigmoid: .sigmoid
        case .silu: .silu
        case .gelu: .gelu
        case .geluTanh: .geluTanh
        case .relu: .relu
        }
    }

    init(_ code: ck_activation) {
        self =
            switch code {
            case .sigmoid: .sigmoid
            case .silu: .silu
            case .gelu: .gelu
            case .geluTanh: .geluTanh
            case .relu: .relu
            }
    }
}

extension CrossEntropySweep {
    /// What a kernel reads besides the logits.
    @unsafe struct Pointers {
        var labels: UnsafePointer<Int32>?
        var probabilities, weight, rowWeights, open: UnsafePointer<Element>?
    }

    @inline(__always)
    func withPointers(_ body: (Pointers) -> Void) {
        unsafe weight.withPointer { weight in
            unsafe rowWeights.withPointer { rowWeights in
                unsafe openClasses.withPointer { open in
                    var pointers = unsafe Pointers(weight: weight, rowWeights: rowWeights, open: open)
                    switch target {
                    case .labels(let labels):
                        unsafe labels.values.withUnsafeBufferPointer {
                            unsafe pointers.labels = $0.baseAddress
                            unsafe body(pointers)
                        }
                    case .probabilities(let probabilities):
                        unsafe Optional(probabilities).withPointer {
                            unsafe pointers.probabilities = $0
                            unsafe body(pointers)
                        }
                    }
                }
            }
        }
    }

    /// ε over the number of open classes.
    var uniform: Double {
        guard smoothing > 0 else { return 0 }
        guard let openClasses else { return smoothing / Double(axis.classes) }
        return smoothing / Element.sum(openClasses.span)
    }
}

/// What a kernel reads where there is any.
extension Optional {
    @inline(__always)
    func withPointer<Element: Scalar>(_ body: (UnsafePointer<Element>?) -> Void) where Wrapped == Buffer<Element> {
        guard let self else { return body(nil) }
        unsafe self.span.withUnsafeBufferPointer { unsafe body($0.baseAddress) }
    }

    @inline(__always)
    func withPointer<Element: Scalar>(_ body: (UnsafePointer<Element>?) -> Void) where Wrapped == ElementFactors<Element> {
        unsafe map(\.values).withPointer(body)
    }
}
