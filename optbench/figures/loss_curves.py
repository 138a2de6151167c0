"""Losses of the tuned optimizers: over time, and at the end of a run against the learning rate."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from optbench.analysis.measures import LOSS
from optbench.analysis.sweep_tables import Tables
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError
from optbench.contract.problems import FLOOR
from optbench.figures import panels, single_runs
from optbench.figures.data import ReportData, report_data
from optbench.figures.shown_optimizers import select_problem, select_styles
from optbench.figures.style import BLACK, GRAY, current
from optbench.wording import labels
from optbench.wording.answers import name_measure
from optbench.wording.judged import PLAIN_LOSS, SAMPLES, name_unit

START, DIVERGED, RECOMMENDED, SCORED = "at the start", "diverged", "recommended", "scored"
ENDS = ["median", "low", "high"]
# Share of the height: it holds medians that diverged, which have no place on the axis
STRIP = 0.1
# Times the first suboptimality: what blows up must not flatten the others
HIGHEST = 1e3
CLOCKS = {
    "epoch": "epochs (passes over the data)",
    "samples": "samples (steps × batch size)",
    "steps": "steps",
    "seconds": "seconds",
}


def curves(
    results: Tables | ReportData,
    problem: str | None = None,
    *,
    optimizers: Iterable[str] | None = None,
    ax: Axes | None = None,
    x: str | None = None,
    y: str | None = None,
) -> Axes:
    """Draw loss curves of the recommended settings: the median over the seeds that report, with its interval.

    A failed run counts as infinitely bad from its last point on, so a line ends where half of the runs have failed.
    What is judged is marked: the target as a dashed line, or the last fifth of a run in gray.

    Args:
        results: those of a sweep; or of ``optbench.minimize`` one, a list, or a mapping from labels to them.
        problem: by default the only one.
        optimizers: those in color; by default all, or the best ten of more. The others are thin gray lines.
        ax: where to draw; by default on a new figure.
        x: "epoch", "samples", "steps" or "seconds" (steps times the median time of one); by default epochs, of a
            function of your own and of single runs steps.
        y: "suboptimality", "loss", "test_loss" or a metric such as "test_accuracy"; by default the suboptimality, or
            the loss where the minimum is not known.

    Returns:
        The axes.

    Raises:
        OptbenchError: there is no such problem, optimizer or quantity.

    Example:
        >>> small = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [0.001], "steps": 50}
        >>> optbench.figures.curves(sweep(small, seeds=3)).get_ylabel()
        'suboptimality (loss − minimum)'
    """
    if x is not None:
        arguments.one_of("x", x, CLOCKS)
    if runs := single_runs.read_runs(results):
        single_runs.refuse_selection(problem=problem, optimizers=optimizers)
        return _draw_runs(runs, ax, x, y)
    data = report_data(results)
    problem = select_problem(data, problem)
    styles = select_styles(data, problem, optimizers)
    x = x or ("steps" if data.results.problem(problem).get("examples") == 1 else "epoch")
    minimum = data.minimum(problem)
    y = y or ("loss" if minimum is None else "suboptimality")
    arguments.one_of("y", y, ["suboptimality", "loss", *data.measured(problem)])
    if y == "suboptimality" and minimum is None:
        raise OptbenchError(f"y: the minimum of {problem} is not known, so it has no suboptimality: take y='loss'")
    of_training = y in ("suboptimality", "loss")
    name = {"suboptimality": "suboptimality (loss − minimum)", "loss": "training loss"}.get(y, y.replace("_", " "))
    rows = data.best_of(problem).set_index("optimizer")
    texts = {
        each: data.short_names[each] + (f" ({labels.failure_text(row)} failed)" if row["failures"] else "")
        for each, row in rows.loc[list(styles)].iterrows()
    }
    title = panels.join_title(
        "Loss over time" if of_training else f"{name[:1].upper()}{name[1:]} over time", data.label(problem)
    )
    unit, share = name_unit(data.answer, problem), data.answer.targets.get(problem, np.nan)
    target = f"target ({labels.share_text(share)})" if unit == SAMPLES and y == "suboptimality" else ""
    scored = SCORED if unit == PLAIN_LOSS and of_training else ""
    legend = [*texts.values(), START, target, scored, panels.count_others(len(rows) - len(texts))]
    named = ax is None and len(rows) == len(texts) and current().width >= panels.WIDE  # at the ends of the lines
    with panels.axes(ax, title, () if named else legend, ends=texts.values() if named else ()) as ax:
        bands = data.bands_of("train_loss" if of_training else y)
        bands = bands[bands["problem"] == problem]
        if x == "seconds":
            clock = bands["step"] * bands["optimizer"].map(data.step_seconds(problem))
        else:
            clock = bands["step" if x == "steps" else x]
        bands = bands.assign(x=clock)
        bands[ENDS] -= minimum if y == "suboptimality" else 0.0
        floor = data.floor(problem) if y == "suboptimality" else None
        _draw_curves(ax, bands, styles, texts, floor, "accuracy" not in y)
        if target and ax.get_ylim()[0] < (height := share * data.start(problem)):
            panels.draw_guide(ax, bands.loc[bands["step"] > 0, "x"].agg(["min", "max"]), (height, height), target)
            if named:
                panels.name_line(ax, height, target, left=ax.get_xscale() == "log")
        there = bands[(bands["step"] > 0) & np.isfinite(bands["median"])].sort_values("step")
        if scored and len(there):
            late = bands.loc[bands["step"] >= 0.8 * bands["step"].max(), "x"]
            ax.axvspan(late.min(), late.max(), color="#ececec", linewidth=0, zorder=0, label=SCORED)
            if named:
                top, side = (1.01, "bottom") if current().titled else (0.99, "top")  # a paper has no room above
                where: dict[str, Any] = {"transform": ax.get_xaxis_transform(), "color": GRAY, "va": side}
                ax.text(late.max(), top, SCORED, ha="right", fontsize=current().small, **where)
        ax.set(xlabel=CLOCKS[x], ylabel=name)
        if named and len(there):
            if START in (line.get_label() for line in ax.lines):
                panels.name_line(ax, data.start(problem), START, left=False)
            ax.set_xlim(right=bands["x"].max())
            ends = there.groupby("optimizer")["median"].last()
            panels.name_ends(ax, {texts[each]: (ends.get(each, np.nan), styles[each]) for each in styles})
    return ax


def _draw_runs(runs: Mapping[str, single_runs.Run], ax: Axes | None, x: str | None, y: str | None) -> Axes:
    """Draw the losses of single runs, by label."""
    x = x or "steps"
    if x == "seconds":
        raise OptbenchError("x: single runs have no time of each step: take 'steps', 'epoch' or 'samples'")
    table, y = single_runs.tabulate_losses(runs, x, y)
    texts = {label: label + (" (diverged)" if run.status == "diverged" else "") for label, run in runs.items()}
    title = single_runs.make_title("Loss over time", runs)
    with panels.axes(ax, title, [*texts.values(), START]) as ax:
        floor = FLOOR if y == "suboptimality" else None
        _draw_curves(ax, table, single_runs.style_runs(runs), texts, floor, "accuracy" not in y)
        ax.set(
            xlabel=CLOCKS[x], ylabel="suboptimality (loss − minimum)" if y == "suboptimality" else y.replace("_", " ")
        )
    return ax


def _draw_curves(
    ax: Axes, bands: pd.DataFrame, styles: Mapping[str, dict], texts: dict, least: float | None, may_log: bool
) -> None:
    """Draw medians with their bands against the column x, and set scales, limits and ticks of the axes.

    bands: optimizer, step, x, median, low, high; least: the floor of suboptimalities, None for other quantities;
    may_log: True where the y axis may be logarithmic; styles, texts: optimizer -> line style, text of the legend.
    """
    start = bands.loc[bands["step"] == 0, "median"].median()
    floor = least or 0.0
    after = bands[bands["step"] > 0]
    log_x = len(after) > 0 and after["x"].min() > 0 and after["x"].max() >= 30 * after["x"].min()
    # The axes fit what is in color.
    front = bands[bands["optimizer"].isin(list(styles)) & np.isfinite(bands["median"])]
    if log_x:  # the start is a level line, without its interval
        front = front.assign(**{end: front[end].where(front["step"] > 0, front["median"]) for end in ("low", "high")})
    log_y = may_log and (floor > 0 or ((front["median"] > 0).all() and len(front) > 0))
    if log_y:
        highest = HIGHEST * start if start > 0 else np.inf
        front = front.assign(**{name: front[name].clip(max(floor, 1e-300), highest) for name in ENDS})
    limits = panels.find_limits(front, "median", log_y)
    drawn = (_extend_to_left(bands) if log_x else bands).sort_values("step")
    if log_y:
        drawn = drawn.assign(**{name: np.maximum(drawn[name], floor) for name in ENDS})
    draw_bands(ax, drawn, styles, texts, limits[1] * 10 if log_y else limits[1])
    ax.set(xscale="log" if log_x else "linear", yscale="log" if log_y else "linear", ylim=limits)
    if np.isfinite(start) and log_x:
        panels.draw_level(ax, start, START)
    if log_x:
        panels.set_log_ticks(ax.xaxis, after["x"].min(), after["x"].max(), plain=True)
    if log_y:
        panels.set_log_ticks(ax.yaxis, *limits)
    if not np.isfinite(after["median"]).any():
        for artist in (*ax.lines, *ax.collections):
            artist.set_visible(False)
        ax.set(xticks=[], yticks=[])
        ax.minorticks_off()
        panels.draw_note(ax, "no line to draw: half of the runs or more diverged at once")


def _extend_to_left(bands: pd.DataFrame) -> pd.DataFrame:
    """Return the points of curves for a logarithmic x axis, which has no 0: the start is a level line.

    It goes from the left end to half of an optimizer's first evaluation, so that a line whose first step is an epoch
    begins with the others. bands: as of `_draw_curves`.
    """
    after, start = bands[bands["step"] > 0], bands[bands["step"] == 0]
    start = start.assign(low=start["median"], high=start["median"])
    first, left = start["optimizer"].map(after.groupby("optimizer")["x"].min()), after["x"].min()
    ends = [start.assign(x=left), start.assign(x=first / 2)]
    return pd.concat([*(end[first > 2 * left] for end in ends), after])


def draw_bands(ax: Axes, table: pd.DataFrame, styles: Mapping[str, dict], texts: dict, top: float) -> None:
    """Draw medians as lines and intervals as bands.

    table: optimizer, x, median, low, high, a row a point; top: the height at which bands end.
    """
    table = table.assign(high=np.minimum(table["high"], top), low=np.minimum(table["low"], top))
    panels.draw_lines(ax, table, "x", "median", styles, texts, interval="band", marks=7)


def rates(
    results: Tables | ReportData,
    problem: str | None = None,
    *,
    optimizers: Iterable[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the final suboptimality of each optimizer at each rate, with the batch size and schedule best at that rate.

    Each rate that ran is a point, the median over the seeds that report; bars are intervals. In a sweep with blocks
    they are the seeds that tune, and where blocks draw their own rates, each rate has the seed of its block. The large
    marker is the recommended setting on the seeds that report. Hollow: some runs failed. In the strip at the top half
    of the runs or more diverged, or ended above 1000 times the first suboptimality. Of a sweep that is tuned for a
    metric on test data, that metric is drawn.

    Args:
        results: those of a sweep.
        problem: by default the only one.
        optimizers: those in color; by default all, or the best ten of more. The others are thin gray lines.
        ax: where to draw; by default on a new figure.

    Returns:
        The axes.

    Raises:
        OptbenchError: there is no such problem or optimizer.

    Example:
        >>> small = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [0.001, 0.002], "steps": 50}
        >>> optbench.figures.rates(sweep(small, seeds=3)).get_xlabel()
        'learning rate'
    """
    data = report_data(results)
    problem = select_problem(data, problem)
    styles, names = select_styles(data, problem, optimizers), data.short_names
    by_rate, best = (table[table["problem"] == problem] for table in (data.by_rate, data.recommended_rates))
    flat = set(by_rate.loc[without_rates(by_rate, data.results.incumbents), "optimizer"])
    gray = by_rate["optimizer"].nunique() - len(styles)
    legend = [DIVERGED, *(names[name] for name in styles), RECOMMENDED, START, panels.count_others(gray)]
    with panels.axes(ax, panels.join_title("Final loss against learning rate", data.label(problem)), legend) as ax:
        _draw_rates(
            ax, by_rate, best, (data.start(problem), data.floor(problem)), styles, names, flat, bool(data.rate_step)
        )
        if data.shown_measure != LOSS:
            panels.set_ylabel(ax, name_measure(data.shown_measure))
    return ax


def _draw_rates(
    ax: Axes, by_rate: pd.DataFrame, best: pd.DataFrame, ends: tuple[float, float], styles: Mapping[str, dict],
    names: dict, flat: Collection[str], scattered: bool,
) -> None:  # fmt: skip
    """Draw medians with their intervals against the rate, what diverged in a strip above them.

    by_rate: the best setting of each optimizer and rate; best: the recommended ones; ends: the first suboptimality, NaN
    if it is not known, and the least that is drawn; flat: optimizers without a rate to choose; scattered: True where
    each rate ran on one seed, so that no line or interval joins points.
    """
    start, floor = ends
    known = bool(np.isfinite(start))
    highest = HIGHEST * start if known and start > 0 else np.inf
    best = best[best["optimizer"].isin(set(styles).difference(flat))]  # a line says it all
    table = pd.concat([by_rate.assign(best=False), best.assign(best=True)], ignore_index=True)
    table = table.assign(diverged=~(np.isfinite(table["median"]) & (table["median"] <= highest)))
    log = known or bool((table.loc[~table["diverged"], "median"] > 0).all())
    if log:
        table = table.assign(**{name: np.maximum(table[name], floor) for name in ENDS})
    front = table[table["optimizer"].isin(list(styles))]
    bottom, top = panels.find_limits(front[~front["diverged"]], "median", log)
    upper, middle = top, top
    if front["diverged"].any():
        share = STRIP / (1 - STRIP)
        upper, middle = (
            top * (top / bottom) ** part if log else top + part * (top - bottom) for part in (share, share / 2)
        )
        ax.axhspan(top, upper, color="#f3dfdb", zorder=0.5, linewidth=0, label=DIVERGED)

    level = table["optimizer"].isin(flat)
    least, most = (float(end) for end in np.quantile(table.loc[~level, "lr"], [0, 1]))
    margin = (most / least) ** 0.05 if most > least else 2.0
    across = least / margin, most * margin
    table = table.assign(
        # An optimizer without a rate to choose stands in the middle, at the height of its line.
        lr=table["lr"].mask(level, np.sqrt(across[0] * across[1])),
        height=table["median"].mask(table["diverged"]),
        low=table["low"].clip(bottom, top), high=table["high"].clip(bottom, top),
    )  # fmt: skip
    gray_level = level & ~table["optimizer"].isin(list(styles))  # in gray a line from one end of the axis to the other
    drawn = table[~gray_level & ~table["best"]]
    drawn = pd.concat([drawn, *(table[gray_level].assign(lr=end) for end in across)])
    size, shade = current().lines, 0.5 if scattered else 0.8
    thin: dict[str, Any] = {"linewidth": 0.0} if scattered else {"interval": "bars"}
    panels.draw_lines(ax, drawn, "lr", "height", styles, names, alpha=shade, **thin)
    for name, style in styles.items():
        mine, color = table[table["optimizer"] == name], style["color"]
        for chosen, part in mine.groupby("best"):
            form: dict[str, Any] = {
                "linestyle": "none",
                "marker": style["marker"],
                "markersize": 5.4 * size,
                "zorder": 4,
            }
            if chosen:
                form |= {"markersize": 9 * size, "zorder": 5, "markeredgecolor": BLACK}
                ax.vlines(part["lr"], part["low"], part["high"], color=color, linewidth=1.5 * size, zorder=4.5)
                ax.plot(part["lr"], part["height"], color=color, **form)
            some, lost = part[(part["failures"] > 0) & ~part["diverged"]], part.loc[part["diverged"], "lr"]
            ax.plot(some["lr"], some["height"], color=color, markerfacecolor="white", **form)
            ax.plot(lost, np.full(len(lost), middle), color=color, **({"markeredgecolor": "white"} | form))
        for height in mine.loc[level & ~mine["diverged"], "height"]:
            line = ax.axhline(height, color=color, linewidth=1.5 * size, zorder=2.5)
            line.set_dashes(style["dashes"] or ())
    if len(best):
        circle: dict[str, Any] = {
            "marker": "o",
            "markersize": 7.5 * size,
            "markerfacecolor": "white",
            "markeredgecolor": BLACK,
        }
        ax.plot([], [], linestyle="none", label=RECOMMENDED, **circle)
    if known and bottom < start < top:
        panels.draw_level(ax, start, START)
    ax.set(xscale="log", yscale="log" if log else "linear", xlim=across, ylim=(bottom, upper), xlabel="learning rate")
    ax.set_ylabel("suboptimality, last fifth" if known else "training loss, last fifth")
    if log:
        panels.set_log_ticks(ax.yaxis, bottom, upper)
    panels.set_log_ticks(ax.xaxis, *across, plain=True)


def without_rates(by_rate: pd.DataFrame, incumbents: Collection[str]) -> pd.Series:
    """Return for each row whether its optimizer ran at a single rate where others ran at several: a baseline.

    incumbents: those that have a rate, and no other was tried.
    """
    count = by_rate.groupby(["problem", "optimizer"], sort=False)["lr"].transform("nunique")
    several = count.groupby(by_rate["problem"]).transform("max") > 1
    return (count == 1) & several & ~by_rate["optimizer"].isin(incumbents)
