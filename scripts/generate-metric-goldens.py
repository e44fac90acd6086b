#!/usr/bin/env python3
"""Write Tests/SurprisalTests/Goldens/metrics.jsonl, from scikit-learn 1.9.1, SciPy 1.17.1 and PyTorch 2.13.0+cpu.

    generate-metric-goldens.py            write the file
    generate-metric-goldens.py --check    compute it again; exit 1 if it differs

One case a line: `classes`, `logits` (row-major, float32 numbers where `dtype` says so) and `target`, -100 where it is
ignored, and what of them

- PyTorch makes in float64: `nll`, `perplexity`;
- scikit-learn: `brier` (scale_by_half=False), `accuracy`, `confusion` (labels × predictions), `precision`, `recall`, `f1`
  a class, `macro`, `weighted` as lists of those three for each zero_division (`0`, `1`, `nan`), `report`, the text of
  classification_report with zero_division=0;
- NumPy: `top_k` for k = 1, 2, …, C (scikit-learn's takes the last of equals), `calibration`: for bins of equal `width` and
  of equal `mass`, and 1, 4 and 15 of them, counts, mean confidences, accuracies, ECE and MCE, by their definitions. The
  bins that are not empty are checked against sklearn.calibration.calibration_curve;
- SciPy, as `fit`: `temperature`, `loss_before` and `loss_after` by brentq on the derivative to the last bits, checked
  against newton and, as far as losses can be compared, minimize_scalar; `outcome` where there is no optimum.

"NaN", "Infinity" and "-Infinity" are strings, as in the other goldens.
"""

import pathlib
import re
import sys
import warnings

sys.dont_write_bytecode = True

from golden_recording import INF, add, cases, np, randn, torch
import scipy
import scipy.optimize
import scipy.special
import sklearn
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    accuracy_score, brier_score_loss, classification_report, confusion_matrix, precision_recall_fscore_support,
    top_k_accuracy_score)

VERSIONS = (("scikit-learn", sklearn.__version__, "1.9.1"), ("SciPy", scipy.__version__, "1.17.1"),
            ("PyTorch", torch.__version__, "2.13.0+cpu"))
PATH = pathlib.Path(__file__).resolve().parent.parent / "Tests/SurprisalTests/Goldens/metrics.jsonl"
IGNORED = -100


def edges(confidence, kind, count, dtype):
    if kind == "width":
        return [float(dtype(m / count)) for m in range(1, count + 1)]
    bounds = np.quantile(confidence, [m / count for m in range(1, count)], method="inverted_cdf") if count > 1 else []
    return [*map(float, bounds), 1.0]


def calibration(p, x, y, dtype):
    predicted = np.argmax(x, 1)
    confidence = p[np.arange(len(y)), predicted].astype(dtype).astype(np.float64)
    right = (predicted == y).astype(np.float64)
    result = {}
    for kind in ("width", "mass"):
        for count in (1, 4, 15):
            upper = edges(confidence, kind, count, dtype)
            if kind == "mass" and any((abs(confidence - u) < 1e-5 * u).sum() > 1 for u in upper[:-1]):
                # Rounding decides on which side of the edge its neighbours lie.
                continue
            rows = [(confidence > (upper[m - 1] if m else -1)) & (confidence <= upper[m]) for m in range(count)]
            assert sum(r.sum() for r in rows) == len(y)
            gaps = [abs(right[r].mean() - confidence[r].mean()) if r.any() else 0 for r in rows]
            result[f"{kind} {count}"] = {
                "upper": upper, "counts": [int(r.sum()) for r in rows],
                "confidence": [float(confidence[r].mean()) for r in rows if r.any()],
                "accuracy": [float(right[r].mean()) for r in rows if r.any()],
                "ece": float(sum(g * r.sum() for g, r in zip(gaps, rows)) / len(y)), "mce": float(max(gaps))}
            if kind == "width" and dtype is np.float64:
                true, mean = calibration_curve(right, confidence, n_bins=count, strategy="uniform")
                np.testing.assert_allclose(true, result[f"{kind} {count}"]["accuracy"], rtol=1e-12)
                np.testing.assert_allclose(mean, result[f"{kind} {count}"]["confidence"], rtol=1e-12)
    return result


def temperature(x, y):
    """The optimum, or why there is none; `x` in float64."""
    z = x - x.max(1, keepdims=True)
    own = z[np.arange(len(y)), y]
    finite = np.isfinite(z)
    if not np.isfinite(own).all():
        return {"outcome": "impossibleLabel"}
    if (z[finite] == 0).all():
        return {"outcome": "constant"}
    if (own == 0).all():
        return {"outcome": "separable"}
    filled = np.where(finite, z, 0)

    def p(beta):
        return scipy.special.softmax(np.where(finite, beta * filled, -INF), 1)

    def loss(beta):
        return float(np.mean(scipy.special.logsumexp(np.where(finite, beta * filled, -INF), axis=1) - beta * own))

    def slope(beta):
        return float(np.mean((p(beta) * filled).sum(1) - own))

    def curvature(beta):
        q = p(beta)
        return float(np.mean((q * filled**2).sum(1) - (q * filled).sum(1) ** 2))

    if slope(0.0) >= -1e-15:
        return {"outcome": "uninformative"}
    high = 1.0
    while slope(high) < 0:
        high *= 2
    beta = scipy.optimize.brentq(slope, 0, high, xtol=1e-300, rtol=1e-15, maxiter=1000)
    again = scipy.optimize.newton(slope, beta * 1.01, fprime=curvature, tol=1e-300, rtol=1e-13)
    assert abs(again - beta) <= 1e-10 * beta, (again, beta)
    # Comparing losses tells two temperatures apart as long as those differ in more than half of their digits.
    found = scipy.optimize.minimize_scalar(loss, bounds=(beta / 4, beta * 4), method="bounded", options={"xatol": 1e-9 * beta})
    assert abs(found.x - beta) <= 1e-4 * beta, (found.x, beta)
    return {"temperature": 1 / beta, "loss_before": loss(1.0), "loss_after": loss(beta)}


def metrics(name, dtype, x, target):
    kind = getattr(np, dtype)
    x = np.asarray(x, dtype=kind).astype(np.float64)
    target = np.asarray(target)
    classes = x.shape[1]
    record = {"dtype": dtype, "classes": classes, "logits": torch.tensor(x.astype(kind)), "target": target.tolist()}
    kept, y = x[target != IGNORED], target[target != IGNORED]
    loss = torch.nn.functional.cross_entropy(torch.tensor(x), torch.tensor(target), ignore_index=IGNORED)
    record |= {"nll": loss.item(), "perplexity": loss.exp().item()}
    p = scipy.special.softmax(kept, 1)
    names = list(range(classes))
    if classes == 2:
        record["brier"] = float(2 * brier_score_loss(y, p[:, 1], pos_label=1))
    elif classes > 2:
        record["brier"] = float(brier_score_loss(y, p, labels=names, scale_by_half=False))
    else:
        record["brier"] = float(((p - 1) ** 2).sum())
    order = np.argsort(-kept, axis=1, kind="stable")
    record["top_k"] = [float(np.mean([y[n] in order[n, :k] for n in range(len(y))])) for k in range(1, classes + 1)]
    tied = any(len(set(row)) < classes for row in kept)
    if classes > 2 and not tied and np.isfinite(kept).all():
        for k in range(1, classes):
            assert top_k_accuracy_score(y, kept, k=k, labels=names) == record["top_k"][k - 1]
    predicted = order[:, 0]
    assert (predicted == np.argmax(kept, 1)).all()
    record["accuracy"] = float(accuracy_score(y, predicted))
    record["confusion"] = confusion_matrix(y, predicted, labels=names).ravel().tolist()
    for how in ("true", "pred", "all"):
        record[f"normalized_{how}"] = torch.tensor(confusion_matrix(y, predicted, labels=names, normalize=how).ravel())
    record["scores"] = {}
    for zero in (0.0, 1.0, np.nan):
        options = {"labels": names, "zero_division": zero}
        each = precision_recall_fscore_support(y, predicted, average=None, **options)
        averages = {a: [float(v) for v in precision_recall_fscore_support(y, predicted, average=a, **options)[:3]]
                    for a in ("macro", "micro", "weighted")}
        record["scores"]["nan" if zero != zero else str(int(zero))] = {
            "precision": each[0].tolist(), "recall": each[1].tolist(), "f1": each[2].tolist(),
            "support": each[3].tolist(), **averages}
    # With every class among the labels scikit-learn writes the accuracy, otherwise micro averages.
    report = classification_report(
        y, predicted, labels=names, target_names=[f"class {c}" for c in names], zero_division=0, digits=3)
    # Where no prediction is right, scikit-learn counts in floating point: `10.0` labels.
    record["report"] = re.sub(r"(?m)  (\d+)\.0$", r"    \1", report)
    record["calibration"] = calibration(p, kept, y, kind)
    record["fit"] = temperature(kept, y)
    add("metrics", f"{name}, {dtype}", spelled(record))


def spelled(value):
    """NaN and infinities as the strings that golden_recording writes, inside lists and dictionaries too."""
    if isinstance(value, dict):
        return {k: spelled(v) for k, v in value.items()}
    if isinstance(value, list):
        return [spelled(v) for v in value]
    if isinstance(value, float) and not np.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    return value


def informed(name, rows, classes, signal=2.0, scale=2.0):
    """Noisy logits that favour the labels, and the labels."""
    y = np.abs(randn(name + " labels", (rows,), 100)).astype(int) % classes
    x = randn(name, (rows, classes), scale)
    x[np.arange(rows), y] += signal
    return x.round(4), y


def main(arguments):
    if arguments not in ([], ["--check"]):
        sys.exit(__doc__)
    for library, found, expected in VERSIONS:
        if found != expected:
            sys.exit(f"these goldens are of {library} {expected}, this is {found}")
    torch.set_num_threads(1)
    # About the very cases that are wanted: one label, a class never predicted.
    warnings.simplefilter("ignore")
    for dtype in ("float32", "float64"):
        for rows, classes in ((1, 2), (7, 2), (40, 2), (3, 3), (60, 3), (25, 10), (50, 17)):
            x, y = informed(f"{rows}x{classes}", rows, classes)
            metrics(f"{rows}x{classes}", dtype, x, y)
            if rows > 3:
                masked = np.where(np.arange(rows) % 4 == 1, IGNORED, y)
                metrics(f"{rows}x{classes}, some ignored", dtype, x, masked)
        x, y = informed("ties", 40, 4)
        metrics("ties", dtype, np.round(x / 2), y)
        metrics("equal logits", dtype, np.zeros((12, 3)), np.arange(12) % 3)
        metrics("equal and decisive rows", dtype, np.repeat([[0, 0, 0], [3, 0, 0], [0, 0, 1]], 4, 0), np.arange(12) % 3)
        metrics("one class", dtype, [[3], [-7]], [0, 0])
        metrics("a class never labelled", dtype, x, np.where(y == 2, 0, y))
        metrics("a class never predicted", dtype, np.where(np.arange(4) == 1, -9, x), y)
        metrics("a class neither labelled nor predicted", dtype, np.where(np.arange(4) == 3, -9, x),
                np.where(y == 3, 0, y))
        metrics("labels of one class alone", dtype, x, np.full_like(y, 2))
        metrics("predictions of one class alone, labels of another", dtype, [[0, 1, 0], [-1, 2, 0]], [0, 0])
        metrics("confident and right", dtype, 30 * np.eye(4)[y] + x / 9, y)
        metrics("confident, one wrong", dtype, 30 * np.eye(4)[np.where(np.arange(40) == 5, (y + 1) % 4, y)] + x / 9, y)
        metrics("masked classes", dtype, np.where((np.arange(4) == (y[:, None] + 2) % 4), -INF, x), y)
        metrics("anti-informative", dtype, -8 * np.eye(4)[y] + x / 4, y)
        metrics("by chance", dtype, [[1, 2], [1, 2]], [0, 1])
        metrics("loss beyond exp", dtype, [[0, 1500], [1, 0]], [0, 0])
        metrics("tiny logits", dtype, x * np.float64(2.0**-30), y)
        metrics("huge logits", dtype, x * np.float64(2.0**20), y)
        metrics("large offset", dtype, x + 4096, y)
    content = "\n".join(cases["metrics"].values()) + "\n"
    print(f"{len(cases['metrics'])} cases, {len(content)} bytes")
    if not arguments:
        PATH.write_text(content, encoding="utf-8")
    elif PATH.read_text(encoding="utf-8") != content:
        print(f"{PATH.name} differs")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
