"""E: the points of zero gradient by dimension, the time on plateaus and saddles, and poor optima by width."""

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.optimize import root

import optbench
from optbench.analysis.statistics import (
    Interval,
    bootstrap_interval,
    ert_interval,
    median_interval,
    share_interval,
    speedup,
)
from optbench.claims import drawing
from optbench.claims.claim import (
    SECOND_SEED,
    THIRD_SEED,
    Budget,
    Claim,
    Measured,
    Verdict,
    estimate_text,
    fresh_seeds,
    interval_text,
    percent_text,
    split_seeds,
    two_digits,
)
from optbench.claims.criterion import Above, Below, Parts
from optbench.lecture.runs import find_best_rate, run_sweep, tuned_costs

ALONE = "field alone"
"""A landscape: the random field without a bowl around it."""
EXACT = {1: 1 / 2, 2: 1 / 4, 3: (29 - 6 * 6**0.5) / 116}
"""Share of minima among all critical points of an isotropic Gaussian field. 1-D and 2-D: minima and maxima are as
many, and by Morse theory saddles as many as both together; 3-D: Bardeen, Bond, Kaiser & Szalay 1986, with saddles to
extrema as 29 + 6 sqrt(6) to 29 - 6 sqrt(6)."""
RARE_MINIMA, RARE_IN_NETWORKS, LIKELY = 0.1, 0.25, 0.5
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
        """Return the gradient at a point."""
        return one(w)[1][0]

    def hessian(w):
        """Return the Hessian at a point by central differences of the gradient."""
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


def find_points(problem: optbench.Problem, count: int, seed: int) -> pd.DataFrame:
    """Return the critical points found from ``count`` random starts, as `critical_points`; seed: of the starts."""
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
    for confinement, name in ((0.0, ALONE), (0.25, "field in a bowl")):
        for dim in dims:
            for seed in fresh_seeds(fields if dim < max(dims) else 3 * fields, SECOND_SEED):
                problem = family.build({"dim": dim, "confinement": confinement, "seed": seed})
                parts.append(find_points(problem, starts, seed).assign(landscape=name))
    return {"points": pd.concat(parts, ignore_index=True)}


@cache
def network_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `points`: critical points of networks with one hidden tanh layer, on 80 examples of three classes."""
    widths, starts = ((1, 4), 8) if budget.quick else ((1, 2, 4), 10)
    family, parts = optbench.problems()["mlp"], []
    for width in widths:
        for seed in fresh_seeds(budget.count_seeds(6, 18), THIRD_SEED):
            data = f"gaussian(examples=100, features=2, classes=3, seed={seed})"
            problem = family.build({"data": data, "hidden": (width,), "activation": "tanh", "initialization": "xavier"})
            parts.append(find_points(problem, starts, seed).assign(landscape="network"))
    return {"points": pd.concat(parts, ignore_index=True)}


def minima_shares(points: pd.DataFrame) -> pd.DataFrame:
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


def measure_saddles(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the share of minima among critical points in the largest dimension, and its change with dimension."""
    table = minima_shares(tables["points"])
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
            DIMENSION: {last["landscape"]: share_difference(last, first) for first, last in ends},
        },
        effect=(worst["minima"], worst["low"], worst["high"]),
        measure=f"share of minima among the critical points in dimension {worst['dim']} ({worst['landscape']})",
        answer=f"{percent_text(worst[['minima', 'low', 'high']])} of the critical points in dimension {worst['dim']} "
        "are minima.",
        detail=f"{listed}. There {index} of the Hessian's eigenvalues are negative on average. {found} critical points "
        f"and {plateaus} plateaus from {starts} searches; the others found one again, or ended where the gradient's "
        "norm is stuck above zero."
        + _compare_losses(tables["points"]),
    )  # fmt: skip


def share_difference(a: Mapping[str, float], b: Mapping[str, float]) -> Interval:
    """Return the share of minima of a minus that of b, with its 95% interval.

    a, b: rows of `minima_shares`, of which "minima", "low" and "high" count.

    Source: Newcombe 1998, Statistics in Medicine 17, method 10: from Wilson's intervals of both.
    """
    difference = a["minima"] - b["minima"]
    low = np.hypot(a["minima"] - a["low"], b["high"] - b["minima"])
    high = np.hypot(a["high"] - a["minima"], b["minima"] - b["low"])
    return float(difference), float(difference - low), float(difference + high)


def _compare_losses(points: pd.DataFrame) -> str:
    """Compare the losses of minima and saddles, in the largest dimension where both were found (network only)."""
    kept = points[points["found"] & ~points["plateau"] & (points["landscape"] == "network")]
    both = [part for _, part in kept.groupby("dim") if (part["negative"] == 0).any() and (part["negative"] > 0).any()]
    if not both:
        return ""
    low, high = (median_interval(both[-1].loc[(both[-1]["negative"] > 0) == up, "value"])[0] for up in (False, True))
    return f" Median loss at minima {low:.3f}, at saddles {high:.3f} (dimension {both[-1]['dim'].iloc[0]})."


def draw_saddles(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the share of minima, and the share of negative eigenvalues at each point, against the dimension."""
    table, points = minima_shares(tables["points"]), tables["points"]
    points = points[points["found"] & ~points["plateau"]]
    figure, grid = drawing.new_figure(
        (2.5, 2.5), 1, 2, margins=(0.7, 0.15, 0.68, 0.5), gap=(0.75, 0),
        title="Critical points against the dimension",
    )  # fmt: skip
    left, right = grid[0]
    floor = np.append(table["high"] / 2, table.loc[table["minima"] > 0, "minima"] / 1.5).min()
    names = list(table["landscape"].unique())
    shift = table["landscape"].map(lambda name: 1 + 0.03 * (names.index(name) - (len(names) - 1) / 2))
    shown = table.assign(dim=table["dim"] * shift, share=table["minima"].where(table["minima"] > 0))
    drawing.draw_lines(left, shown, "dim", "share", "landscape", "bars")
    none = shown[shown["minima"] == 0]
    if len(none):
        words = "no minimum among them: the interval's upper end"
        left.plot(
            none["dim"], none["high"], "v", color=drawing.GRAY, markersize=7, markeredgecolor="white", label=words
        )
    drawing.draw_lines(right, table, "dim", "negative_share", "landscape")
    jitter = np.exp(np.random.default_rng(0).uniform(-0.02, 0.02, len(points)))
    colors = points["landscape"].map(lambda name: drawing.line_style(names.index(name))["color"]).tolist()
    right.scatter(points["dim"] * jitter, points["negative"] / points["dim"], s=3, c=colors, alpha=0.3)
    if ALONE in names:
        left.plot(list(EXACT), list(EXACT.values()), "_", color=drawing.BLACK, markersize=14, label=f"exact, {ALONE}")
    left.set(xscale="log", yscale="log", ylim=(floor, 1.15), xlabel="dimension", ylabel="share of minima")
    right.set(xscale="log", ylim=(-0.03, 1.03), xlabel="dimension", ylabel="share of negative eigenvalues")
    for ax in (left, right):
        dims = sorted(table["dim"].unique())
        ax.set_xticks(dims, [str(dim) for dim in dims])
        ax.set_xticks([], minor=True)
    drawing.set_log_ticks(left.yaxis, floor, 1.15, plain=True)
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (0.02, 1 - 0.3 / figure.get_figheight())}
    figure.legend(*left.get_legend_handles_labels(), ncols=3, fontsize=drawing.LEGEND_SIZE, **place)
    return figure


def _saddle_criterion(rare: float) -> Parts:
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
            DIMENSION: Below(
                what="this share minus that in the smallest dimension",
                each="every landscape",
                on="the landscape",
                limit=0.0,
                percent=True,
            ),
        }
    )


_SENTENCE = "In high dimension a point of zero gradient is far more likely a saddle point than a local optimum"


OPTIMIZERS = ("gd", "momentum", "rmsprop", "adam")
ESCAPE_RATES = (0.01, 0.022, 0.046, 0.1, 0.22, 0.46, 1.0, 2.2, 4.6, 10.0, 22.0, 46.0)
FIRST_STEPS = {"rmsprop": 10**0.5, "adam": 1.0}
"""The first step of a coordinate over the rate, whatever the gradient: 1 / sqrt(1 - beta2) and 1."""
STRIDE = 0.5
"""The longest such step, as a share of the width: a tuned rate could otherwise jump over a saddle in a single step."""
DISTANCES = (2.0, 3.0, 4.0, 6.0)
OFFSETS = (1e-3, 1e-6)

# (problem, kind, how deep in it the start lies, label, level of the plateau or saddle, minimum, width of it)
SITUATIONS = (
    *((f"plateau(distance={d})", "plateau", d, f"plateau, {d:g} away", 1.0, 0.0, d) for d in DISTANCES),
    *((f"saddle(offset={o})", "saddle", o, f"saddle, {o:g} off the ridge", 0.0, -0.25, 1.0) for o in OFFSETS),
    ("rotated_saddle", "rotated", 1e-3, "saddle turned, in 20-D", 0.0, -1.25, 1.0),
    ("octopus", "chain", 1.0, "chain of 5 saddles", 0.0, -699.352162870035, math.e),
)
COMPARED = ("plateau(distance=4.0)", "saddle(offset=0.001)", "rotated_saddle", "octopus")


@cache
def escape_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `escapes`: the steps until the loss stays below half-way from the plateau or saddle to the minimum.

    Gradients are exact. The learning rate is tuned for each optimizer and situation; that of RMSProp and Adam, whose
    steps do not shrink with the gradient, is limited (STRIDE). `at_limit`: no larger rate was allowed, or tried.
    """
    seeds = split_seeds(2 if budget.quick else 3, budget.count_seeds(6, 10), SECOND_SEED)
    steps = 3000 if budget.quick else 5000
    kept = [row for row in SITUATIONS if not budget.quick or row[0] in COMPARED or (row[1] == "plateau" and row[2] < 6)]
    parts = []
    for problem, kind, depth, label, level, minimum, width in kept:
        spec = {"problems": [problem], "optimizers": list(OPTIMIZERS), "steps": steps}
        limits = {name: STRIDE * width / FIRST_STEPS[name] for name in FIRST_STEPS}
        largest = {name: max(r for r in ESCAPE_RATES if r <= limits.get(name, math.inf)) for name in OPTIMIZERS}
        table = tuned_costs(spec, (level + minimum) / 2, ESCAPE_RATES, seeds, budget, largest)
        at_limit = table["lr"] == table["optimizer"].map(largest)
        parts.append(table.assign(problem=problem, kind=kind, depth=depth, label=label, at_limit=at_limit))
    return {"escapes": pd.concat(parts, ignore_index=True)}


def measure_slow(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the factor by which gradient descent takes longer from the far end of the plateau."""
    table = tables["escapes"]
    plateau = table[(table["kind"] == "plateau") & (table["optimizer"] == "gd")]
    by_distance = {distance: part for distance, part in plateau.groupby("depth")}
    near, far = min(by_distance), max(by_distance)
    reached = [distance for distance, part in by_distance.items() if part["reached"].any()]
    factor = speedup(by_distance[far], by_distance[near], "steps")
    last = max(reached, default=near)
    growth = growth_text(by_distance, [distance for distance in reached if by_distance[distance]["reached"].all()])
    lost, most = 1 - by_distance[far]["reached"].mean(), by_distance[far]["steps"].max()
    return Measured(
        cells={"all": factor},
        effect=factor,
        measure=f"expected steps of tuned gradient descent from {far:g} away over those from {near:g} away",
        answer=_answer_slow(by_distance, factor),
        detail=f"From {far:g} away {lost:.0%} of the runs do not arrive in {most:,.0f} "
        f"steps; {last:g} is the farthest from which any does. {growth}{_gd_from_saddles(table)}",
    )


def _answer_slow(by_distance: Mapping[float, pd.DataFrame], factor: Interval) -> str:
    """Return the factor from the far end of the plateau over the near one in a sentence, also where it is infinite."""
    near, far = min(by_distance), max(by_distance)
    if math.isfinite(factor[0]):
        return (
            f"Tuned gradient descent takes {estimate_text(factor)} times the steps from {far:g} away as from {near:g}."
        )
    runs = by_distance[near]
    return (
        f"From {far:g} away, tuned gradient descent did not leave the plateau in "
        f"{by_distance[far]['steps'].max():,.0f} steps; from {near:g} away it took "
        f"{two_digits(ert_interval(runs['steps'], runs['reached'])[0])}."
    )


def growth_text(parts: dict, distances: list) -> str:
    """Return a sentence on the growth of the steps with the distance; "" for fewer than two distances.

    parts: distance -> rows of `escapes`; distances: those from which all runs arrive. In theory a unit of distance
    costs a factor of exp(2) = 7.4.
    """
    if len(distances) < 2:
        return ""
    steps = np.log(np.column_stack([parts[d].sort_values("seed")["steps"] for d in distances]))
    factor = bootstrap_interval(steps, lambda rows: float(np.exp(np.polyfit(distances, rows.mean(0), 1)[0])))
    return f"Each unit of distance costs a factor of {interval_text(factor)} (closed form: e^2 = 7.4). "


def _gd_from_saddles(table: pd.DataFrame) -> str:
    """Return a sentence on the steps of gradient descent from the saddles; "" for fewer than two."""
    rows = table[(table["kind"] == "saddle") & (table["optimizer"] == "gd")]
    each = {offset: ert_interval(part["steps"], part["reached"]) for offset, part in rows.groupby("depth")}
    if len(each) < 2:
        return ""
    listed = ", ".join(f"{two_digits(each[o][0])} from {o:g} off the ridge" for o in sorted(each, reverse=True))
    return f"A strict saddle holds it far less: steps {listed}."


def escape_factors(table: pd.DataFrame) -> pd.DataFrame:
    """Return how much longer GD takes than each method: problem, label, optimizer, factor, low, high.

    table: `escapes`; a row for each situation (problem) and method.
    """
    rows = []
    for problem in [name for name in COMPARED if name in set(table["problem"])]:
        runs = table[table["problem"] == problem]
        plain = runs[runs["optimizer"] == "gd"]
        for optimizer in OPTIMIZERS[1:]:
            other = runs[runs["optimizer"] == optimizer]
            rows.append((problem, runs["label"].iloc[0], optimizer, *speedup(plain, other, "steps")))
    return pd.DataFrame(rows, columns=["problem", "label", "optimizer", "factor", "low", "high"])


def measure_help(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the factor by which each method leaves each situation sooner than gradient descent."""
    table = tables["escapes"]
    each = escape_factors(table)
    first = each[each["problem"] == COMPARED[0]]
    weakest = first.loc[first["factor"].idxmin()]
    failures = table[~table["reached"]].groupby("optimizer").size()
    total = table.groupby("optimizer").size()
    lost = ", ".join(f"{name} {failures.get(name, 0)} of {total[name]}" for name in OPTIMIZERS)
    return Measured(
        cells={f"{row.label}: {row.optimizer}": (row.factor, row.low, row.high) for row in each.itertuples()},
        effect=(weakest["factor"], weakest["low"], weakest["high"]),
        measure="expected steps of gradient descent over those of the slowest of the three, "
        f"{weakest['optimizer']}, on the plateau",
        answer=f"On the plateau gradient descent takes {estimate_text(weakest[['factor', 'low', 'high']])} times the "
        f"steps of {weakest['optimizer']}, the slowest of the three.",
        detail=f"Factors over gradient descent: {_list_factors(each)}. "
        f"Runs that did not arrive, all situations: {lost}. {_list_limits(table)}",
    )


def _list_limits(table: pd.DataFrame) -> str:
    """Return a sentence on the chosen rates that are the largest allowed or tried; table: `escapes`."""
    rows = table[table["at_limit"] & table["problem"].isin(COMPARED)].drop_duplicates(["label", "optimizer"])
    listed = "; ".join(f"{label}: {', '.join(part['optimizer'])}" for label, part in rows.groupby("label", sort=False))
    return f"The largest rate that was allowed is the best one for {listed}." if listed else ""


def _list_factors(table: pd.DataFrame) -> str:
    """Return the factors of a table in words, by situation and optimizer."""
    return "; ".join(
        f"{label}: " + ", ".join(
            f"{row.optimizer} {interval_text((row.factor, row.low, row.high))}" for row in part.itertuples()
        ) for label, part in table.groupby("label", sort=False)
    )  # fmt: skip


def draw_slow(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the expected steps off the plateau against the distance, a line for each optimizer."""
    plateau = tables["escapes"][tables["escapes"]["kind"] == "plateau"]
    rows = [
        (optimizer, depth + 0.03 * (OPTIMIZERS.index(optimizer) - 1.5), *ert_interval(part["steps"], part["reached"]))
        for (optimizer, depth), part in plateau.groupby(["optimizer", "depth"])
    ]
    table = pd.DataFrame(rows, columns=["optimizer", "distance", "steps", "low", "high"])
    table["high"] = table["high"].where(np.isfinite(table["high"]), 10 * table["steps"])
    figure = drawing.line_figure(
        table.sort_values("optimizer", key=lambda column: column.map(OPTIMIZERS.index), kind="stable"), "distance",
        "steps", "optimizer", "How long a plateau holds each optimizer", interval="bars", yscale="log",
        xlabel="distance of the start from the minimum", ylabel="expected steps",
    )  # fmt: skip
    depths = sorted(plateau["depth"].unique())
    figure.axes[0].set_xticks(depths, [f"{depth:g}" for depth in depths])
    return figure


def draw_help(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the factor by which each method is faster than gradient descent in each situation."""
    each = escape_factors(tables["escapes"])
    height = 0.19 * each["label"].nunique()
    title = "How many times sooner than gradient descent"
    with drawing.axes(None, title, OPTIMIZERS[1:], height=height, left=1.75) as ax:
        drawing.draw_ratios(ax, each, "label", "optimizer", "expected steps of gradient descent over the method's")
    return drawing.figure_of(ax)


_ESCAPE_CAPTION = (
    "Steps until the loss is half-way down from the plateau or saddle to the minimum and stays there; exact "
    "gradients, rates tuned for each method and situation on other seeds; a run that does not arrive costs all its "
    "steps. RMSProp's and Adam's first step, which is the same whatever the gradient, is at most half of the "
    "plateau's or saddle's width, so that none is jumped over. The loss is looked at at about 24 log-spaced steps, so "
    "that a single time is known to within a factor of 1.5."
)


WIDTH_RATES = (0.02, 0.06, 0.2)
POOR = 0.1
"""Nats above the best seed of the same width from which on a run counts as stuck: log 2 = 0.69 is a guess."""
RARELY_STUCK = 0.1
LEAST_DRAWN = 1e-5


@cache
def width_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Train networks of several widths with full-batch Adam on two intertwined spirals; return `finals`, a row a run.

    The learning rate of each width is tuned on other seeds.
    """
    widths, tuning, steps = ((2, 16), 2, 800) if budget.quick else ((1, 2, 3, 4, 8, 16), 3, 1500)
    parts = []
    for width in widths:
        problem = f"mlp(data=spirals(examples=200, turns=1.0), hidden=({width},), activation=tanh)"
        spec = {"problems": [problem], "optimizers": ["adam"], "steps": steps}
        first, rest = split_seeds(tuning, budget.count_seeds(40, 40))
        rate = find_best_rate(spec, first, learning_rates=list(WIDTH_RATES), workers=budget.workers)
        runs = run_sweep(spec, learning_rates=[rate], seeds=rest, workers=budget.workers).runs
        parts.append(runs[["seed", "lr", "status", "loss_final"]].assign(width=width))
    return {"finals": pd.concat(parts, ignore_index=True)}


def stuck_shares(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row a width: the best loss, the share of runs more than POOR above it or diverged, the spread.

    table: `finals`; spread: the 90% minus the 10% quantile of the final losses, in nats, with its bootstrap interval.
    """
    rows = []
    for width, part in table.groupby("width"):
        loss = part["loss_final"].to_numpy()
        hits = int((~(loss <= loss.min() + POOR)).sum())
        spread = bootstrap_interval(loss, _loss_spread)
        rows.append((width, loss.min(), np.median(loss), *share_interval(hits, len(loss)), *spread, len(loss)))
    columns = ["width", "best", "median", "stuck", "low", "high", "spread", "spread_low", "spread_high", "seeds"]
    return pd.DataFrame(rows, columns=columns)


def _loss_spread(loss: pd.Series) -> float:
    """Return the 90% minus the 10% quantile of final losses; inf if it is not finite."""
    low, high = np.quantile(loss, [0.1, 0.9], method="inverted_cdf")
    return float(high - low) if np.isfinite(low) else np.inf


def measure_stuck(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the share of stuck runs at the largest width."""
    table = stuck_shares(tables["finals"])
    small, large = table.loc[table["stuck"].idxmax()], table.iloc[-1]
    often = table.loc[table["high"] >= RARELY_STUCK, "width"].max()
    wide = table.loc[~(table["width"] <= often), "width"]
    enough = f"From width {wide.min():.0f} on" if len(wide) else "At no width tried"
    share = large["stuck"], large["low"], large["high"]
    return Measured(
        cells={"all": share},
        effect=share,
        measure=f"share of runs that end more than {POOR} nats above the best one, at width {large['width']:.0f}",
        answer=f"At width {large['width']:.0f}, {percent_text(share)} of the runs are stuck more than {POOR} nats "
        "above the best.",
        detail=f"Stuck most often at width {small['width']:.0f}: {small['stuck']:.0%} [{small['low']:.0%}, "
        f"{small['high']:.0%}] of {small['seeds']:.0f} seeds. Between the 10% and the 90% quantile of the final "
        f"losses lie {small['spread']:.3f} nats there and {large['spread']:.2g} at width {large['width']:.0f}."
        f" {enough} the interval of the share is below {RARELY_STUCK:.0%}.",
    )


def draw_stuck(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw each seed's final loss, and the share of stuck runs, against the width."""
    runs, table = tables["finals"], stuck_shares(tables["finals"])
    title = "Where training ends from seed to seed, against the width"
    figure, grid = drawing.new_figure((2.6, 2.6), 1, 2, margins=(0.7, 0.15, 0.42, 0.5), gap=(0.75, 0), title=title)
    left, right = grid[0]
    runs = runs[np.isfinite(runs["loss_final"])]
    jitter = np.exp(np.random.default_rng(0).uniform(-0.12, 0.12, len(runs)))
    left.plot(runs["width"] * jitter, runs["loss_final"].clip(lower=LEAST_DRAWN), ".", color=drawing.INK[1],
              markersize=4, alpha=0.5, markeredgewidth=0)  # fmt: skip
    left.plot(table["width"], table["median"].clip(lower=LEAST_DRAWN), color=drawing.BLACK, label="median")
    drawing.draw_guide(left, table["width"], table["best"] + POOR, f"best + {POOR}: above is stuck")
    left.set(xscale="log", yscale="log", ylim=(LEAST_DRAWN / 5, None), ylabel="final training loss")
    left.legend(fontsize=drawing.LEGEND_SIZE, loc="lower left", handlelength=2)
    drawing.set_log_axes(left)
    drawing.draw_lines(right, table.assign(share="stuck"), "width", "stuck", "share", "bars")
    drawing.draw_level(right, RARELY_STUCK, "")
    right.set(xscale="log", ylim=(-0.03, 1.03), ylabel="share of stuck runs")
    for ax in (left, right):
        ax.set_xticks(table["width"], [str(width) for width in table["width"]])
        ax.set_xlabel("hidden units")
        ax.minorticks_off()
    return figure


CLAIMS = (
    Claim(
        id="E1.1",
        sentence=f"{_SENTENCE}: random landscapes.",
        experiment=field_experiment,
        criterion=_saddle_criterion(RARE_MINIMA),
        measure=measure_saddles,
        figure=draw_saddles,
        caption="Critical points that the minimization of the gradient's norm finds in random Gaussian fields, alone "
        "and in a weak parabola (confinement 0.25). Left: the share that are minima, with Wilson intervals; triangles: "
        "none was found, and the interval ends here. Right: each point's share of negative eigenvalues, and their "
        "mean.",
    ),
    Claim(
        id="E1.2",
        sentence=f"{_SENTENCE}: a small network.",
        experiment=network_experiment,
        criterion=_saddle_criterion(RARE_IN_NETWORKS),
        measure=measure_saddles,
        figure=draw_saddles,
        caption="The same for networks with one hidden layer of 1, 2 or 4 tanh units on 80 examples of three "
        "overlapping classes, 18 draws of the data each. Minima are rare in the smallest of them already, so that "
        "their share can hardly be seen to fall further: the part on the dimension stays undecided with 24 draws, too. "
        "Not among them are plateaus, where every unit is saturated "
        "and the loss that of a guess by the classes' frequencies.",
    ),
    Claim(
        id="E2.1",
        sentence="A plateau, where the derivative stays near 0 for a very long time, slows learning.",
        experiment=escape_experiment,
        criterion=Above(
            what="the factor by which tuned gradient descent takes longer from the far end of the plateau",
            limit=10.0,
            against=2.0,
        ),
        measure=measure_slow,
        figure=draw_slow,
        caption=f"{_ESCAPE_CAPTION} A bar that is ten times as high as its point stands for "
        "infinity; where no run arrives there is no point.",
    ),
    Claim(
        id="E2.2",
        sentence="Momentum-like and adaptive methods (momentum, RMSProp, Adam) help to leave plateaus and saddles.",
        experiment=escape_experiment,
        criterion=Above(
            what="the factor by which it is quicker than gradient descent",
            each="each of the three methods in each of four situations",
            on="the situation and the method",
            limit=1.0,
        ),
        measure=measure_help,
        figure=draw_help,
        caption=_ESCAPE_CAPTION,
    ),
    Claim(
        id="E3",
        sentence="A large enough network hardly ever gets stuck in a poor local optimum.",
        experiment=width_experiment,
        criterion=Below(
            what=f"the share of runs, at the largest width, whose final training loss is more than {POOR} nats above "
            "that of the best seed of this width",
            limit=RARELY_STUCK,
            percent=True,
        ),
        measure=measure_stuck,
        figure=draw_stuck,
        caption="Final losses of networks with one hidden layer on two intertwined spirals, one point a seed (full "
        "batch, Adam, rate tuned for each width on other seeds), and the share that is stuck, with Wilson intervals. "
        "Losses are drawn at 1e-5 or above.",
    ),
)
