"""Paths in the plane, step by step, in the coordinates of the bowl, and how they are drawn."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import optbench
from optbench.claims import drawing

PANEL = 1.95


@dataclass(frozen=True)
class Method:
    """An optimizer's name, its rate and hyperparameters, and the label of its paths in tables."""

    label: str
    optimizer: str
    lr: float
    hyperparameters: Mapping[str, float] = field(default_factory=dict)


def run_paths(
    problem: str, methods: Iterable[Method], seeds: Iterable[int], steps: int, batch_size: int
) -> pd.DataFrame:
    """Run every method from the start of every seed and return every step, on a quadratic of two parameters.

    Returns label, seed, step, w_1, w_2, suboptimality; steep and flat: the offsets from the minimizer along the
    eigenvectors of the largest and the smallest curvature; gradient_1, gradient_2: the exact gradient there. A path
    that diverged is inf from then on. The methods of a seed get the same noise.
    """
    bowl = optbench.objective(problem).problem
    hessian, (flat, steep) = find_curvature(bowl)
    groups: dict[str, list[Method]] = {}
    for method in methods:
        groups.setdefault(method.optimizer, []).append(method)
    parts = []
    for optimizer, group in groups.items():
        settings = [{"lr": method.lr, **method.hyperparameters} for method in group]
        for seed in seeds:
            cohort = optbench.cohort(
                bowl, optimizer, settings, steps=steps, batch_size=batch_size, seed=int(seed), points="every"
            )
            curves = dict(iter(cohort.curves.groupby("run_id")))
            for place, method in enumerate(group):
                w, loss = np.full((steps + 1, 2), np.inf), np.full(steps + 1, np.inf)
                curve = curves[str(place)]
                w[curve["step"]], loss[curve["step"]] = curve[["w_1", "w_2"]], curve["train_loss"]
                parts.append(_path_table(method.label, seed, w, loss, bowl, hessian, steep, flat))
    return pd.concat(parts, ignore_index=True)


def _path_table(
    label: str, seed: int, w: np.ndarray, loss: np.ndarray, problem: optbench.Problem, hessian: np.ndarray,
    steep: np.ndarray, flat: np.ndarray,
) -> pd.DataFrame:  # fmt: skip
    """Return the table of one path, as in `run_paths`; w: (points, 2), loss: (points,), steep, flat: eigenvectors."""
    offset = w - problem.minimizer
    with np.errstate(invalid="ignore"):
        along = {"steep": offset @ steep, "flat": offset @ flat}
        gradient = offset @ hessian
    columns = {"label": label, "seed": seed, "step": np.arange(len(w)), "w_1": w[:, 0], "w_2": w[:, 1]}
    columns |= {"suboptimality": loss - problem.minimum}
    columns |= {name: np.nan_to_num(value, nan=np.inf) for name, value in along.items()}
    return pd.DataFrame(columns | {"gradient_1": gradient[:, 0], "gradient_2": gradient[:, 1]})


def find_curvature(problem: optbench.Problem) -> tuple[np.ndarray, np.ndarray]:
    """Return the Hessian of a quadratic of two parameters and its eigenvectors as rows, flat first.

    Its columns are the gradients one unit beside the minimizer.
    """
    assert problem.minimizer is not None
    hessian = optbench.objective(problem, runs=problem.dim)(problem.minimizer + np.eye(problem.dim))[1].T
    return hessian, np.linalg.eigh(hessian)[1].T


def path_length(path: pd.DataFrame, column: str = "steep") -> float:
    """Return the length of a path along one axis, divided by the distance at the start; 1: straight to the minimum.

    column: "steep" or "flat", the axis.
    """
    way = path[column].to_numpy()
    return float(np.abs(np.diff(way)).sum() / abs(way[0])) if np.isfinite(way).all() else np.inf


def share_of_reversals(path: pd.DataFrame, column: str = "steep") -> float:
    """Return the share of the steps that turn back along an axis, against the step before; 1 for a diverged path.

    column: "steep" or "flat", the axis.
    """
    way = path[column].to_numpy()
    if not np.isfinite(way).all():
        return 1.0
    step = np.sign(np.diff(way))
    return float(np.mean(step[1:] != step[:-1]))


def steps_to_halve(path: pd.DataFrame, column: str = "flat") -> float:
    """Return the steps until the distance along an axis is at most half of that at the start; inf if it never is."""
    way = path[column].abs().to_numpy()
    reached = np.flatnonzero(way <= way[0] / 2)
    return float(reached[0]) if len(reached) else np.inf


def measure_paths(paths: pd.DataFrame, **measures: Callable) -> pd.DataFrame:
    """Return a row for each path: its label, its seed, and a column for each measure.

    measures: name -> function of a path, such as `path_length`.
    """
    rows = [
        {"label": label, "seed": seed, **{name: measure(path) for name, measure in measures.items()}}
        for (label, seed), path in paths.groupby(["label", "seed"], sort=False)
    ]
    return pd.DataFrame(rows)


def select_farthest_path(paths: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of all paths of one seed, for a figure: that which starts farthest from both axes."""
    start = paths[paths["step"] == 0].set_index("seed")[["steep", "flat"]].abs().min(axis=1)
    return paths[paths["seed"] == start.idxmax()].drop(columns=["gradient_1", "gradient_2"]).reset_index(drop=True)


def draw_bowl(ax: Axes, path: pd.DataFrame, shown: pd.DataFrame, condition: float, color: Any, title: str) -> None:
    """Draw a path over the contours of a bowl in its own axes, flat across and steep up, a dot a step.

    shown: the paths of all panels, which have the same axes; condition: how many times as steep as flat the bowl is.
    """
    across, up = (1.15 * shown[name].abs().replace(np.inf, np.nan).max() for name in ("flat", "steep"))
    x, y = np.linspace(-across, across, 160), np.linspace(-up, up, 160)
    points = path[["flat", "steep"]].to_numpy()
    finite = np.isfinite(points).all(axis=1)
    step, seed = path["step"].to_numpy()[finite], int(path["seed"].iloc[0])
    drawn = drawing.Trajectory(step, points[finite], not finite.all(), seed)
    height = x**2 / condition + y[:, None] ** 2
    scene = drawing.Scene(x, y, height, [(0.0, 0.0)], {title: drawn}, drawn.seed, (-across, across), (-up, up))
    drawing.draw_contours(ax, scene, bowl=True)
    drawing.draw_path(ax, drawn, {"color": color, "marker": "s"}, scene, every=True)
    drawing.draw_marks(ax, scene)
    ax.set(xlim=scene.across, ylim=scene.along)
    ax.locator_params(nbins=5)
    ax.grid(False)
    ax.tick_params(labelsize=7)
    drawing.panel_title(ax, title, PANEL)


def new_bowl_panels(
    rows: int, columns: int, title: str, left: float = 0.6, between: float = 0.32, **share: Any
) -> tuple[Figure, np.ndarray]:
    """Return (figure, array of axes) for paths through bowls."""
    figure, grid = drawing.new_figure(
        (PANEL, 1.45), rows, columns, margins=(left, 0.12, 0.62, 0.45), gap=(0.12, between), title=title,
        **share,
    )  # fmt: skip
    for ax in grid[-1]:
        ax.set_xlabel("flat axis")
    for ax in grid[:, 0]:
        ax.set_ylabel("steep axis")
    return figure, grid
