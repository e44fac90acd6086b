#!/usr/bin/env python3
"""Write the goldens of softmax regression, from scikit-learn 1.9.1, statsmodels 0.15.0 and SciPy 1.17.1.

    generate-fit-goldens.py [NAME]...    write Tests/SurprisalTests/RegressionGoldens/*.json, or those with these names

Run by a Python that has the three (`pip install scikit-learn==1.9.1 statsmodels==0.15.0 scipy==1.17.1`); no test needs it.
Real data come from Sources/CDatasets/Data. Synthetic data are made of SplitMix64's numbers by sums and products
in a fixed order, so that the tests make the same bits: see `synthetic`.

- optimum-NAME: scikit-learn's `newton-cholesky`, C = 1/penalty. `objective` is the sum of the losses and ½·penalty·‖weight‖²
  at its coefficients; `gradient` is the norm of its gradient there, which says how good an optimum it is.
- inference-NAME: statsmodels' MNLogit without a penalty: coefficients against class 0, and all that its table shows.
- distributions: tails and quantiles of the normal and χ² distributions.
"""

import csv
import json
import pathlib
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "Tests/SurprisalTests/RegressionGoldens"
RESOURCES = ROOT / "Sources/CDatasets/Data"


def uniforms(seed, count):
    """The first `count` numbers of SplitMix64, as multiples of 2⁻⁵³ from 0 to below 1."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def synthetic(seed, rows, features, classes, noise):
    """Features uniform in ±√3; the label is the largest of the classes' scores, each a sum over the features in their order
    and then noise. The generator gives first the true weights, then each row's features and noise."""
    numbers = uniforms(seed, classes * features + rows * (features + classes))
    weights = 2 * numbers[:classes * features].reshape(classes, features) - 1
    rest = numbers[classes * features:].reshape(rows, features + classes)
    x = (2 * rest[:, :features] - 1) * 1.7320508075688772
    scores = np.zeros((rows, classes))
    for j in range(features):
        scores += x[:, j:j + 1] * weights[:, j]
    scores += noise * rest[:, features:]
    return x, scores.argmax(axis=1)


def table(name, scale=1):
    with (RESOURCES / f"{name}.csv").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    names = sorted({row[-1] for row in rows})
    x = np.array([[float(field) for field in row[:-1]] for row in rows]) * scale
    return x, np.array([names.index(row[-1]) for row in rows])


PROBLEMS = {
    "iris": (lambda: table("iris"), 1.0),
    "digits": (lambda: table("digits", 1 / 16), 1.0),
    "wide": (lambda: synthetic(11, 200, 2000, 3, 40), 1.0),
    "tall": (lambda: synthetic(12, 200_000, 20, 4, 8), 1.0),
    "hundred": (lambda: synthetic(13, 5_000, 50, 100, 4), 1.0),
}


def objective(x, y, weight, bias, penalty):
    """Value and gradient norm, in extended precision where it matters: the sums."""
    logits = (x @ weight.T + bias).astype(np.longdouble)
    logits -= logits.max(axis=1, keepdims=True)
    p = np.exp(logits)
    sums = p.sum(axis=1, keepdims=True)
    rows = np.arange(len(y))
    value = (np.log(sums[:, 0]) - logits[rows, y]).sum() + penalty / 2 * (weight.astype(np.longdouble) ** 2).sum()
    p /= sums
    p[rows, y] -= 1
    g = p.astype(np.float64)
    return float(value), float(np.sqrt(((g.T @ x + penalty * weight) ** 2).sum() + (g.sum(axis=0) ** 2).sum()))


def optimum(name):
    from sklearn.linear_model import LogisticRegression
    make, penalty = PROBLEMS[name]
    x, y = make()
    model = LogisticRegression(C=1 / penalty, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(x, y)
    weight, bias = model.coef_, model.intercept_ - model.intercept_.mean()
    value, gradient = objective(x, y, weight, bias, penalty)
    return {"name": name, "rows": len(y), "features": x.shape[1], "classes": len(bias), "penalty": penalty,
            "counts": np.bincount(y).tolist(), "iterations": int(model.n_iter_[0]), "objective": value,
            "gradient": gradient, "weight": weight.ravel().tolist(), "bias": bias.tolist()}


def pair():
    """The two irises that no line separates."""
    x, y = table("iris")
    return x[y > 0], y[y > 0] - 1


INFERENCES = {
    "iris-pair": pair,
    "small": lambda: synthetic(14, 500, 5, 3, 6),
    "tall": PROBLEMS["tall"][0],
}


def inference(name):
    import statsmodels.api as sm
    x, y = INFERENCES[name]()
    found = sm.MNLogit(y, sm.add_constant(x)).fit(method="newton", maxiter=200, tol=1e-11, disp=False)
    interval = found.conf_int(0.05)
    return {"name": name, "rows": len(y), "features": x.shape[1], "classes": int(y.max()) + 1,
            # Class by class, the intercept first.
            "estimates": found.params.T.ravel().tolist(), "standard_errors": found.bse.T.ravel().tolist(),
            "z": found.tvalues.T.ravel().tolist(), "p_values": found.pvalues.T.ravel().tolist(),
            "intervals": np.asarray(interval).reshape(-1, 2).tolist(),
            "log_likelihood": float(found.llf), "null_log_likelihood": float(found.llnull), "aic": float(found.aic),
            "bic": float(found.bic), "mcfadden_r2": float(found.prsquared), "ratio": float(found.llr),
            "ratio_p_value": float(found.llr_pvalue), "ratio_degrees_of_freedom": float(found.df_model)}


def distributions():
    from scipy import stats
    z = [0, 1e-8, 0.1, 0.5, 1, 1.959963984540054, 3, 5, 8, 12, 20, 30, 37.5]
    p = [1e-300, 1e-20, 1e-8, 0.001, 0.025, 0.1, 0.3, 0.5, 0.7, 0.9, 0.975, 0.995, 0.9999, 1 - 1e-12]
    chi = [(k, x) for k in (1, 2, 3, 8, 30, 100, 576, 5000) for x in
           (0.01 * k, 0.5 * k, 0.9 * k, 1.0 * k, 1.1 * k, 2.0 * k, 5.0 * k)]
    return {"two_sided": [[value, float(2 * stats.norm.sf(value))] for value in z],
            "quantiles": [[value, float(stats.norm.ppf(value))] for value in p],
            "chi_squared": [[k, x, float(stats.chi2.sf(x, k))] for k, x in chi]}


def main():
    FOLDER.mkdir(exist_ok=True)
    files = {f"optimum-{name}": lambda name=name: optimum(name) for name in PROBLEMS}
    files |= {f"inference-{name}": lambda name=name: inference(name) for name in INFERENCES}
    files["distributions"] = distributions
    for name, make in files.items():
        if len(sys.argv) == 1 or name in sys.argv[1:]:
            found = make()
            (FOLDER / f"{name}.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")
            print(name, {key: found[key] for key in ("iterations", "objective", "gradient", "log_likelihood") if key in found},
                  flush=True)


if __name__ == "__main__":
    main()
