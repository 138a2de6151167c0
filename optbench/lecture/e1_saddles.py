"""E1: what the points of zero gradient are, by dimension: a random Gaussian landscape, and a small network."""

from functools import cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.optimize import root

import optbench
from optbench.analysis.statistics import median_interval, share_interval
from optbench.claims import drawing
from optbench.claims.criterion import AtMost, Below, Parts
from optbench.claims.record import SECOND_SEED, Budget, Claim, Measured, Verdict, exact, fresh_seeds

EXACT = {1: 1 / 2, 2: 1 / 4, 3: (29 - 6 * 6**0.5) / 116}
"""Share of minima among all critical points of an isotropic Gaussian field. 1-D and 2-D: minima and maxima are as
many, and by Morse theory saddles as many as both together; 3-D: Bardeen, Bond, Kaiser & Szalay 1986, with saddles to
extrema as 29 + 6 sqrt(6) to 29 - 6 sqrt(6)."""
RARE, RARE_IN_NETWORKS, LIKELY = 0.1, 0.25, 0.5
SHARE, DIMENSION = "rarity", "the dimension"
_STEP, _ZERO, _FLAT, _APART = 1e-5, 1e-7, 1e-5, 1e-3
_SEARCH = {"maxiter": 300, "xtol": 1e-13, "factor": 0.1}
"""A short first step (factor): long ones throw the units of a network into saturation."""


def critical_points(problem: optbench.Problem, starts: np.ndarray) -> pd.DataFrame:
    """Minimize the norm of the gradient from each of the `starts`, (n, dim), and return a row a start.

    Levenberg-Marquardt on |gradient|^2, with the Hessian by central differences of the exact gradient. Columns: found
    (the gradient's norm fell below 1e-7 sqrt(dim), at a point not found before), value, negative and flat (how many
    eigenvalues of the Hessian are below -1e-5 times the largest, and how many nearer to zero), plateau (none is
    negative and more than half are flat: saturated units, say, and the loss hardly depends on most parameters), dim.
    Most points that are not found are minima of the norm alone: Hessian times gradient is zero, the gradient is not.

    Source: Dauphin et al. 2014, sec. 3; Frye et al. 2021, Critical Point-Finding Methods Reveal Gradient-Flat Regions.
    """
    one, many, dim = optbench.objective(problem), optbench.objective(problem, runs=2 * problem.dim), problem.dim
    step = _STEP * np.concatenate([np.eye(dim), -np.eye(dim)])

    def gradient(w):
        return one(w)[1][0]

    def hessian(w):
        above, below = many(w + step)[1].reshape(2, dim, dim)
        slopes = (above - below) / (2 * _STEP)
        return (slopes + slopes.T) / 2

    rows, known = [], np.empty((0, dim))
    for start in starts:
        with np.errstate(all="ignore"):
            end = root(gradient, start, jac=hessian, method="lm", options=_SEARCH).x
        new = not (np.linalg.norm(known - end, axis=1) < _APART).any()
        found = new and np.linalg.norm(gradient(end)) < _ZERO * np.sqrt(dim)
        eigenvalues = np.linalg.eigvalsh(hessian(end))
        level = _FLAT * np.abs(eigenvalues).max()
        negative, flat = int((eigenvalues < -level).sum()), int((np.abs(eigenvalues) <= level).sum())
        plateau = negative == 0 and flat > dim / 2
        rows.append((found, one(end)[0][0], negative, flat, plateau, dim))
        known = np.vstack([known, end]) if found else known
    return pd.DataFrame(rows, columns=["found", "value", "negative", "flat", "plateau", "dim"])


def _search(problem: optbench.Problem, count: int, seed: int) -> pd.DataFrame:
    """Return the critical points found from ``count`` random starts; seed: of the starts."""
    starts = [problem.start(np.random.default_rng([seed, k])) for k in range(count)]
    return critical_points(problem, np.array(starts)).assign(seed=seed)


@cache
def field_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `points`: critical points of random fields, alone and in a bowl, from a few starts in each of many fields.

    The highest dimension has three times as many fields: it takes at least 35 critical points without a minimum for an
    interval that ends below 10%, and only one or two of a field's 8 starts find a point there.
    """
    dims, fields, starts = ((1, 2, 12), 18, 8) if budget.quick else ((1, 2, 3, 4, 6, 8, 12, 16), 20, 8)
    family, parts = optbench.problems()["random_field"], []
    for confinement, name in ((0.0, "field alone"), (0.25, "field in a bowl")):
        for dim in dims:
            for seed in fresh_seeds(fields if dim < max(dims) else 3 * fields, SECOND_SEED):
                problem = family.build({"dim": dim, "confinement": confinement, "seed": seed})
                parts.append(_search(problem, starts, seed).assign(landscape=name))
    return {"points": pd.concat(parts, ignore_index=True)}


@cache
def network_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `points`: critical points of networks with one hidden tanh layer, on 80 examples of three classes."""
    widths, starts = ((1, 4), 48) if budget.quick else ((1, 2, 4), 60)
    family, parts = optbench.problems()["mlp"], []
    for width in widths:
        problem = family.build(
            {"data": "gaussian(examples=100, features=2, classes=3)", "hidden": (width,), "activation": "tanh",
             "initialization": "xavier"}
        )  # fmt: skip
        parts.append(_search(problem, starts, 0).assign(landscape="network"))
    return {"points": pd.concat(parts, ignore_index=True)}


def shares(points: pd.DataFrame) -> pd.DataFrame:
    """Return, by landscape and dimension, the number of critical points without plateaus, and the share of minima.

    negative_share: the mean share of negative eigenvalues of the Hessian.
    """
    rows = []
    for (landscape, dim), part in points.groupby(["landscape", "dim"], sort=False):
        kept = part[part["found"] & ~part["plateau"]]
        if len(kept):
            share = share_interval(int((kept["negative"] == 0).sum()), len(kept))
            plateaus = int((part["found"] & part["plateau"]).sum())
            rows.append((landscape, dim, len(part), len(kept), plateaus, *share, kept["negative"].mean() / dim))
    columns = ["landscape", "dim", "starts", "found", "plateaus", "minima", "low", "high", "negative_share"]
    return pd.DataFrame(rows, columns=columns).sort_values(["landscape", "dim"], ignore_index=True)


def measure(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the share of minima among critical points in the largest dimension, and its change with dimension."""
    table = shares(tables["points"])
    ends = [(part.iloc[0], part.iloc[-1]) for _, part in table.groupby("landscape", sort=False)]
    worst = max((last for _, last in ends), key=lambda last: last["high"])
    listed = "; ".join(
        f"{last['landscape']}: {first['minima']:.0%} minima in dimension {first['dim']}, {last['minima']:.1%} "
        f"[{last['low']:.1%}, {last['high']:.1%}] of {last['found']} points in {last['dim']}" for first, last in ends
    )  # fmt: skip
    found, starts, plateaus = (table[name].sum() for name in ("found", "starts", "plateaus"))
    index = ", ".join(f"{last['negative_share']:.0%}" for _, last in ends)
    return Measured(
        cells={
            SHARE: {last["landscape"]: (last["minima"], last["low"], last["high"]) for _, last in ends},
            DIMENSION: {last["landscape"]: exact(last["minima"] - first["minima"]) for first, last in ends},
        },
        effect=(worst["minima"], worst["low"], worst["high"]),
        measure=f"share of minima among the critical points in dimension {worst['dim']} ({worst['landscape']})",
        unit="of the critical points are minima",
        detail=f"{listed}. There {index} of the Hessian's eigenvalues are negative on average. {found} critical points "
        f"and {plateaus} plateaus from {starts} searches; the others found one again, or ended where the gradient's "
        "norm is stuck above zero."
        + _loss_and_index(tables["points"]),
    )  # fmt: skip


def _loss_and_index(points: pd.DataFrame) -> str:
    """Compare the losses of minima and saddles, in the largest dimension where both were found (network only)."""
    kept = points[points["found"] & ~points["plateau"] & (points["landscape"] == "network")]
    both = [part for _, part in kept.groupby("dim") if (part["negative"] == 0).any() and (part["negative"] > 0).any()]
    if not both:
        return ""
    low, high = (median_interval(both[-1].loc[(both[-1]["negative"] > 0) == up, "value"])[0] for up in (False, True))
    return f" Median loss at minima {low:.3f}, at saddles {high:.3f} (dimension {both[-1]['dim'].iloc[0]})."


def draw(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the share of minima, and the share of negative eigenvalues at each point, against the dimension."""
    table, points = shares(tables["points"]), tables["points"]
    points = points[points["found"] & ~points["plateau"]]
    figure, grid = drawing.new_figure(
        (2.5, 2.5), 1, 2, left=0.7, right=0.15, top=0.68, bottom=0.5, gap=(0.75, 0),
        title="Critical points against the dimension",
    )  # fmt: skip
    left, right = grid[0]
    floor = np.append(table["high"] / 2, table.loc[table["minima"] > 0, "minima"] / 1.5).min()
    names = list(table["landscape"].unique())
    shift = table["landscape"].map(lambda name: 1 + 0.03 * (names.index(name) - (len(names) - 1) / 2))
    shown = table.assign(dim=table["dim"] * shift, share=table["minima"].where(table["minima"] > 0))
    drawing.draw_lines(left, shown, "dim", "share", "landscape", "bars")
    none = shown[shown["minima"] == 0]
    left.plot(none["dim"], none["high"], "v", color=drawing.GRAY, markersize=5, markeredgecolor="white")
    drawing.draw_lines(right, table, "dim", "negative_share", "landscape")
    jitter = np.exp(np.random.default_rng(0).uniform(-0.02, 0.02, len(points)))
    colors = points["landscape"].map(lambda name: drawing.line_style(names.index(name))["color"]).tolist()
    right.scatter(points["dim"] * jitter, points["negative"] / points["dim"], s=3, c=colors, alpha=0.3)
    if "field alone" in names:
        left.plot(
            list(EXACT), list(EXACT.values()), "_", color=drawing.BLACK, markersize=14, label="exact, field alone"
        )
    left.set(xscale="log", yscale="log", ylim=(floor, 1.15), xlabel="dimension", ylabel="share of minima")
    right.set(xscale="log", ylim=(-0.03, 1.03), xlabel="dimension", ylabel="share of negative eigenvalues")
    for ax in (left, right):
        dims = sorted(table["dim"].unique())
        ax.set_xticks(dims, [str(dim) for dim in dims])
        ax.minorticks_off()
    drawing.log_ticks(left.yaxis, floor, 1.15, plain=True)
    place = {"loc": "upper left", "bbox_to_anchor": (0.02, 1 - 0.3 / figure.get_figheight())}
    figure.legend(*left.get_legend_handles_labels(), ncols=3, fontsize=drawing.LEGEND_SIZE, **place)
    return figure


def _criterion(rare: float) -> Parts:
    """Return the criterion of both claims; rare: the largest share of minima that counts as rare."""
    return Parts(
        {
            SHARE: Below(
                what="the share of minima among the critical points in the largest dimension",
                each="every landscape",
                on="the landscape",
                limit=rare,
                against=LIKELY,
                percent=True,
            ),
            DIMENSION: AtMost(
                what="this share minus that in the smallest dimension",
                each="every landscape",
                on="the landscape",
                limit=0.0,
                percent=True,
            ),
        }
    )


_SENTENCE = "In high dimension a point of zero gradient is far more likely a saddle point than a local optimum"
CLAIMS = (
    Claim(
        id="E1.1",
        sentence=f"{_SENTENCE}: random landscapes.",
        experiment=field_experiment,
        criterion=_criterion(RARE),
        measure=measure,
        figure=draw,
        caption="Critical points that the minimization of the gradient's norm finds in random Gaussian fields, alone "
        "and in a weak parabola (confinement 0.25). Left: the share that are minima, with Wilson intervals; triangles: "
        "none was found, and the interval ends here. Right: each point's share of negative eigenvalues, and their "
        "mean.",
    ),
    Claim(
        id="E1.2",
        sentence=f"{_SENTENCE}: a small network.",
        experiment=network_experiment,
        criterion=_criterion(RARE_IN_NETWORKS),
        measure=measure,
        figure=draw,
        caption="The same for networks with one hidden layer of 1, 2 or 4 tanh units on 80 examples of three "
        "overlapping classes. Not among them are plateaus, where every unit is saturated and the loss that of a guess "
        "by the classes' frequencies.",
    ),
)
