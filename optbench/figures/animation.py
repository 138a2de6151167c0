"""Paths that move: the optimizers side by side on the contours, as a GIF."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from PIL import Image

from optbench.contract import arguments
from optbench.contract.paths import path_of
from optbench.figures import dots, frame, style, styles, trajectories
from optbench.figures.evidence import Evidence, Tables, Walk

# Pictures: five seconds
FRAMES = 60
# Pictures a second: by eye: it moves, and the file stays small
PER_SECOND = 12
# Milliseconds: by eye: the end is to be seen
PAUSE = 2000
# Dots an inch: about those of a screen
DOTS = 100


def animate_paths(
    results: Tables | Evidence,
    problem: str | None = None,
    file: str | Path = "paths.gif",
    *,
    optimizers: Iterable[str] | None = None,
    frames: int = FRAMES,
) -> Path:
    """Paths over the contours as a GIF: all optimizers are at the same step in a frame.

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
    frames = arguments.whole("frames", frames, 2)
    evidence = frame.evidence_of(results)
    problem = frame.problem_of(evidence, problem)
    looks = frame.looks_of(evidence, problem, optimizers)
    scene, file = trajectories.scene_of(evidence, problem, looks), path_of("file", file)
    steps = shown_steps(scene.walks.values(), frames)
    with styles.apart(), styles.of_figure():
        with trajectories.scenery(evidence, problem, scene, None) as ax:
            moving = [
                _Moving(ax, walk, looks[name], scene, trajectories.legend_text(evidence, name, scene))
                for name, walk in scene.walks.items()
            ]
            told = ax.text(0.02, 0.97, "", transform=ax.transAxes, va="top", fontsize=styles.size("tick"), zorder=9)
        style.write_foot(ax.figure, evidence.results.foot)
        pictures = _film(ax.figure, moving, told, steps)
    times = [1000 // PER_SECOND] * (len(pictures) - 1) + [PAUSE]
    # The last picture has all colors; of each picture what differs from the one before is kept.
    last = dots.in_few_colors(pictures[-1])
    first, *rest = (picture.quantize(palette=last, dither=Image.Dither.NONE) for picture in pictures)
    first.save(file, "GIF", save_all=True, append_images=rest, duration=times, loop=0, comment=evidence.results.foot)
    return file


def _film(figure: Figure, moving: list[_Moving], told: Text, steps: list[int]) -> list[Image.Image]:
    """A picture a step: what does not move is drawn once."""
    canvas = dots.canvas_of(figure, DOTS)
    still, pictures = canvas.copy_from_bbox(figure.bbox), []
    for step in steps:
        canvas.restore_region(still)
        told.set_text(f"step {step:,}")
        for artist in [*(part for each in moving for part in each.show(step)), told]:
            figure.draw_artist(artist)
        pictures.append(dots.picture_of(canvas))
    return pictures


def shown_steps(walks: Iterable[Walk], frames: int) -> list[int]:
    """Steps spaced evenly in their logarithm, from the start to the longest path's end."""
    last = max(int(walk.step[-1]) for walk in walks)
    return [0, *np.unique(np.geomspace(1, max(last, 1), frames - 1).round().astype(int)).tolist()]


class _Moving:
    """One path up to a step."""

    def __init__(self, ax: Axes, walk: Walk, look: dict, scene: trajectories.Scene, label: str):
        self.walk, self.scene = walk, scene
        lines = styles.current().lines
        (self.line,) = ax.plot([], [], color=look["color"], linewidth=1.3 * lines, label=label, zorder=3)
        (self.head,) = ax.plot([], [], **trajectories.end_look(look, False), zorder=7)
        (self.lost,) = ax.plot([], [], **trajectories.end_look(look, True), zorder=7)

    def show(self, step: int) -> list[Line2D]:
        """Move it there."""
        upto = int(np.searchsorted(self.walk.step, step, side="right"))
        w = trajectories.drawn_points(self.walk, self.scene, upto)
        over = self.walk.failed and upto == len(self.walk.step)
        self.line.set_data(*w.T)
        self.head.set_data(*w[len(w) if over else -1 :].T)
        self.lost.set_data(*w[-1 if over else len(w) :].T)
        return [self.line, self.head, self.lost]
