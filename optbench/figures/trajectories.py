"""Where the optimizers walk: paths over the contours of a 2-D problem."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, PowerNorm
from matplotlib.lines import Line2D

from optbench.contract.errors import OptbenchError
from optbench.figures import frame, style, styles
from optbench.figures.evidence import Evidence, Tables, Walk

# Widths of the picture: points further away are drawn there: matplotlib cannot clip numbers of any size
_BEYOND = 20.0
# Places across the picture: points at one place cannot be told apart at 300 dots an inch
_GRID = 2000
# Contours: by eye
LEVELS = 11


def paths(
    results: Tables | Evidence,
    problem: str | None = None,
    *,
    optimizers: Iterable[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Paths of the recommended settings over the contours of a problem of two parameters, from one start.

    Contours are spaced evenly in the logarithm of the loss above the minimum; darker is higher. Dots stand at the steps
    1, 10, 100 and so on, a square at the last one, or a cross where the run diverged.

    Args:
        results: those of a sweep.
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
    """
    evidence = frame.evidence_of(results)
    problem = frame.problem_of(evidence, problem)
    looks = frame.looks_of(evidence, problem, optimizers)
    scene = scene_of(evidence, problem, looks)
    with scenery(evidence, problem, scene, ax) as ax:
        for name, walk in scene.walks.items():
            draw_walk(ax, walk, looks[name], scene, legend_text(evidence, name, scene))
    return ax


@contextmanager
def scenery(evidence: Evidence, problem: str, scene: Scene, ax: Axes | None) -> Iterator[Axes]:
    """Axes with the contours, the start and the minimum, on which paths are drawn."""
    texts = [legend_text(evidence, name, scene) for name in scene.walks]
    title = f"{frame.titled('Paths over the loss', problem)} (seed {scene.seed})"
    with frame.axes(ax, title, [*texts, "start", "minimum"], height=1.15, left=0.62) as ax:
        draw_contours(ax, scene)
        yield ax
        draw_marks(ax, scene)
        ax.set(xlim=scene.across, ylim=scene.along, xlabel="w₁")
        ax.set_ylabel("w₂", rotation=0, labelpad=8)
        ax.grid(False)


def legend_text(evidence: Evidence, name: str, scene: Scene) -> str:
    """An optimizer in a legend, with what became of it."""
    return evidence.names[name] + remark(scene.walks[name], scene)


@dataclass(frozen=True)
class Scene:
    """What panels of one problem share."""

    x: np.ndarray
    y: np.ndarray
    height: np.ndarray
    """(y, x): the loss above the minimum, or above the lowest of the grid."""
    minimizer: tuple[float, float] | None
    walks: dict[str, Walk]
    seed: int
    across: tuple[float, float]
    along: tuple[float, float]


def scene_of(evidence: Evidence, problem: str, optimizers: Iterable[str]) -> Scene:
    """The contours of a problem and the paths on them. Raises OptbenchError where it has none."""
    landscape = evidence.landscape(problem)
    known = evidence.walks(problem)
    walks = {name: known[name] for name in optimizers if name in known}
    if landscape.empty or not walks:
        raise OptbenchError(f"{problem} has no paths: only problems of two parameters with a domain do")
    x, y, height = evidence.surface(problem)
    facts = evidence.results.problem(problem)
    place = (facts.get("w_1"), facts.get("w_2"))
    across, along = (_view(axis, walks, column) for column, axis in enumerate((x, y)))
    minimizer = None if any(pd.isna(w) for w in place) else (float(place[0]), float(place[1]))
    return Scene(x, y, height, minimizer, walks, next(iter(walks.values())).seed, across, along)


def draw_contours(ax: Axes, scene: Scene, bowl: bool = False) -> None:
    """The loss, gray; bowl: contours spaced evenly in its square root, which a quadratic has evenly apart."""
    height = scene.height
    positive = height[np.isfinite(height) & (height > 0)]
    if not len(positive):
        return
    top = float(positive.max())
    if bowl:
        levels, norm = top * np.linspace(0, 1, LEVELS) ** 2, PowerNorm(0.5, 0, 4 * top)
    else:
        levels = np.geomspace(max(float(positive.min()), 3e-5 * top), top, LEVELS)
        norm = LogNorm(levels[0], 100 * levels[-1])
    if not np.all(np.diff(levels) > 0):
        return
    inside = np.clip(height, levels[0], levels[-1])
    ax.contourf(scene.x, scene.y, inside, levels=levels, norm=norm, cmap="Greys", alpha=0.7, zorder=0)
    ax.contour(scene.x, scene.y, inside, levels=levels, norm=norm, colors="white", linewidths=0.6, zorder=1)


def draw_walk(ax: Axes, walk: Walk, look: dict, scene: Scene, label: str = "", every: bool = False) -> None:
    """A path and its end; every: with a dot at each step, for paths of a hundred or so."""
    lines = styles.current().lines
    w = _inside(walk.w, scene)
    ax.plot(*w[_moved(w, scene)].T, color=look["color"], linewidth=1.3 * lines, label=label or None, zorder=3)
    # Of a path through every step few can be marked, unless it is short.
    few = walk.whole and not every
    dots = np.isin(walk.step, 10 ** np.arange(12)) if few else np.ones(len(w), bool)
    ax.plot(*w[dots].T, color=look["color"], linestyle="none", marker=".", markersize=4.5 * lines, zorder=3.5)
    ax.plot(*w[-1:].T, zorder=6, **end_look(look, walk.failed))


def drawn_points(walk: Walk, scene: Scene, upto: int) -> np.ndarray:
    """The first points of a path, without those that cannot be told from the one before."""
    w = _inside(walk.w[:upto], scene)
    return w[_moved(w, scene)]


def end_look(look: dict, failed: bool) -> dict:
    """How the end of a path is marked."""
    end = {"marker": "X", "color": "#b2182b"} if failed else {"marker": "s", "color": look["color"]}
    lines = styles.current().lines
    return {"markersize": 5 * lines, **end, **_edge(lines)}


def draw_marks(ax: Axes, scene: Scene) -> list[Line2D]:
    """The start and the minimum, and what a legend says of them and of the end of a path."""
    lines = styles.current().lines
    start = next(iter(scene.walks.values())).w[:1]
    marks = ax.plot(*start.T, marker="o", color="black", markersize=6 * lines, label="start", zorder=5, **_edge(lines))
    if scene.minimizer:
        star = {**_edge(lines), "markeredgecolor": "black"}
        x, y = ([w] for w in scene.minimizer)
        marks += ax.plot(x, y, marker="*", color="#f6d55c", markersize=12 * lines, label="minimum", zorder=4, **star)
    # In a legend the end is gray: its color is the optimizer's.
    marks.append(Line2D([], [], marker="s", color=style.GRAY, markersize=5 * lines, label="end", **_edge(lines)))
    return marks


def remark(walk: Walk, scene: Scene) -> str:
    """What is said behind the name of a path that ends elsewhere."""
    if walk.failed:
        return " (diverged)"
    (left, right), (bottom, top) = scene.across, scene.along
    x, y = walk.w.T
    outside = (x < left) | (x > right) | (y < bottom) | (y > top)
    return " (leaves the picture)" if outside.any() else ""


def _edge(lines: float) -> dict:
    return {"markeredgecolor": "white", "markeredgewidth": 0.8 * lines, "linestyle": "none"}


def _view(axis: np.ndarray, walks: dict[str, Walk], column: int) -> tuple[float, float]:
    """The range of the landscape, made wider where a start lies outside it."""
    far = _BEYOND * (axis[-1] - axis[0])
    starts = [np.clip(walk.w[0, column], axis[0] - far, axis[-1] + far) for walk in walks.values()]
    low, high = min(axis[0], *starts), max(axis[-1], *starts)
    room = 0.05 * (high - low)
    return (low - room if low < axis[0] else low), (high + room if high > axis[-1] else high)


def _inside(w: np.ndarray, scene: Scene) -> np.ndarray:
    """The points, none further away than what a picture's numbers can bear."""
    out = np.array(w, dtype=float)
    for column, (low, high) in enumerate((scene.across, scene.along)):
        far = _BEYOND * (high - low)
        out[:, column] = np.clip(out[:, column], low - far, high + far)
    return out


def _moved(w: np.ndarray, scene: Scene) -> np.ndarray:
    """Which points are drawn: not those that would be at the very place of the one before."""
    (left, right), (bottom, top) = scene.across, scene.along
    place = np.round((w - (left, bottom)) / (right - left, top - bottom) * _GRID)
    moved = np.ones(len(w), bool)
    moved[1:] = (np.diff(place, axis=0) != 0).any(axis=1)
    moved[-1:] = True
    return moved
