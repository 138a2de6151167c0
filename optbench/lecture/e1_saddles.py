"""E1: what the points of zero gradient are, by dimension: a random Gaussian landscape, and a small network."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
from scipy.optimize import root

import optbench
from optbench.analysis.statistics import median_interval, share_interval
from optbench.checks.guarded_arrays import Guarded
from optbench.claims.record import DEPENDS, FAILS, HOLDS, Budget, Claim, Verdict, fresh_seeds
from optbench.report import style
from optbench.sweeps.executor import one_blas_thread

EXACT = {1: 1 / 2, 2: 1 / 4, 3: (29 - 6 * 6**0.5) / 116}
"""Share of minima among all critical points of an isotropic Gaussian field. 1-D and 2-D: minima and maxima are as
many, and by Morse theory saddles as many as both together; 3-D: Bardeen, Bond, Kaiser & Szalay 1986, with saddles to
extrema as 29 + 6 sqrt(6) to 29 - 6 sqrt(6)."""
_RARE, _LIKELY = 0.1, 0.5
_STEP, _ZERO, _FLAT, _APART = 1e-5, 1e-7, 1e-5, 1e-3
_SEARCH = {"maxiter": 300, "xtol": 1e-13, "factor": 0.1}
"""A short first step (factor): long ones throw the units of a network into saturation."""


def critical_points(problem: optbench.Problem, starts: np.ndarray) -> pd.DataFrame:
    """Where minimizing the norm of the gradient ends from each of the `starts`, (n, dim): one row a start.

    Levenberg-Marquardt on |gradient|^2, with the Hessian by central differences of the exact gradient. Columns: found
    (the gradient's norm fell below 1e-7 sqrt(dim), at a point not found before), value, negative and flat (how many
    eigenvalues of the Hessian are below -1e-5 times the largest, and how many nearer to zero), plateau (none is
    negative and more than half are flat: saturated units, say, and the loss hardly depends on most parameters), dim.
    Most points that are not found are minima of the norm alone: Hessian times gradient is zero, the gradient is not.

    Source: Dauphin et al. 2014, sec. 3; Frye et al. 2021, Critical Point-Finding Methods Reveal Gradient-Flat Regions.
    """
    one, many, dim = Guarded(problem, "float64", 1), Guarded(problem, "float64", 2 * problem.dim), problem.dim
    step = _STEP * np.concatenate([np.eye(dim), -np.eye(dim)])

    def gradient(w):
        return one.value_and_gradient(w)[1][0]

    def hessian(w):
        above, below = many.value_and_gradient(w + step)[1].reshape(2, dim, dim)
        made = (above - below) / (2 * _STEP)
        return (made + made.T) / 2

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
        rows.append((found, one.value_and_gradient(end)[0][0], negative, flat, plateau, dim))
        known = np.vstack([known, end]) if found else known
    return pd.DataFrame(rows, columns=["found", "value", "negative", "flat", "plateau", "dim"])


def _search(problem: optbench.Problem, count: int, seed: int) -> pd.DataFrame:
    starts = [problem.start(np.random.default_rng([seed, k])) for k in range(count)]
    return critical_points(problem, np.array(starts)).assign(seed=seed)


@cache
def field_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Critical points of random fields, alone and in a bowl; many fields, a few starts in each."""
    dims, fields, starts = ((1, 2, 12), 18, 8) if budget.quick else ((1, 2, 3, 4, 6, 8, 12, 16), 20, 8)
    family, parts = optbench.problems()["random_field"], []
    with one_blas_thread():
        for confinement, name in ((0.0, "field alone"), (0.25, "field in a bowl")):
            for dim in dims:
                for seed in fresh_seeds(fields):
                    problem = family.build({"dim": dim, "confinement": confinement, "seed": seed})
                    parts.append(_search(problem, starts, seed).assign(landscape=name))
    return {"points": pd.concat(parts, ignore_index=True)}


@cache
def network_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Critical points of networks with one hidden layer of tanh units, on 80 examples of three overlapping classes."""
    widths, starts = ((1, 4), 48) if budget.quick else ((1, 2, 4), 60)
    family, parts = optbench.problems()["mlp"], []
    with one_blas_thread():
        for width in widths:
            problem = family.build(
                {"data": "gaussian(examples=100, features=2, classes=3)", "hidden": (width,), "activation": "tanh",
                 "initialization": "xavier"}
            )  # fmt: skip
            parts.append(_search(problem, starts, 0).assign(landscape="network"))
    return {"points": pd.concat(parts, ignore_index=True)}


def shares(points: pd.DataFrame) -> pd.DataFrame:
    """By landscape and dimension: how many critical points, plateaus apart; the share of minima; the mean index."""
    rows = []
    for (landscape, dim), part in points.groupby(["landscape", "dim"], sort=False):
        mine = part[part["found"] & ~part["plateau"]]
        if len(mine):
            share = share_interval(int((mine["negative"] == 0).sum()), len(mine))
            plateaus = int((part["found"] & part["plateau"]).sum())
            rows.append((landscape, dim, len(part), len(mine), plateaus, *share, mine["negative"].mean() / dim))
    columns = ["landscape", "dim", "starts", "found", "plateaus", "minima", "low", "high", "negative_share"]
    return pd.DataFrame(rows, columns=columns).sort_values(["landscape", "dim"], ignore_index=True)


def judge(tables: dict[str, pd.DataFrame], rare: float = _RARE) -> Verdict:
    """The share of minima in the largest dimension of each landscape, against the smallest one."""
    table = shares(tables["points"])
    ends = [(part.iloc[0], part.iloc[-1]) for _, part in table.groupby("landscape", sort=False)]
    few = [last["high"] < rare and last["minima"] <= first["minima"] for first, last in ends]
    many = [last["low"] > _LIKELY for _, last in ends]
    verdict = HOLDS if all(few) else FAILS if all(many) else DEPENDS
    worst = max((last for _, last in ends), key=lambda last: last["high"])
    told = "; ".join(
        f"{last['landscape']}: {first['minima']:.0%} minima in dimension {first['dim']}, {last['minima']:.1%} "
        f"[{last['low']:.1%}, {last['high']:.1%}] in {last['dim']}" for first, last in ends
    )  # fmt: skip
    found, starts, plateaus = (table[name].sum() for name in ("found", "starts", "plateaus"))
    index = ", ".join(f"{last['negative_share']:.0%}" for _, last in ends)
    return Verdict(
        verdict, worst["minima"], worst["low"], worst["high"],
        f"share of minima among the critical points in dimension {worst['dim']} ({worst['landscape']})",
        on=f"the landscape and the dimension: {told}" if verdict == DEPENDS else "",
        detail=f"{told}. There {index} of the Hessian's eigenvalues are negative on average. {found} critical points "
        f"and {plateaus} plateaus from {starts} searches; the others found one again, or ended where the gradient's "
        "norm is stuck above zero."
        + _loss_and_index(tables["points"]),
    )  # fmt: skip


def judge_network(tables: dict[str, pd.DataFrame]) -> Verdict:
    return judge(tables, rare=0.25)


def _loss_and_index(points: pd.DataFrame) -> str:
    """Whether minima lie lower than saddles, in the largest dimension where both were found (network only)."""
    mine = points[points["found"] & ~points["plateau"] & (points["landscape"] == "network")]
    both = [part for _, part in mine.groupby("dim") if (part["negative"] == 0).any() and (part["negative"] > 0).any()]
    if not both:
        return ""
    low, high = (median_interval(both[-1].loc[(both[-1]["negative"] > 0) == up, "value"])[0] for up in (False, True))
    return f" Median loss at minima {low:.3f}, at saddles {high:.3f} (dimension {both[-1]['dim'].iloc[0]})."


def draw(tables: dict[str, pd.DataFrame], verdict: Verdict):
    """Left: the share of minima against the dimension. Right: the share of negative eigenvalues at each point."""
    table, points = shares(tables["points"]), tables["points"]
    points = points[points["found"] & ~points["plateau"]]
    figure, grid = style.new_figure((2.5, 2.5), 1, 2, left=0.7, right=0.15, top=0.68, bottom=0.5, gap=(0.75, 0),
                                    title="Critical points against the dimension")  # fmt: skip
    (left, right), names = grid[0], list(table["landscape"].unique())
    floor = np.append(table["high"] / 2, table.loc[table["minima"] > 0, "minima"] / 1.5).min()
    rng = np.random.default_rng(0)
    for place, name in enumerate(names):
        part, look = table[table["landscape"] == name], style.look(place)
        shift = 1 + 0.03 * (place - (len(names) - 1) / 2)
        bars = np.maximum([part["minima"] - part["low"], part["high"] - part["minima"]], 0)
        left.errorbar(part["dim"] * shift, part["minima"], bars, fmt="none", ecolor=look["color"], elinewidth=1)
        seen = part[part["minima"] > 0]
        style.draw_line(left, seen["dim"] * shift, seen["minima"], look, name)
        none = part[part["minima"] == 0]
        left.plot(none["dim"] * shift, none["high"], "v", color=look["color"], markersize=5, markeredgecolor="white")
        mine = points[points["landscape"] == name]
        across = mine["dim"] * shift * np.exp(rng.uniform(-0.02, 0.02, len(mine)))
        right.plot(across, mine["negative"] / mine["dim"], ".", color=look["color"], markersize=3, alpha=0.3)
        right.plot(part["dim"], part["negative_share"], color=look["color"], marker=look["marker"], linewidth=1.5,
                   markeredgecolor="white")  # fmt: skip
    if "field alone" in names:
        left.plot(list(EXACT), list(EXACT.values()), "_", color=style.BLACK, markersize=14, label="exact, field alone")
    left.set(xscale="log", yscale="log", ylim=(floor, 1.15), xlabel="dimension", ylabel="share of minima")
    right.set(xscale="log", ylim=(-0.03, 1.03), xlabel="dimension", ylabel="share of negative eigenvalues")
    for ax in (left, right):
        dims = sorted(table["dim"].unique())
        ax.set_xticks(dims, [str(dim) for dim in dims])
        ax.minorticks_off()
    style.log_ticks(left.yaxis, floor, 1.15, plain=True)
    handles, texts = left.get_legend_handles_labels()
    place = 0.1 / figure.get_figwidth(), 1 - 0.3 / figure.get_figheight()
    figure.legend(
        handles, texts, loc="upper left", bbox_to_anchor=place, ncols=3, fontsize=style.LEGEND_SIZE, borderpad=0,
        borderaxespad=0,
    )  # fmt: skip
    return figure


_SENTENCE = "In high dimension a point of zero gradient is far more likely a saddle point than a local optimum"
_CRITERION = (
    "holds if, in the largest dimension of every landscape, the 95% interval of the share of minima lies below "
    "{rare:.0%} and the share is no larger than in the smallest dimension; does not hold if it lies above 50% in "
    "all; depends otherwise"
)


def _claim(id: str, where: str, rare: float, experiment: Callable, judged: Callable, caption: str) -> Claim:
    return Claim(id, f"{_SENTENCE}: {where}.", _CRITERION.format(rare=rare), experiment, judged, draw, caption)


CLAIMS = (
    _claim(
        "E1.1", "random landscapes", _RARE, field_experiment, judge,
        "Critical points that the minimization of the gradient's norm finds in random Gaussian fields, alone and in a "
        "weak parabola (confinement 0.25). Left: the share that are minima, with Wilson intervals; triangles: none "
        "was found, and the interval ends here. Right: each point's share of negative eigenvalues, and their mean.",
    ),
    _claim(
        "E1.2", "a small network", 0.25, network_experiment, judge_network,
        "The same for networks with one hidden layer of 1, 2 or 4 tanh units on 80 examples of three overlapping "
        "classes. Not among them are plateaus, where every unit is saturated and the loss that of a guess by the "
        "classes' frequencies.",
    ),
)  # fmt: skip
