import CKernels
import COpenBLAS

extension Double: Scalar {
    private static var kernels: ck_kernels_f64 { unsafe InstructionSet.table.f64.pointee }

    public static func normalise(
        _ x: Span<Double>, into y: inout MutableSpan<Double>, axis: ClassAxis, as output: Normalisation
    ) {
        output.require(x.count, y.count, axis)
        unsafe x.withUnsafeBufferPointer { x in
            unsafe y.withUnsafeMutableBufferPointer { y in
                unsafe normalise(x.baseAddress, y.baseAddress, axis, output)
            }
        }
    }

    public static func normaliseInPlace(_ x: inout MutableSpan<Double>, axis: ClassAxis, as output: Normalisation) {
        output.require(x.count, x.count, axis)
        unsafe x.withUnsafeMutableBufferPointer { x in
            unsafe normalise(UnsafePointer(x.baseAddress), x.baseAddress, axis, output)
        }
    }

    private static func normalise(
        _ x: UnsafePointer<Double>?, _ y: UnsafeMutablePointer<Double>?, _ axis: ClassAxis, _ output: Normalisation
    ) {
        guard let x = unsafe x, let y = unsafe y else { return }
        let place = LastCache.place(of: axis.bytes(of: Double.self, arrays: unsafe x == UnsafePointer(y) ? 1 : 2))
        let arguments = unsafe ck_normalise_f64(
            x: x, y: y, classes: axis.classes, inner: axis.inner, place: place, output: output.code)
        let kernel = unsafe kernels.normalise
        Parallel.forRows(axis.positions, elementsPerRow: axis.classes, cost: axis.cost) { begin, end in
            unsafe withUnsafePointer(to: arguments) { unsafe kernel($0, begin, end) }
        }
    }

    public static func vectorJacobianProduct(
        _ y: Span<Double>, upstream: Span<Double>, into gradient: inout MutableSpan<Double>, axis: ClassAxis,
        of output: Normalisation
    ) {
        for (count, what) in [(y.count, "y"), (upstream.count, "upstream"), (gradient.count, "gradient")] {
            axis.require(count, "vector-Jacobian product: \(what)")
        }
        unsafe y.withUnsafeBufferPointer { y in
            unsafe upstream.withUnsafeBufferPointer { upstream in
                unsafe gradient.withUnsafeMutableBufferPointer { gradient in
                    guard let y = y.baseAddress, let upstream = upstream.baseAddress,
                        let gradient = gradient.baseAddress
                    else { return }
                    let place = LastCache.place(of: axis.bytes(of: Double.self, arrays: 3))
                    let arguments = unsafe ck_vjp_f64(
                        y: y, upstream: upstream, gradient: gradient, classes: axis.classes, inner: axis.inner,
                        place: place, output: output.code)
                    let kernel = unsafe kernels.vjp
                    Parallel.forRows(axis.positions, elementsPerRow: axis.classes, cost: axis.cost) { begin, end in
                        unsafe withUnsafePointer(to: arguments) { unsafe kernel($0, begin, end) }
                    }
                }
            }
        }
    }

    public static func crossEntropy(
        _ logits: Span<Double>, _ sweep: borrowing CrossEntropySweep<Double>, losses: inout MutableSpan<Double>
    ) {
        sweep.require(logits.count, losses: losses.count, gradient: nil)
        unsafe logits.withUnsafeBufferPointer { x in unsafe run(sweep, x.baseAddress, nil, &losses) }
    }

    public static func crossEntropy(
        _ logits: Span<Double>, _ sweep: borrowing CrossEntropySweep<Double>, losses: inout MutableSpan<Double>,
        gradient: inout MutableSpan<Double>
    ) {
        sweep.require(logits.count, losses: losses.count, gradient: gradient.count)
        unsafe logits.withUnsafeBufferPointer { x in
            unsafe gradient.withUnsafeMutableBufferPointer { g in
                unsafe run(sweep, x.baseAddress, g.baseAddress, &losses)
            }
        }
    }

    public static func crossEntropyInPlace(
        _ gradient: inout MutableSpan<Double>, _ sweep: borrowing CrossEntropySweep<Double>, losses: inout MutableSpan<Double>
    ) {
        sweep.require(gradient.count, losses: losses.count, gradient: nil)
        unsafe gradient.withUnsafeMutableBufferPointer { g in
            unsafe run(sweep, UnsafePointer(g.baseAddress), g.baseAddress, &losses)
        }
    }

    private static func run(
        _ sweep: borrowing CrossEntropySweep<Double>, _ logits: UnsafePointer<Double>?, _ gradient: UnsafeMutablePointer<Double>?,
        _ losses: inout MutableSpan<Double>
    ) {
        unsafe losses.withUnsafeMutableBufferPointer { losses in
            let uniform = sweep.uniform
            unsafe sweep.withPointers { pointers in
                guard let logits = unsafe logits, let losses = losses.baseAddress else { return }
                let arrays = unsafe 1 + (UnsafePointer(gradient) == logits ? 0 : 1) + (pointers.probabilities == nil ? 0 : 1)
                let place = LastCache.place(of: (sweep.whole ?? sweep.axis).bytes(of: Double.self, arrays: arrays))
                let arguments = unsafe ck_cross_entropy_f64(
                    logits: logits, gradient: gradient, labels: pointers.labels, probabilities: pointers.probabilities,
                    weight: pointers.weight, losses: losses, row_weights: pointers.rowWeights, open: pointers.open,
                    smoothing: sweep.smoothing, uniform: uniform, z_loss: sweep.zLoss, scale: sweep.scale,
                    classes: sweep.axis.classes, inner: sweep.axis.inner, place: place)
                let kernel = unsafe kernels.cross_entropy
                Parallel.forRows(sweep.axis.positions, elementsPerRow: sweep.axis.classes, cost: sweep.axis.cost) { begin, end in
                    unsafe withUnsafePointer(to: arguments) { unsafe kernel($0, begin, end) }
                }
            }
        }
    }

    public static func exp(_ x: Span<Double>, into y: inout MutableSpan<Double>) {
        unsafe apply("exp", x, &y, kernels.exp)
    }

    public static func log(_ x: Span<Double>, into y: inout MutableSpan<Double>) {
        unsafe apply("log", x, &y, kernels.log)
    }

    public static func log1p(_ x: Span<Double>, into y: inout MutableSpan<Double>) {
        unsafe apply("log1p", x, &y, kernels.log1p)
    }

    public static func activate(_ activation: Activation, _ x: Span<Double>, into y: inout MutableSpan<Double>) {
        unsafe apply("\(activation)", x, &y) { unsafe kernels.activate(activation.code, $0, $1, $2) }
    }

    public static func activateGradient(
        _ activation: Activation, _ x: Span<Double>, _ dy: Span<Double>, into dx: inout MutableSpan<Double>
    ) {
        require(dy.count == x.count && dx.count == x.count, "\(activation): \(dy.count) gradients of \(x.count) into \(dx.count)")
        let kernel = unsafe kernels.activate_gradient
        unsafe SurprisalKernels.write(&dx, x, dy) { dx, x, dy, part in
            unsafe kernel(activation.code, x + part.lowerBound, dy + part.lowerBound, dx + part.lowerBound, part.count)
        }
    }

    public static func softCap(_ x: Span<Double>, at cap: Double, into y: inout MutableSpan<Double>) {
        unsafe apply("soft cap", x, &y) { unsafe kernels.soft_cap($0, $1, $2, cap) }
    }

    public static func scaleRows(_ x: inout MutableSpan<Double>, by factors: Span<Double>, axis: ClassAxis) {
        let kernel = unsafe kernels.scale
        unsafe forStretches(&x, by: factors, axis: axis) { x, factors, count, areMany in
            unsafe kernel(x, factors, count, areMany ? 1 : 0)
        }
    }

    public static func divide(_ x: Span<Double>, by divisor: Double, into y: inout MutableSpan<Double>) {
        unsafe apply("division", x, &y) { unsafe kernels.divide($0, $1, $2, divisor) }
    }

    public static func divideInPlace(_ x: inout MutableSpan<Double>, by divisor: Double) {
        let kernel = unsafe kernels.divide
        unsafe update(&x) { x, part in unsafe kernel(x + part.lowerBound, x + part.lowerBound, part.count, divisor) }
    }

    public static func softCapGradient(_ x: Span<Double>, at cap: Double, in gradient: inout MutableSpan<Double>) {
        unsafe apply("soft cap", x, &gradient) { unsafe kernels.soft_cap_gradient($0, $1, $2, cap) }
    }

    private static func apply(
        _ name: @autoclosure () -> String, _ x: Span<Double>, _ y: inout MutableSpan<Double>,
        _ kernel: (UnsafePointer<Double>, UnsafeMutablePointer<Double>, Int) -> Void
    ) {
        require(x.count == y.count, "\(name()): \(x.count) elements into \(y.count)")
        unsafe x.withUnsafeBufferPointer { x in
            unsafe y.withUnsafeMutableBufferPointer { y in
                guard let from = x.baseAddress, let to = y.baseAddress else { return }
                Parallel.forRows(x.count, elementsPerRow: 1) { begin, end in
                    unsafe kernel(from + begin, to + begin, end - begin)
                }
            }
        }
    }

    public static func binaryCrossEntropy(
        _ logits: Span<Double>, targets: Span<Double>, _ sweep: BinaryCrossEntropySweep<Double>,
        losses: inout MutableSpan<Double>, sums: inout MutableSpan<Double>, slopes: inout MutableSpan<Double>
    ) {
        sweep.require(logits.count, targets: targets.count, losses: losses.count, sums: sums.count, slopes: slopes.count)
        unsafe losses.withUnsafeMutableBufferPointer { losses in
            unsafe sums.withUnsafeMutableBufferPointer { sums in
                unsafe slopes.withUnsafeMutableBufferPointer { slopes in
                    unsafe run(sweep, logits, targets, losses.wanted, sums.wanted, slopes.wanted, nil)
                }
            }
        }
    }

    public static func binaryCrossEntropySlopes(
        _ logits: Span<Double>, targets: Span<Double>, _ sweep: BinaryCrossEntropySweep<Double>,
        into slopes: inout MutableSpan<Double>
    ) {
        sweep.require(logits.count, targets: targets.count, losses: 0, sums: 0, slopes: slopes.count)
        unsafe slopes.withUnsafeMutableBufferPointer { slopes in
            unsafe run(sweep, logits, targets, nil, nil, nil, slopes.wanted)
        }
    }

    private static func run(
        _ sweep: BinaryCrossEntropySweep<Double>, _ logits: Span<Double>, _ targets: Span<Double>,
        _ losses: UnsafeMutablePointer<Double>?, _ sums: UnsafeMutablePointer<Double>?,
        _ slopes: UnsafeMutablePointer<Double>?, _ targetSlopes: UnsafeMutablePointer<Double>?
    ) {
        unsafe logits.withUnsafeBufferPointer { logits in
            unsafe targets.withUnsafeBufferPointer { targets in
                unsafe sweep.weight.withPointer { weight in
                    unsafe sweep.positive.withPointer { positive in
                        guard let x = logits.baseAddress, let y = targets.baseAddress else { return }
                        let arguments = unsafe ck_binary_f64(
                            logits: x, targets: y,
                            weight: ck_factors_f64(
                                values: weight, count: sweep.weight?.values.count ?? 1, apart: sweep.weight?.distance ?? 1),
                            positive: ck_factors_f64(
                                values: positive, count: sweep.positive?.values.count ?? 1,
                                apart: sweep.positive?.distance ?? 1),
                            losses: losses, sums: sums, slopes: slopes, target_slopes: targetSlopes, scale: sweep.scale,
                            count: logits.count)
                        let kernel = unsafe kernels.binary
                        Strips.forEach(of: logits.count, cost: 2) { begin, end in
                            unsafe withUnsafePointer(to: arguments) { unsafe kernel($0, begin, end) }
                        }
                    }
                }
            }
        }
    }

    public static func multiMargin(
        _ scores: Span<Double>, _ sweep: MarginSweep<Double>, losses: inout MutableSpan<Double>,
        gradient: inout MutableSpan<Double>
    ) {
        sweep.require(scores.count, losses: losses.count, gradient: gradient.count)
        unsafe scores.withUnsafeBufferPointer { scores in
            unsafe losses.withUnsafeMutableBufferPointer { losses in
                unsafe gradient.withUnsafeMutableBufferPointer { gradient in
                    unsafe sweep.labels.values.withUnsafeBufferPointer { labels in
                        unsafe sweep.weight.withPointer { weight in
                            guard let losses = losses.baseAddress, let labels = labels.baseAddress else { return }
                            let arguments = unsafe ck_margin_f64(
                                // Without classes there are none, and they are not read.
                                scores: scores.baseAddress ?? UnsafePointer(losses), gradient: gradient.wanted,
                                labels: labels, weight: weight, losses: losses, margin: sweep.margin, scale: sweep.scale,
                                squares: sweep.p == 2 ? 1 : 0, classes: sweep.axis.classes, inner: sweep.axis.inner)
                            let kernel = unsafe kernels.margin
                            Parallel.forRows(sweep.axis.positions, elementsPerRow: sweep.axis.classes) { begin, end in
                                unsafe withUnsafePointer(to: arguments) { unsafe kernel($0, begin, end) }
                            }
                        }
                    }
                }
            }
        }
    }

    public static func divergence(
        _ logProbabilities: Span<Double>, targets: Span<Double>, areLogarithms: Bool, terms: inout MutableSpan<Double>,
        sums: inout MutableSpan<Double>
    ) {
        requireDivergence(logProbabilities.count, targets: targets.count, results: terms.count, sums: sums.count)
        unsafe terms.withUnsafeMutableBufferPointer { terms in
            unsafe sums.withUnsafeMutableBufferPointer { sums in
                unsafe diverge(
                    logProbabilities, targets, areLogarithms, terms.wanted, sums.wanted, nil, nil, scale: 1)
            }
        }
    }

    public static func divergenceSlopes(
        _ derivative: DivergenceDerivative, _ logProbabilities: Span<Double>, targets: Span<Double>, areLogarithms: Bool,
        scale: Double, into slopes: inout MutableSpan<Double>
    ) {
        requireDivergence(logProbabilities.count, targets: targets.count, results: slopes.count)
        unsafe slopes.withUnsafeMutableBufferPointer { slopes in
            let slopes = unsafe slopes.wanted
            unsafe diverge(
                logProbabilities, targets, areLogarithms, nil, nil, derivative == .byLogProbabilities ? slopes : nil,
                derivative == .byTargets ? slopes : nil, scale: scale)
        }
    }

    private static func diverge(
        _ logProbabilities: Span<Double>, _ targets: Span<Double>, _ areLogarithms: Bool,
        _ terms: UnsafeMutablePointer<Double>?, _ sums: UnsafeMutablePointer<Double>?,
        _ slopes: UnsafeMutablePointer<Double>?, _ targetSlopes: UnsafeMutablePointer<Double>?, scale: Double
    ) {
        unsafe logProbabilities.withUnsafeBufferPointer { x in
            unsafe targets.withUnsafeBufferPointer { t in
                guard let from = x.baseAddress, let targets = t.baseAddress else { return }
                let arguments = unsafe ck_divergence_f64(
                    log_probabilities: from, targets: targets, logarithms: areLogarithms ? 1 : 0, terms: terms, sums: sums,
                    slopes: slopes, target_slopes: targetSlopes, scale: scale, count: t.count)
                let kernel = unsafe kernels.divergence
                Strips.forEach(of: t.count, cost: 4) { begin, end in
                    unsafe withUnsafePointer(to: arguments) { unsafe kernel($0, begin, end) }
                }
            }
        }
    }

    public static func combine(
        _ operation: BinaryOperation, _ x: Span<Double>, _ y: Span<Double>, into z: inout MutableSpan<Double>
    ) { operation.apply(x, y, into: &z) }

    public static func map(_ operation: UnaryOperation<Double>, _ x: Span<Double>, into y: inout MutableSpan<Double>) {
        operation.apply(x, into: &y)
    }

    public static func fill(_ x: inout MutableSpan<Double>, with value: Double) {
        unsafe update(&x) { x, part in for i in part { unsafe x[i] = value } }
    }

    public static func scaleInPlace(_ x: inout MutableSpan<Double>, by factor: Double) {
        unsafe update(&x) { x, part in for i in part { unsafe x[i] = x[i] == 0 ? 0 : x[i] * factor } }
    }

    public static func descend(_ p: inout MutableSpan<Double>, along v: Span<Double>, rate: Double) {
        let kernel = unsafe kernels.descend
        unsafe update(&p, with: v) { p, v, part in
            unsafe kernel(p + part.lowerBound, v + part.lowerBound, part.count, rate)
        }
    }

    public static func gather(_ v: inout MutableSpan<Double>, _ g: Span<Double>, momentum: Double, fresh: Double) {
        let kernel = unsafe kernels.gather
        unsafe update(&v, with: g) { v, g, part in
            unsafe kernel(v + part.lowerBound, g + part.lowerBound, part.count, momentum, fresh)
        }
    }

    public static func standardise(
        _ x: Span<Double>, mean: [Double], deviation: [Double], into y: inout MutableSpan<Double>
    ) {
        let kernel = unsafe kernels.standardise
        unsafe ColumnMoments.forRows(of: x, mean, deviation, into: &y) { x, y, mean, deviation, reciprocal, rows in
            var arguments = unsafe ck_standardise_f64(
                x: x, y: y, mean: mean, deviation: deviation, reciprocal: reciprocal, columns: rows.columns)
            unsafe kernel(&arguments, rows.begin, rows.end)
        }
    }

    public static func adam(
        _ p: inout MutableSpan<Double>, _ m: inout MutableSpan<Double>, _ v: inout MutableSpan<Double>, _ g: Span<Double>,
        _ step: AdamStep<Double>
    ) {
        require(
            p.count == g.count && m.count == g.count && v.count == g.count,
            "adam: \(p.count) parameters, \(m.count) and \(v.count) moments; expected \(g.count)")
        let count = g.count
        unsafe g.withUnsafeBufferPointer { g in
            unsafe p.withUnsafeMutableBufferPointer { p in
                unsafe m.withUnsafeMutableBufferPointer { m in
                    unsafe v.withUnsafeMutableBufferPointer { v in
                        guard let g = g.baseAddress, let p = p.baseAddress, let m = m.baseAddress, let v = v.baseAddress
                        else { return }
                        let arguments = unsafe ck_adam_f64(
                            p: p, m: m, v: v, g: g, keep: step.keep, l2: step.l2, first: step.first, second: step.second,
                            fresh: step.fresh, step: step.rate, root: step.root, epsilon: step.epsilon)
                        let kernel = unsafe kernels.adam
                        Parallel.forRows(count, elementsPerRow: 1) { begin, end in
                            unsafe withUnsafePointer(to: arguments) { unsafe kernel($0, begin, end) }
                        }
                    }
                }
            }
        }
    }

    public static func sum(_ x: Span<Double>) -> Double {
        unsafe x.withUnsafeBufferPointer { x in
            guard let from = x.baseAddress else { return 0 }
            return unsafe kernels.sum_of(from, x.count)
        }
    }

    public static func sumClasses(
        _ x: Span<Double>, axis: ClassAxis, dividedBy divisor: Double, into y: inout MutableSpan<Double>
    ) {
        axis.require(x.count, "sum over classes")
        require(y.count == axis.positions, "sum over classes: \(y.count) sums; expected \(axis.positions)")
        unsafe x.withUnsafeBufferPointer { x in
            unsafe y.withUnsafeMutableBufferPointer { y in
                guard let y = y.baseAddress else { return }
                // An empty x has no address, and is not read.
                let from = unsafe x.baseAddress ?? UnsafePointer(y)
                let arguments = unsafe ck_sum_f64(
                    x: from, y: y, classes: axis.classes, inner: axis.inner, divisor: divisor)
                let kernel = unsafe kernels.class_sums
                // Parts of 256 positions at least: a narrower one would take a cache line here and there.
                Parallel.forRows(axis.positions, elementsPerRow: min(axis.classes, 128)) { begin, end in
                    unsafe withUnsafePointer(to: arguments) { unsafe kernel($0, begin, end) }
                }
            }
        }
    }

    public static func operate(_ network: NetworkOperations, _ memories: NetworkMemories<Double>) {
        let memories = unsafe ck_memories_f64(
            features: memories.features, parameters: memories.parameters, gradients: memories.gradients, values: memories.values)
        unsafe network.operations.withUnsafeBufferPointer { operations in
            guard let first = operations.baseAddress else { return }
            unsafe withUnsafePointer(to: memories) { unsafe kernels.operate(first, operations.count, $0) }
        }
    }

    public static func argmax(_ x: Span<Double>, axis: ClassAxis, into classes: inout MutableSpan<Int32>) {
        axis.require(x.count, places: classes.count, "argmax")
        unsafe select(x, nil, axis, &classes)
    }

    public static func rank(
        _ labels: ClassIndices, in x: Span<Double>, axis: ClassAxis, into ranks: inout MutableSpan<Int32>
    ) {
        axis.require(x.count, places: ranks.count, "rank")
        labels.require(axis, "rank")
        unsafe labels.values.withUnsafeBufferPointer { labels in
            unsafe select(x, labels.baseAddress, axis, &ranks)
        }
    }

    private static func select(
        _ x: Span<Double>, _ labels: UnsafePointer<Int32>?, _ axis: ClassAxis, _ places: inout MutableSpan<Int32>
    ) {
        unsafe x.withUnsafeBufferPointer { x in
            unsafe places.withUnsafeMutableBufferPointer { places in
                guard let x = x.baseAddress, let places = places.baseAddress else { return }
                let arguments = unsafe ck_selection_f64(
                    x: x, labels: labels, places: places, classes: axis.classes, inner: axis.inner)
                let kernel = unsafe kernels.select
                Parallel.forRows(axis.positions, elementsPerRow: axis.classes) { begin, end in
                    unsafe withUnsafePointer(to: arguments) { unsafe kernel($0, begin, end) }
                }
            }
        }
    }

    public static func multiply(
        _ plan: MatrixProduct, _ a: Span<Double>, _ b: Span<Double>, into c: inout MutableSpan<Double>
    ) {
        unsafe multiply(plan, a, b, adding: nil, into: &c)
    }

    public static func multiply(
        _ plan: MatrixProduct, _ a: Span<Double>, _ b: Span<Double>, adding bias: Span<Double>, into c: inout MutableSpan<Double>
    ) {
        require(bias.count == plan.n, "matrix product: a bias of \(bias.count) elements; expected \(plan.n)")
        var plan = plan
        plan.accumulates = false
        unsafe bias.withUnsafeBufferPointer { bias in unsafe multiply(plan, a, b, adding: bias.baseAddress, into: &c) }
    }

    private static func multiply(
        _ plan: MatrixProduct, _ a: Span<Double>, _ b: Span<Double>, adding bias: UnsafePointer<Double>?,
        into c: inout MutableSpan<Double>
    ) {
        plan.require(a.count, b.count, c.count)
        unsafe a.withUnsafeBufferPointer { a in
            unsafe b.withUnsafeBufferPointer { b in
                unsafe c.withUnsafeMutableBufferPointer { c in
                    if plan.isByKernel {
                        let kernel = unsafe kernels.product
                        unsafe plan.run(a.baseAddress, b.baseAddress, bias, c.baseAddress) { tile, a, b, bias, c in
                            var arguments = unsafe ck_product_f64(
                                a: a, b: b, bias: bias, c: c, m: tile.m, n: tile.n, k: plan.k, a_step: plan.strideA,
                                b_step: plan.strideB, c_step: plan.n, a_transposed: plan.transposedA ? 1 : 0,
                                b_transposed: plan.transposedB ? 1 : 0, accumulates: plan.accumulates ? 1 : 0)
                            unsafe kernel(&arguments)
                        }
                        return
                    }
                    plan.prepareLibrary(Double.self)
                    unsafe plan.run(a.baseAddress, b.baseAddress, bias, c.baseAddress) { tile, a, b, bias, c in
                        if let bias = unsafe bias { unsafe plan.spread(bias, over: tile, of: c) }
                        unsafe cblas_dgemm(
                            CblasRowMajor, plan.transposedA ? CblasTrans : CblasNoTrans,
                            plan.transposedB ? CblasTrans : CblasNoTrans, Int32(tile.m), Int32(tile.n), Int32(plan.k),
                            1, a, Int32(plan.strideA), b, Int32(plan.strideB),
                            unsafe plan.accumulates || bias != nil ? 1 : 0, c, Int32(plan.n))
                    }
                }
            }
        }
    }
}
