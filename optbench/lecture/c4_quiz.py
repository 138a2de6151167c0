"""C4, quiz 8: classify paths by their shape alone: gradient descent, momentum with a small or with a large beta."""

from functools import cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from optbench.analysis.statistics import share_interval
from optbench.claims import drawing
from optbench.claims.claim import FIRST_SEED, Budget, Claim, Measured, Verdict, percent_text
from optbench.claims.criterion import Below
from optbench.lecture.planes import Method, draw_bowl, new_bowl_panels, run_paths

KINDS = {"GD": 0.0, "small beta": 0.5, "large beta": 0.9}
FEATURES = ("turning", "reversals", "growth")
STEPS, CONDITIONS = 24, (10.0, 30.0, 100.0)
RATES = {"GD swings": (1.2, 1.9), "GD does not": (0.2, 0.9)}
"""The rates, in units of 1 / the largest curvature: above 1 gradient descent jumps over the valley."""


def path_features(w: np.ndarray) -> tuple[float, float, float]:
    """Return (turning, reversals, growth): the shape of a path w, (steps + 1, 2), whatever its rate, loss or minimum.

    turning: cosine between one step and the next, the mean weighted by their lengths, as long steps meet the eye.
    reversals: share of the steps that turn by more than a right angle. growth: logarithm of the longest step over the
    first one; gradient descent is fastest at its start.
    """
    step = np.diff(w, axis=0)
    length = np.maximum(np.linalg.norm(step, axis=1), 1e-300)
    product, weight = np.sum(step[1:] * step[:-1], axis=1), length[1:] * length[:-1]
    return float(product.sum() / weight.sum()), float(np.mean(product < 0)), float(np.log(length.max() / length[0]))


@cache
def experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Run the three kinds of optimizers on random bowls, and classify their paths.

    Returns `paths`: a row for each path with its features, its kind and the kind guessed; `shown`: paths to draw. On
    each bowl the three kinds start at the same point at six rates. A third of the bowls is for training.
    """
    rng, rows, shown = np.random.default_rng(FIRST_SEED), [], []
    for place in range(12 if budget.quick else 36):
        condition, use = CONDITIONS[place % 3], "train" if place % 9 < 3 else "test"
        problem = f"quadratic(dim=2, condition={condition}, noise=0.02, seed={FIRST_SEED + 100 + place})"
        rates = [(band, float(rate)) for band, ends in RATES.items() for rate in rng.uniform(*ends, 3)]
        known = {f"{kind} {rate}": (band, rate, kind) for band, rate in rates for kind in KINDS}
        methods = [Method(name, "momentum", rate, {"beta1": KINDS[kind]}) for name, (_, rate, kind) in known.items()]
        paths = run_paths(problem, methods, [FIRST_SEED + place], STEPS, 64)
        for name, path in paths.groupby("label", sort=False):
            rows.append((use, *known[name], condition, place, *path_features(path[["w_1", "w_2"]].to_numpy())))
        if use == "test" and condition == CONDITIONS[1]:
            parts = paths.drop(columns=["gradient_1", "gradient_2"])
            parts["band"], parts["rate"], parts["kind"] = zip(*parts["label"].map(known), strict=True)
            shown.append(parts[parts["rate"] == parts.groupby("band")["rate"].transform("max")])
    # The picture is of the bowl whose start is farthest from both axes.
    picture = max(shown, key=lambda part: part.loc[part["step"] == 0, ["steep", "flat"]].abs().min(axis=None))
    table = pd.DataFrame(rows, columns=["use", "band", "rate", "kind", "condition", "bowl", *FEATURES])
    return {"paths": classify(table), "shown": picture.reset_index(drop=True)}


def classify(paths: pd.DataFrame) -> pd.DataFrame:
    """Return paths with the column `guess`: logistic regression on features and products, fitted to training rows."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    train = paths[paths["use"] == "train"]
    model = make_pipeline(StandardScaler(), PolynomialFeatures(2), LogisticRegression(C=10.0, max_iter=2000))
    model.fit(train[list(FEATURES)].to_numpy(), train["kind"])
    return paths.assign(guess=model.predict(paths[list(FEATURES)].to_numpy()))


def measure(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the share of paths on unseen bowls that are classified wrongly, by range of rates."""
    test = tables["paths"][tables["paths"]["use"] == "test"]
    hit = test["kind"] == test["guess"]
    wrong, low, high = _wrong_share(hit)
    confused = test[~hit].groupby(["kind", "guess"]).size().sort_values(ascending=False)
    most = f" Most frequent error: {' taken for '.join(confused.index[0])}." if len(confused) else ""
    return Measured(
        cells={band: _wrong_share(hit[test["band"] == band]) for band in RATES},
        effect=(1 - wrong, 1 - high, 1 - low),
        measure="accuracy on unseen bowls and starts",
        answer=f"{percent_text((1 - wrong, 1 - high, 1 - low))} of the unseen paths were told right.",
        detail=f"{hit.sum()} of {len(hit)} unseen paths told right; by chance it would be a third.{most}",
    )


def _wrong_share(hit: pd.Series) -> tuple:
    """Return (share, low, high) of the wrong guesses; hit: True for each right one."""
    return share_interval(int((~hit).sum()), len(hit))


def figure(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw paths of the three kinds on one bowl, a row for each range of rates."""
    shown, places = tables["shown"], list(RATES)
    title = "Quiz 8: which of them is gradient descent?"
    figure, grid = new_bowl_panels(len(places), 3, title, 0.75, 0.5, sharex="row", sharey="row")
    for row, band in zip(grid, places, strict=True):
        drawn = shown[shown["band"] == band]
        for ax, (kind, beta), color in zip(row, KINDS.items(), drawing.INK, strict=False):
            words = f"{kind}{f' ({beta:g})' if beta else ''}, rate {drawn['rate'].iloc[0]:.2g}"
            draw_bowl(ax, drawn[drawn["kind"] == kind], drawn, CONDITIONS[1], color, words)
    return figure


CLAIMS = (
    Claim(
        id="C4",
        sentence="From the paths one can tell gradient descent, momentum with a small β and momentum with a large β.",
        experiment=experiment,
        criterion=Below(
            what="the share of errors of a logistic regression on three features of a path's shape, trained on some "
            "bowls and tested on others, the same rate for all three (beta 0, 0.5, 0.9)",
            each="rates at which GD swings across the valley, and at which it does not",
            on="the rate",
            limit=0.1,
            against=0.5,
            percent=True,
        ),
        measure=measure,
        figure=figure,
        caption="The same start and rate in each row; the classifier sees the points alone: no rate, no contours, no "
        "minimum.",
    ),
)
