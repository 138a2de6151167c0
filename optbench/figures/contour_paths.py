"""Paths of the optimizers over the contours of a problem of two parameters: side by side, together, and moving."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize, PowerNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from optbench.analysis.sweep_tables import Tables
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError
from optbench.contract.paths import path_of
from optbench.figures import panels, single_runs, style
from optbench.figures.data import ReportData, Trajectory, report_data
from optbench.figures.shown_optimizers import select_problem, select_styles
from optbench.figures.style import FOOT_INCHES, GRAY, current

# Widths of the picture: points further away are drawn there, for matplotlib cannot clip numbers of any size
_BEYOND = 20.0
# By eye: contours; inches of a panel among others, and between panels
LEVELS = 11
SIDE, GAP = 2.0, 0.24
# Points of the longest path of a single run whose steps are dots
_DOTTED = 101
# Inches: a column of a paper has room for two panels
_NARROW = 4.0
# Pictures of a film: five seconds at 12 a second, which moves, and keeps the file small
FRAMES, PER_SECOND = 60, 12
# Milliseconds that the end stays, by eye
PAUSE = 2000
# Dots an inch: about those of a screen
DOTS = 100


def paths(
    results: Tables | ReportData,
    problem: str | None = None,
    *,
    optimizers: Iterable[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw paths of the recommended settings over the contours of a problem of two parameters, from one start.

    Contours are spaced evenly in the logarithm of the loss above the minimum; darker is higher. Dots stand at the steps
    1, 10, 100 and so on, of a single run of up to 100 at each; the optimizer's marker at the last one, or a cross
    where the run diverged.

    Args:
        results: those of a sweep; or of ``optbench.minimize`` one, a list, or a mapping from labels to them.
        problem: by default the only one.
        optimizers: by default all, or the best ten of more.
        ax: where to draw; by default on a new figure.

    Returns:
        The axes.

    Raises:
        OptbenchError: there is no such problem or optimizer, or the problem has no contours or paths.

    Example:
        >>> small = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [0.001], "steps": 50}
        >>> optbench.figures.paths(sweep(small, seeds=3)).get_xlabel()
        'w₁'
        >>> bowl = lambda w: w[0] ** 2 + 20 * w[1] ** 2
        >>> runs = [minimize(bowl, [10, 1], each, lr=0.02, steps=100) for each in ("gd", "momentum", "adam")]
        >>> [text.get_text() for text in optbench.figures.paths(runs).figure.legends[0].get_texts()][:2]
        ['gd, lr=0.02', 'momentum, lr=0.02']
    """
    if runs := single_runs.read_runs(results):
        single_runs.refuse_selection(problem=problem, optimizers=optimizers)
        return _draw_runs(runs, ax)
    data = report_data(results)
    problem = select_problem(data, problem)
    styles = select_styles(data, problem, optimizers)
    scene = _find_scene(data, problem, styles)
    with _draw_scene(_title(data.label(problem), scene), data.short_names, scene, ax) as ax:
        for name, path in scene.paths.items():
            draw_path(ax, path, styles[name], scene, data.short_names[name] + scene.describe_path_end(path))
    return ax


def _draw_runs(runs: Mapping[str, single_runs.Run], ax: Axes | None) -> Axes:
    """Draw the paths of single runs, by label, over the contours of their problem."""
    found, styles = single_runs.trace_runs(runs), single_runs.style_runs(runs)
    scene = _make_scene(*single_runs.compute_surface(runs), found)
    title = single_runs.make_title("Paths over the loss", runs)
    with _draw_scene(title, {name: name for name in found}, scene, ax) as ax:
        for name, path in found.items():
            is_short = len(path.step) <= _DOTTED
            draw_path(ax, path, styles[name], scene, name + scene.describe_path_end(path), every=is_short)
    return ax


def draw_path_panels(data: ReportData, problem: str) -> Figure:
    """Draw paths over the contours, a panel for each optimizer in color."""
    now, styles = current(), data.line_styles[problem]
    scene = _find_scene(data, problem, styles)
    room = now.width if now.name == "paper" else now.widest  # in a paper, of its columns
    most, left = 2 if room < _NARROW else 4, 0.62 * now.scale
    side = min(SIDE * now.scale, (room - 0.77 * now.scale + GAP) / min(most, 3) - GAP)
    marks: list[Line2D] = []

    def draw(ax: Axes, name: str) -> None:
        """Draw the panel of an optimizer."""
        draw_contours(ax, scene)
        draw_path(ax, scene.paths[name], styles[name] | {"marker": "s"}, scene)  # the legend's, for all panels
        marks[:] = draw_marks(ax, scene)
        ax.set(xlim=scene.across, ylim=scene.along)
        ax.yaxis.label.set(rotation=0, va="center")
        ax.grid(False)

    titles = {name: data.short_names[name] + scene.describe_path_end(path) for name, path in scene.paths.items()}
    figure = panels.draw_panels(
        draw, titles, (side, side),
        _title(data.label(problem), scene), ("w₁", "w₂"), (left, 0.15 * now.scale, 0.72), most=most,
        gap=(GAP, 0.36), sharex=True, sharey=True,
    )  # fmt: skip
    foot = FOOT_INCHES if now.titled else 0.0
    place = left / figure.get_figwidth(), (foot + 0.05) / figure.get_figheight()
    loc: Any = "lower left"
    columns = 4
    if free := [ax for ax in figure.axes if not ax.get_visible()]:
        box = free[0].get_position()
        loc, columns, place = "center", 1, ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2)
    figure.legend(handles=marks, loc=loc, ncols=columns, borderpad=0, borderaxespad=0, bbox_to_anchor=place)
    return figure


def animate_paths(
    results: Tables | ReportData,
    problem: str | None = None,
    file: str | Path = "paths.gif",
    *,
    optimizers: Iterable[str] | None = None,
    frames: int = FRAMES,
) -> Path:
    """Write paths over the contours as a GIF: all optimizers are at the same step in a frame.

    Steps are spaced evenly in their logarithm, so that the start is slow and the long end is short.

    Args:
        results: those of a sweep.
        problem: by default the only one.
        file: where it is written.
        optimizers: by default all, or the best ten of more.
        frames: how many, beside a pause at the end.

    Returns:
        The path of the file.

    Raises:
        OptbenchError: there is no such problem or optimizer, or it has no paths; fewer than two frames.

    Example:
        >>> import tempfile
        >>> small = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [0.001], "steps": 50}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     optbench.figures.animate_paths(sweep(small, seeds=3), file=f"{folder}/gd.gif", frames=5).name
        'gd.gif'
    """
    frames = arguments.whole_number("frames", frames, 2)
    data = report_data(results)
    problem = select_problem(data, problem)
    styles = select_styles(data, problem, optimizers)
    scene, file = _find_scene(data, problem, styles), path_of("file", file)
    with style.detached(), style.figure_style():
        with _draw_scene(_title(data.label(problem), scene), data.short_names, scene, None) as ax:
            lines, ends = {}, {}
            for name, path in scene.paths.items():
                text = data.short_names[name] + scene.describe_path_end(path)
                form: dict[str, Any] = {"linewidth": 1.3 * current().lines, "zorder": 3, "label": text}
                form |= {"marker": styles[name]["marker"], "markevery": [], "markersize": 5 * current().lines}
                (lines[name],) = ax.plot([], [], color=styles[name]["color"], **form)
                (ends[name],) = ax.plot([], [], zorder=7, **_end_style(styles[name], failed=False))
            clock = ax.text(0.02, 0.97, "", transform=ax.transAxes, va="top", fontsize=current().tick, zorder=9)
        figure = panels.figure_of(ax)
        style.write_foot(figure, data.results.foot)
        canvas = style.render(figure, DOTS)
        still, pictures = canvas.copy_from_bbox(figure.bbox), []  # what does not move is drawn once
        for step in space_steps(scene.paths.values(), frames):
            canvas.restore_region(still)
            clock.set_text(f"step {step:,}")
            for name, path in scene.paths.items():
                count = int(np.searchsorted(path.step, step, side="right"))
                w = scene.clip(path.w[:count])
                lines[name].set_data(*w.T)
                ends[name].set(data=w[-1:].T, **_end_style(styles[name], path.failed and count == len(path.step)))
            for artist in (*lines.values(), *ends.values(), clock):
                figure.draw_artist(artist)
            pictures.append(style.copy_image(canvas))
    times = [1000 // PER_SECOND] * (len(pictures) - 1) + [PAUSE]
    # The last picture has all colors; of each picture what differs from the one before is kept.
    last = style.quantize(pictures[-1])
    first, *rest = (picture.quantize(palette=last, dither=Image.Dither.NONE) for picture in pictures)
    first.save(file, "GIF", save_all=True, append_images=rest, duration=times, loop=0, comment=data.results.foot)
    return file


def space_steps(paths: Iterable[Trajectory], frames: int) -> list[int]:
    """Return at most `frames` steps, spaced evenly in their logarithm, from the start to the longest path's end."""
    last = max(int(path.step[-1]) for path in paths)
    return [0, *np.unique(np.geomspace(1, max(last, 1), frames - 1).round().astype(int)).tolist()]


@dataclass(frozen=True)
class Scene:
    """The contours, paths and ranges of axes that all panels of a problem share."""

    x: np.ndarray
    y: np.ndarray
    height: np.ndarray
    """(y, x): the loss above the minimum, or above the lowest of the grid."""
    minimizers: Sequence[tuple[float, float]]
    paths: Mapping[str, Trajectory]
    seed: int
    across: tuple[float, float]
    along: tuple[float, float]

    def clip(self, w: np.ndarray) -> np.ndarray:
        """Return the points (n, 2), moved nearer where they are further away than matplotlib can draw."""
        low, high = np.array([self.across, self.along], dtype=np.float64).T
        return np.clip(w, low - _BEYOND * (high - low), high + _BEYOND * (high - low))

    def describe_path_end(self, path: Trajectory) -> str:
        """Return the text behind a path's name: " (diverged)", " (leaves the picture)", or "" for others."""
        if path.failed:
            return " (diverged)"
        low, high = np.array([self.across, self.along]).T
        return " (leaves the picture)" if ((path.w < low) | (path.w > high)).any() else ""


def _find_scene(data: ReportData, problem: str, optimizers: Iterable[str]) -> Scene:
    """Return the contours of a problem and these optimizers' paths on them. Raises OptbenchError if it has none."""
    known = data.trajectories(problem)
    paths = {name: known[name] for name in optimizers if name in known}
    if data.landscape(problem).empty or not paths:
        raise OptbenchError(f"{problem} has no paths: only problems of two parameters with a domain do")
    return _make_scene(*data.surface(problem), data.minimizers(problem), paths)


def _make_scene(
    x: np.ndarray,
    y: np.ndarray,
    height: np.ndarray,
    minimizers: Sequence[tuple[float, float]],
    paths: Mapping[str, Trajectory],
) -> Scene:
    """Return the scene of paths on a landscape, with axes that hold it and all starts; arguments as of `Scene`."""
    starts = np.array([path.w[0] for path in paths.values()])
    across, along = (_find_range(axis, starts[:, column]) for column, axis in enumerate((x, y)))
    return Scene(x, y, height, minimizers, paths, next(iter(paths.values())).seed, across, along)


def _find_range(axis: np.ndarray, starts: np.ndarray) -> tuple[float, float]:
    """Return (low, high) of one axis of a landscape, made wider if a start lies outside it."""
    far = _BEYOND * (axis[-1] - axis[0])
    low, high = np.clip([min(axis[0], *starts), max(axis[-1], *starts)], axis[0] - far, axis[-1] + far)
    room = 0.05 * (high - low)
    return (low - room if low < axis[0] else low), (high + room if high > axis[-1] else high)


def _title(problem: str, scene: Scene) -> str:
    """Return the title of the paths of a sweep."""
    return f"{panels.join_title('Paths over the loss', problem)} (seed {scene.seed})"


@contextmanager
def _draw_scene(title: str, names: Mapping[str, str], scene: Scene, ax: Axes | None) -> Iterator[Axes]:
    """Yield axes with the contours, to draw paths on; then draw the start and the minimum.

    names: what the legend calls the paths.
    """
    texts = [names[name] + scene.describe_path_end(path) for name, path in scene.paths.items()]
    with panels.axes(ax, title, [*texts, "start", "minimum"], height=1.15, left=0.62) as ax:
        draw_contours(ax, scene)
        yield ax
        draw_marks(ax, scene)
        ax.set(xlim=scene.across, ylim=scene.along, xlabel="w₁")
        ax.set_ylabel("w₂", rotation=0, labelpad=8)
        ax.grid(False)


def draw_contours(ax: Axes, scene: Scene, bowl: bool = False) -> None:
    """Draw the contours of the loss, gray.

    bowl: True spaces them evenly in the square root of the loss, which are even distances on a quadratic; else in its
    logarithm.
    """
    height = scene.height
    positive = height[np.isfinite(height) & (height > 0)]
    if not len(positive):
        return
    top = float(positive.max())
    if bowl:
        levels = top * np.linspace(0, 1, LEVELS) ** 2
        norm: Normalize = PowerNorm(0.5, 0, 4 * top)
    else:
        levels = np.geomspace(max(float(positive.min()), 3e-5 * top), top, LEVELS)
        norm = LogNorm(levels[0], 100 * levels[-1])
    if not np.all(np.diff(levels) > 0):
        return
    inside = np.clip(height, levels[0], levels[-1])
    ax.contourf(scene.x, scene.y, inside, levels=levels, norm=norm, cmap="Greys", alpha=0.7, zorder=0)
    ax.contour(scene.x, scene.y, inside, levels=levels, norm=norm, colors="white", linewidths=0.6, zorder=1)


def draw_path(ax: Axes, path: Trajectory, style: dict, scene: Scene, label: str = "", every: bool = False) -> None:
    """Draw a path and the marker at its end.

    style: its line style; label: its text in the legend; every: True draws a dot at each step, for paths of a hundred.
    """
    lines = current().lines
    w = scene.clip(path.w)
    mark = {"marker": style["marker"], "markevery": [], "markersize": 5 * lines}  # in the legend, and at the end
    ax.plot(*w.T, color=style["color"], linewidth=1.3 * lines, label=label or None, zorder=3, **mark)
    # Of a path through every step few can be marked, unless it is short.
    few = path.every_step and not every
    dots = np.isin(path.step, 10 ** np.arange(12)) if few else np.ones(len(w), bool)
    ax.plot(*w[dots].T, color=style["color"], linestyle="none", marker=".", markersize=4.5 * lines, zorder=3.5)
    ax.plot(*w[-1:].T, zorder=6, **_end_style(style, path.failed))


def _end_style(style: dict, failed: bool) -> dict:
    """Return the marker at the end of a path, as keywords of `Axes.plot`: a cross if it failed, else its own."""
    end = {"marker": "X", "color": "#b2182b"} if failed else {"marker": style["marker"], "color": style["color"]}
    lines = current().lines
    return {"markersize": 5 * lines, **end, **_mark_style()}


def draw_marks(ax: Axes, scene: Scene) -> list[Line2D]:
    """Draw the start and the minimum; return their entries for a legend, with that of a path's end."""
    lines = current().lines
    start = next(iter(scene.paths.values())).w[:1]
    marks = ax.plot(*start.T, marker="o", color="black", markersize=6 * lines, label="start", zorder=5, **_mark_style())
    if scene.minimizers:
        star = {**_mark_style(), "markeredgecolor": "black"}
        x, y = zip(*scene.minimizers, strict=True)
        marks += ax.plot(x, y, marker="*", color="#f6d55c", markersize=12 * lines, label="minimum", zorder=4, **star)
    # In a legend the end is gray: its color is the optimizer's.
    marks.append(Line2D([], [], marker="s", color=GRAY, markersize=5 * lines, label="end", **_mark_style()))
    return marks


def _mark_style() -> dict:
    """Return what all markers have in common, as keywords of `Axes.plot`: a white edge, and no line."""
    return {"markeredgecolor": "white", "markeredgewidth": 0.8 * current().lines, "linestyle": "none"}
