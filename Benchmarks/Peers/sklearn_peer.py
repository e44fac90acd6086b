"""scikit-learn's LogisticRegression, with whichever of its solvers is the fastest to the gradient norm asked for.

Not tried: `sag` and `saga`, whose last digits take thousands of passes, and `liblinear`, which knows two classes.
"""

import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression

from exercise import Exercise, Form, Row, Unsupported

REFUSALS: tuple[type[Exception], ...] = ()
SOLVERS = ("lbfgs", "newton-cg", "newton-cholesky")
# Coefficients of all classes above which a solver that forms the Hessian takes minutes.
LARGEST_HESSIAN = 2000
PENALTY = 1.0


def start(threads: int) -> None:
    # OpenBLAS and OpenMP read their number from the environment.
    pass


def release() -> None:
    pass


def forms(row: Row, inputs: dict[str, np.ndarray]) -> list[Form]:
    if row.workload != "regression":
        raise Unsupported("has no other workload than regression")
    x, y, target = inputs["x"], inputs["labels"], float(inputs["gradient_norm"].reshape(-1)[0])
    size = (int(y.max()) + 1) * (x.shape[1] + 1)
    return [lambda solver=solver: regression(solver, x, y, target) for solver in SOLVERS
            if solver != "newton-cholesky" or size <= LARGEST_HESSIAN]


def regression(solver: str, x: np.ndarray, y: np.ndarray, target: float) -> Exercise:
    """With the largest tolerance, of powers of √10, that brings the gradient's norm to the target."""
    for exponent in range(4, 25):
        model = LogisticRegression(C=1 / PENALTY, solver=solver, tol=10 ** (-exponent / 2), max_iter=100_000)
        with warnings.catch_warnings():
            # Where a line search ends at the limit of precision; the gradient tells how good that is.
            warnings.simplefilter("ignore")
            model.fit(x, y)
        if gradient_norm(model, x, y) <= target:
            break
    else:
        raise Unsupported(f"{solver} does not reach a gradient norm of {target:.3g}")

    def run():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return model.fit(x, y)

    return Exercise(run, lambda model: objective(model, x, y))


def log_probabilities(model: LogisticRegression, x: np.ndarray) -> np.ndarray:
    logits = x @ model.coef_.T + model.intercept_
    logits -= logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def objective(model: LogisticRegression, x: np.ndarray, y: np.ndarray) -> float:
    losses = -log_probabilities(model, x)[np.arange(len(y)), y]
    return float(losses.sum() + PENALTY / 2 * (model.coef_ ** 2).sum())


def gradient_norm(model: LogisticRegression, x: np.ndarray, y: np.ndarray) -> float:
    errors = np.exp(log_probabilities(model, x))
    errors[np.arange(len(y)), y] -= 1
    return float(np.hypot(np.linalg.norm(errors.T @ x + PENALTY * model.coef_), np.linalg.norm(errors.sum(axis=0))))
