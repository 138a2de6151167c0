"""The Python interface: the words, defaults and errors are those of the commands."""

import math
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from optbench.catalogue import loader
from optbench.contract.errors import OptbenchError
from optbench.contract.optimizers import Baseline, Optimizer
from optbench.contract.problems import Family, Problem
from optbench.contract.schedules import Schedule

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Result:
    """One run: the last weights, what it saw on the way, and how it ended."""

    w: np.ndarray
    """(dim,)"""
    curve: "pd.DataFrame" = field(repr=False)
    """One row an evaluation; the columns are those of the table ``curves``."""
    status: str
    """ok, diverged or deadline"""
    loss: float
    """The last full training loss; inf where the run diverged."""
    suboptimality: float
    """``loss`` minus the problem's minimum."""


@dataclass(frozen=True)
class Results:
    """A sweep's tables; a column that a run has no use for is NaN there."""

    runs: "pd.DataFrame" = field(repr=False)
    curves: "pd.DataFrame" = field(repr=False)
    timings: "pd.DataFrame" = field(repr=False)
    directory: Path | None = None


def optimizers(plugin: Sequence[str | Path] = ()) -> dict[str, Optimizer]:
    """All optimizers by name, with those of the ``plugin`` files; wrappers and SciPy's baselines are not among them."""
    return _catalogue(plugin).optimizers


def problems(plugin: Sequence[str | Path] = ()) -> dict[str, Family]:
    """All problems by name, with those of the ``plugin`` files."""
    return _catalogue(plugin).problems


def schedules(plugin: Sequence[str | Path] = ()) -> dict[str, Schedule]:
    """All schedules by name, with those of the ``plugin`` files."""
    return _catalogue(plugin).schedules


def minimize(
    problem: str | Problem | Family,
    optimizer: str | Optimizer | Baseline,
    *,
    lr: float | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    batch_size: int | str = "full",
    schedule: str | Schedule = "constant",
    seed: int = 0,
    dtype: str = "float64",
    deadline: float | None = None,
    device: str = "cpu",
    plugin: Sequence[str | Path] = (),
    **hyperparameters: float,
) -> Result:
    """Run one optimizer on one problem.

    ``problem``, ``optimizer``, ``schedule``: names, with parameters if need be (``"quadratic(dim=100)"``), or
    records. ``lr``: the learning rate, which only SciPy's baselines do without. Exactly one of ``steps`` and
    ``epochs``. ``batch_size``: a number of examples, or "full". ``deadline``: seconds after which the run ends where
    it is. ``device``: "cpu"; "cuda", a GPU; or "auto", a GPU where one is and can run this. Raises OptbenchError for
    input that cannot run; a run that diverges is no error but has that status.

    >>> minimize("rosenbrock", "adam", lr=0.05, steps=2000).w.round(3).tolist()
    [1.0, 1.0]
    """
    from optbench.compiler.device import choose
    from optbench.engine.lanes import Lane
    from optbench.sweeps.executor import one_blas_thread
    from optbench.sweeps.jobs import Job, pair, refusal
    from optbench.sweeps.plan import CohortPlan
    from optbench.sweeps.spec import merge
    from optbench.sweeps.tables import tables

    catalogue, values = _catalogue(plugin), {}
    if not isinstance(optimizer, Optimizer | Baseline):
        optimizer, values = catalogue.optimizer(optimizer)
    values = optimizer.with_values(values | hyperparameters)
    if isinstance(optimizer, Baseline):
        if batch_size != "full" or schedule != "constant" or lr is not None:
            raise OptbenchError(f"minimize: {optimizer.name} has no lr and no schedule, and runs on the full batch")
        lr = 1.0
    elif lr is None:
        raise OptbenchError(f"minimize: {optimizer.name} needs a learning rate, such as lr=0.01")
    # The spec's own checks, on placeholders where records stand: one set of rules and messages.
    checked = merge(
        {"problems": [_text(problem)], "optimizers": ["gd"], "learning_rates": [lr], "seeds": [seed]},
        {"steps": steps, "epochs": epochs, "batch_sizes": [batch_size], "dtypes": [dtype], "deadline": deadline}
        | {"tuning_seeds": 0, "device": device},
        "minimize",
    )
    if isinstance(problem, Family):
        problem = problem.build()
    elif not isinstance(problem, Problem):
        problem = catalogue.problem(problem)
    if not isinstance(schedule, Schedule):
        schedule = catalogue.schedule(schedule)
    size = problem.examples if batch_size == "full" else min(checked.batch_sizes[0], problem.examples)
    count = checked.steps or math.ceil(checked.epochs * -(-problem.examples // size))
    lanes = (Lane(checked.learning_rates[0], schedule, values),)
    taken, _ = choose(device)
    plan = CohortPlan("", ("",), problem, optimizer, lanes, size, seed, dtype, count, deadline, taken)
    if taken == "cuda" and (reason := refusal(plan)):
        if device == "cuda":
            raise OptbenchError(f"minimize: {pair(plan)} cannot run on a GPU: {reason}")
        taken = "cpu"
    with one_blas_thread():
        (cohort,) = Job((plan,), taken).run()
    made = tables(plan, cohort, 1)
    run = made["runs"].to_pylist()[0]
    curve = made["curves"].drop_columns(["run_id"]).to_pandas()
    return Result(cohort.parts[0].w[0], curve, run["status"], run["loss_final"], run["suboptimality_final"])


def sweep(
    spec: str | Path | Mapping | None = None,
    *,
    out: str | Path | None = None,
    workers: int | None = None,
    **changes,
) -> Results:
    """Run a sweep: a TOML file, a mapping of its keys, or None for the built-in default; ``changes`` on top.

    ``out``: the folder to keep it in, and to go on from where it was interrupted; None keeps the tables only.
    ``workers``: threads, by default as many as there are cores. With ``device="cuda"`` or ``"auto"`` among the changes
    a GPU runs what it can, and the table ``timings`` tells where each cohort ran. Raises OptbenchError; warns of a
    problem or an optimizer that could not run, whose cohorts are left out.
    """
    from optbench.sweeps.spec import merge, read

    checked = merge(spec, changes) if isinstance(spec, Mapping) else read(spec, changes)
    if out is not None:
        return _execute(checked, out, workers)
    with tempfile.TemporaryDirectory() as folder:
        found = _execute(checked, folder, workers)
        return Results(found.runs, found.curves, found.timings)


def load(path: str | Path) -> Results:
    """The tables of a finished sweep. Raises OptbenchError where there is none."""
    import pandas as pd

    folder = Path(path)
    try:
        tables = [pd.read_parquet(folder / f"{name}.parquet") for name in ("runs", "curves", "timings")]
        tables[0]["diverged_at"] = tables[0]["diverged_at"].astype("Int64")
    except FileNotFoundError:
        raise OptbenchError(f"no finished sweep in {str(path)!r}: run optbench sweep --out {path}") from None
    except (OSError, ValueError) as error:
        raise OptbenchError(f"cannot read the tables in {str(path)!r}: {str(error).splitlines()[0]}") from None
    return Results(*tables, directory=folder)


def _catalogue(files) -> loader.Catalogue:
    """The catalogue with the user's files. Here nobody reads a traceback first: a broken file is an error."""
    catalogue = loader.load((files,) if isinstance(files, str | Path) else tuple(files))
    for path, trace in catalogue.broken.items():
        raise OptbenchError(f"the plug-in {path.name} does not load: {trace.strip().splitlines()[-1]}")
    return catalogue


def _execute(spec, folder, workers) -> Results:
    from optbench.sweeps import session

    status = session.execute(spec, folder, workers=workers, catalogue=_catalogue(spec.plugins))
    for pair, reason in status.failed.items():
        warnings.warn(f"could not run {pair}: {reason}", stacklevel=3)
    return load(folder)


def _text(problem) -> str:
    return problem if isinstance(problem, str) else "problem"
