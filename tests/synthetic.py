"""Small, realistic tables without an engine: what a sweep would have written, from closed formulas.

Each run's suboptimality falls exponentially to a noise floor, at a speed that depends on how far its rate is from its
optimizer's best one, and diverges where the rate is too large. The 2-D problem moves along a parabola to its minimum.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd

OPTIMIZERS = {  # name: (best rate, speed, hyperparameters)
    "gd": (0.1, 1.0, {}),
    "momentum": (0.1, 1.4, {"beta1": 0.9}),
    "nesterov": (0.1, 1.5, {"beta1": 0.9}),
    "rmsprop": (0.01, 1.8, {"beta2": 0.9, "eps": 0.0, "eps_root": 1e-8}),
    "adam": (0.01, 2.2, {"beta1": 0.9, "beta2": 0.999, "eps": 0.0, "eps_root": 1e-8}),
    "adagrad": (0.1, 1.2, {"eps": 1e-10}),
    "rmsprop_torch": (0.01, 1.7, {"beta2": 0.99, "eps": 1e-8, "eps_root": 0.0}),
    "adam_torch": (0.01, 2.1, {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "eps_root": 0.0}),
    "lion": (0.001, 1.9, {"beta1": 0.9, "beta2": 0.99}),
    "adamw_with_a_long_name": (0.01, 2.0, {"beta1": 0.9, "beta2": 0.999}),
}
BASELINES = ("lbfgs", "cg")  # one rate, one schedule, the full batch
PROBLEMS = {  # canonical text: (examples, minimum, start suboptimality, difficulty)
    "quadratic(dim=100, condition=10000.0)": (256, 0.0, 300.0, 2.0),
    "rosenbrock": (256, 0.0, 24.2, 2.0),
    "saddle": (256, -0.25, 0.9, 1.0),
    "breast_cancer": (455, 0.0462, 0.65, 1.2),
    "diabetes": (353, 0.241, 0.26, 0.7),
    "digits_mlp(hidden=32, activation=relu, init=he)": (1437, 0.0, 2.4, 0.5),
}
SCHEDULES = ("constant", "inverse(decay_rate=1.0)", "exponential(base=0.95)", "sqrt_epoch(k=1.0)", "sqrt_step(k=1.0)")
RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)


def runs_table(rows):
    """Return a `runs` table from dicts that hold only what matters; run ids are r0, r1, ..."""
    defaults = {
        "problem": "p", "optimizer": "gd", "beta1": np.nan, "schedule": "constant", "lr": 0.1, "batch_size": 16,
        "seed": 0, "dtype": "float64", "steps": 100, "epochs": 10.0, "samples": 1600, "status": "ok",
        "diverged_at": pd.NA, "loss_initial": 1.0, "loss_final": None, "loss_best": None, "suboptimality_final": 0.5,
        "test_loss_final": np.nan, "test_accuracy": np.nan,
    }  # fmt: skip
    table = pd.DataFrame([{**defaults, **row} for row in rows])
    table["loss_final"] = table["loss_final"].fillna(table["suboptimality_final"]).astype(float)
    table["loss_best"] = table["loss_best"].fillna(table["loss_final"]).astype(float)
    table.insert(0, "run_id", [f"r{place}" for place in range(len(table))])
    table.insert(1, "cohort_id", "c")
    return table


def failure(**row):
    """Return a row of `runs_table` that diverged."""
    return {"status": "diverged", "suboptimality_final": np.inf, "diverged_at": 3, **row}


def make_tables(
    problems=("quadratic(dim=100, condition=10000.0)", "rosenbrock", "breast_cancer"),
    optimizers=("gd", "momentum", "rmsprop", "adam", "adagrad"),
    batch_sizes=(16, 64, "full"),
    schedules=SCHEDULES,
    rates=RATES,
    seeds=range(9),
    tuning_seeds=(0, 1, 2),
    epochs=20,
    points=24,
    two_dimensional=("rosenbrock", "saddle"),
    without_test=("quadratic(dim=100, condition=10000.0)", "rosenbrock", "saddle"),
    diverge_above=8.0,
    random_seed=0,
) -> dict:
    """A dict of the five tables and `provenance`. diverge_above: the multiple of its best rate an optimizer survives;
    0 makes every run diverge. Names that OPTIMIZERS and PROBLEMS do not hold get facts of their own."""
    grid = itertools.product(problems, seeds, batch_sizes, optimizers, schedules, rates)
    names = ["problem", "seed", "batch_size", "optimizer", "schedule", "lr"]
    runs = _without_choice(pd.DataFrame(list(grid), columns=names))
    facts = {name: PROBLEMS.get(name, (100, 0.0, 5.0, 1.0)) for name in problems}
    for place, column in enumerate(("examples", "minimum", "start", "difficulty")):
        runs[column] = [facts[name][place] for name in runs["problem"]]
    full = runs["batch_size"] == "full"
    runs["batch_size"] = np.where(full, runs["examples"], runs["batch_size"].replace("full", 0)).astype(np.int64)
    rng = np.random.default_rng(random_seed)
    _add_outcomes(runs, rng, epochs, diverge_above)
    runs["run_id"] = _ids(runs[names])
    runs["cohort_id"] = _ids(runs[["problem", "seed", "batch_size", "optimizer"]])
    curves = _curves(runs, rng, points, two_dimensional, without_test)
    last = curves.drop_duplicates("run_id", keep="last").set_index("run_id").loc[runs["run_id"]]
    for column in ("train_accuracy", "test_accuracy", "w_1", "w_2"):
        runs[column] = last[column].to_numpy()
    runs["test_loss_final"] = np.where(runs["status"] == "diverged", last["test_loss"] * np.inf, last["test_loss"])
    timings = _timings(runs, rng)
    hyper = sorted({key for name in optimizers for key in _facts(name)[2]})
    for key in hyper:
        runs[key] = [_facts(name)[2].get(key, np.nan) for name in runs["optimizer"]]
    order = ["run_id", "cohort_id", "problem", "optimizer", *hyper, "schedule", "lr", "batch_size", "seed", "dtype"]
    order += ["steps", "epochs", "samples", "status", "diverged_at", "loss_initial", "loss_final", "loss_best"]
    order += ["suboptimality_final", "test_loss_final", "train_accuracy", "test_accuracy", "w_1", "w_2"]
    flat = [name for name in problems if name in two_dimensional]
    return {
        "runs": runs[order],
        "curves": curves,
        "timings": timings,
        "landscapes": pd.concat([_landscape(name) for name in flat]) if flat else None,
        "problems": pd.DataFrame(
            {
                "problem": problems,
                "minimum": [facts[name][1] for name in problems],
                "minimum_source": "closed form",
                "dim": [2 if name in flat else 100 for name in problems],
                "examples": [facts[name][0] for name in problems],
                "w_1": [1.0 if name in flat else np.nan for name in problems],
                "w_2": [1.0 if name in flat else np.nan for name in problems],
            }
        ),
        "provenance": {
            "command": "python -m optbench sweep --out results --seeds 9",
            "optbench": "0.1.0",
            "python": "3.12.3",
            "cpu": "Example CPU <8 cores>",
            "fastmath": ["nsz", "arcp"],
            "tuning_seeds": list(tuning_seeds),
            "seeds": list(seeds),
            "budget": f"{epochs} epochs",
            "plugins": {name: hashlib.sha256(name.encode()).hexdigest() for name in optimizers},
        },
    }


def lines_by_label(ax) -> dict:
    """Return the points (n, 2) of each line of axes that stands in the legend, by its text."""
    return {line.get_label(): line.get_xydata() for line in ax.lines if not line.get_label().startswith("_")}


def write_folder(folder, tables: dict) -> Path:
    """Write `tables` as the result folder of a sweep."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        if isinstance(table, pd.DataFrame):
            table.to_parquet(folder / f"{name}.parquet", index=False)
    (folder / "provenance.json").write_text(json.dumps(tables["provenance"]), encoding="utf-8")
    return folder


def _ids(frame: pd.DataFrame) -> list[str]:
    return [hashlib.sha256(repr(row).encode()).hexdigest()[:16] for row in frame.itertuples(index=False, name=None)]


def _facts(name: str) -> tuple:
    """Return (best rate, speed, hyperparameters) of an optimizer; an unlisted one's speed follows from its name."""
    return OPTIMIZERS.get(name, (1.0 if name in BASELINES else 0.1, 1.0 + sum(name.encode()) % 50 / 40, {}))


def _without_choice(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the grid, with what BASELINES cannot have taken out of it."""
    lone = runs["optimizer"].isin(BASELINES)
    first = runs["lr"].eq(runs["lr"].iloc[0]) & runs["schedule"].eq("constant") & runs["batch_size"].eq("full")
    runs.loc[lone, "lr"] = 1.0
    return runs[~lone | first].reset_index(drop=True)


def _add_outcomes(runs: pd.DataFrame, rng, epochs: int, diverge_above: float) -> None:
    """Draw how fast each run falls, to which floor, and whether it diverges; add the columns that follow."""
    best = np.array([_facts(name)[0] for name in runs["optimizer"]])
    speed = np.array([_facts(name)[1] for name in runs["optimizer"]])
    decay = np.array([0.6 ** SCHEDULES.index(name) if name in SCHEDULES else 1.0 for name in runs["schedule"]])
    ratio = runs["lr"] * decay / best
    batches = np.ceil(runs["examples"] / runs["batch_size"])
    runs["dtype"], runs["epochs"], runs["samples"] = "float64", float(epochs), runs["examples"] * epochs
    runs["steps"] = (batches * epochs).astype(np.int64)
    luck = rng.lognormal(0.0, 0.35, len(runs))
    runs["_fall"] = speed * luck * np.exp(-0.35 * np.log(ratio) ** 2) * runs["steps"] ** 0.4 / runs["difficulty"]
    runs["_floor"] = runs["start"] * 1e-4 * ratio * luck / runs["batch_size"] * (runs["batch_size"] < runs["examples"])
    bad = ratio * rng.lognormal(0.0, 0.4, len(runs)) > diverge_above
    runs["status"] = np.where(bad, "diverged", "ok")
    ended = rng.integers(1, np.maximum(runs["steps"], 2))
    runs["diverged_at"] = pd.array(np.where(bad, ended, 0), dtype="Int64")
    runs.loc[~bad, "diverged_at"] = pd.NA
    final = runs["start"] * np.exp(-runs["_fall"]) + runs["_floor"]
    runs["suboptimality_final"] = np.where(bad, np.inf, final)
    runs["loss_initial"] = runs["start"] + runs["minimum"]
    runs["loss_final"] = runs["suboptimality_final"] + runs["minimum"]
    runs["loss_best"] = np.where(bad, runs["loss_initial"], runs["loss_final"])


def _curves(runs: pd.DataFrame, rng, points: int, two_dimensional, without_test) -> pd.DataFrame:
    """Return the curves of all runs at log-spaced steps; a diverged run grows and ends before `diverged_at`."""
    steps = runs["steps"].to_numpy()[:, None]
    share = np.concatenate([[0.0], np.linspace(0.0, 1.0, points)])
    step = np.where(np.arange(points + 1) == 0, 0, np.round(steps ** share[None, :])).astype(np.int64)
    ended = runs["diverged_at"].to_numpy(dtype=np.float64, na_value=np.inf)[:, None]
    keep = (step < ended) & (np.diff(step, prepend=-1, axis=1) > 0)
    at = np.nonzero(keep)[0]
    step = step[keep]
    run = runs.iloc[at].reset_index(drop=True)
    part = step / run["steps"]
    bad = (run["status"] == "diverged").to_numpy()
    noise = np.exp(0.08 * rng.standard_normal(len(run))) * np.where(step == 0, 0, 1) + (step == 0)
    gap = (run["start"] * np.exp(-run["_fall"] * part**0.4) + run["_floor"] * (step > 0)) * np.where(bad, 1, noise)
    gap = np.where(bad, run["start"] * np.exp(6 * step / run["steps"].clip(1)), gap)
    flat = run["problem"].isin(two_dimensional).to_numpy()
    swing = np.where(run["optimizer"] == "gd", 0.0, 0.6 * np.log1p(step))
    q = np.sqrt(np.minimum(gap / run["start"], 4.0)) * np.cos(swing)
    w_1 = 1 - 2.2 * q
    w_2 = w_1**2 - 0.35 * q
    test = run["problem"].isin(without_test).to_numpy()
    accuracy = np.where(test, np.nan, 0.98 - 0.88 * np.clip(gap / run["start"], 0, 1))
    return pd.DataFrame(
        {
            "run_id": run["run_id"],
            "step": step,
            "epoch": part * run["epochs"],
            "samples": np.minimum(step * run["batch_size"], run["samples"]),
            "lr": np.where(step == 0, np.nan, run["lr"]),
            "batch_loss": np.where(step == 0, np.nan, gap + run["minimum"]),
            "train_loss": gap + run["minimum"],
            "test_loss": np.where(test, np.nan, 1.1 * gap + run["minimum"]),
            "gradient_norm": np.where(step == 0, np.nan, np.sqrt(gap)),
            "train_accuracy": accuracy,
            "test_accuracy": accuracy - 0.01,
            "w_1": np.where(flat, w_1, np.nan),
            "w_2": np.where(flat, w_2, np.nan),
        }
    )


def _timings(runs: pd.DataFrame, rng) -> pd.DataFrame:
    cohorts = runs.groupby("cohort_id", sort=False).agg(lanes=("run_id", "size"), steps=("steps", "first"))
    cohorts = cohorts.reset_index()
    cost = rng.lognormal(np.log(40.0), 0.5, len(cohorts))
    cohorts["seconds"] = cohorts["lanes"] * cohorts["steps"] * cost * 1e-9
    cohorts["evaluation_seconds"] = cohorts["seconds"] * 0.06
    cohorts["ns_per_run_step"] = cost
    cohorts["compile_seconds"] = np.where(np.arange(len(cohorts)) < 5, 0.8, 0.0)
    return cohorts.assign(host="example", threads=1)


def _landscape(name: str, side: int = 81) -> pd.DataFrame:
    w_1, w_2 = (axis.ravel() for axis in np.meshgrid(np.linspace(-2, 2, side), np.linspace(-1, 3, side), indexing="ij"))
    value = (1 - w_1) ** 2 + 100 * (w_2 - w_1**2) ** 2
    return pd.DataFrame({"problem": name, "w_1": w_1, "w_2": w_2, "value": value + PROBLEMS.get(name, (0, 0.0))[1]})
