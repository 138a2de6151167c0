"""The style of all figures: sizes for papers, slides and screens, a line style per optimizer, files with their origin.

Colors are for color-blind readers, too; dashes and markers do without color.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from threading import RLock
from typing import Any, Literal, NamedTuple

import matplotlib as mpl
import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.backends import BackendFilter, backend_registry
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from PIL import Image

from optbench.analysis.verdicts import ALL
from optbench.contract import arguments
from optbench.contract.process_state import forgotten_by_forks
from optbench.figures import fonts
from optbench.wording import labels

# Points on a screen: titles of figures, of panels, and text of legends
TITLE_SIZE, PANEL_TITLE, LEGEND_SIZE = 10.5, 8.5, 8
# Inches: a line of footer and its margin. Points: it is there to be found, not to be read
FOOT_INCHES, FOOT_SIZE = 0.25, 5.6
# Points: the least that journals print
SMALLEST = 7.0
# Inches: the width of one column of a paper, and of two
COLUMNS = (3.3, 6.9)
GRAY, PALE, BLACK = "#5c5c5c", "#c3c3c3", "#262626"
COLORS = 10
"""The most optimizers in color in one figure: a palette has no more for color-blind readers."""
PALETTE = (
    "#0173b2", "#c47a00", "#029e73", "#a82e00", "#b977da", "#7d4825", "#7a1f6a", "#003690", "#29a91a", "#3d9daa",
)  # fmt: skip
"""At least 3:1 on white. Of all such colors, near seaborn's for color-blind readers, those that look least alike to
people without red or green cones: by a distance of 12 (CIELAB, Machado et al. 2009), seaborn's by 3.8."""
NAMES = (
    "gd", "momentum", "nesterov", "rmsprop", "adam", "adagrad", "adamw", "lion", "nadam", "muon",
    "heavy_ball", "adam_torch", "rmsprop_torch", "radam", "adabelief", "amsgrad", "shampoo", "signsgd", "lamb", "yogi",
    "lbfgs", "cg", "adafactor", "prodigy", "schedule_free_adamw", "schedule_free_sgd", "signum", "lars", "adan",
    "ademamix", "mars", "adabound", "adamax", "adopt", "rmsprop_centered", "rmsprop_momentum", "adadelta", "asgd",
    "novograd", "aggmo", "qhm", "qhadam", "rprop", "soap", "distributed_shampoo", "scion", "moonlight_muon", "normuon",
    "nadamw", "splus", "came", "sps", "momo", "momo_adam", "dog", "l_dog", "dowg", "dadapt_adam", "stable_adamw",
    "laprop", "muon_squared", "adam_mini", "adahessian", "schedule_free_radam", "sophia_h", "kron", "soap_muon",
    "sps_smooth", "sophia_g",
)  # fmt: skip
"""The optimizers in the order of their styles: those that often meet in one figure stand among ten that differ. New
ones come last, so that no other one's style changes."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")
DASHES = (
    "", (4, 1.2), (1.2, 1.2), (5, 1.2, 1.2, 1.2), (7, 1.6), (2.5, 1.2), (5, 1, 1, 1, 1, 1), (9, 2), (1, 2), (3, 3),
)  # fmt: skip
# Colors of a picture: as many as a palette has. Measured, a PNG of paths: 43 kB, all colors 400 kB; lines keep their
# colors within 1 of 255, with the median cut of 64 colors 46
_PICTURE_COLORS = 256
_FOOT = "foot"


@dataclass(frozen=True)
class Style:
    """Sizes of text in points, of figures in inches."""

    name: str = "screen"
    label: float = 9.5
    tick: float = 8.5
    legend: float = LEGEND_SIZE
    title: float = TITLE_SIZE
    panel: float = PANEL_TITLE
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
    """Factor of the widths of lines and the sizes of markers."""
    titled: bool = True
    """Figures have a title and a footer with their command; in a paper the caption says both."""
    dpi: int = 144

    def fit_column(self, inches: float) -> float:
        """Return the width of a figure that needs so many inches: in a paper that of one column or of two."""
        if self.name != "paper" or inches > COLUMNS[1] + 1e-9:
            return inches
        return COLUMNS[0] if inches <= COLUMNS[0] + 1e-9 else COLUMNS[1]

    @property
    def scale(self) -> float:
        """Factor of the inches around text."""
        return self.label / SCREEN.label


SCREEN = Style()
STYLES = {
    "screen": SCREEN,
    "paper": Style("paper", 8.0, 7.0, 7.0, 8.0, 7.5, 7.0, COLUMNS[0], 2.1, COLUMNS[1], 0.8, titled=False, dpi=300),
    "slides": Style("slides", 17.0, 15.0, 15.0, 19.0, 15.0, 13.0, 12.0, 5.2, 13.0, 1.8),
}
_TWO_COLUMNS: dict[str, Any] = {"width": COLUMNS[1], "height": 2.6}
_active: ContextVar[Style | None] = ContextVar("style", default=None)
_detached: ContextVar[bool] = ContextVar("detached", default=False)
_drawing = forgotten_by_forks(RLock())
"""Matplotlib has one set of settings for all threads: of two that draw at once, one would restore the other's."""


@contextmanager
def styled(name: str = "screen", columns: int = 1) -> Iterator[Style]:
    """Draw and save figures in one style inside this context; matplotlib's settings are the user's own after it.

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
    arguments.one_of("style", name, STYLES)
    arguments.check(Literal[1, 2], columns, "columns=")
    style = STYLES[name]
    if name == "paper" and columns == 2:
        style = replace(style, **_TWO_COLUMNS)
    if not _detached.get():
        from matplotlib import pyplot

        # A backend changes settings when it is loaded: Jupyter's turns "interactive" on, without which it shows no
        # figure. Loaded inside the context, it would lose them at the context's end.
        pyplot.switch_backend(mpl.get_backend())
    with _use_settings(["default", _settings(style)], style):
        yield style


def axes_style() -> AbstractContextManager[Style]:
    """Return a context with the active style; where none is, one with the sizes in matplotlib's settings."""
    if now := _active.get():
        return nullcontext(now)
    rc = mpl.rcParams
    label, tick, legend, title = (
        FontProperties(size=rc[key]).get_size_in_points()
        for key in ("axes.labelsize", "xtick.labelsize", "legend.fontsize", "axes.titlesize")
    )
    lines = rc["lines.linewidth"] / 1.5
    style = Style("given", label, tick, legend, title, title, 0.9 * tick, lines=lines, titled=False)
    families = {"font.family": [*rc["font.family"], *fonts.FAMILIES[1:]]}
    return _use_settings([{**families, "text.parse_math": False}], style)


def figure_style() -> AbstractContextManager[Style]:
    """Return a context with the active style, for a new figure; where none is, with that of screens."""
    now = _active.get()
    return nullcontext(now) if now else styled()


def current() -> Style:
    """Return the active style; where none is, that of screens."""
    return _active.get() or SCREEN


@contextmanager
def detached() -> Iterator[None]:
    """Keep new figures from pyplot, which would hold them, and which notebooks show."""
    token = _detached.set(True)
    try:
        yield
    finally:
        _detached.reset(token)


def open_figure(width: float, height: float) -> Figure:
    """Return a new figure of so many inches, one of pyplot's unless it is to be detached."""
    if _detached.get():
        return Figure(figsize=(width, height))
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(width, height))
    _show_in_notebook(figure)
    return figure


def _show_in_notebook(figure: Figure) -> None:
    """Show a new figure of pyplot's below its cell where the backend does not: one without windows, or after ioff().

    Like the figures that Jupyter's own backend shows, it is pyplot's until the cell ends, and not any more then.
    """
    ipython = sys.modules.get("IPython")  # where it is not loaded, this is no notebook
    shell = ipython.get_ipython() if ipython else None
    windowless = backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE)
    if (
        shell is None
        or not hasattr(shell, "kernel")
        or (mpl.is_interactive() and mpl.get_backend().lower() not in windowless)
    ):
        return
    from IPython.core.pylabtools import print_figure
    from IPython.display import Image, display
    from matplotlib import pyplot

    def show(result: object) -> None:
        """Show the figure unless the user has shown or closed it. result: the cell's, which is not needed."""
        shell.events.unregister("post_run_cell", show)
        if pyplot.fignum_exists(figure.number):
            display(Image(print_figure(figure, "png")))
            pyplot.close(figure)

    shell.events.register("post_run_cell", show)


def line_style(place: int) -> dict:
    """Return `color`, `marker` and `dashes` at a place, counted from 0, of lines that are no optimizers."""
    return _make_style(*_find_parts(place))


def style_optimizers(
    names: Iterable[str], known: Mapping[str, dict] | None = None, called: Mapping[str, str] | None = None
) -> dict[str, dict]:
    """Return the line style of each optimizer of a figure, which belongs to its name.

    Those of NAMES have the one of their place there, with parameters that of the optimizer alone; another name, a
    plug-in's, has one by its hash. Where two of a figure would look alike, one of them keeps its style, the first in
    NAMES, a plain name before one with parameters and this before an unknown one, and the other has the next color,
    marker and dashes that are free.

    known: styles that names have already, which come first; called: names in NAMES, by what the user calls them.
    """
    names, known, called = list(dict.fromkeys(names)), known or {}, called or {}
    wanted = {name: _find_own_style(called.get(name, name)) for name in names}
    colors: Counter[int] = Counter()
    shapes: Counter[int] = Counter()
    pairs: Counter[tuple[int, int]] = Counter()
    styles = {}
    for name in sorted(names, key=lambda name: (name not in known, wanted[name].rank)):
        color, shape = wanted[name].color, wanted[name].shape
        if name in known:
            color, shape = PALETTE.index(known[name]["color"]), MARKERS.index(known[name]["marker"])
        color = min(range(COLORS), key=lambda each: (colors[each], (each - color) % COLORS))
        shape = min(range(COLORS), key=lambda each: (pairs[color, each], shapes[each], (each - shape) % COLORS))
        colors[color] += 1
        shapes[shape] += 1
        pairs[color, shape] += 1
        styles[name] = _make_style(color, shape)
    return {name: styles[name] for name in names}


def is_optimizer(name: str) -> bool:
    """Return whether a name is that of an optimizer of NAMES, with parameters or without, such as "Adam"."""
    return name.partition("(")[0].lower() in NAMES


class _OwnStyle(NamedTuple):
    """What a name would like: its color and its marker and dashes, by place, and its rank among others that do."""

    rank: int
    color: int
    shape: int


def _find_own_style(name: str) -> _OwnStyle:
    """Return the style that belongs to the name of an optimizer."""
    base = name.partition("(")[0].lower()
    place = NAMES.index(base) if base in NAMES else None
    if place is None:
        number = int.from_bytes(sha256(name.encode("utf-8", "backslashreplace")).digest()[:4], "big")
        return _OwnStyle(2 * len(NAMES), number % COLORS, number // COLORS % COLORS)
    return _OwnStyle(place + len(NAMES) * ("(" in name), *_find_parts(place))


def _find_parts(place: int) -> tuple[int, int]:
    """Return the places of color and of marker and dashes: the second ten repeat the colors, not the others."""
    return place % COLORS, (place + 3 * (place // COLORS)) % COLORS


def _make_style(color: int, shape: int) -> dict:
    """Return `color`, `marker` and `dashes` by their places."""
    return {"color": PALETTE[color], "marker": MARKERS[shape], "dashes": DASHES[shape]}


def sort_by_place(best: pd.DataFrame) -> pd.DataFrame:
    """Sort recommended settings as their table does: by place, reported median (inf for a failure), failures."""
    return best.sort_values(["place", "median", "failures", "tuning_median"], kind="stable")


def assign_line_styles(
    best: pd.DataFrame, ranking: pd.DataFrame, own: Collection[str] = ()
) -> dict[str, dict[str, dict]]:
    """Return, for each problem and for ALL, the line styles of the optimizers in color, in the order of the legend.

    Up to COLORS optimizers are all in color, in the order of the sweep; of more, the best COLORS, in the order of rank,
    and before them the user's `own`.
    An optimizer keeps its style on the whole page, unless another one in the same figure looks alike.

    best: the recommended settings; ranking: a row for each problem and optimizer, with the mean rank over all problems
    in the rows ALL, if there are several.
    """
    optimizers = list(best["optimizer"].unique())
    shown = {}
    if len(optimizers) > COLORS:
        rows = ranking[ranking["problem"] == (ALL if ALL in set(ranking["problem"]) else best["problem"].iloc[0])]
        shown[ALL] = labels.keep_own(rows.sort_values("mean_rank", kind="stable")["optimizer"], own, COLORS)
    else:
        shown[ALL] = optimizers
    for problem, rows in best.groupby("problem", sort=False):
        few = len(rows) <= COLORS
        shown[problem] = list(rows["optimizer"]) if few else labels.keep_own(
            sort_by_place(rows)["optimizer"], own, COLORS
        )  # fmt: skip
    styles: dict[str, dict[str, dict]] = {}
    known: dict[str, dict] = {}
    for problem, names in shown.items():
        styles[problem] = style_optimizers(names, known)
        known = styles[problem] | known
    return styles


def save(figure: Figure, path: Path, foot: str, title: str = "", caption: str = "") -> None:
    """Write the figure as PNG, SVG or PDF, by the ending of the path; the same figure has the same bytes.

    foot: the version and the command, for the metadata, and for the foot of the figure in styles with titles; title,
    caption: for the metadata alone, left out where empty.
    """
    write_foot(figure, foot)
    kind = path.suffix.lower()
    metadata: dict = {"Title": title, "Comment": caption, "Description": foot, "Software": "optbench"}
    if kind == ".pdf":
        metadata = {"Title": title, "Subject": foot, "Keywords": caption, "Creator": "optbench", "Producer": "optbench"}
    elif kind == ".svg":
        metadata = {"Title": title, "Description": f"{caption} {foot}".strip(), "Creator": "optbench"}
    metadata = {key: text for key, text in metadata.items() if text}
    metadata |= {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}.get(kind, {})
    figure.savefig(path, dpi=current().dpi, facecolor="white", metadata=metadata)


def write_foot(figure: Figure, foot: str) -> None:
    """Write one line at the foot of the figure, once, in styles with titles."""
    if current().titled and not any(text.get_gid() == _FOOT for text in figure.texts):
        line = fonts.cut_to_width(foot, FOOT_SIZE, figure.get_figwidth() - 0.3)
        place = (0.1 / figure.get_figwidth(), 0.06 / figure.get_figheight())
        figure.text(*place, line, fontsize=FOOT_SIZE, color=GRAY, gid=_FOOT)


def render(figure: Figure, dpi: int) -> FigureCanvasAgg:
    """Draw a figure at a resolution in dots per inch, and return its canvas."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas


def copy_image(canvas: FigureCanvasAgg) -> Image.Image:
    """Return the picture that a canvas shows now, RGB."""
    return Image.fromarray(np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3]))


def quantize(picture: Image.Image) -> Image.Image:
    """Return the picture with a palette, a third of the size or less; the color of its first pixel stays exact.

    An octree keeps the colors of thin lines, which the median cut takes for each other.
    """
    few = picture.quantize(_PICTURE_COLORS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    corner: Any = few.getpixel((0, 0))
    palette: list[Any] = few.getpalette() or []
    first: Any = picture.getpixel((0, 0))
    palette[3 * corner : 3 * corner + 3] = first
    few.putpalette(palette)
    return few


_WHITEGRID = {
    "axes.axisbelow": True, "axes.facecolor": "white", "axes.grid": True, "axes.labelcolor": ".15",
    "figure.facecolor": "white", "grid.linestyle": "-", "image.cmap": "viridis", "legend.title_fontsize": 10.56,
    "lines.markersize": 4.8, "lines.solid_capstyle": "round", "patch.edgecolor": "w", "patch.force_edgecolor": True,
    "text.color": ".15",
    **{f"axes.spines.{side}": True for side in ("left", "bottom", "right", "top")},
    **{f"{axis}tick.color": ".15" for axis in "xy"}, **{f"{axis}tick.direction": "out" for axis in "xy"},
    **{f"{axis}tick.major.size": 4.8 for axis in "xy"}, **{f"{axis}tick.minor.size": 3.2 for axis in "xy"},
    **dict.fromkeys(("xtick.top", "xtick.bottom", "ytick.left", "ytick.right"), False),
}  # fmt: skip
"""Seaborn's style whitegrid in its context paper, with letters 1.1 times as large. To import seaborn takes a second."""
_WIDTHS = ("axes.linewidth", "xtick.major.width", "ytick.major.width")
_THIN = ("patch.linewidth", "xtick.minor.width", "ytick.minor.width")
"""Widths of lines, in points: those of 1.0, and those of 0.8."""


def _settings(style: Style) -> dict:
    """Return the matplotlib settings (rcParams) of a style."""
    settings: dict = {**_WHITEGRID, **dict.fromkeys(_WIDTHS, 1.0), **dict.fromkeys(_THIN, 0.8)}
    settings |= {"grid.color": "#e3e3e3", "grid.linewidth": 0.6, "axes.edgecolor": "#8c8c8c", "legend.frameon": False}
    settings |= {"axes.labelsize": style.label, "xtick.labelsize": style.tick, "ytick.labelsize": style.tick}
    settings |= {"font.size": style.label, "axes.titlesize": style.title, "legend.fontsize": style.legend}
    settings |= {"hatch.linewidth": 0.7, "lines.linewidth": 1.5 * style.lines, "savefig.dpi": style.dpi}
    # The families by name, for a general one is looked up when a figure is drawn, which may be after the context.
    settings |= {"font.family": list(fonts.FAMILIES), "font.sans-serif": [fonts.FONT], "text.usetex": False}
    settings |= {"text.parse_math": False}  # names are text: a "$" in one is a dollar
    # Fonts as a whole for what reads and edits PDF; SVG cannot hold fonts, so its letters are drawn as lines.
    settings |= {"pdf.fonttype": 42, "ps.fonttype": 42, "svg.fonttype": "path", "svg.hashsalt": "optbench"}
    return settings


@contextmanager
def _use_settings(settings: list, style: Style) -> Iterator[Style]:
    """Yield the style, with matplotlib set to these settings, as `matplotlib.style.use` takes them, in the context."""
    with _drawing, ExitStack() as undo, mpl.style.context(settings), warnings.catch_warnings():
        # A name in a script that no font of the system has is drawn as boxes; the page has it in full.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        # Of a family without the weight that is asked for matplotlib takes another, and says so.
        log = logging.getLogger("matplotlib.font_manager")
        undo.callback(log.setLevel, log.level)
        log.setLevel(logging.ERROR)
        token = _active.set(style)
        try:
            yield style
        finally:
            _active.reset(token)
            # ion() and ioff() within it hold after it: they are of the session, not of the style
            undo.callback(mpl.interactive, mpl.is_interactive())
