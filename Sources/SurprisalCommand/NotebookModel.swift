import Surprisal

/// The notebook's model: two linear layers, read in two ways.
struct NotebookModel: Model {
    var linear1: Linear<Float>
    var linear2: Linear<Float>

    func forward1(_ x: Tensor<Float>) -> Tensor<Float> { linear2(linear1(x)) }
    func forward2(_ x: Tensor<Float>) -> Tensor<Float> { forward1(x).logSoftmax() }

    mutating func forEachParameter(_ body: (String, inout Tensor<Float>) -> Void) {
        linear1.forEachParameter { body("linear1.\($0)", &$1) }
        linear2.forEachParameter { body("linear2.\($0)", &$1) }
    }

    /// Weights that reproduce the notebook's prints. Its own were never saved; but two linear layers compose
    /// to an affine map, and six printed differences of log-probabilities fix that map for three points of the
    /// plane. These were solved for by `scripts/solve-notebook-weights.py`.
    static let solved = NotebookModel(
        linear1: Linear(
            weight: Tensor([
                [0.47753906, -0.33691406],
                [-0.5527344, -0.28515625],
                [-0.12207031, 0.44433594],
                [-0.06933594, -0.57714844],
                [-0.23339844, 0.14160156],
                [0.44335938, 0.3232422],
                [0.6972656, -0.44140625],
                [0.53808594, -0.6298828],
            ]),
            bias: Tensor([
                0.08203125, -0.31835938, -0.42285156, 0.22265625, -0.27539062, 0.087890625, -0.33984375, -0.4951172,
            ])),
        linear2: Linear(
            weight: Tensor([
                [0.046875, 0.041992188, -0.09472656, 0.109375, 0.28515625, 0.1875, 0.05859375, -0.103515625],
                [0.08691406, 0.15917969, 0.20800781, -0.18359375, 0.26757812, 0.080078125, 0.23632812, -0.23046875],
                [0.23046875, 0.001953125, -0.10449219, 0.051757812, -0.28808594, -0.2548828, 0.016601562, -0.078125],
            ]),
            bias: Tensor([-0.11809635, -0.07211971, -0.598053])))
}
