"""JAX's side of a job, in a process of its own: jit, vmap over rates, schedules and seeds, scan over the steps.

One program is compiled for each optimizer and batch size. It takes ROWS rows of RUNS runs that share their mini-batches
(of eight such shapes, from 1 x 5 to 40 x 1, none was more than a tenth quicker): a seed's settings are cut into such
rows, and the last row of a seed is filled up with copies. As many threads as there are cores compile and run programs
side by side. The runs are those that optbench made, in all its stages, without the choices between: no stage waits.
"""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

ROWS, RUNS = 4, 5
WEIGHTS = 0.5
"""Deviation of the weights of a quadratic's examples, as the problem's documentation has it."""


def main(plan: str, out: str, cores: str, cache: str = "") -> None:
    """``cache``: a folder of compiled programs that lasts; none without."""
    import jax

    jax.config.update("jax_enable_x64", True)
    if cache:
        jax.config.update("jax_compilation_cache_dir", cache)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    import pandas as pd

    from benchmarks.jobs import jax_programs

    job, arrays = json.loads((Path(plan) / "job.json").read_text()), np.load(Path(plan) / "arrays.npz")
    arrays = {name: arrays[name] for name in arrays.files}
    runs = pd.read_parquet(Path(plan) / "runs.parquet")
    work = jax_programs.Mlp(arrays) if job["kind"] == "mlp" else jax_programs.Quadratic(arrays)
    samples = {
        size: samples_of(job, arrays, int(size), int(g["steps"].iloc[0])) for size, g in runs.groupby("batch_size")
    }

    def group(key: tuple[str, int], part: Any) -> Any:
        evaluations = job["evaluations"][str(key[1])]
        return _run(work, key[0], evaluations, samples[key[1]], part, job, arrays["starts"])

    with ThreadPoolExecutor(int(cores)) as pool:
        groups = _longest_first(runs.groupby(["optimizer", "batch_size"]))
        tables = list(pool.map(lambda each: group(*each), groups))
    parts = ("train", "validation", "test")
    names = [f"{part}_{measure}" for part in parts for measure in ("loss", "accuracy")]
    names = names if job["kind"] == "mlp" else ["train_loss"]
    for name, build in (("runs", _ends), ("curves", _curves)):
        frames = [build(part, values, names) for part, values in tables]
        pd.concat(frames, ignore_index=True).to_parquet(Path(out) / f"{name}.parquet")


def _ends(part: Any, values: np.ndarray, names: list[str]) -> Any:
    """A row a run: what it is, and how it ended."""
    ends = {f"{name}_final".removeprefix("train_"): values[:, -1, i] for i, name in enumerate(names)}
    return part.assign(**ends)


def _curves(part: Any, values: np.ndarray, names: list[str]) -> Any:
    """A row an evaluation of a run."""
    import pandas as pd

    runs, count, _ = values.shape
    step = np.tile(np.arange(1, count + 1) * (int(part["steps"].iloc[0]) // count), runs)
    columns = {name: values[..., i].ravel() for i, name in enumerate(names)}
    return pd.DataFrame({"run_id": np.repeat(part["run_id"].to_numpy(), count), "step": step, **columns})


def _longest_first(groups: Any) -> list[tuple[Any, Any]]:
    return sorted(groups, key=lambda group: -len(group[1]) * group[1]["steps"].iloc[0] * group[0][1])


def rates_of(part: Any, examples: int) -> np.ndarray:
    """(runs, steps): the rate of every step."""
    steps, size = int(part["steps"].iloc[0]), int(part["batch_size"].iloc[0])
    step = np.arange(1, steps + 1)
    epoch = (step - 1) // -(-examples // size)
    factors = {
        "constant": np.ones(steps), "inverse(decay_rate=1.0)": 1 / (1 + epoch),
        "exponential(base=0.95)": 0.95**epoch.astype(float), "sqrt_epoch(k=1.0)": 1 / np.sqrt(np.maximum(epoch, 1)),
        "sqrt_step(k=1.0)": 1 / np.sqrt(step),
    }  # fmt: skip
    return part["lr"].to_numpy()[:, None] * np.array([factors[text] for text in part["schedule"]])


def samples_of(job: dict[str, Any], arrays: dict[str, Any], size: int, steps: int) -> np.ndarray | None:
    """What each step of each seed draws: examples (seeds, steps, size), or the means of a finite sum's noise."""
    if size >= job["examples"]:
        return None
    if job["kind"] == "mlp":
        return arrays[f"order_{size}"]
    per_epoch = job["examples"] // size
    spread = np.append(arrays["spread"], WEIGHTS) / np.sqrt(size)
    noise = np.empty((len(job["seeds"]), steps, len(spread)))
    for row, seed in zip(noise, job["seeds"], strict=True):
        z = np.random.default_rng(seed).standard_normal((steps // per_epoch, per_epoch, len(spread)))
        row[:] = ((z - z.mean(axis=1, keepdims=True)) * spread).reshape(steps, -1)
    noise[..., -1] += 1
    return noise


def _run(work: Any, optimizer: str, evaluations: int, samples: Any, part: Any, job: dict, starts: Any) -> Any:
    """The group's runs in the order of its rows, and their reports (runs, evaluations, values)."""
    from benchmarks.jobs.jax_programs import program

    train = program(work, optimizer, evaluations)
    part = part.sort_values("seed", kind="stable").reset_index(drop=True)
    places = [at for _, seed in part.groupby("seed") for at in _cut(seed.index.to_numpy(), RUNS)]
    rates, place_of = rates_of(part, job["examples"]), {seed: i for i, seed in enumerate(job["seeds"])}
    seeds = part["seed"].map(place_of).to_numpy()
    values = np.empty((len(part), evaluations, work.values))
    for first in range(0, len(places), ROWS):
        rows = places[first : first + ROWS]
        rows = np.array([*rows, *[rows[-1]] * (ROWS - len(rows))])
        of = seeds[rows[:, 0]]
        reports = np.asarray(train(work.pack(starts[of]), None if samples is None else samples[of], rates[rows]))
        values[rows] = reports
    return part, values


def _cut(places: np.ndarray, width: int) -> list[np.ndarray]:
    """Rows of so many; the last one is filled up with its last place."""
    parts = [places[at : at + width] for at in range(0, len(places), width)]
    return [np.append(part, np.repeat(part[-1], width - len(part))) for part in parts]


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    main(*sys.argv[1:])
