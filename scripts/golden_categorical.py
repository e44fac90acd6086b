"""The golden cases of torch.distributions.Categorical. Used by generate-goldens.py.

`deviation` zero-probability: PyTorch clamps a probability of 0 to the smallest ε before it takes the logarithm, and lets
no gradient through; the package gives -inf. Such cases have no gradient here, and `expected_output` without the clamp.
`deviation` negative-probabilities: PyTorch looks at the quotients by the sum, which of negative ones are positive; the
package refuses them.
"""

from golden_recording import INF, NAN, TYPES, case, np, randn, text, torch
from torch.distributions import Categorical, kl_divergence

SHAPES = ((2,), (5,), (1, 1), (4, 3), (3, 17), (2, 3, 4))
MASKED = [[0, -INF, 1, 2], [-INF, 0, -INF, -INF], [3, 1, -INF, -INF]]
CONFIDENT = [[20, 0, 1, -2], [0, 35, 0, 0], [-1, 2, 12, 0.5]]


def value(name, shape):
    """A class of each row of parameters of `shape`."""
    count = int(np.prod(shape[:-1]))
    return (np.arange(count) * 7 + len(name)).reshape(shape[:-1]) % shape[-1]


def given(kind, x):
    return Categorical(**{kind: x})


def distribution(name, dtype, kind, x, other=None, deviation=None, differentiable=True, classes=None):
    fields = {"parameters": kind}
    constants = () if differentiable else ("input", "other")
    y = torch.as_tensor(value(name, np.shape(x)) if classes is None else np.asarray(classes))
    target = {"target": y, "target_shape": list(y.shape)}
    unclamped = lambda input: torch.log(input / input.sum(-1, keepdim=True)).gather(-1, y.unsqueeze(-1)).squeeze(-1)
    case("categorical", f"{name}, log-probability", "log_prob", dtype, lambda input: given(kind, input).log_prob(y),
         {"input": x}, fields | target, constants, deviation=deviation,
         expected=(unclamped, {"input": x}) if deviation else None)
    case("categorical", f"{name}, entropy", "entropy", dtype, lambda input: given(kind, input).entropy(),
         {"input": x}, fields, constants)
    case("categorical", f"{name}, probabilities", "probs", dtype, lambda input: given(kind, input).probs,
         {"input": x}, fields, constants)
    case("categorical", f"{name}, mode", "mode", dtype, lambda input: given(kind, input).mode,
         {"input": x}, fields, ("input",), exact=False)
    if other is not None:
        case("categorical", f"{name}, divergence", "kl", dtype,
             lambda input, other: kl_divergence(given(kind, input), given(kind, other)),
             {"input": x, "other": other}, fields, constants)


def refused():
    """What is no distribution, or no class of one."""
    bad = {
        "logits": ([[0, NAN], [0, 1]], [[0, INF], [0, 1]], [[0, 1], [-INF, -INF]], [NAN], 1),
        "probs": ([[1, -0.25], [1, 1]], [[1, NAN], [1, 1]], [[1, 1], [1, INF]], [[1, 1], [0, 0]], [0], 1),
    }
    for kind, parameters in bad.items():
        for n, x in enumerate(parameters):
            case("categorical", f"{kind} that are none, {n}", "entropy", "float64",
                 lambda input, kind=kind: given(kind, input).entropy(), {"input": x}, {"parameters": kind}, ("input",))
    case("categorical", "negative probabilities", "entropy", "float64", lambda input: given("probs", input).entropy(),
         {"input": [-1, -2]}, {"parameters": "probs"}, ("input",), deviation="negative-probabilities")
    for label in (3, -1):
        y = torch.tensor([0, label])
        case("categorical", f"class {label} of 3", "log_prob", "float64",
             lambda input, y=y: given("logits", input).log_prob(y), {"input": np.zeros((2, 3))},
             {"parameters": "logits", "target": y, "target_shape": [2]}, ("input",))


def categoricals():
    refused()
    for dtype in TYPES:
        for shape in SHAPES:
            name = text(shape)
            x, z = randn(name + " p", shape), randn(name + " q", shape)
            distribution(f"logits {name}", dtype, "logits", x, z)
            p = np.exp(randn(name + " weights", shape, 1.0)).round(4)
            distribution(f"probabilities {name}", dtype, "probs", p, np.exp(randn(name + " others", shape, 1.0)).round(4))
        distribution("equal distributions", dtype, "logits", CONFIDENT, CONFIDENT)
        distribution("confident logits", dtype, "logits", CONFIDENT, randn("confident q", (3, 4)))
        distribution("offset logits", dtype, "logits", np.add(MASKED[:1], 100), [[100, -INF, 103, 98]],
                     differentiable=False)
        # PyTorch's gradients of masked logits are NaN.
        distribution("masked logits", dtype, "logits", MASKED, np.where(np.isinf(MASKED), -INF, 1.5),
                     differentiable=False, classes=[2, 1, 0])
        distribution("impossible classes of q", dtype, "logits", randn("possible", (3, 4)), MASKED,
                     differentiable=False, classes=[0, 1, 3])
        distribution("probabilities with 0", dtype, "probs", [[0, 1, 3], [0.25, 0, 0.75]], [[1, 1, 2], [3, 1, 4]],
                     deviation="zero-probability", differentiable=False, classes=[0, 1])
        distribution("ties", dtype, "probs", [[1, 2, 2], [3, 3, 3]])
