"""Run one cohort outside any sweep, for ``minimize`` and ``cohort``: check it, run it, make its tables."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from optbench.catalogue import loader
from optbench.compiler.device import choose
from optbench.contract import arguments
from optbench.contract.eager import AnyOptimizer
from optbench.contract.errors import OptbenchError, PluginError, shown
from optbench.contract.problems import Family, Problem
from optbench.engine import run_cohorts as engine
from optbench.engine import settings as values
from optbench.engine.batches import affordable_steps, count_gradients, steps_per_epoch
from optbench.engine.cohort import Cohort, Lane, batch_size_of
from optbench.engine.outcome import CohortOutcome
from optbench.engine.runner import STOPPED
from optbench.store.rows import Finished, make_tables


@dataclass(frozen=True)
class Result:
    """One run: the last weights, its curve, and how it ended; also under the names of SciPy's OptimizeResult.

    Example:
        >>> minimize("rosenbrock", "gd", lr=10.0, steps=50).status
        'diverged'
    """

    w: np.ndarray
    """(dim,): the last weights, or what the rule reports in their place, such as their average"""
    curve: pd.DataFrame = field(repr=False)
    """One row an evaluation; the columns are those of the table ``curves``."""
    status: str
    """ok, diverged, deadline, or stopped (by the callback)"""
    loss: float
    """The last full training loss; inf if the run diverged."""
    suboptimality: float
    """``loss`` minus the problem's minimum; NaN if that is not known."""
    nit: int = 0
    """The steps that were made; of SciPy's methods their iterations."""
    nfev: int = 0
    """The evaluations of value and gradient by these; by central differences, calls of the function: 2 dim + 1 each."""
    success: bool = False
    """True if the run has converged: at its end the largest component of the gradient, of all data and without noise,
    is at most 1e-5, or 1e-5 of the loss where that is larger, as in SciPy; and the loss is no higher than at
    the start."""
    message: str = ""
    """What was run, and how it ended, in one line."""

    label: str = ""
    """The optimizer with its rate: its name in the legends of figures."""
    problem: Problem | None = field(default=None, repr=False, compare=False)
    """What was minimized, whose contours ``optbench.figures.paths(result)`` draws; None in a copy of another process's,
    which a function may not be sent to."""

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: all but the problem."""
        return {**vars(self), "problem": None}

    def __repr__(self) -> str:
        """Return the main values, a line each, as SciPy shows them."""
        names = ("message", "success", "status", "fun", "x", "nit", "nfev")
        with np.printoptions(threshold=12, precision=5):
            texts = [str(getattr(self, name)).replace("\n", "\n" + " " * 11) for name in names]
        return "\n".join(f"{name:>9}: {text}" for name, text in zip(names, texts, strict=True))

    @property
    def x(self) -> np.ndarray:
        """SciPy's name of ``w``."""
        return self.w

    @property
    def fun(self) -> float:
        """SciPy's name of ``loss``."""
        return self.loss


@dataclass(frozen=True)
class CohortResult:
    """Runs that shared start point and mini-batches.

    Example:
        >>> cohort("rosenbrock", "gd", [{"lr": 0.001}, {"lr": 0.002}], steps=10).w.shape
        (2, 2)
    """

    runs: pd.DataFrame = field(repr=False)
    """One row a run, as in the table ``runs``; run_id is the place of its setting: "0", "1", ..."""
    curves: pd.DataFrame = field(repr=False)
    """One row an evaluation of a run, as in the table ``curves``."""
    w: np.ndarray = field(repr=False)
    """(runs, dim): the last weights, or what the rule reports in their place."""
    seconds: float
    """Duration of steps and evaluations, without compilation."""
    evaluation_seconds: float
    """Part of it in evaluations on all data."""
    compile_seconds: float
    """Duration of compiling kernels, or of loading them from the cache."""
    device: str
    """cpu or cuda"""


@dataclass(frozen=True, eq=False)
class Single:
    """A finished cohort: its tables and the outcome of its lanes."""

    tables: Mapping[str, pa.Table]
    """runs, curves and timings."""
    outcome: CohortOutcome

    def result(
        self,
        words: str = "",
        calls: int = 1,
        length: str = "",
        limit: Any = None,
        second_every: int = 0,
        slope: tuple[float, bool] = (np.nan, False),
        **more: Any,
    ) -> Result:
        """Return the result of the only run.

        words: what was run, the beginning of the message; calls: those of the function for a gradient; length: the
        budget, such as "500 steps"; limit: the run_timeout; second_every: the optimizer's; slope: the largest component
        of the gradient at the end of a rule's run, and whether that has converged; more: further fields of the result.
        """
        (run,), end = self.tables["runs"].to_pylist(), self.outcome.parts[0].end
        status, steps = run["status"], run["steps"] if end is None else end.steps
        status = "stopped" if end and end.message.startswith(STOPPED) else status
        lower = run["loss_final"] <= run["loss_initial"]
        curve = self.tables["curves"].drop_columns(["run_id"]).to_pandas()
        count = f"{steps:,}" if length.endswith("steps") else f"{steps:,} steps"
        if end is not None:  # behind its end the points repeat the last one
            curve = curve[curve["step"].shift(fill_value=-1) < end.steps]
        endings = {
            "diverged": f"it diverged at step {steps:,}",
            "deadline": f"stopped by run_timeout={limit!r} after {count} of {length}",
        }
        whole = f"ran all {length}; the largest component of the gradient is {slope[0]:.2g}: it has "
        ending = endings.get(status) or (end.message if end else f"{whole}{'not ' * (not slope[1])}converged")
        fall = f"the loss went from {run['loss_initial']:.6g} to {run['loss_final']:.6g}"
        return Result(
            w=self.outcome.parts[0].w[0],
            curve=curve,
            status=status,
            loss=run["loss_final"],
            suboptimality=run["suboptimality_final"],
            nit=steps if end is None or end.iterations is None else end.iterations,
            nfev=count_gradients(steps, second_every) * calls,
            success=status == "ok" and lower and (slope[1] if end is None else end.success),
            message="; ".join(filter(None, (words, ending, fall))),
            **more,
        )

    def cohort_result(self) -> CohortResult:
        """Return the result of all runs."""
        outcome = self.outcome
        return CohortResult(
            runs=self.tables["runs"].to_pandas(),
            curves=self.tables["curves"].to_pandas(),
            w=np.concatenate([part.w for part in outcome.parts]),
            seconds=outcome.seconds,
            evaluation_seconds=outcome.evaluation_seconds,
            compile_seconds=outcome.compile_seconds,
            device=outcome.device,
        )


@contextmanager
def errors_begin_with(owner: str) -> Iterator[None]:
    """Put the name of the public function before errors."""
    try:
        yield
    except OptbenchError as error:
        raise type(error)(f"{owner}: {error}") from None


def run_single(
    owner: str,
    problem: str | Problem | Family,
    optimizer: str | AnyOptimizer,
    settings: Iterable[Mapping[str, Any]],
    *,
    steps: int | None,
    epochs: float | None,
    batch_size: int | str,
    run_timeout: float | str | None,
    device: str,
    catalogue: loader.Catalogue,
    **shared: Any,
) -> Single:
    """Check and run a cohort, a lane for each of ``settings``.

    ``owner``: the public function, with which errors begin. ``shared``: further fields of a Cohort. The others are
    those of :func:`optbench.cohort`. Raises OptbenchError.
    """
    record, given = catalogue.optimizer(optimizer)
    with errors_begin_with(owner):
        wanted = arguments.list_items("settings", settings)
        if strange := [setting for setting in wanted if not isinstance(setting, Mapping)]:
            raise OptbenchError(f"settings: {shown(strange[0])} must be a mapping, such as {{'lr': 0.01}}")
        values.check_budget(epochs, steps)
        size = values.checked("batch_size", batch_size)
        deadline = values.checked("run_timeout", run_timeout)
        rates = [values.checked("lr", setting.get("lr")) for setting in wanted]
    wishes = [setting.get("schedule", "constant") for setting in wanted]
    texts = dict.fromkeys(wish for wish in wishes if isinstance(wish, str))
    # Each once: to parse and check them for every lane took a third of a short cohort
    schedules = {text: catalogue.schedule(text) for text in texts}
    lanes = []
    for rate, wish, setting in zip(rates, wishes, wanted, strict=True):
        own = {key: value for key, value in setting.items() if key not in ("lr", "schedule")}
        schedule = schedules[wish] if isinstance(wish, str) else catalogue.schedule(wish)
        lanes.append(Lane(rate, schedule, record.with_values({**given, **own})))
    objective = catalogue.problem(problem)
    size = batch_size_of(size, objective)
    taken, _ = choose(device)
    if steps is None:
        count = values.step_count(epochs, None, steps_per_epoch(objective.examples, size))
        steps = affordable_steps(count, record.second_every, objective.examples, size)
    with errors_begin_with(owner):
        request = Cohort(
            problem=objective, optimizer=record, lanes=lanes, batch_size=size, deadline=deadline, device=taken,
            steps=int(steps), **shared,
        )  # fmt: skip
    if taken == "cuda" and (reason := engine.refusal(request)):
        if device == "cuda":
            raise OptbenchError(f"{owner}: device: {request.pair} cannot run on a GPU: {reason}")
        request = replace(request, device="cpu")
    with engine.limited_threads():
        outcome = engine.run(request)
    wrong = next((reason for part in outcome.parts for reason in part.failures if reason), "")
    if wrong:
        raise PluginError(wrong)
    finished = Finished(request, outcome, "", [str(place) for place in range(len(lanes))])
    return Single(make_tables([finished], threads=1), outcome)
