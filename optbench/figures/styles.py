"""The styles of all figures: sizes of text and lines for papers, slides and screens."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from threading import RLock

import matplotlib as mpl
import matplotlib.style
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from optbench.contract.errors import OptbenchError, unknown
from optbench.figures import fonts


@dataclass(frozen=True)
class Style:
    """Sizes of text in points, of figures in inches."""

    name: str = "screen"
    label: float = 9.5
    tick: float = 8.5
    legend: float = 8.0
    title: float = 10.5
    panel: float = 8.5
    """The title of a panel among others."""
    small: float = 7.5
    """Ticks of small panels, numbers in cells."""
    width: float = 7.4
    """Of a figure of one panel, its legend included."""
    height: float = 3.2
    """Of its panel."""
    widest: float = 9.0
    """Of a figure of many panels."""
    lines: float = 1.0
    """What widths of lines and sizes of markers are multiplied by."""
    told: bool = True
    """Whether the figure says what it is and which command made it: in a paper the caption does."""
    dpi: int = 144

    @property
    def zoom(self) -> float:
        """What inches around text are multiplied by."""
        return self.label / SCREEN.label


SCREEN = Style()
STYLES = {
    "screen": SCREEN,
    "paper": Style("paper", 8.0, 7.0, 7.0, 8.0, 7.5, 6.5, 3.3, 2.1, 6.9, 0.8, told=False, dpi=300),
    "slides": Style("slides", 17.0, 15.0, 15.0, 19.0, 15.0, 13.0, 12.0, 5.2, 13.0, 1.8),
}
_WIDE = {"width": 6.9, "height": 2.6}
"""A paper's figure over both columns."""
_active: ContextVar[Style | None] = ContextVar("style", default=None)
_apart: ContextVar[bool] = ContextVar("apart", default=False)
_drawing = RLock()
"""Matplotlib has one set of settings for all threads: two that draw at once would give each other's back at the end."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_drawing._at_fork_reinit)


@contextmanager
def styled(name: str = "screen", columns: int = 1) -> Iterator[Style]:
    """A context in which figures are drawn and saved in one style; matplotlib's settings are the user's own after it.

    In it new axes of the user's own figures have the style, too, and PDF files have their fonts embedded. One thread
    at a time is in such a context; the others wait.

    Args:
        name: "paper" (a column is 3.3 inches wide, text has 8 points, no title), "slides" (large) or "screen".
        columns: of the paper that a new figure takes, 1 or 2.

    Returns:
        The context, with the style's sizes.

    Raises:
        OptbenchError: there is no such style, or the columns are not 1 or 2.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> with optbench.figures.styled("paper"):
        ...     plt.rcParams["pdf.fonttype"]
        42
    """
    if not isinstance(name, str) or name not in STYLES:
        raise unknown("style", name, STYLES)
    if isinstance(columns, bool) or columns not in (1, 2):
        raise OptbenchError(f"columns={columns!r} must be 1 or 2")
    style = STYLES[name]
    if name == "paper" and columns == 2:
        style = replace(style, **_WIDE)
    if not _apart.get():
        from matplotlib import pyplot

        # A backend changes settings when it is loaded: Jupyter's turns "interactive" on, without which it shows no
        # figure. Loaded inside the context, it would lose them at the context's end.
        pyplot.switch_backend(mpl.get_backend())
    with _inside(["default", _settings(style)], style):
        yield style


def theme() -> object:
    """The context of figures on a screen."""
    return styled("screen")


@contextmanager
def of_axes() -> Iterator[Style]:
    """The style for axes that are given: the one of the context, else the sizes of matplotlib's settings."""
    now = _active.get()
    if now is not None:
        yield now
        return
    rc = mpl.rcParams
    label, tick, legend, title = (
        FontProperties(size=rc[key]).get_size_in_points()
        for key in ("axes.labelsize", "xtick.labelsize", "legend.fontsize", "axes.titlesize")
    )
    lines = rc["lines.linewidth"] / 1.5
    style = Style("given", label, tick, legend, title, title, 0.9 * tick, lines=lines, told=False)
    families = {"font.family": [*rc["font.family"], *fonts.families()[1:]]}
    with _inside([{**families, "text.parse_math": False}], style):
        yield style


@contextmanager
def of_figure() -> Iterator[Style]:
    """The style for a new figure: the one of the context, else that of screens."""
    now = _active.get()
    if now is not None:
        yield now
        return
    with styled() as style:
        yield style


def current() -> Style:
    """The style that figures are drawn in."""
    return _active.get() or SCREEN


def size(role: str) -> float:
    """Points of "label", "tick", "legend", "title", "panel" or "small" text."""
    return float(getattr(current(), role))


@contextmanager
def apart() -> Iterator[None]:
    """A context in which new figures are matplotlib's alone: pyplot, which notebooks show, does not keep them."""
    token = _apart.set(True)
    try:
        yield
    finally:
        _apart.reset(token)


def figure_of(width: float, height: float) -> Figure:
    """A new figure of so many inches."""
    if _apart.get():
        return Figure(figsize=(width, height))
    from matplotlib import pyplot

    return pyplot.figure(figsize=(width, height))


def _settings(style: Style) -> dict:
    settings = {**sns.axes_style("whitegrid"), **sns.plotting_context("paper", font_scale=1.1)}
    settings |= {"grid.color": "#e3e3e3", "grid.linewidth": 0.6, "axes.edgecolor": "#8c8c8c", "legend.frameon": False}
    settings |= {"axes.labelsize": style.label, "xtick.labelsize": style.tick, "ytick.labelsize": style.tick}
    settings |= {"font.size": style.label, "axes.titlesize": style.title, "legend.fontsize": style.legend}
    settings |= {"hatch.linewidth": 0.7, "lines.linewidth": 1.5 * style.lines, "savefig.dpi": style.dpi}
    # The families by name, for a general one is looked up when a figure is drawn, which may be after the context.
    settings |= {"font.family": list(fonts.families()), "font.sans-serif": [fonts.FONT], "text.usetex": False}
    settings |= {"text.parse_math": False}  # names are text: a "$" in one is a dollar
    # Fonts as a whole for what reads and edits PDF; SVG cannot hold fonts, so its letters are drawn as lines.
    settings |= {"pdf.fonttype": 42, "ps.fonttype": 42, "svg.fonttype": "path", "svg.hashsalt": "optbench"}
    return settings


@contextmanager
def _inside(settings: list, style: Style) -> Iterator[None]:
    """settings: what `matplotlib.style.use` takes, which changes no setting of the session, such as "interactive"."""
    with _drawing, mpl.style.context(settings), warnings.catch_warnings():
        # A name in a script that no font of the system has is drawn as boxes; the page has it in full.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        token = _active.set(style)
        try:
            yield
        finally:
            _active.reset(token)
