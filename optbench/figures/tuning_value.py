"""What tuning buys: the expected value on fresh seeds against the number of trials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from optbench.analysis import best_of_n as trials_table
from optbench.analysis.best_of_n import DEFAULTS, TRIALS
from optbench.contract import arguments
from optbench.figures import frame, style, styles
from optbench.figures.evidence import COUNTS, Evidence, Tables
from optbench.wording.answers import value_word

CAPTION = (
    "What the best of so many trials is expected to give on fresh seeds, with its 95% interval over blocks of seeds: "
    "low at the left is what is easy to tune, low at the right what is good where it is tuned."
)
# Place on the axis of trials: left of 1, where the first trial stands
_DEFAULTS = 0.6


def best_of_n(
    results: Tables | Evidence,
    problem: str | None = None,
    *,
    optimizers: Iterable[str] | None = None,
    ax: Axes | None = None,
    counts: Sequence[int] = COUNTS,
    defaults: pd.DataFrame | Sequence[Mapping[str, Any]] | None = None,
    choose_by: str | None = None,
    confidence: float = 0.95,
) -> Axes:
    """The expected value on fresh seeds of the best of n trials, a line an optimizer, and what defaults give.

    With few trials an optimizer that is easy to tune lies low, with many one that is good where it is tuned.

    Args:
        results: of a sweep.
        problem: one of its problems; by default the only one.
        optimizers: those to show; by default all.
        ax: where to draw; by default a new figure.
        counts: the numbers n of trials; all the trials that were made come last.
        defaults: settings to mark, as for ``results.best_of_n``: a row or mapping an optimizer.
        choose_by: the measure, as for ``results.verdicts``.
        confidence: of the intervals.

    Returns:
        The axes, whose x is n, with defaults at 0.6, and whose y is the value.

    Raises:
        OptbenchError: a problem, an optimizer or a column does not exist.

    Example:
        >>> three = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": "1e-5:1e-3:3", "steps": 50}
        >>> optbench.figures.best_of_n(sweep(three, seeds=8)).lines[0].get_xdata().tolist()
        [1, 2, 3]
    """
    evidence = frame.evidence_of(results)
    problem = frame.problem_of(evidence, problem)
    looks = frame.looks_of(evidence, problem, optimizers)
    of, by = evidence.results, choose_by or evidence.results.choose_by
    counts = tuple(arguments.items("counts", counts))
    if defaults is None and (by, counts, confidence) == (of.choose_by, COUNTS, 0.95):
        table = evidence.trials[evidence.trials["problem"] == problem]
    else:
        runs = of.runs[of.runs["problem"] == problem]
        settings = None if defaults is None else pd.DataFrame(defaults)
        table = trials_table(runs, counts, by, confidence=confidence, defaults=settings)
    texts = {name: evidence.names[name] for name in looks}
    rest = table["optimizer"].nunique() - len(looks) if optimizers is None else 0
    if not rest:
        table = table[table["optimizer"].isin(list(looks))]
    legend = [*texts.values(), style.others(rest)]
    with frame.axes(ax, frame.titled("Best of n trials", problem), legend) as ax:
        draw_best_of_n(ax, table, looks, texts)
        ax.set(xlabel="n, trials that the best is chosen from", ylabel=style.label_along(ax, value_word(by)))
    return ax


def draw_best_of_n(ax: Axes, table: pd.DataFrame, looks: dict, texts: dict) -> None:
    """table: of `best_of_n`, one problem's."""
    trials, marks = table[table["kind"] == TRIALS], table[table["kind"] == DEFAULTS]
    parts = dict(iter(trials.groupby("optimizer", sort=False)))
    log = bool((table["value"] > 0).all())
    # Where a setting fails now and then a band is hundreds of decades tall, beside which no line could be seen.
    lowest, highest = (table["value"].min() / 100, table["value"].max() * 100) if log else (-np.inf, np.inf)
    for place, (name, look) in enumerate(looks.items()):
        if name not in parts:
            continue
        n, value, low, high = (parts[name][column].to_numpy() for column in ("n", "value", "low", "high"))
        style.draw_line(ax, n, value, look, texts[name], zorder=3, markevery=(place % 3, 3))
        seen = np.isfinite(low) & np.isfinite(high)
        ax.fill_between(n[seen], np.clip(low[seen], lowest, highest), np.clip(high[seen], lowest, highest),
                        color=look["color"], alpha=0.12, linewidth=0, zorder=2, gid=f"band {name}")  # fmt: skip
    if gray := [(part["n"], part["value"]) for name, part in parts.items() if name not in looks]:
        style.draw_others(ax, gray, len(gray))
    for row in marks.itertuples():
        if row.optimizer in looks:
            look = looks[row.optimizer]
            ax.plot([_DEFAULTS], [row.value], linestyle="none", marker=look["marker"], markersize=6.5,
                    color=look["color"], markeredgecolor="white", zorder=4, gid=f"default {row.optimizer}")  # fmt: skip
    if trials.empty:
        style.draw_words(ax, "no setting without a run cut short")
        return
    ax.set_xscale("log")
    ticks = [n for n in (1, 3, 10, 30, 100, 300, 1000, 3000, 10000) if n <= trials["n"].max()]
    if len(marks):
        ax.axvspan(0.45, 0.8, color="#f1f1f1", zorder=0, linewidth=0)
        where = {"x": _DEFAULTS, "y": 0.03, "rotation": 90, "transform": ax.get_xaxis_transform()}
        ax.text(s="defaults", ha="center", va="bottom", color=style.GRAY, fontsize=styles.size("tick"), **where)
    ax.set_xticks(ticks, [f"{n:,}" for n in ticks])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlim(0.45 if len(marks) else 0.9, trials["n"].max() * 1.1)
    if log:
        ax.set_yscale("log")
        low, high = ax.get_ylim()
        if high < low * 1.001:  # every run failed, and all values are what a failure counts as
            ax.set_ylim(low / 2, high * 2)
        style.log_ticks(ax.yaxis, *ax.get_ylim())
