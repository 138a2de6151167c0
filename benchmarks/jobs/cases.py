"""The jobs: which sweep optbench makes, and the same runs as plain data that every other side is given.

The other sides need not plan, tune or draw: they get the very runs that optbench made, those of its race and its report
among them, with the start points, the order of the examples and the rates, and their time begins behind that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import optbench

# What the default sweep of 0.14 had in common for all its problems: jobs stay the same from version to version.
DEFAULT: dict[str, Any] = {
    "optimizers": ["gd", "momentum", "nesterov", "rmsprop", "adam"],
    "batch_sizes": [16, 64, "full"],
    "schedules": ["constant", "inverse", "exponential", "sqrt_epoch", "sqrt_step"],
    "learning_rates": "1e-3:31.6228:10",
    "blocks": 8, "screen": 1, "finalists": 5, "race": 2, "holdout": 4,
}  # fmt: skip
TINY: dict[str, Any] = DEFAULT | {
    "optimizers": ["adam"], "batch_sizes": [16, "full"], "schedules": ["constant", "sqrt_epoch"],
    "learning_rates": [0.01, 0.1], "blocks": 2, "finalists": 2, "race": 1, "holdout": 1,
}  # fmt: skip
"""So small that a test can make it."""


@dataclass(frozen=True)
class Job:
    """A sweep of one problem. ``kind``: what the other sides compute, "mlp" or "quadratic"."""

    name: str
    kind: str
    spec: Mapping[str, Any]

    @property
    def problem(self) -> optbench.Problem:
        """optbench's record of the objective."""
        return optbench.problems()[self.kind].build({})


def jobs(tiny: bool = False) -> list[Job]:
    """The digits-MLP part of the default sweep of 0.14, and its quadratic; ``tiny``: the same with a few runs."""
    design = TINY if tiny else DEFAULT
    return [
        Job("digits-mlp", "mlp", design | {"problems": ["mlp"], "epochs": 1 if tiny else 6}),
        Job("quadratic", "quadratic", design | {"problems": ["quadratic"], "epochs": 2 if tiny else 60}),
    ]


def write_plan(job: Job, results: optbench.Results, folder: Path) -> None:
    """What the other sides are given: ``runs.parquet``, ``job.json`` and ``arrays.npz``.

    arrays: ``starts`` (seeds, dim); an MLP's ``x``, ``y``, the same of its validation and test rows (``x_validation``,
    ``x_test``, ...), and for each batch size the order of its examples (seeds, steps, size), -1 where an epoch's last
    mini-batch is smaller; a quadratic's ``hessian`` and ``minimizer``, and the ``spread`` of its noise.
    """
    runs, problem = results.runs, job.problem
    seeds = sorted(runs["seed"].unique().tolist())
    wanted = ["run_id", "optimizer", "batch_size", "lr", "schedule", "seed", "stage", "steps"]
    planned = runs.groupby("batch_size")["steps"].max()  # a run that diverged made fewer
    runs[wanted].assign(steps=runs["batch_size"].map(planned)).to_parquet(folder / "runs.parquet")
    objective = optbench.objective(problem)
    arrays = {"starts": np.array([objective.start(seed) for seed in seeds])}
    if problem.data is None:
        dim = problem.dim
        arrays["hessian"] = problem.constants[: dim * dim].reshape(dim, dim)
        arrays["minimizer"] = problem.constants[dim * dim :]
        arrays["spread"] = problem.noise * np.sqrt(problem.curvature / problem.curvature.mean())
    else:
        for name, (x, y) in (("", problem.data), ("_validation", problem.validation), ("_test", problem.test)):
            arrays[f"x{name}"], arrays[f"y{name}"] = x, y.astype(np.int32)
        for size, steps in planned.items():
            if size < problem.examples:
                arrays[f"order_{size}"] = np.array([_order(problem, size, steps, seed) for seed in seeds])
    np.savez(folder / "arrays.npz", **arrays)
    facts = {"kind": job.kind, "seeds": seeds, "examples": problem.examples, "evaluations": _evaluations(results)}
    (folder / "job.json").write_text(json.dumps(facts))


def _order(problem: optbench.Problem, size: int, steps: int, seed: int) -> np.ndarray:
    order = np.full((steps, size), -1, np.int32)
    for row, examples in zip(
        order, optbench.mini_batches(problem, batch_size=size, seed=seed, steps=steps), strict=True
    ):
        row[: len(examples)] = examples
    return order


def _evaluations(results: optbench.Results) -> dict[int, int]:
    """By batch size, how often the others evaluate a run after its start: not more often than optbench does.

    They do so at equal distances, so that one scan holds the steps between: their number divides the steps.
    """
    counts = results.curves.groupby("run_id").size().rename("points")
    runs = results.runs[results.runs["status"] == "ok"].merge(counts, on="run_id")
    return {
        int(size): max(k for k in range(1, max(int(group["points"].max()), 2)) if group["steps"].max() % k == 0)
        for size, group in runs.groupby("batch_size")
    }


def agreement(job: Job, ours: pd.DataFrame, theirs: pd.DataFrame) -> dict[str, Any]:
    """How far the final losses of two sides agree: ``share`` of so many ``runs`` has the same.

    Two numbers are the same within a millionth, what rounding may become in hundreds of steps. The quadratic's
    mini-batches are noise that each side draws for itself: the ``median`` of ln theirs/ours of those runs must lie
    within a tenth of nothing. Runs that diverged for optbench have no final loss to compare.
    """
    keys = ["optimizer", "batch_size", "lr", "schedule", "seed"]
    both = ours.drop_duplicates(keys).merge(theirs.drop_duplicates(keys), on=keys, suffixes=("", "_theirs"))
    ended = both[both["status"] == "ok"]
    drawn = (ended["batch_size"] < both["batch_size"].max()) & (job.kind == "quadratic")
    same = np.isclose(ended["loss_final_theirs"], ended["loss_final"], rtol=1e-6, atol=1e-12)[~drawn]
    apart = np.log(ended["loss_final_theirs"] / ended["loss_final"])[drawn]
    share, median = float(same.mean()) if len(same) else 0.0, abs(float(apart.median())) if len(apart) else 0.0
    return {"runs": len(ended), "share": share, "median": median, "wrong": bool(share < LEAST or not median < 0.1)}


LEAST = 0.9
"""Share of runs that must agree: at large rates a unit of the ReLU that rounding turns on or off sends two correct
sides apart (1.6% of the runs of momentum, a third of rmsprop's; with full batches none)."""
