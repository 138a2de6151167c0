"""Figures of claims: lines, intervals and factors over categories, in the style of all figures."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from optbench.analysis.statistics import Interval, median_interval
from optbench.figures import panels
from optbench.figures.averages_and_schedules import draw_averages, draw_factors, draw_weights
from optbench.figures.batch_sizes import draw_noise, draw_scaling
from optbench.figures.contour_paths import Scene, draw_contours, draw_marks, draw_path
from optbench.figures.data import Trajectory
from optbench.figures.fonts import text_width
from optbench.figures.panels import (
    axes,
    draw_guide,
    draw_level,
    figure_of,
    new_figure,
    panel_title,
    set_legend,
    set_log_ticks,
)
from optbench.figures.style import (
    BLACK,
    GRAY,
    LEGEND_SIZE,
    PALE,
    PANEL_TITLE,
    is_optimizer,
    line_style,
    style_optimizers,
)
from optbench.wording.languages import Language

__all__ = [
    "BLACK", "GRAY", "INK", "LEGEND_SIZE", "PALE", "PANEL_TITLE", "Scene", "Trajectory", "axes",
    "draw_averages", "draw_contours", "draw_factors", "draw_guide", "draw_interval", "draw_intervals",
    "draw_level", "draw_lines", "draw_marks", "draw_noise", "draw_path", "draw_ratios", "draw_scaling",
    "draw_weights", "find_color", "find_styles", "interval_figure", "line_figure", "line_style", "medians",
    "new_figure", "panel_title", "set_legend", "set_log_axes", "set_log_ticks", "text_width", "translate",
]  # fmt: skip

INK = (BLACK, *(line_style(place)["color"] for place in (0, 1, 2, 3, 4, 6)))
"""The plain method black, then the colors of the others."""


def medians(table: pd.DataFrame, groups: list[str], column: str) -> pd.DataFrame:
    """Return a row for each group: its values of the columns `groups`, and median, low and high of the column."""
    rows = [(*key, *median_interval(part[column])) for key, part in table.groupby(groups, sort=False)]
    return pd.DataFrame(rows, columns=[*groups, "median", "low", "high"])


def find_styles(names: Iterable[str]) -> dict[str, dict]:
    """Return line styles by name: those of optimizers, or by place where no name is one."""
    names = list(dict.fromkeys(names))
    if any(is_optimizer(name) for name in names):
        return style_optimizers(names)
    return {name: line_style(place) for place, name in enumerate(names)}


def find_color(name: str) -> str:
    """Return the color of an optimizer."""
    return style_optimizers([name])[name]["color"]


def draw_interval(
    ax: Axes, x: float, interval: Interval, color: Any, label: str | None = None, marker: str = "o"
) -> None:
    """Draw a number and its interval: a mark on a pale bar."""
    ax.plot([x, x], interval[1:], color=color, linewidth=6, alpha=0.3, solid_capstyle="butt")
    ax.plot([x], interval[:1], marker, color=color, markersize=5, label=label)


def draw_lines(ax: Axes, table: pd.DataFrame, x: str, y: str, hue: str, interval: str = "", **keywords: Any) -> None:
    """Draw a line of y against x for each value of the column hue, which is its label.

    interval: "bars" or "band", from the columns low to high; keywords: those of `Axes.plot`.
    """
    names = table[hue].map(str)
    styles = find_styles(names)
    panels.draw_lines(
        ax, table.assign(optimizer=names), x, y, styles, {name: name for name in styles}, interval, **keywords
    )


def line_figure(
    table: pd.DataFrame,
    x: str,
    y: str,
    hue: str,
    title: str,
    *,
    levels: Mapping[float, str] | None = None,
    marks: Mapping[float, str] | None = None,
    interval: str = "",
    **settings: Any,
) -> Figure:
    """Return a figure of one panel with a line of y against x for each value of the column hue.

    levels, marks: dotted lines across and upright, by their place, with their labels; interval: as of `draw_lines`;
    settings: those of `Axes.set`.
    """
    levels, marks = levels or {}, marks or {}
    with axes(None, title, [*map(str, table[hue].unique()), *levels.values(), *marks.values()], height=0.9) as ax:
        draw_lines(ax, table, x, y, hue, interval)
        for height, label in levels.items():
            draw_level(ax, height, label)
        for place, label in marks.items():
            ax.axvline(place, color=GRAY, linewidth=0.9, linestyle=(0, (1, 2)), label=label, zorder=1)
        ax.set(**settings)
        set_log_axes(ax, plain=True)
    return figure_of(ax)


def draw_intervals(ax: Axes, table: pd.DataFrame, x: str, hue: str) -> None:
    """Draw medians with their intervals over the categories of x, side by side for the values of the column hue.

    table: as of `medians`; colors and marks: those of `find_styles`. What is not finite has no mark.
    """
    places = {name: place for place, name in enumerate(table[x].unique())}
    styles = find_styles(table[hue].map(str))
    for shift, (name, look) in enumerate(styles.items()):
        label = name
        rows = table[(table[hue].map(str) == name) & np.isfinite(table["median"])]
        for category, *interval in rows[[x, "median", "low", "high"]].itertuples(index=False):
            place = places[category] + 0.3 * (shift - (len(styles) - 1) / 2)
            draw_interval(ax, place, interval, look["color"], label, look["marker"])
            label = ""
    ax.set_xticks(range(len(places)), list(map(str, places)), fontsize=7.5 if len(places) > 5 else None)
    ax.grid(False, axis="x")


def interval_figure(
    tables: Mapping[str, pd.DataFrame], x: str, hue: str, title: str, *, ylabel: str = "", level: float | None = None
) -> Figure:
    """Return a figure with a panel for each table: medians and intervals over the categories of x, log-scaled upright.

    tables: as of `medians`, by the title of the panel; x, hue: the columns of the categories and of the color; level:
    the height of a dotted line.
    """
    names = list(dict.fromkeys(str(name) for table in tables.values() for name in table[hue]))
    wide = 5.0 / len(tables) - 0.2
    figure, grid = new_figure(
        (wide, 2.4), 1, len(tables), gap=(0.6, 0.1), title=title,
        margins=(0.85, panels.legend_width(names), 0.4 + 0.2 * (len(tables) > 1), 0.55),
    )  # fmt: skip
    for ax, (name, table) in zip(grid[0], tables.items(), strict=True):
        draw_intervals(ax, table, x, hue)
        if level is not None:
            draw_level(ax, level, "")
        ax.set(yscale="log", xlabel=x)
        set_log_axes(ax, plain=True)
        if name:
            panel_title(ax, name, wide + 0.5)
    grid[0, 0].set_ylabel(ylabel)
    set_legend(figure, grid[0, -1])
    return figure


def draw_ratios(ax: Axes, table: pd.DataFrame, row: str, hue: str, xlabel: str) -> None:
    """Draw ratios with their intervals (columns factor, low, high), a row for each value of `row` from the top.

    hue: the column that is color and marker. What lies beyond the axis, infinity for one, is drawn at its end.
    """
    places = {name: -place for place, name in enumerate(table[row].unique())}
    ends = table[["low", "high"]].to_numpy().ravel()
    limits = 0.7 * min(1, ends[ends > 0].min(initial=1)), 1.5 * ends[ends < np.inf].max(initial=10)
    names = list(table[hue].unique())
    for place, (name, style) in enumerate(find_styles(map(str, names)).items()):
        part = table[table[hue].map(str) == name]
        height = part[row].map(places) + 0.6 / len(names) * ((len(names) - 1) / 2 - place)
        ax.hlines(height, part["low"].clip(*limits), part["high"].clip(*limits), color=style["color"], linewidth=1.4)
        ax.plot(part["factor"].clip(*limits), height, style["marker"], color=style["color"], markersize=5,
                markeredgecolor="white", label=name)  # fmt: skip
    ax.axvline(1, color=GRAY, linewidth=1, linestyle=(0, (2, 2)))
    ax.set_yticks(list(places.values()), list(places))
    ax.set(xscale="log", xlim=limits, ylim=(0.5 - len(places), 0.5), xlabel=xlabel)
    set_log_ticks(ax.xaxis, *limits, plain=True)


def translate(figure: Figure, language: Language) -> None:
    """Put the texts of a drawn figure into a language."""
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            words = [label.get_text() for label in axis.get_ticklabels()]
            if (translated := [*map(language, words)]) != words:
                axis.set_ticks(axis.get_ticklocs(), translated)
    for text in figure.findobj(Text):
        text.set_text(language(text.get_text()))


def set_log_axes(ax: Axes, plain: bool = False) -> None:
    """Make clear labels on the logarithmic axes of a panel; plain: 0.001 and not 10⁻³."""
    for axis, limits in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
        if axis.get_scale() == "log":
            set_log_ticks(axis, min(limits), max(limits), plain=plain)
