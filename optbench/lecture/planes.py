"""Paths in the plane, step by step, in the coordinates of the bowl; and verdicts over several settings of a claim."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from optbench.analysis.statistics import Interval
from optbench.claims.record import DEPENDS, FAILS, HOLDS, Budget, Verdict, fresh_seeds
from optbench.report import style

INK = (style.BLACK, *(style.look(place)["color"] for place in (0, 1, 2, 3, 4, 6)))
"""Gradient descent black, then the colors of the optimizers."""


@dataclass(frozen=True)
class Walker:
    """Who walks: an optimizer's text, its rate and schedule, and the name that the tables give the walk."""

    label: str
    optimizer: str
    lr: float
    schedule: str = "constant"


def walks(problem: str, walkers: Iterable[Walker], seeds: Iterable[int], steps: int, batch_size: int) -> pd.DataFrame:
    """Every step of every walker from the start of every seed, on a quadratic of two parameters.

    Returns label, seed, step, w_1, w_2, suboptimality; steep and flat: the offsets from the minimizer along the
    eigenvectors of the largest and the smallest curvature; gradient_1, gradient_2: the exact gradient there. A walk
    that diverged is inf from then on. The seeds' walkers see the same noise.
    """
    from optbench.catalogue import loader
    from optbench.engine.cohort import run_cohort
    from optbench.engine.lanes import Lane

    catalogue = loader.load()
    made = catalogue.problem(problem)
    hessian, (flat, steep) = curvature(made)
    groups: dict[str, tuple] = {}
    for walker in walkers:
        optimizer, values = catalogue.optimizer(walker.optimizer)
        lane = Lane(walker.lr, catalogue.schedule(walker.schedule), values)
        _, names, lanes = groups.setdefault(optimizer.name, (optimizer, [], []))
        names.append(walker.label)
        lanes.append(lane)
    parts, points = [], np.arange(steps + 1)
    for optimizer, names, lanes in groups.values():
        for seed in seeds:
            cohort = run_cohort(made, optimizer, lanes, seed=seed, batch_size=batch_size, steps=steps, points=points)
            w, loss = np.full((steps + 1, 2, len(lanes)), np.inf), np.full((steps + 1, len(lanes)), np.inf)
            at = 0
            for part in cohort.parts:  # one ends early when all of its lanes have diverged
                end = at + len(part.diverged_at)
                w[: len(part.points), :, at:end] = np.nan_to_num(part.positions, nan=np.inf)
                loss[: len(part.points), at:end] = np.nan_to_num(part.train[:, 0], nan=np.inf)
                at = end
            for place, name in enumerate(names):
                parts.append(_walk(name, seed, w[:, :, place], loss[:, place], made, hessian, steep, flat))
    return pd.concat(parts, ignore_index=True)


def _walk(label, seed, w, loss, problem, hessian, steep, flat) -> pd.DataFrame:
    offset = w - problem.minimizer
    with np.errstate(invalid="ignore"):
        along = {"steep": offset @ steep, "flat": offset @ flat}
        gradient = offset @ hessian
    columns = {"label": label, "seed": seed, "step": np.arange(len(w)), "w_1": w[:, 0], "w_2": w[:, 1]}
    columns |= {"suboptimality": loss - problem.minimum}
    columns |= {name: np.nan_to_num(value, nan=np.inf) for name, value in along.items()}
    return pd.DataFrame(columns | {"gradient_1": gradient[:, 0], "gradient_2": gradient[:, 1]})


def curvature(problem) -> tuple[np.ndarray, np.ndarray]:
    """The Hessian of a quadratic of two parameters and its eigenvectors as rows, flat first.

    Its columns are the gradients one unit beside the minimizer.
    """
    w = problem.minimizer[:, None] + np.eye(problem.dim)
    hessian = gradients(problem, w)
    return hessian, np.linalg.eigh(hessian)[1].T


def gradients(problem, w: np.ndarray) -> np.ndarray:
    """Exact gradients (on all examples) at the columns of w, (dim, points), of a problem in lanes form."""
    g, f = np.zeros(w.shape), np.zeros(w.shape[1])
    x, y = problem.data or (np.zeros((1, 1)), np.zeros(1))
    work = np.zeros(problem.work(len(x), w.shape[1]) if problem.work else 0)
    known = {"w": np.ascontiguousarray(w), "g": g, "f": f, "x": np.asarray(x, float), "y": np.asarray(y, float)}
    known |= {"constants": np.asarray(problem.constants, float), "layout": np.asarray(problem.layout, np.int64)}
    known["work"] = work
    function = problem.value_and_gradient
    function(**{name: known[name] for name in function.__code__.co_varnames[: function.__code__.co_argcount]})
    return g


def travel(walk: pd.DataFrame, column: str = "steep") -> float:
    """Way along an axis: the sum of |steps| in units of the walk's start distance; 1 goes to the middle straight."""
    way = walk[column].to_numpy()
    return float(np.abs(np.diff(way)).sum() / abs(way[0])) if np.isfinite(way).all() else np.inf


def reversals(walk: pd.DataFrame, column: str = "steep") -> float:
    """Share of the steps that go back along an axis, against the step before them; 1 for a walk that diverged."""
    way = walk[column].to_numpy()
    if not np.isfinite(way).all():
        return 1.0
    step = np.sign(np.diff(way))
    return float(np.mean(step[1:] != step[:-1]))


def halving(walk: pd.DataFrame, column: str = "flat") -> float:
    """Steps until the distance along an axis is first at most half of that at the start; inf if it never is."""
    way = walk[column].abs().to_numpy()
    reached = np.flatnonzero(way <= way[0] / 2)
    return float(reached[0]) if len(reached) else np.inf


def measured(paths: pd.DataFrame, **measures) -> pd.DataFrame:
    """One row a walk: label, seed and each of the measures (walk -> number)."""
    rows = [
        {"label": label, "seed": seed, **{name: measure(walk) for name, measure in measures.items()}}
        for (label, seed), walk in paths.groupby(["label", "seed"], sort=False)
    ]
    return pd.DataFrame(rows)


def telling(paths: pd.DataFrame) -> pd.DataFrame:
    """The walks to draw: those of the seed that starts farthest from both axes."""
    start = paths[paths["step"] == 0].set_index("seed")[["steep", "flat"]].abs().min(axis=1)
    return paths[paths["seed"] == start.idxmax()].drop(columns=["gradient_1", "gradient_2"]).reset_index(drop=True)


def seeds(budget: Budget, count: int) -> dict:
    """The sweep's keys for `count` seeds, a third of them to tune on; a quarter of that when it must be quick."""
    count = max(count // 3, 9) if budget.quick else count
    return {"seeds": list(fresh_seeds(count)), "tuning_seeds": count // 3}


def by_label(table: pd.DataFrame, column: str) -> dict[str, np.ndarray]:
    """The column's values of each label, ordered by seed, so that labels are paired."""
    ordered = table.sort_values("seed", kind="stable")
    return {label: part[column].to_numpy() for label, part in ordered.groupby("label", sort=False)}


def weigh(
    cells: Mapping[str, Interval], below: float, above: float, main: str, measure: str, detail: str = ""
) -> Verdict:
    """The verdict over several settings of one claim, each with its interval of a number that should be small.

    A setting speaks for the claim where its whole interval lies under `below`, against it where it lies over `above`,
    and is undecided else. All for: holds. All against: does not hold. Else it depends, on what the
    settings' names say. The effect is that of the setting `main`.
    """
    good = [name for name, (_, _, high) in cells.items() if high < below]
    bad = [name for name, (_, low, _) in cells.items() if low > above and name not in good]
    open_ = [name for name in cells if name not in good and name not in bad]
    verdict = HOLDS if len(good) == len(cells) else FAILS if len(bad) == len(cells) else DEPENDS
    parts = (("it holds at ", good), ("not at ", bad), ("undecided at ", open_))
    texts = [words + ", ".join(f"{name} ({cells[name][0]:.2g})" for name in names) for words, names in parts if names]
    return Verdict(verdict, *cells[main], measure, "; ".join(texts) if verdict == DEPENDS else "", detail)


def draw_bowl(ax, walk: pd.DataFrame, color, title: str, width: float = 1.95) -> None:
    """One walk in the bowl's own axes, flat across and steep up, from the start (dot) to the minimum (star)."""
    ax.plot(walk["flat"], walk["steep"], color=color, linewidth=1.1, marker=".", markersize=3.5, zorder=3)
    ax.plot(walk["flat"].iloc[:1], walk["steep"].iloc[:1], "o", color="black", markersize=5, zorder=4)
    ax.plot(0, 0, "*", color="#f6d55c", markeredgecolor="black", markersize=10, zorder=5)
    ax.tick_params(labelsize=7)
    style.panel_title(ax, title, width)


def draw_contours(ax, across: float, up: float, condition: float) -> None:
    """Curves of equal loss of a bowl that is `condition` times as steep upwards as across."""
    x, y = np.meshgrid(np.linspace(-across, across, 80), np.linspace(-up, up, 80))
    value = np.sqrt(x**2 / condition + y**2)
    ax.contourf(x, y, value, levels=np.linspace(0, value.max(), 9), cmap="Greys", alpha=0.35, zorder=0)
    ax.set(xlim=(-across, across), ylim=(-up, up))
    ax.locator_params(nbins=5)
    ax.grid(False)


def spread(ax, x: float, interval: Interval, color, label: str | None = None) -> None:
    """A number and its interval: a dot on a pale bar."""
    ax.plot([x, x], interval[1:], color=color, linewidth=6, alpha=0.3, solid_capstyle="butt")
    ax.plot([x], interval[:1], "o", color=color, markersize=5, label=label)
