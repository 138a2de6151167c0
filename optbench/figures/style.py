"""The look of all figures: one style per optimizer on the whole page, colors that the color-blind can tell apart."""

from __future__ import annotations

import os
import warnings
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from threading import RLock

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ticker import FuncFormatter, NullLocator

DPI = 144
FOOT_INCHES = 0.25
TITLE_SIZE = 10.5
LEGEND_SIZE = 8
PANEL_TITLE, SMALLEST = 8.5, 5.5
FOOT_SIZE = 5.6
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")
# fmt: off
DASHES = (
    (), (4, 1.2), (1.2, 1.2), (5, 1.2, 1.2, 1.2), (7, 1.6), (2.5, 1.2), (5, 1, 1, 1, 1, 1), (9, 2), (1, 2), (3, 3),
)
# fmt: on
GRAY = "#5c5c5c"
PALE, BLACK = "#c3c3c3", "#262626"
COLORS = 10
FONT = "DejaVu Sans"  # comes with matplotlib, so figures look the same everywhere
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MIN_WIDTH = 5.2  # inches: the foot has room for the version and the start of the command


_drawing = RLock()
"""Matplotlib has one set of settings for all threads: two that draw at once would give each other's back at the end."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_drawing._at_fork_reinit)


@contextmanager
def theme():
    """A context in which figures are drawn, by one thread at a time; the user's own settings are back after it."""
    settings = {**mpl.rcParamsDefault, **sns.axes_style("whitegrid"), **sns.plotting_context("paper", font_scale=1.1)}
    settings |= {"grid.color": "#e3e3e3", "grid.linewidth": 0.6, "axes.edgecolor": "#8c8c8c", "legend.frameon": False}
    settings |= {"hatch.linewidth": 0.7, "axes.labelsize": 9.5, "xtick.labelsize": 8.5, "ytick.labelsize": 8.5}
    settings |= {"font.family": ["sans-serif"], "font.sans-serif": [FONT], "text.usetex": False}
    settings |= {"text.parse_math": False}  # names are text: a "$" in one is a dollar
    settings.pop("backend", None)
    settings.pop("backend_fallback", None)
    with _drawing, mpl.rc_context(settings), warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes; the page has it in full.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


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
    (line,) = ax.plot(
        x, y, color=style["color"], marker=style["marker"], label=label, linewidth=1.5, markersize=5.4,
        markeredgecolor="white", markeredgewidth=0.6, **keywords,
    )  # fmt: skip
    if style["dashes"]:
        line.set_dashes(style["dashes"])
    return line


def draw_others(ax, lines: list, count: int) -> None:
    """The lines (x, y) of the `count` optimizers that are not in color: thin and gray, under one name."""
    x, y = (np.concatenate([part for line in lines for part in (line[axis], [np.nan])] or [[]]) for axis in (0, 1))
    ax.plot(x, y, color=PALE, linewidth=0.7, label=others(count), zorder=1.5)


def others(count: int) -> str:
    """What a legend calls them."""
    return f"{count} other{'' if count == 1 else 's'}"


@lru_cache(maxsize=4096)
def text_width(text: str, size: float) -> float:
    """Width in inches of `text` set in `size` points."""
    font = get_font(findfont(FontProperties(family=FONT)))
    font.set_size(size, 72)
    font.set_text(text)
    return font.get_width_height()[0] / 64 / 72


def fitting(text: str, size: float, room: float) -> str:
    """The text on one line of `room` inches, cut where it is longer, and the cut marked."""
    if text_width(text, size) <= room:
        return text
    low, high = 0, len(text)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if text_width(text[:middle] + " …", size) <= room else (low, middle)
    return text[:low].rstrip() + " …"


def panel_title(ax, text: str, room: float) -> None:
    """The title of a panel that has `room` inches for it: smaller where it must be, then cut."""
    size = min(PANEL_TITLE, PANEL_TITLE * room / text_width(text, PANEL_TITLE))
    if size < SMALLEST:
        size, text = SMALLEST, fitting(text, SMALLEST, room)
    ax.set_title(text, fontsize=size, pad=4)


def new_figure(panel, rows=1, columns=1, left=0.1, right=0.1, top=0.1, bottom=0.1, gap=(0.1, 0.1), title="", **share):
    """A figure around a grid of panels of exactly `panel` = (width, height) inches; (figure, array of axes).

    left, right, top, bottom: inches around the grid, for labels, legend and titles; gap: inches between panels.
    The room for the foot is added. Sizes are given, not found by a layout engine, which takes longer than the drawing.
    """
    wide, tall = panel[0] * columns + gap[0] * (columns - 1), panel[1] * rows + gap[1] * (rows - 1)
    width = max(left + wide + right, text_width(title, TITLE_SIZE) + 0.2, MIN_WIDTH)
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
    figure.text(0.1 / width, 1 - 0.08 / height, title, fontsize=TITLE_SIZE, va="top", ha="left")
    return figure, grid


def balanced(count: int, widest: int) -> tuple[int, int]:
    """(columns, rows) for `count` panels, at most `widest` a row and the rows about equally full."""
    rows = -(-count // widest)
    return -(-count // rows), rows


def legend(figure: Figure, ax, title: str | None = None) -> None:
    """The legend of `ax`, in the margin at its right, top aligned."""
    box = ax.get_position()
    handles, texts = ax.get_legend_handles_labels()
    place = (box.x1 + 0.1 / figure.get_figwidth(), box.y1 + 0.06 / figure.get_figheight())
    figure.legend(
        handles, texts, loc="upper left", bbox_to_anchor=place, fontsize=LEGEND_SIZE, handlelength=3.2, borderpad=0,
        borderaxespad=0, title=title, alignment="left", title_fontsize=LEGEND_SIZE,
    )  # fmt: skip


def legend_width(texts) -> float:
    """Inches that a legend with these texts takes, its distance from the panel included."""
    return max(text_width(text, LEGEND_SIZE) for text in texts) + 0.72


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


def save(figure: Figure, path: Path, foot: str) -> None:
    """Write the figure with the command and version at its foot, on one line; whole in the PNG's metadata."""
    line = fitting(foot, FOOT_SIZE, figure.get_figwidth() - 0.3)
    figure.text(0.1 / figure.get_figwidth(), 0.06 / figure.get_figheight(), line, fontsize=FOOT_SIZE, color=GRAY)
    figure.savefig(path, dpi=DPI, facecolor="white", metadata={"Description": foot, "Software": "optbench"})
