"""The Python interface: the words, defaults and errors are those of the commands."""

import tempfile
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from optbench.catalogue import loader
from optbench.contract.errors import OptbenchError
from optbench.contract.optimizers import Baseline, Optimizer
from optbench.contract.problems import Family, Problem
from optbench.contract.schedules import Schedule

if TYPE_CHECKING:
    import pandas as pd

    from optbench.engine.objective import Objective
    from optbench.engine.stepper import Stepper
    from optbench.sweeps.results import Results

Plugins = str | Path | Iterable[str | Path]
Points = Sequence[int] | Literal["every"] | None


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
class CohortResult:
    """Runs that shared start point and mini-batches."""

    runs: "pd.DataFrame" = field(repr=False)
    """One row a run, as in the table ``runs``; run_id is the place of its setting: "0", "1", ..."""
    curves: "pd.DataFrame" = field(repr=False)
    """One row an evaluation of a run, as in the table ``curves``."""
    w: np.ndarray = field(repr=False)
    """(runs, dim): the last weights."""
    seconds: float
    """Of the steps and evaluations, without compilation."""
    evaluation_seconds: float
    compile_seconds: float
    device: str
    """cpu or cuda"""


def optimizers(plugin: Plugins = ()) -> dict[str, Optimizer]:
    """All optimizers by name, with those of the ``plugin`` files; wrappers and SciPy's baselines are not among them.

    >>> optimizers()["adam"].hyperparameters["beta1"]
    0.9
    """
    return loader.load_all(plugin).optimizers


def problems(plugin: Plugins = ()) -> dict[str, Family]:
    """All problems by name, with those of the ``plugin`` files.

    >>> problems()["quadratic"].build({"dim": 3}).dim
    3
    """
    return loader.load_all(plugin).problems


def schedules(plugin: Plugins = ()) -> dict[str, Schedule]:
    """All schedules by name, with those of the ``plugin`` files.

    >>> schedules()["inverse"].with_values({"decay_rate": 0.5}).text
    'inverse(decay_rate=0.5)'
    """
    return loader.load_all(plugin).schedules


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
    points: Points = None,
    start: Any = None,
    deadline: float | None = None,
    device: str = "cpu",
    plugin: Plugins = (),
    **hyperparameters: float,
) -> Result:
    """Run one optimizer on one problem.

    Args:
        problem, optimizer, schedule: names, with parameters if need be (``"quadratic(dim=100)"``), or records.
        lr: the learning rate, which only SciPy's baselines do without.
        steps, epochs: the budget, exactly one of the two: updates, or passes over the data.
        batch_size: a number of examples, or "full".
        seed: of the start point, the mini-batches and the noise.
        dtype: "float64" or "float32".
        points: the steps to evaluate at, besides the first and the last; "every" for all; by default some, log-spaced.
        start: (dim,), a start point in the place of the problem's own.
        deadline: seconds after which the run ends where it is.
        device: "cpu"; "cuda", a GPU; or "auto", a GPU where one is and can run this.
        plugin: files with optimizers, problems or schedules of your own.
        hyperparameters: the optimizer's, by name.

    Returns:
        The last weights, the curve and how the run ended; a run that diverges is no error but has that status.

    Raises:
        OptbenchError: for input that cannot run.

    >>> minimize("rosenbrock", "adam", lr=0.05, steps=2000).w.round(3).tolist()
    [1.0, 1.0]
    """
    record, values = loader.load_all(plugin).optimizer(optimizer)
    if isinstance(record, Baseline):
        if batch_size != "full" or schedule != "constant" or lr is not None:
            raise OptbenchError(f"minimize: {record.name} has no lr and no schedule, and runs on the full batch")
        lr = 1.0
    elif lr is None:
        raise OptbenchError(f"minimize: {record.name} needs a learning rate, such as lr=0.01")
    setting = {"lr": lr, "schedule": schedule} | values | hyperparameters
    result = _cohort(
        "minimize", problem, record, [setting], steps=steps, epochs=epochs, batch_size=batch_size, seed=seed,
        dtype=dtype, points=points, start=start, deadline=deadline, device=device, plugin=plugin,
    )  # fmt: skip
    run = result.runs.iloc[0]
    curve = result.curves.drop(columns="run_id")
    return Result(result.w[0], curve, run["status"], float(run["loss_final"]), float(run["suboptimality_final"]))


def cohort(
    problem: str | Problem | Family,
    optimizer: str | Optimizer | Baseline,
    settings: Iterable[Mapping[str, Any]],
    *,
    steps: int | None = None,
    epochs: float | None = None,
    batch_size: int | str = "full",
    seed: int = 0,
    dtype: str = "float64",
    points: Points = None,
    start: Any = None,
    deadline: float | None = None,
    device: str = "cpu",
    plugin: Plugins = (),
) -> CohortResult:
    """Run one optimizer with several settings from one start point, on the same mini-batches.

    Args:
        settings: a mapping for each run: ``lr``, and if need be ``schedule`` and hyperparameters.
        problem, optimizer and all others: as in :func:`minimize`.

    Returns:
        The tables of the runs, in the order of ``settings``, their last weights, and where the time went.

    Raises:
        OptbenchError: for input that cannot run.

    >>> rates = [{"lr": 0.001}, {"lr": 0.002, "schedule": "inverse"}]
    >>> cohort("rosenbrock", "gd", rates, steps=10, points="every").curves["run_id"].value_counts().to_dict()
    {'0': 11, '1': 11}
    """
    return _cohort(
        "cohort", problem, optimizer, settings, steps=steps, epochs=epochs, batch_size=batch_size, seed=seed,
        dtype=dtype, points=points, start=start, deadline=deadline, device=device, plugin=plugin,
    )  # fmt: skip


def sweep(
    spec: str | Path | Mapping[str, Any] | None = None,
    *,
    out: str | Path | None = None,
    workers: int | None = None,
    **changes: Any,
) -> "Results":
    """Run a sweep.

    Args:
        spec: a TOML file, a mapping of its keys, or None for the built-in default.
        out: the folder to keep it in, and to go on from where it was interrupted; None keeps the tables only.
        workers: threads, by default as many as there are cores.
        changes: keys of the spec, on top of it. With ``device="cuda"`` or ``"auto"`` a GPU runs what it can, and the
            table ``timings`` tells where each cohort ran.

    Returns:
        The tables.

    Raises:
        OptbenchError: for input that cannot run. A problem or an optimizer that could not run is a warning, and its
            cohorts are left out.

    >>> small = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "learning_rates": [0.001], "steps": 10}
    >>> sweep(small, seeds=3).runs["status"].unique().tolist()
    ['ok']
    """
    from optbench.sweeps.spec import merge, read

    checked = merge(spec, changes) if isinstance(spec, Mapping) else read(spec, changes)
    if out is not None:
        return _execute(checked, out, workers)
    with tempfile.TemporaryDirectory() as folder:
        return _execute(checked, folder, workers).in_memory()


def objective(
    problem: str | Problem | Family,
    *,
    dtype: str = "float64",
    rows: int | slice | None = None,
    runs: int = 1,
    plugin: Plugins = (),
) -> "Objective":
    """A problem's compiled value and gradient, for code of your own.

    Args:
        problem: a name, with parameters if need be, or a record.
        dtype: "float64" or "float32".
        rows: the examples that count: the first so many, a slice, or None for all.
        runs: at how many points one call evaluates.
        plugin: files with problems of your own.

    Returns:
        A function: weights (dim,) or (runs, dim) -> values (runs,) and gradients (runs, dim); its ``evaluate`` gives
        loss and metrics on all training data, and ``start(seed)`` the start point.

    Raises:
        OptbenchError: for a problem that does not exist or compile, and for values that make no sense.

    >>> values, gradients = objective("quadratic(dim=2, condition=1)")([3.0, 4.0])
    >>> gradients.shape
    (1, 2)
    """
    from optbench.engine.objective import Objective

    return Objective(loader.load_all(plugin).problem(problem), dtype, rows, runs)


def stepper(
    optimizer: str | Optimizer,
    w: Any,
    *,
    lr: float,
    blocks: Sequence[tuple[int, ...]] | None = None,
    device: str = "cpu",
    plugin: Plugins = (),
    **hyperparameters: float,
) -> "Stepper":
    """A compiled update rule for an array of your own, one step at a time.

    Args:
        optimizer: a name, with hyperparameters if need be, or a record.
        w: (dim,), or (runs, dim) for so many of the same setting; C-contiguous float64 or float32, changed in place.
        lr: the learning rate.
        blocks: shapes of the parameter blocks, for rules that use them; by default one vector.
        device: "cpu"; or "cuda", with arrays on the card.
        plugin: files with optimizers of your own.
        hyperparameters: the optimizer's, by name.

    Returns:
        What steps: ``.step(g, lr=None)`` along a gradient of w's shape.

    Raises:
        OptbenchError: for an optimizer that does not exist, and for arrays or values that do not serve.

    >>> w = np.array([3.0, 4.0])
    >>> momentum = stepper("momentum", w, lr=0.1, beta1=0.5)
    >>> momentum.step(w.copy())
    >>> w.tolist()
    [2.85, 3.8]
    """
    from optbench.engine.stepper import Stepper

    record, values = loader.load_all(plugin).optimizer(optimizer)
    if isinstance(record, Baseline):
        raise OptbenchError(f"stepper: {record.name} searches its own steps; it serves minimize and sweep")
    return Stepper(record, w, lr, blocks, record.with_values(values | hyperparameters), device)


def mini_batches(
    problem: str | Problem | Family, *, batch_size: int | str, steps: int, seed: int = 0, plugin: Plugins = ()
) -> list[np.ndarray]:
    """The example numbers of the mini-batches that runs of a seed see.

    Args:
        problem: a name, with parameters if need be, or a record; one with data.
        batch_size: a number of examples, or "full".
        steps: how many mini-batches; they go on over the epochs, and the last one of an epoch may be smaller.
        seed: of the order.
        plugin: files with problems of your own.

    Returns:
        An array (rows,) of integers for each step.

    Raises:
        OptbenchError: for a problem without data, and for values that make no sense.

    >>> [len(rows) for rows in mini_batches("least_squares", batch_size=200, steps=3)]
    [200, 153, 200]
    """
    from optbench.engine import batches

    record = loader.load_all(plugin).problem(problem)
    return batches.mini_batches(record, batch_size=batch_size, seed=seed, steps=steps)


def info() -> dict[str, Any]:
    """The versions, the machine, where kernels are kept, and what there is of CUDA, as ``optbench info --json`` has it.

    Returns:
        A dictionary; in that under ``cuda``, ``missing`` says why no GPU can be used, and is None where one can.

    >>> "missing" in info()["cuda"]
    True
    """
    from optbench.cli.info import facts

    return facts()


@contextmanager
def _told_by(owner: str):
    """Errors begin with the name of the function that was called."""
    try:
        yield
    except OptbenchError as error:
        raise type(error)(f"{owner}: {error}") from None


def _cohort(owner: str, problem, optimizer, settings, *, steps, epochs, batch_size, device, plugin, **shared):
    """Check and run; ``shared``: fields of Cohort."""
    from dataclasses import replace

    from optbench.compiler.device import choose
    from optbench.engine import run as engine
    from optbench.engine import settings as values
    from optbench.engine.cohort import Cohort, full_or
    from optbench.sweeps.tables import tables

    catalogue = loader.load_all(plugin)
    record, given = catalogue.optimizer(optimizer)
    settings = [dict(setting) for setting in settings]
    with _told_by(owner):
        values.budget(epochs, steps)
        size = values.checked("batch_size", batch_size)
        rates = [values.checked("lr", setting.get("lr")) for setting in settings]
    lanes = [_lane(catalogue, record, given, rate, setting) for rate, setting in zip(rates, settings, strict=True)]
    problem = catalogue.problem(problem)
    size = full_or(size, problem)
    taken, _ = choose(device)
    with _told_by(owner):
        request = Cohort(
            problem=problem, optimizer=record, lanes=lanes, batch_size=size, device=taken,
            steps=values.step_count(epochs, steps, -(-problem.examples // size)), **shared,
        )  # fmt: skip
    if taken == "cuda" and (reason := engine.refusal(request)):
        if device == "cuda":
            raise OptbenchError(f"{owner}: {request.pair} cannot run on a GPU: {reason}")
        request = replace(request, device="cpu")
    with engine.one_blas_thread():
        outcome = engine.run(request)
    made = tables(request, outcome, "", [str(place) for place in range(len(lanes))], threads=1)
    return CohortResult(
        runs=made["runs"].to_pandas(),
        curves=made["curves"].to_pandas(),
        w=np.concatenate([part.w for part in outcome.parts]),
        seconds=outcome.seconds,
        evaluation_seconds=outcome.evaluation_seconds,
        compile_seconds=outcome.compile_seconds,
        device=outcome.device,
    )


def _lane(catalogue, record, given, rate, setting):
    from optbench.engine.cohort import Lane

    schedule = catalogue.schedule(setting.get("schedule", "constant"))
    own = {key: value for key, value in setting.items() if key not in ("lr", "schedule")}
    return Lane(rate, schedule, record.with_values({**given, **own}))


def _execute(spec, folder, workers) -> "Results":
    from optbench.sweeps import results, session

    plan = session.plan(spec, loader.load_all(spec.plugins))
    status = session.execute(plan, folder, workers=workers)
    for pair, reason in status.failed.items():
        warnings.warn(f"could not run {pair}: {reason}", stacklevel=3)
    return results.load(folder)
