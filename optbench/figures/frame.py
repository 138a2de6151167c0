"""What all functions from results to axes share: whose results, which problem, which optimizers, on which axes."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from optbench.analysis.columns import comparable
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError, unknown
from optbench.figures import style, styles
from optbench.figures.evidence import Evidence, Tables
from optbench.figures.fonts import families, text_width
from optbench.wording import labels

_evidence: WeakKeyDictionary[Any, tuple[pd.DataFrame, Evidence]] = WeakKeyDictionary()


def evidence_of(results: Tables | Evidence) -> Evidence:
    """What analysis makes of the results, kept for as long as they are: several figures share the computing.

    Pairs of problem and optimizer all of whose runs failed have no place in it.
    """
    if isinstance(results, Evidence):
        return results
    if not hasattr(results, "runs"):
        raise OptbenchError(f"results must be those of a sweep or of load(), not {type(results).__name__}")
    of, kept = _evidence.get(results, (None, None))
    if kept is None or of is not results.runs:  # who sets other runs asks about those
        runs = comparable(results.runs)
        if runs.empty:
            raise OptbenchError("no run of these results came anywhere: there is nothing to draw")
        # A copy, for what refers to its own key is never forgotten.
        held: Any = copy.copy(results)
        held.runs = runs
        kept = Evidence(held)
        _evidence[results] = results.runs, kept
    return kept


def problem_of(evidence: Evidence, problem: str | None) -> str:
    """The name in the tables of the problem that is meant: by default the only one; parameters may be left out.

    Raises OptbenchError that names the problems.
    """
    names = list(evidence.results.runs["problem"].unique())
    if problem is None:
        if len(names) == 1:
            return names[0]
        raise OptbenchError(f"problem: the results are of {len(names)}, name one: {', '.join(names)}")
    if problem in names:
        return problem
    alike = [name for name in names if isinstance(problem, str) and name.split("(")[0] == problem]
    if len(alike) == 1:
        return alike[0]
    raise unknown("problem", problem, names)


def looks_of(evidence: Evidence, problem: str, optimizers: Iterable[str] | None = None) -> dict[str, dict]:
    """For each optimizer in color its look, in the order of a legend; by default those that `highlights` picks.

    Raises OptbenchError for one that did not run on the problem.
    """
    if optimizers is None:
        return evidence.looks[problem]
    runs = evidence.results.runs
    there = list(runs.loc[runs["problem"] == problem, "optimizer"].unique())
    wanted = named(optimizers, there)
    known = evidence.looks[problem]
    # Who is in gray by default has the look of its place in the sweep.
    places = {name: place for place, name in enumerate(runs["optimizer"].unique())}
    return {name: known.get(name) or style.look(places[name]) for name in dict.fromkeys(wanted)}


def named(optimizers: Iterable[str], there: list[str]) -> list[str]:
    """Those that are meant, of those that are there. Raises OptbenchError for one that is not, or where none is."""
    wanted = [optimizers] if isinstance(optimizers, str) else arguments.items("optimizers", optimizers)
    for name in wanted:
        if name not in there:
            raise unknown("optimizer", name, there)
    if not wanted:
        raise OptbenchError("optimizers: name at least one, or leave it out")
    return wanted


@contextmanager
def axes(
    ax: Axes | None,
    title: str = "",
    legend: Iterable[str] = (),
    height: float = 1.0,
    left: float = 0.75,
    right: float = 0.12,
    width: float | None = None,
) -> Iterator[Axes]:
    """The axes that are given, or those of a new figure of a good size, in the style of the context.

    At the end the legend of what was drawn with a label is set: beside or below the panel of a new figure, inside axes
    that are given.

    title: of a new figure, in styles that have one; legend: its texts, which room is made for; height: of the panel,
    as a multiple of the usual; left, right: inches beside the panel, right where no legend stands; width: of the
    figure, by default the style's.
    """
    if ax is not None:
        if not isinstance(ax, Axes):
            raise OptbenchError(f"ax must be an Axes of matplotlib, not {type(ax).__name__}")
        with styles.of_axes() as now:
            yield ax
            handles, texts = ax.get_legend_handles_labels()
            if handles:
                look = {"frameon": True, "framealpha": 0.8, "edgecolor": "none", "labelspacing": 0.3}
                ax.legend(handles, texts, fontsize=now.legend, handlelength=2.6, loc="best", **look)
        return
    with styles.of_figure() as now:
        figure, panel = _new(now, title, tuple(filter(None, legend)), (width, height), left, right)
        yield panel
        if panel.get_legend_handles_labels()[0]:
            style.legend(figure, panel, below=_below(now))


def _below(now: styles.Style) -> bool:
    """Whether the legend stands below the panel: a column has no room beside it."""
    return now.width < 5


def _new(now: styles.Style, title: str, legend: tuple, size: tuple, left: float, right: float) -> tuple[Figure, Axes]:
    width, height = size
    zoom = now.zoom
    below = _below(now)
    if legend and not below:
        right = style.legend_width(legend) / zoom
    bottom = 0.5 * zoom + (style.legend_height(legend, now.width) if legend and below else 0.0)
    bottom += style.FOOT_INCHES if now.told else 0.0
    top = 0.38 * zoom if now.told else 0.1 * zoom
    tall = height * now.height + top + bottom
    if width is None:
        # A long legend does not squeeze the panel.
        width = max(now.width, (left + right) * zoom + 0.4 * now.width)
    room = width - (left + right) * zoom
    if now.told:
        width = max(width, text_width(title, now.title) + 0.2)
    figure = styles.figure_of(width, tall)
    panel = figure.add_axes((left * zoom / width, bottom / tall, room / width, height * now.height / tall))
    _fix(panel, now)
    if now.told:
        figure.text(0.1 / width, 1 - 0.08 * zoom / tall, title, fontsize=now.title, va="top", ha="left")
    return figure, panel


def _fix(panel: Axes, now: styles.Style) -> None:
    """Say what the settings say: ticks that come later would take the user's."""
    panel.tick_params(labelsize=now.tick, labelfontfamily=list(families()))
    panel.grid(True, color="#e3e3e3", linewidth=0.6)


def titled(words: str, problem: str) -> str:
    """The title of a figure of one problem."""
    return f"{words}: {labels.shorten(problem, 60)}"
