"""The runs behind an answer, for other tools: CSV, MLflow and Weights & Biases; a run each, with its curve."""

from __future__ import annotations

import importlib
import logging
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from optbench.analysis import hyperparameter_columns, metric_columns
from optbench.analysis.answer import Answer
from optbench.analysis.run_columns import find_failed_runs
from optbench.analysis.trajectories import step_seconds
from optbench.contract.columns import CURVES
from optbench.contract.errors import OptbenchError
from optbench.report.report_files import digest_of, write_digests, write_file
from optbench.report.report_tables import csv_text, without_bounds

MARKS = {"csv": "export.sha256", "mlflow": "mlflow.db", "wandb": "wandb"}
"""By tool, what stands in a folder that an export has written."""
_IDS = ("run_id", "cohort_id", "problem", "optimizer", "schedule", "dtype", "stage", "status", "failure")
_SETTING = ("problem", "optimizer", "lr", "batch_size", "schedule", "seed", "dtype", "stage", "block", "fold")
_MOST = 900
"""Metrics of one request: MLflow takes 1000 entities."""


class TrackedRun(NamedTuple):
    """A run as tools that track experiments have it."""

    run_id: str
    name: str
    group: str
    """Its optimizer and problem, which the runs of other seeds share."""
    params: dict[str, Any]
    metrics: dict[str, float]
    """Finite numbers at the end."""
    curve: list[tuple[int, dict[str, float]]]
    """By step, the finite numbers of its evaluations."""
    failed: bool


def list_tables(answer: Answer, seeds: int | None = None) -> dict[str, pd.DataFrame]:
    """Return the tables by name: ``runs``, those of the recommended settings on the seeds that report, their
    ``curves``, and the ``ranking``. Runs have their seconds of training; what none of them has is left out.

    seeds: so many of each setting at most; None: all.
    """
    runs, of = answer.reported_runs, answer.tables
    if seeds is not None:
        runs = runs.groupby(["problem", "optimizer"], sort=False).head(seeds)
    runs = runs.assign(seconds=runs["steps"].to_numpy(dtype=np.float64) * step_seconds(runs, of.timings))
    runs = runs[[name for name in runs if runs[name].notna().any() and not _holds_bytes(runs[name])]]
    curves = of.curves_of(runs["run_id"], [*CURVES, *metric_columns(runs)])
    curves = runs[["run_id", "problem", "optimizer", "seed"]].merge(curves, on="run_id")
    return {"runs": runs, "curves": curves, "ranking": without_bounds(answer.ranking)}


def _holds_bytes(column: pd.Series) -> bool:
    """Return whether a column holds bytes, as a jackknife does."""
    return column.dtype == object and isinstance(column.dropna().iloc[0], bytes)


def list_runs(answer: Answer, seeds: int | None = None) -> Iterator[TrackedRun]:
    """Yield each run of `list_tables`."""
    tables = list_tables(answer, seeds)
    runs, curves = tables["runs"], tables["curves"].drop(columns=["problem", "optimizer", "seed"])
    points = dict(iter(curves.groupby("run_id", sort=False)))
    names = [*_SETTING, *(name for name in hyperparameter_columns(answer.runs) if name in runs)]
    rows = zip(runs.to_dict("records"), find_failed_runs(runs), strict=True)
    for row, failed in rows:
        group = f"{answer.label(row['optimizer'])} on {answer.label(row['problem'])}"
        curve = points.get(row["run_id"], curves[:0]).drop(columns="run_id").to_dict("records")
        yield TrackedRun(
            row["run_id"], f"{group}, seed {row['seed']}", group,
            {name: row[name] for name in names if name in row and pd.notna(row[name])},
            _keep_finite({name: value for name, value in row.items() if name not in {*names, *_IDS}}),
            [(int(point.pop("step")), _keep_finite(point)) for point in curve],
            bool(failed),
        )  # fmt: skip


def _keep_finite(values: Mapping[str, Any]) -> dict[str, float]:
    """Return the finite numbers: what MLflow keeps for others is the largest number."""
    return {name: float(each) for name, each in values.items() if pd.notna(each) and math.isfinite(each)}


def check_out(tool: str, out: Path) -> None:
    """Raise OptbenchError if ``out`` is a file, or a folder with something that no export has written."""
    if out.exists() and not out.is_dir():
        raise OptbenchError(f"--out: {str(out)!r} is a file: name a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / MARKS[tool]).exists():
        raise OptbenchError(f"--out: {str(out)!r} holds what no export to {tool} has written: name another folder")


def import_tool(tool: str) -> Any:
    """Return the library of that name. Raises OptbenchError where it is not installed."""
    try:
        return importlib.import_module(tool)
    except ImportError:
        raise OptbenchError(f"--to {tool} needs the extra 'export': pip install -e '.[export]'") from None


def write_csv(answer: Answer, out: Path, seeds: int | None = None) -> int:
    """Write `list_tables` into ``out`` as CSV; return the number of runs."""
    tables = list_tables(answer, seeds)
    for name, table in tables.items():
        write_file(out / f"{name}.csv", csv_text(table))
    write_digests(out / MARKS["csv"], {f"{name}.csv": digest_of(out / f"{name}.csv") for name in tables})
    return len(tables["runs"])


def log_to_mlflow(runs: Sequence[TrackedRun], project: str, uri: str, artifacts: str | None) -> int:
    """Write runs into an experiment of MLflow; return how many were not there yet.

    artifacts: where a new experiment has files; None: where the server says.
    """
    import_tool("mlflow")
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.tracking import MlflowClient

    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)  # it tells of each table that it makes
    client, now = MlflowClient(tracking_uri=uri), int(1000 * time.time())
    found = client.get_experiment_by_name(project)
    experiment = found.experiment_id if found else client.create_experiment(project, artifact_location=artifacts)
    there, token = set[str](), None
    while True:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        there |= {each.data.tags.get("optbench.run_id", "") for each in page if each.info.status != "RUNNING"}
        if not (token := page.token):
            break
    new = [run for run in runs if run.run_id not in there]
    for run in new:
        made = client.create_run(experiment, run_name=run.name).info.run_id
        tags = [RunTag("optbench.run_id", run.run_id), RunTag("optbench.group", run.group)]
        params = [Param(name, str(value)) for name, value in run.params.items()]
        metrics = [Metric(name, value, now, step) for step, point in run.curve for name, value in point.items()]
        metrics += [
            Metric(name, value, now, run.curve[-1][0] if run.curve else 0) for name, value in run.metrics.items()
        ]
        client.log_batch(made, params=params, tags=tags)
        for first in range(0, len(metrics), _MOST):
            client.log_batch(made, metrics=metrics[first : first + _MOST])
        client.set_terminated(made, "FAILED" if run.failed else "FINISHED")
    return len(new)


def log_to_wandb(runs: Sequence[TrackedRun], project: str, out: Path) -> str:
    """Write runs into a project of Weights & Biases, files into ``out``; return its mode.

    It is that of WANDB_MODE, else online for who is logged in, else offline. A run has the same id each time.
    """
    wandb = import_tool("wandb")
    mode = os.environ.get("WANDB_MODE") or ("online" if wandb.login(prompt=False) else "offline")
    out.mkdir(parents=True, exist_ok=True)
    quiet = wandb.Settings(silent=True, console="off", disable_git=True, disable_code=True, x_disable_stats=True)
    for run in runs:
        given = {"project": project, "dir": str(out), "mode": mode, "settings": quiet, "reinit": "finish_previous"}
        made = wandb.init(**given, id=run.run_id, name=run.name, group=run.group, config=run.params)
        for step, point in run.curve:
            made.log(point, step=step)
        made.summary.update(run.metrics)
        made.finish(exit_code=int(run.failed))
    return str(mode)
