"""Panels of figures and what most of them have: lines and intervals by seaborn, legends, guides, log ticks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.mathtext import MathTextParser
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, NullLocator

from optbench.contract.errors import OptbenchError
from optbench.figures.fonts import FAMILIES, cut_to_width, text_width
from optbench.figures.style import (
    FOOT_INCHES,
    GRAY,
    LEGEND_SIZE,
    PALE,
    SMALLEST,
    axes_style,
    current,
    figure_style,
    open_figure,
)
from optbench.wording import labels

# Inches: a figure has room for a legend beside its panel
WIDE = 5
# Letters: dashes and a marker of a legend can be distinguished
_HANDLE = 3.2
# Inches: the foot has room for the version and the start of the command
_LEAST_WIDTH = 5.2
# Share of the usual size of a panel's title: the smallest
_SMALLEST_TITLE = 5.5 / 8.5
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@contextmanager
def axes(
    ax: Axes | None,
    title: str = "",
    legend: Iterable[str] = (),
    height: float = 1.0,
    left: float = 0.75,
    right: float = 0.12,
    width: float | None = None,
    ends: Iterable[str] = (),
) -> Iterator[Axes]:
    """Yield the axes that are given, or those of a new figure of a good size, in the style of the context.

    At the end what was drawn with a label gets a legend: beside or below the panel of a new figure, inside axes that
    are given.

    title: of a new figure; legend: its texts, which room is made for; height: of the panel, as a multiple of the
    usual; left, right: inches beside the panel, right where no legend stands; width: of the figure, by default the
    style's; ends: texts of `name_ends`, which take the place of a legend.
    """
    if ax is not None:
        if not isinstance(ax, Axes):
            raise OptbenchError(f"ax must be an Axes of matplotlib, not {type(ax).__name__}")
        with axes_style() as now:
            yield ax
            if ax.get_legend_handles_labels()[0]:
                box: dict = {"frameon": True, "framealpha": 0.8, "edgecolor": "none", "labelspacing": 0.3}
                ax.legend(fontsize=now.legend, handlelength=2.6, loc="best", **box)
            _read_math(ax)
        return
    with figure_style() as now:
        texts, ends = tuple(filter(None, legend)), tuple(ends)
        left, right, bottom = left * now.scale, right * now.scale, 0.5 * now.scale
        right = max([right, *(0.4 + text_width(text, now.legend) for text in ends)])
        # A column has no room beside the panel.
        below = now.width < WIDE or (now.name == "paper" and left + legend_width(texts) > 0.6 * now.width)
        if texts and below:
            bottom += -(-len(texts) // _legend_columns(texts, now.width)) * 1.35 * now.legend / 72 + 0.1
        elif texts:
            right = legend_width(texts)
        # A long legend does not squeeze the panel.
        width = now.fit_column(width or max(now.width, left + right + 0.4 * now.width))
        figure, grid = new_figure(
            (width - left - right, height * now.height), title=title, detached=False,
            margins=(left, right, (0.38 if now.titled else 0.1) * now.scale, bottom),
        )  # fmt: skip
        yield grid[0, 0]
        if not ends and grid[0, 0].get_legend_handles_labels()[0]:
            set_legend(figure, grid[0, 0], below=below)
        _read_math(figure)


def figure_of(ax: Axes) -> Figure:
    """Return the figure that axes lie in."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def join_title(words: str, problem: str) -> str:
    """Return the title of a figure of one problem, "<words>: <problem>"; a long problem is shortened."""
    return f"{words}: {labels.shorten(problem, 60)}"


def new_figure(
    panel: tuple[float, float], rows: int = 1, columns: int = 1,
    margins: tuple[float, float, float, float] = (0.1, 0.1, 0.1, 0.1), gap: tuple[float, float] = (0.1, 0.1),
    title: str = "", detached: bool = True, **share: Any,
) -> tuple[Figure, np.ndarray]:  # fmt: skip
    """Return a figure around a grid of panels of exactly `panel` = (width, height) inches, and the array of axes.

    margins: inches on the left and right of the grid, above and below it, for labels, legend and titles; gap: inches
    between panels. Room for the foot is added. Sizes are given, for matplotlib's layout engines take longer than the
    drawing.
    """
    now, (left, right, top, bottom) = current(), margins
    wide, tall = panel[0] * columns + gap[0] * (columns - 1), panel[1] * rows + gap[1] * (rows - 1)
    width = left + wide + right
    if now.titled:
        width = max(width, text_width(title, now.title) + 0.2, _LEAST_WIDTH)
        bottom += FOOT_INCHES
    height = bottom + tall + top
    figure = Figure(figsize=(width, height)) if detached else open_figure(width, height)
    place = {"left": left / width, "right": (left + wide) / width, "bottom": bottom / height, "top": 1 - top / height}
    place |= {"wspace": gap[0] / panel[0], "hspace": gap[1] / panel[1]}
    grid = figure.subplots(rows, columns, squeeze=False, gridspec_kw=place, **share)
    for ax in grid.flat:  # ticks that are made after the style's context would have the user's settings
        ax.tick_params(labelsize=now.tick, labelfontfamily=list(FAMILIES))
        ax.grid(True, color="#e3e3e3", linewidth=0.6)
    if now.titled:
        figure.text(0.1 / width, 1 - 0.08 * now.scale / height, title, fontsize=now.title, va="top", ha="left")
    return figure, grid


def draw_panels(
    draw: Callable[[Axes, str], None], names: Mapping[str, str], panel: tuple[float, float], title: str,
    captions: tuple[str, str], margins: tuple[float, float, float], most: int = 5,
    gap: tuple[float | None, float] = (None, 0.5), **share: Any,
) -> Figure:  # fmt: skip
    """Draw a panel for each name, at most `most` in a row, and return their figure.

    draw: called with the axes and the name of each panel; names: the title of each panel; captions: of x, at the lowest
    panel of each column, and of y, at the first of each row; margins: inches on the left, on the right and below; gap:
    inches between panels, None: as wide as the left margin, where every panel has labels of its own; the rest is as of
    `new_figure`.
    """
    now, (left, right, bottom) = current(), margins
    between = left if gap[0] is None else gap[0]
    most = max(1, min(most, int((now.widest - left - right + between) / (panel[0] + between))))
    rows = -(-len(names) // most)
    columns = -(-len(names) // rows)  # rows are about equally full
    around = left + right + between * (columns - 1)
    wide = (now.fit_column(around + panel[0] * columns) - around) / columns
    panel = wide, panel[1] * (wide / panel[0] if share else 1.0)  # panels with axes in common keep their form
    figure, grid = new_figure(
        panel, rows, columns, (left, right, (0.58 if now.titled else 0.25) * now.scale, bottom * now.scale),
        gap=(between, gap[1] * now.scale), title=title, **share,
    )  # fmt: skip
    for ax in grid.flat[len(names) :]:
        ax.set_visible(False)
    for place, (name, text) in enumerate(names.items()):
        ax = grid.flat[place]
        draw(ax, name)
        panel_title(ax, text, panel[0] + between - 0.06 if columns > 1 else np.inf)
        lowest = place + columns >= len(names)
        ax.tick_params(labelsize=now.small, labelbottom=not share or lowest)
        ax.set_xlabel(captions[0] if lowest else "", fontsize=now.panel)
        ax.set_ylabel(captions[1] if place % columns == 0 else "", fontsize=now.panel)
    _read_math(figure)
    return figure


def panel_title(ax: Axes, text: str, room: float) -> None:
    """Set the title of a panel: in smaller letters if it is wider than `room` inches, then cut."""
    usual = current().panel
    least = SMALLEST if current().name == "paper" else _SMALLEST_TITLE * usual
    points = max(min(usual, usual * room / text_width(text, usual)), least)
    ax.set_title(cut_to_width(text, points, room * 1.001), fontsize=points, pad=4)


def draw_lines(
    ax: Axes, table: pd.DataFrame, x: str, y: str, styles: Mapping[str, dict], texts: Mapping[str, str],
    interval: str = "", marks: int = 0, **keywords: Any,
) -> None:  # fmt: skip
    """Draw a line for each optimizer in `styles`, and the others of the table thin and gray under one label.

    table: a row a point, with the column optimizer; points that are not finite are left out. texts: the labels.
    interval: "band" or "bars", from the columns low to high. marks: about so many markers a line, none beside those of
    the other lines; 0: one at each point. keywords: those of `Axes.plot`.
    """
    import seaborn as sns  # takes a second

    lines = current().lines
    table = table[np.isfinite(table[y].to_numpy(dtype=np.float64))].sort_values(x, kind="stable")
    parts = {name: part for name, part in table.groupby("optimizer", sort=False) if name in styles}
    names, first = [name for name in styles if name in parts], len(ax.lines)
    form: dict = {"linewidth": 1.5 * lines, "markersize": 5.4 * lines, "zorder": 3}
    form |= {"markeredgewidth": 0.6 * lines, "markeredgecolor": "white"}
    unaggregated: dict = {"x": x, "y": y, "estimator": None, "errorbar": None, "legend": False, "ax": ax}
    if names:
        palette, markers, dashes = (
            {name: styles[name][key] for name in names} for key in ("color", "marker", "dashes")
        )
        sns.lineplot(
            table[table["optimizer"].isin(names)], hue="optimizer", style="optimizer", hue_order=names,
            style_order=names, palette=palette, markers=markers, dashes=dashes, **unaggregated, **form | keywords,
        )  # fmt: skip
    for place, (name, line) in enumerate(zip(names, list(ax.lines)[first:], strict=True)):
        part, color = parts[name], styles[name]["color"]
        line.set_label(texts[name])
        if marks:
            every = max(1, len(part) // marks)
            line.set_markevery((min(place * every // len(names), len(part) - 1), every))
        if interval:
            low, high = (part[end].where(np.isfinite(part[end]), part[y]) for end in ("low", "high"))
        if interval == "band":
            step: Literal["post"] | None = "post" if "drawstyle" in keywords else None
            edge: dict[str, Any] = {"facecolor": (color, 0.1), "edgecolor": (color, 0.4), "linewidth": 0.6 * lines}
            ax.fill_between(part[x], low, high, step=step, zorder=2, gid=f"band {name}", **edge)
        elif interval == "bars":
            ax.vlines(part[x], low, high, color=color, linewidth=lines, alpha=0.5, zorder=2)
    for name in [name for name in styles if name not in parts]:  # for the legend
        color, marker = styles[name]["color"], styles[name]["marker"]
        (line,) = ax.plot([], [], color=color, marker=marker, label=texts[name], **form)
        line.set_dashes(styles[name]["dashes"] or ())
    gray = table[~table["optimizer"].isin(list(styles))]
    if len(gray):
        thin = {"color": PALE, "linewidth": 0.7 * lines, "zorder": 1.5, "drawstyle": keywords.get("drawstyle")}
        if keywords.get("linewidth") == 0:
            thin |= {"linewidth": 0, "marker": ".", "markeredgecolor": PALE}
        sns.lineplot(gray, units="optimizer", **unaggregated, **thin)
        ax.lines[-1].set_label(count_others(gray["optimizer"].nunique()))


def draw_level(ax: Axes, height: float, label: str) -> None:
    """Draw a dotted gray line at a height, for comparison; label: its text in the legend."""
    ax.axhline(height, color=GRAY, label=label, zorder=1, linewidth=0.9 * current().lines, linestyle=(0, (1, 2)))


def draw_guide(ax: Axes, x: Any, y: Any, label: str) -> None:
    """Draw a dashed gray line through x and y, for comparison: that of a law; label: its text in the legend."""
    ax.plot(x, y, color=GRAY, linewidth=current().lines, linestyle=(0, (4, 3)), label=label, zorder=1)


def name_ends(ax: Axes, ends: Mapping[str, tuple[float, dict]]) -> None:
    """Write texts right of the panel, each with its marker, apart from each other, in place of a legend.

    ends: for each text where its line ends on the y axis, NaN for none, and its line style.
    """
    points, lines, figure = current().legend, current().lines, figure_of(ax)
    ax.set_xlim(ax.get_xlim())
    apart = 1.25 * points / 72 / (figure.get_figheight() * ax.get_position().height)
    heights = {text: height if np.isfinite(height) else ax.get_ylim()[1] for text, (height, _) in ends.items()}
    data = ax.transData.transform([(ax.get_xlim()[1], height) for height in heights.values()])
    own = np.clip(ax.transAxes.inverted().transform(data)[:, 1], 0, 1)
    order = np.argsort(-own, kind="stable")
    place = own[order] + apart * np.arange(len(own))  # where each would stand, if texts had no height
    spread = np.minimum.accumulate(place)
    # Those that would stand below the panel push the others up.
    spread = np.maximum(spread, apart * (len(own) - 1)) - apart * np.arange(len(own))
    for index, height in zip(order, spread, strict=True):
        text, look = list(ends)[index], ends[list(ends)[index]][1]
        form: dict[str, Any] = {"marker": look["marker"], "markersize": 5.4 * lines, "markeredgecolor": "white"}
        form |= {"markeredgewidth": 0.6 * lines, "linewidth": 0.6 * lines, "markevery": [1], "clip_on": False}
        leader = Line2D([1, 1.025], [own[index], height], color=look["color"], transform=ax.transAxes, **form)
        figure.add_artist(leader)
        where: dict[str, Any] = {
            "xycoords": "axes fraction",
            "textcoords": "offset points",
            "va": "center_baseline",
            "annotation_clip": False,
        }
        ax.annotate(text, (1.025, height), (0.75 * points, 0), color=look["color"], fontsize=points, **where)


def name_line(ax: Axes, height: float, text: str, left: bool = True) -> None:
    """Write the name of a level line at its end: above it at the left, or below it at the right."""
    side: dict[str, Any] = {"ha": "left", "va": "bottom"} if left else {"ha": "right", "va": "top"}
    where: dict[str, Any] = {"transform": ax.get_yaxis_transform(), "color": GRAY, "fontsize": current().small}
    ax.text(0.01 if left else 0.99, height, text, **side, **where)


def _read_math(artist: Artist) -> None:
    """Let labels in a figure, or in axes, be math where mathtext can read it; else they are drawn as they stand."""
    for each in artist.findobj(Text):
        if isinstance(each, Text) and len(labels.split_math(each.get_text())) > 1:
            try:
                MathTextParser("path").parse(each.get_text())
            except ValueError:
                continue
            each.set_parse_math(True)


def draw_note(ax: Axes, text: str) -> None:
    """Write a text into axes that have nothing to show: the reason."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", color=GRAY)


def count_others(count: int) -> str:
    """Return the legend's text for so many optimizers in gray; "" for none."""
    return f"{count} other{'' if count == 1 else 's'}" if count else ""


def set_ylabel(ax: Axes, text: str) -> None:
    """Set the label of the y axis, cut to the height of the axes."""
    ax.set_ylabel(cut_to_width(text, current().label, ax.bbox.height / figure_of(ax).dpi + 0.3))


def find_limits(table: pd.DataFrame, y: str, log: bool, reach: float = 100.0) -> tuple[float, float]:
    """Return (low, high) for an axis that shows all finite values, and their intervals unless those flatten the values.

    table: the columns y, low and high. On a logarithmic axis intervals are cut at `reach` times the values' own ends,
    on a linear one at twice their span beyond these; (0.1, 10) if there is no value.
    """
    values, low, high = (table[name][np.isfinite(table[name])] for name in (y, "low", "high"))
    if values.empty:
        return 0.1, 10.0
    least, most = float(values.min()), float(values.max())
    bottom, top = min(least, low.min()), max(most, high.max())
    if log:
        return max(bottom, least / reach) / 2, min(top, most * reach) * 2
    span = 2 * (most - least)
    bottom, top = max(bottom, least - span), min(top, most + span)
    margin = 0.05 * ((top - bottom) or 1.0)
    return bottom - margin, top + margin


def set_legend(figure: Figure, ax: Axes, below: bool = False) -> None:
    """Set the legend of `ax` in the margin at its right, top aligned; or below it, in columns."""
    box, points = ax.get_position(), current().legend
    handles, texts = ax.get_legend_handles_labels()
    place = (box.x1 + 0.1 / figure.get_figwidth(), box.y1 + 0.06 / figure.get_figheight())
    figure.legend(
        handles, texts, loc="lower center" if below else "upper left", fontsize=points,
        bbox_to_anchor=(0.5, 0.03 / figure.get_figheight()) if below else place, handlelength=_HANDLE, borderpad=0,
        borderaxespad=0, alignment="left", columnspacing=1.0, labelspacing=0.3 if below else 0.5,
        ncols=_legend_columns(texts, figure.get_figwidth()) if below else 1,
    )  # fmt: skip


def legend_width(texts: Iterable[str]) -> float:
    """Return the inches that a legend with these texts takes beside a panel, its distance from it included."""
    points = current().legend
    return max((text_width(text, points) for text in texts), default=0.0) + 0.47 * points / LEGEND_SIZE + 0.25


def _legend_columns(texts: Sequence[str], room: float) -> int:
    """Return how many columns of a legend with these texts fit into a width of `room` inches."""
    points = current().legend
    each = max(text_width(text, points) for text in texts) + (_HANDLE + 1.8) * points / 72
    return max(1, min(len(texts), int(room / each)))


def set_size_ticks(ax: Axes, sizes: Iterable[int]) -> None:
    """Set ticks of a logarithmic axis at these batch sizes alone, as far as their texts have room side by side."""
    sizes = sorted(sizes)
    ends = (sizes[0] / 1.3, sizes[-1] * 1.3)
    widest = max(text_width(f"{size:,.0f}", current().tick) for size in sizes) + 0.05
    apart = widest * np.log(ends[1] / ends[0]) / (ax.bbox.width / figure_of(ax).dpi)
    shown = sizes[:1]
    for size in sizes[1:]:
        if np.log(size / shown[-1]) >= apart:
            shown.append(size)
    ax.set(xscale="log", xlim=ends)
    ax.set_xticks(shown, [f"{size:,.0f}" for size in shown])
    ax.xaxis.set_minor_locator(NullLocator())


def set_log_ticks(axis: Any, low: float, high: float, plain: bool = False) -> None:
    """Set the labels of a log axis that shows low to high: 10⁻³, or 0.001 where `plain` and the numbers stay short.

    Plain text instead of matplotlib's mathtext, and no minor ticks where two decades or more have a label.
    """
    if not 0 < low <= high < np.inf:
        return
    write = _plain_text if plain and low >= 1e-5 and high <= 1e5 else _power_text
    axis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))
    if np.floor(np.log10(high) + 1e-9) - np.ceil(np.log10(low) - 1e-9) >= 1 and high / low >= 30:
        axis.set_minor_locator(NullLocator())
    else:
        wanted = "25" if high / low >= 8 else "2357"
        axis.set_minor_formatter(FuncFormatter(lambda value, _: write(value) if f"{value:e}"[0] in wanted else ""))


def _plain_text(value: float) -> str:
    """Return the text of a tick: 1000, 0.001, and 10⁻⁵ for what is smaller than 0.0001."""
    return f"{float(f'{value:.3g}'):g}" if value >= 1e-4 else _power_text(value)


def _power_text(value: float) -> str:
    """Return the text of a tick as a power: 10⁻³, 2×10⁻³."""
    mantissa, exponent = f"{value:.2e}".split("e")
    factor = "" if float(mantissa) == 1 else f"{float(mantissa):g}×"
    return f"{factor}10{str(int(exponent)).translate(_SUPERSCRIPT)}"
