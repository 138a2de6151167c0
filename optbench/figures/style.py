"""The look of all figures: one style per optimizer in all of them, colors that the color-blind can tell apart."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import seaborn as sns
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from optbench.figures.fonts import fitting, text_width
from optbench.figures.styles import current, size, theme

__all__ = ["fitting", "text_width", "theme"]
# Inches: a line of footer and its margin
FOOT_INCHES = 0.25
# Points: by eye
TITLE_SIZE = 10.5
# Points: by eye
LEGEND_SIZE = 8
# PANEL_TITLE, Points: by eye
# SMALLEST, Points: by eye: what can still be read
PANEL_TITLE, SMALLEST = 8.5, 5.5
# Points: by eye: the footer is there to be found, not to be read
FOOT_SIZE = 5.6
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")
# fmt: off
DASHES = (
    (), (4, 1.2), (1.2, 1.2), (5, 1.2, 1.2, 1.2), (7, 1.6), (2.5, 1.2), (5, 1, 1, 1, 1, 1), (9, 2), (1, 2), (3, 3),
)
# fmt: on
GRAY = "#5c5c5c"
FOOT = "foot"
PALE, BLACK = "#c3c3c3", "#262626"
# Colors: as many as a palette has that color-blind readers can tell apart
COLORS = 10
HANDLE = 3.2  # letters long: dashes and a marker can be told
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MIN_WIDTH = 5.2  # inches: the foot has room for the version and the start of the command


def look(place: int, among_gray: bool = False) -> dict:
    """Color, marker and dashes of the optimizer at this place, counted from 0; `among_gray`: without the gray."""
    color, round_ = place % COLORS, place // COLORS
    # The second ten repeat the colors, not the dashes and markers.
    dashes, marker = DASHES[(color + 3 * round_) % len(DASHES)], MARKERS[(color + 3 * round_) % len(MARKERS)]
    return {"color": BLACK if among_gray and color == 7 else _palette()[color], "marker": marker, "dashes": dashes}


@lru_cache(maxsize=1)
def _palette() -> list:
    colors = sns.color_palette("colorblind", COLORS)
    # Two of seaborn's ten are too pale for a thin line on white: the same hues, darker.
    colors[6], colors[8] = to_rgb("#8c2d78"), to_rgb("#b3a200")
    return list(colors)


def draw_line(ax, x, y, style: dict, label: str, **keywords):
    """One line in an optimizer's style; the marker's white edge keeps crossing lines apart."""
    lines = current().lines
    (line,) = ax.plot(
        x, y, color=style["color"], marker=style["marker"], label=label, linewidth=1.5 * lines, markersize=5.4 * lines,
        markeredgecolor="white", markeredgewidth=0.6 * lines, **keywords,
    )  # fmt: skip
    if style["dashes"]:
        line.set_dashes(style["dashes"])
    return line


def draw_level(ax, height: float, label: str) -> None:
    """A dotted gray line at a height that others are read against."""
    dots = {"linewidth": 0.9 * current().lines, "linestyle": (0, (1, 2))}
    ax.axhline(height, color=GRAY, label=label, zorder=1, **dots)


def draw_guide(ax, x, y, label: str) -> None:
    """A dashed gray line of a law that others are read against."""
    ax.plot(x, y, color=GRAY, linewidth=current().lines, linestyle=(0, (4, 3)), label=label, zorder=1)


def draw_words(ax, text: str) -> None:
    """What axes say that have nothing to show."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", color=GRAY)


def draw_others(ax, lines: list, count: int) -> None:
    """The lines (x, y) of the `count` optimizers that are not in color: thin and gray, under one name."""
    x, y = (np.concatenate([part for line in lines for part in (line[axis], [np.nan])] or [[]]) for axis in (0, 1))
    ax.plot(x, y, color=PALE, linewidth=0.7 * current().lines, label=others(count), zorder=1.5)


def others(count: int) -> str:
    """What a legend calls them."""
    return f"{count} other{'' if count == 1 else 's'}" if count else ""


def label_along(ax, text: str) -> str:
    """The text of the axis that goes up, cut where the axes are not as tall."""
    return fitting(text, size("label"), ax.bbox.height / ax.get_figure(root=True).dpi + 0.3)


def panel_title(ax, text: str, room: float) -> None:
    """The title of a panel that has `room` inches for it: smaller where it must be, then cut."""
    usual = size("panel")
    points, least = min(usual, usual * room / text_width(text, usual)), SMALLEST / PANEL_TITLE * usual
    if points < least:
        points, text = least, fitting(text, least, room)
    ax.set_title(text, fontsize=points, pad=4)


def new_figure(panel, rows=1, columns=1, left=0.1, right=0.1, top=0.1, bottom=0.1, gap=(0.1, 0.1), title="", **share):
    """A figure around a grid of panels of exactly `panel` = (width, height) inches; (figure, array of axes).

    left, right, top, bottom: inches around the grid, for labels, legend and titles; gap: inches between panels.
    The room for the foot is added. Sizes are given, not found by a layout engine, which takes longer than the drawing.
    """
    now = current()
    wide, tall = panel[0] * columns + gap[0] * (columns - 1), panel[1] * rows + gap[1] * (rows - 1)
    width = left + wide + right
    if now.told:
        width = max(width, text_width(title, now.title) + 0.2, MIN_WIDTH)
        bottom += FOOT_INCHES
    height = bottom + tall + top
    figure = Figure(figsize=(width, height))
    grid = figure.subplots(
        rows, columns, squeeze=False, **share,
        gridspec_kw={
            "left": left / width, "right": (left + wide) / width, "bottom": bottom / height,
            "top": 1 - top / height, "wspace": gap[0] / panel[0], "hspace": gap[1] / panel[1],
        },
    )  # fmt: skip
    if now.told:
        figure.text(0.1 / width, 1 - 0.08 / height, title, fontsize=now.title, va="top", ha="left")
    return figure, grid


def balanced(count: int, widest: int) -> tuple[int, int]:
    """(columns, rows) for `count` panels, at most `widest` a row and the rows about equally full."""
    rows = -(-count // widest)
    return -(-count // rows), rows


def legend(figure: Figure, ax, title: str | None = None, below: bool = False) -> None:
    """The legend of `ax`, in the margin at its right, top aligned; or below it, in columns."""
    box, points = ax.get_position(), size("legend")
    handles, texts = ax.get_legend_handles_labels()
    columns = legend_columns(tuple(texts), figure.get_figwidth()) if below else 1
    place = (box.x1 + 0.1 / figure.get_figwidth(), box.y1 + 0.06 / figure.get_figheight())
    if below:
        place = (0.5, 0.03 / figure.get_figheight())
    figure.legend(
        handles, texts, loc="lower center" if below else "upper left", bbox_to_anchor=place, fontsize=points,
        handlelength=HANDLE, borderpad=0, borderaxespad=0, title=title, alignment="left", title_fontsize=points,
        ncols=columns, columnspacing=1.0, labelspacing=0.3 if below else 0.5,
    )  # fmt: skip


def legend_width(texts) -> float:
    """Inches that a legend with these texts takes, its distance from the panel included."""
    points = size("legend")
    return max(text_width(text, points) for text in texts) + (0.72 - 0.25) * points / LEGEND_SIZE + 0.25


def legend_columns(texts: tuple, room: float) -> int:
    """How many columns of a legend with these texts stand side by side in so many inches."""
    each = max(text_width(text, size("legend")) for text in texts) + (HANDLE + 1.8) * size("legend") / 72
    return max(1, min(len(texts), int(room / each)))


def legend_height(texts: tuple, room: float) -> float:
    """Inches that such a legend takes below a panel, its distance from the panel included."""
    return -(-len(texts) // legend_columns(texts, room)) * 1.35 * size("legend") / 72 + 0.1


def size_ticks(ax, sizes) -> None:
    """Ticks of a logarithmic axis at these batch sizes alone, as far as their texts have room side by side."""
    sizes = sorted(sizes)
    ends = (sizes[0] / 1.3, sizes[-1] * 1.3)
    inch = ax.bbox.width / ax.get_figure(root=True).dpi / np.log(ends[1] / ends[0])
    kept, free = [], -np.inf
    for each in sizes:
        middle, half = inch * np.log(each / ends[0]), text_width(f"{each:,.0f}", size("tick")) / 2
        if middle - half >= free:
            kept.append(each)
            free = middle + half + 0.05
    ax.set_xscale("log")
    ax.set_xlim(ends)
    ax.set_xticks(kept, [f"{each:,.0f}" for each in kept])
    ax.xaxis.set_minor_locator(NullLocator())


def log_ticks(axis, low: float, high: float, plain: bool = False) -> None:
    """Labels of a log axis that shows low to high: 10⁻³, or 0.001 where `plain` and the numbers stay short.

    Plain text instead of matplotlib's mathtext, and no minor ticks where decades suffice: those cost time only.
    """
    if not 0 < low <= high < np.inf:
        return
    write = _plain if plain and 1e-5 <= low and high <= 1e5 else _power
    axis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))
    if high / low >= 30:
        axis.set_minor_locator(NullLocator())
    else:
        wanted = (2, 5) if high / low >= 8 else (2, 3, 5, 7)
        axis.set_minor_formatter(FuncFormatter(lambda value, _: write(value) if _leading(value) in wanted else ""))


def _leading(value: float) -> int:
    return int(f"{value:e}"[0])


def _plain(value: float) -> str:
    return f"{float(f'{value:.3g}'):g}" if value >= 1e-4 else _power(value)  # 1000, not 1e+03


def _power(value: float) -> str:
    mantissa, exponent = f"{value:.2e}".split("e")
    factor = "" if float(mantissa) == 1 else f"{float(mantissa):g}×"
    return f"{factor}10{str(int(exponent)).translate(SUPERSCRIPT)}"


def save(figure: Figure, path: Path, foot: str, title: str = "", caption: str = "") -> None:
    """Write the figure, by the ending of the name a PNG, SVG or PDF file; the command and version in its metadata.

    They stand at its foot, too, on one line, in styles that tell.
    """
    write_foot(figure, foot)
    metadata = _metadata(path.suffix.lower(), foot, title, caption)
    figure.savefig(path, dpi=current().dpi, facecolor="white", metadata=metadata)


def write_foot(figure: Figure, foot: str) -> None:
    """One line at the foot of the figure, in styles that tell; once."""
    if current().told and not any(text.get_gid() == FOOT for text in figure.texts):
        line = fitting(foot, FOOT_SIZE, figure.get_figwidth() - 0.3)
        place = (0.1 / figure.get_figwidth(), 0.06 / figure.get_figheight())
        figure.text(*place, line, fontsize=FOOT_SIZE, color=GRAY, gid=FOOT)


def _metadata(kind: str, foot: str, title: str, caption: str) -> dict:
    """What the format has room for; no date, so that the same figure has the same bytes."""
    if kind == ".pdf":
        out = {"Title": title, "Subject": foot, "Keywords": caption, "Creator": "optbench", "Producer": "optbench"}
        return {**{key: text for key, text in out.items() if text}, "CreationDate": None}
    if kind == ".svg":
        return {"Title": title or None, "Description": f"{caption} {foot}".strip(), "Creator": "optbench", "Date": None}
    out = {"Title": title, "Comment": caption, "Description": foot, "Software": "optbench"}
    return {key: text for key, text in out.items() if text}
