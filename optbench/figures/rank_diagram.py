"""Mean ranks of the optimizers on a line each, with their intervals and the ranks on single problems."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from optbench.analysis.answer import ask
from optbench.analysis.over_problems import LEAST_PROBLEMS
from optbench.analysis.sweep_tables import Tables
from optbench.analysis.verdicts import ALL
from optbench.contract.errors import OptbenchError
from optbench.figures import panels
from optbench.figures.data import ReportData, report_data
from optbench.figures.fonts import cut_to_width, text_width
from optbench.figures.shown_optimizers import select_optimizers, select_problems, select_styles
from optbench.figures.style import GRAY, PALE, current

CAPTION = (
    "Ranks of the optimizers by what each gives on a problem once tuned, the best mean rank at the top. Colored marks: "
    "means over problems; from twenty problems on, bars: their 95% intervals by a bootstrap over problems. Gray dots: "
    "single problems, larger where several problems have one rank. Fewer than twenty problems say nothing about others."
)
# Inches, by eye: of a row at usual text; of the longest name, as a share of a figure's width
ROW, NAMES = 0.24, 0.34


def mean_ranks(
    results: Tables | ReportData,
    problem: str | None = None,
    *,
    optimizers: Iterable[str] | None = None,
    ax: Axes | None = None,
    judge_by: str | None = None,
    confidence: float = 0.95,
) -> Axes:
    """Draw the mean rank of each optimizer, the best at the top.

    Over several problems these are means over problems of the rank by value, as ``results.ranking`` has them in its
    rows "all", with gray dots for the single problems and, from 20 problems on, their bootstrap intervals. Of one
    problem they are the means over its reporting seeds.

    Args:
        results: of a sweep.
        problem: one of its problems; by default all, where there are several.
        optimizers: those to compare; ranks are then computed of these alone.
        ax: where to draw; by default a new figure.
        judge_by: the measure, as for ``results.ranking``.
        confidence: of the intervals.

    Returns:
        The axes, whose x is the rank.

    Raises:
        OptbenchError: a problem or an optimizer does not exist, or nothing has a rank.

    Example:
        >>> two = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "learning_rates": [0.001], "steps": 50}
        >>> ax = optbench.figures.mean_ranks(sweep(two, seeds=8))
        >>> [text.get_text() for text in ax.get_yticklabels()]
        ['gd', 'adam']

    Source:
        Demsar 2006, JMLR 7, section 3.2, for ranks over data sets.
    """
    data = report_data(results)
    names, problems = select_optimizers(data, optimizers), select_problems(data, problem)
    of, runs = data.answer.everything, data.answer.runs
    if len(names) < runs["optimizer"].nunique():
        of = of.with_runs(runs[runs["optimizer"].isin(names)])
    places = ask(of, judge_by or data.answer.judge_by, confidence=confidence, plan=False).ranking
    subject = problems[0] if len(problems) == 1 or ALL not in set(places["problem"]) else ALL
    rows = places[places["problem"] == subject]
    if len(rows) == 1:
        rows = rows.assign(mean_rank=1.0)
    rows = rows[rows["mean_rank"].notna()].sort_values("mean_rank", kind="stable")
    if rows.empty:
        raise OptbenchError("mean ranks need seeds, or problems, on which all of the optimizers report")
    dots = rank_on_problems(places) if subject == ALL else pd.DataFrame(columns=["optimizer", "rank"])
    styles = select_styles(data, subject, optimizers)
    looks = [styles.get(name, {"color": GRAY, "marker": "o"}) for name in rows["optimizer"]]
    rows = rows.assign(**{key: [each[key] for each in looks] for key in ("color", "marker")})
    about = f"{int(rows['blocks'].max())} problems" if subject == ALL else "the seeds that report"
    room = NAMES * current().width
    texts = [cut_to_width(data.short_names[name], current().tick, room) for name in rows["optimizer"]]
    left = max(text_width(text, current().tick) for text in texts) / current().scale + 0.22
    height = (ROW * len(rows) + 0.15) * current().scale / current().height
    title = "Mean ranks" if subject == ALL else panels.join_title("Mean ranks", data.label(subject))
    with panels.axes(ax, title, height=height, left=left) as ax:
        _draw_ranks(ax, rows, dots, texts)
        ax.set_xlabel(f"rank, mean over {about}")
    return ax


def rank_on_problems(places: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each optimizer and problem with its rank by value there, failures last; ties share a rank.

    places: of `ranking`. Problems that lack one of the optimizers, or its value, have no row, as in the means.
    """
    single = places[places["problem"] != ALL]
    value = single["value"].where(single["failures"] != 1, np.inf)
    rank = value.groupby(single["problem"], sort=False).rank()
    table = single[["problem", "optimizer"]].assign(rank=rank)
    whole = table.groupby("problem", sort=False)["rank"].transform("count") == places["optimizer"].nunique()
    return table[whole].reset_index(drop=True)


def _draw_ranks(ax: Axes, rows: pd.DataFrame, dots: pd.DataFrame, texts: list[str]) -> None:
    """Draw a line for each optimizer: ranks on single problems, the mean, and its interval if there is one.

    rows: of `ranking`, the best first, with `color` and `marker`; dots: of `rank_on_problems`; texts: the names.
    """
    lines, over = current().lines, rows["problem"].iloc[0] == ALL
    tested = over and rows["blocks"].max() >= LEAST_PROBLEMS
    for place, row in enumerate(rows.to_dict("records")):
        counts = dots.loc[dots["optimizer"] == row["optimizer"], "rank"].value_counts()
        sizes = 12 * lines * np.sqrt(counts.to_numpy(dtype=float)) * 1.6
        ax.scatter(counts.index, np.full(len(counts), place), s=sizes, color=PALE, zorder=2, linewidths=0, gid="single")
        if tested and math.isfinite(row["low"]) and math.isfinite(row["high"]):
            ax.hlines(place, row["low"], row["high"], color=row["color"], linewidth=2 * lines, zorder=3, gid="interval")
        dot: dict[str, Any] = {
            "marker": row["marker"],
            "markersize": 6.5 * lines,
            "markeredgecolor": "white",
            "linestyle": "none",
        }
        ax.plot([row["mean_rank"]], [place], color=row["color"], zorder=4, gid=f"mean {row['optimizer']}", **dot)
    most = max(len(rows), 2)
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100) if most / step <= 12)
    ax.set(xlim=(0.8, most + 0.2), ylim=(len(rows) - 0.4, -0.6))
    ax.set_xticks(np.arange(1, most + 1, step))
    ax.set_yticks(range(len(rows)), texts)
    ax.grid(False, axis="y")
