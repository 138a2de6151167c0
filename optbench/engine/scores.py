"""Metrics by name of a problem's predictions, as scikit-learn defines them; in NumPy, for they are taken of every run.

``sklearn.metrics`` takes a second to import and a millisecond a call; the tests compare with it.
"""

from collections.abc import Callable, Sequence

import numpy as np

from optbench.contract.columns import SCORES
from optbench.contract.problems import Problem
from optbench.engine.outcome import group_slices


def _log_loss(y: np.ndarray, made: np.ndarray) -> float:
    """Return the mean of -ln of the probability of the true class, at least the rounding of a number."""
    tiny = np.finfo(made.dtype).eps
    return -float(np.mean(np.log(np.clip(made[np.arange(len(y)), y.astype(int)], tiny, 1 - tiny))))


def _accuracy(y: np.ndarray, made: np.ndarray) -> float:
    """Return the share of examples whose most probable class is the true one."""
    return float(np.mean(made.argmax(axis=1) == y))


def _balanced_accuracy(y: np.ndarray, made: np.ndarray) -> float:
    """Return the mean over the classes that there are of the share of their examples that is recognized."""
    right = made.argmax(axis=1) == y
    return float(np.mean([right[y == each].mean() for each in np.unique(y)]))


def _f1(y: np.ndarray, made: np.ndarray) -> float:
    """Return F1 of class 1 of two, and the mean of the classes' F1 of more."""
    said = made.argmax(axis=1)
    classes = [1] if made.shape[1] == 2 else np.unique(np.concatenate([y, said])).tolist()
    values = []
    for each in classes:
        hits, total = np.sum((y == each) & (said == each)), np.sum(y == each) + np.sum(said == each)
        values.append(2 * hits / total if total else 0.0)
    return float(np.mean(values))


def _auc(y: np.ndarray, made: np.ndarray) -> float:
    """Return the area under the ROC curve; of more than two classes the mean of each against the rest.

    y: (rows,) numbers of classes; made: (rows, classes) their probabilities, two columns for two classes. NaN where a
    class is not there, or is the only one.
    """
    classes = [1] if made.shape[1] == 2 else range(made.shape[1])
    areas = []
    for each in classes:
        positive = y == each
        _, place, counts = np.unique(made[:, each], return_inverse=True, return_counts=True)
        ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
        ones, others = int(positive.sum()), int((~positive).sum())
        if not ones or not others:
            return np.nan
        areas.append((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * others))
    return float(np.mean(areas))


def _r2(y: np.ndarray, made: np.ndarray) -> float:
    """Return the share of the variance of y that is explained; NaN where y does not vary."""
    spread = np.sum((y - y.mean()) ** 2)
    return float(1 - np.sum((y - made) ** 2) / spread) if spread > 0 else np.nan


def _mae(y: np.ndarray, made: np.ndarray) -> float:
    """Return the mean absolute error."""
    return float(np.mean(np.abs(y - made)))


_OF_CLASSES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "log_loss": _log_loss, "accuracy": _accuracy, "balanced_accuracy": _balanced_accuracy, "f1": _f1, "auc": _auc,
}  # fmt: skip
_OF_REALS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {"r2": _r2, "mae": _mae}


def score(name: str, y: np.ndarray, made: np.ndarray) -> float:
    """Return a metric of predictions; NaN where it is none for such targets, or a prediction is not finite.

    name: one of SCORES; y: (rows,) targets; made: predictions, (rows,) or (rows, classes) as of ``Problem.predict``.
    """
    function = (_OF_CLASSES if made.ndim == 2 else _OF_REALS).get(name)
    return function(y, made) if function is not None and np.isfinite(made).all() else np.nan


def scores_of(problem: Problem) -> tuple[str, ...]:
    """Return the names of the metrics that a problem's predictions have."""
    if problem.predict is None or problem.data is None or problem.test is None:
        return ()
    made = problem.predict(np.asarray(problem.start(np.random.default_rng(0)), float), np.asarray(problem.data[0][:2]))
    return tuple(_OF_CLASSES if np.ndim(made) == 2 else _OF_REALS)


def score_constant(problem: Problem) -> tuple[str, dict[str, float]]:
    """Return the best constant answer, by the training rows, and what it has on the test rows, by metric.

    That is the most frequent class, with the probability of each class by its frequency (for F1 of two classes: always
    class 1), or the mean. The values are those of all of SCORES, and "loss", the problem's test loss, where that is
    cross-entropy, log loss or a squared error. ("", {}) for a problem without a network or without test rows, and for
    a network that does not fit the kind of target.
    """
    data, net = problem.data_set, problem.architecture
    if data is None or net is None or problem.test is None or net.classifies != bool(data.classes):
        return "", {}
    y, y_test = (np.asarray(each, dtype=float).reshape(-1) for each in (data.y, data.y_test))
    learned = data.preparation
    if net.classifies:
        shares = np.bincount(y.astype(int), minlength=data.classes) / len(y)
        made = np.tile(shares, (len(y_test), 1))
        names = learned.classes if learned is not None else tuple(map(str, range(data.classes)))
        answer = names[int(shares.argmax())]
    else:
        made = np.full(len(y_test), y.mean())
        unit, zero = (learned.target_scale, learned.target_mean) if learned is not None else (1.0, 0.0)
        answer = f"{y.mean() * unit + zero:.4g}"
    values = {name: score(name, y_test, made) for name in SCORES}
    if net.classifies and data.classes == 2:
        values["f1"] = score("f1", y_test, np.tile([0.0, 1.0], (len(y_test), 1)))
    if net.loss in ("cross_entropy", "log_loss"):
        values["loss"] = values["log_loss"]
    elif net.loss in ("mse", "half_mse"):
        values["loss"] = float(np.mean((y_test - y.mean()) ** 2)) / (1 + (net.loss == "half_mse"))
    return answer, values


def score_runs(
    problem: Problem, names: Sequence[str], weights: np.ndarray, reports: bool
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return metrics at the weights of runs by column name, (runs,), and for test data without each group of examples.

    names: of the metrics; weights: (runs, dim); reports: True for the second, (groups, runs) each, else {}.
    """
    columns: dict[str, np.ndarray] = {}
    without: dict[str, np.ndarray] = {}
    known = scores_of(problem) if names else ()
    names = [name for name in names if name in known and name not in problem.metrics]
    if not names or problem.predict is None:
        return columns, without
    for part in ("validation", "test"):
        pair = getattr(problem, part)
        if pair is None:
            continue
        x, y = np.asarray(pair[0]), np.asarray(pair[1], dtype=float).reshape(-1)
        with np.errstate(all="ignore"):  # a run that explodes overflows
            made = [np.asarray(problem.predict(np.asarray(w, dtype=float), x)) for w in weights]
        for name in names:
            columns[f"{part}_{name}"] = np.array([score(name, y, each) for each in made])
            if part == "test" and reports and (groups := group_slices(problem)):
                kept = [np.delete(np.arange(len(y)), group) for group in groups]
                without[f"test_{name}"] = np.array(
                    [[score(name, y[rows], each[rows]) for each in made] for rows in kept]
                )
    return columns, without


def find_dead_units(problem: Problem, weights: np.ndarray) -> np.ndarray | None:
    """Return the share of hidden ReLU units that are 0 on every training row, (runs,); None for a problem without any.

    weights: (runs, dim); of those that are not finite it is NaN.
    """
    net = problem.architecture
    if net is None or problem.data is None or not any(row[3] == "relu" for row in net.layers[:-1]):
        return None
    x, weights = np.asarray(problem.data[0]), np.asarray(weights, dtype=float)
    finite = np.isfinite(weights).all(axis=1)
    with np.errstate(all="ignore"):  # a run that explodes overflows
        return np.array([net.share_dead(w, x) if ok else np.nan for w, ok in zip(weights, finite, strict=True)])
