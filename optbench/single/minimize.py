"""One run of one optimizer, of ``minimize``: what its caller left out is chosen, and the result says so."""

import math
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from optbench.catalogue import functions
from optbench.catalogue.loader import Catalogue
from optbench.contract.eager import AnyOptimizer
from optbench.contract.errors import OptbenchError, shown
from optbench.contract.names import number_text
from optbench.contract.optimizers import Baseline
from optbench.contract.problems import Family, Problem
from optbench.contract.search import RATE, RATES
from optbench.engine import settings as values
from optbench.engine.cpu.objective import Objective, find_slope
from optbench.engine.eager.eager_lanes import isolated_libraries
from optbench.engine.own_functions import compile_function
from optbench.plan.own_records import make_record
from optbench.run.recorded_paths import MOST_STEPS
from optbench.single.one_cohort import Result, Single, errors_begin_with, run_single

STEPS, EVALUATIONS = 1_000, 10_000
"""The budget that is taken where none is given: steps of a rule; evaluations of SciPy's methods, which end by
themselves."""
_METHOD = "lbfgs"
"""The optimizer that is taken where none is given: it needs no rate, and is what users of SciPy expect."""
_COARSE = 13
"""Rates of the first round of tuning, over the whole range."""
_FINE = (-0.75, -0.5, -0.25, 0.25, 0.5, 0.75)
"""Rates of its second round, in steps of the first beside the best: over four decades a ratio of 1.2 apart, and what a
run ends at changes little by that."""
# Calls of a function from which on compiling it, which takes a second or two, pays: one of some microseconds.
_MANY_CALLS = 300_000


def choose_problem(problem: Any, x0: Any, args: Any, jac: Any) -> Any:
    """Return the problem that ``minimize`` was given, a function of the user's as a record. Raises OptbenchError."""
    if not functions.is_function(problem):
        if jac is not None or not (isinstance(args, tuple) and not args):
            raise OptbenchError("minimize: args and jac are for a function f(w): a problem has its own gradient")
        return problem
    if x0 is None:
        raise OptbenchError("minimize: a function needs a start point: minimize(f, x0)")
    return functions.function(problem, x0, args=args, jac=jac)


def choose_optimizer(optimizer: Any, catalogue: Catalogue) -> tuple[AnyOptimizer, dict[str, float]]:
    """Return the optimizer and its hyperparameters; of None SciPy's L-BFGS, of a class or a rule its record."""
    if optimizer is not None and not isinstance(optimizer, str):
        optimizer = make_record("optimizer", optimizer) or optimizer
    return catalogue.optimizer(_METHOD if optimizer is None else optimizer)


def minimize(
    problem: str | Problem | Family,
    record: AnyOptimizer,
    setting: Mapping[str, Any],
    *,
    x0: Any,
    steps: int | None,
    epochs: float | None,
    tune: bool,
    catalogue: Catalogue,
    **shared: Any,
) -> Result:
    """Return the run of an optimizer with a setting: ``lr``, schedule and hyperparameters.

    The other arguments are those of :func:`optbench.minimize`; without a rate it is tuned. Raises OptbenchError.
    """
    objective = catalogue.problem(problem)
    if x0 is not None:
        shared["start"] = functions.read_start(x0, "minimize")
        if len(shared["start"]) != objective.dim:
            raise OptbenchError(f"minimize: x0 must be {objective.dim} finite numbers, got {shown(x0)}")
    if objective.data_warning and functions.parts_of(objective):
        warnings.warn(objective.data_warning, stacklevel=3)
    chooses_budget = steps is None and epochs is None
    if chooses_budget:
        steps = EVALUATIONS if isinstance(record, Baseline) else STEPS
    with errors_begin_with("minimize"):
        values.check_budget(epochs, steps)
    is_flat = objective.dim == 2 and objective.data is None
    if shared["points"] is None and is_flat and steps is not None and steps <= MOST_STEPS:
        shared["points"] = "every"  # a path through some points cuts corners
    if isinstance(record, Baseline):
        setting, tune = {**setting, "lr": 1.0}, False
    tune = tune or setting["lr"] is None
    objective = _compile_if_it_pays(objective, record, steps or epochs or 1, 1 + tune * (_COARSE + len(_FINE)))

    def run(settings: list[dict[str, Any]], **more: Any) -> Single:
        """Run a cohort of these settings."""
        return run_single(
            "minimize", objective, record, settings, steps=steps, epochs=epochs, catalogue=catalogue, **shared | more
        )

    words = ""
    if tune:
        best, words = _tune(partial(run, callback=None, points=None), record, setting)
        setting = {**setting, "lr": best}
    single = run([dict(setting)])
    budget = f"{steps:,} steps" if steps is not None else f"{epochs:g} epochs"
    if isinstance(record, Baseline):
        label, told = record.name, f"{record.name} (SciPy's {record.method})"
    else:
        rate = number_text(float(setting["lr"]))
        label, told = f"{record.name}, lr={rate}", f"{record.name} at lr={rate}{words}"
    parts = functions.parts_of(objective)
    differs = bool(parts and parts.calls is None)
    told += "; gradient by central differences" * differs
    (end,), bound = single.tables["runs"].to_pylist(), {**record.hyperparameters, **setting}.get("lower_bound")
    if bound is not None and end["loss_final"] == end["loss_initial"] < bound:  # steps of Polyak's length are 0 then
        told += f"; no step moved: lower_bound={bound:g} must lie below the loss"
    calls, limit = 2 * objective.dim + 1 if differs else 1, shared["run_timeout"]
    slope = math.nan, False
    if end["status"] == "ok" and not isinstance(record, Baseline):
        with suppress(Exception), isolated_libraries():  # the user's function may fail beside the path
            slope = find_slope(Objective(objective, shared["dtype"]), single.outcome.parts[0].w[0])
    return single.result(told, calls, budget, limit, record.second_every, slope, label=label, problem=objective)


def _tune(run: Callable[..., Single], record: AnyOptimizer, setting: Mapping[str, Any]) -> tuple[float, str]:
    """Return the best learning rate of a search in two rounds, and words on it. Raises OptbenchError if none will do.

    The first round is a grid over the range in which the optimizer is tuned elsewhere, the second lies around its best
    rate, and beyond an end where that is the best. Every run has the whole budget; the lowest last loss wins, and of
    equal ones the smaller rate.
    """
    ends = record.space.get(RATE, RATES).ends
    grid = np.geomspace(float(ends[0]), float(ends[1]), _COARSE)
    ratio = float(grid[1] / grid[0])

    def try_rates(rates: np.ndarray) -> dict[float, float]:
        """Return the last loss of each rate, which is rounded to three digits."""
        rounded = [float(f"{rate:.3g}") for rate in rates]
        losses = run([{**setting, "lr": rate} for rate in rounded]).tables["runs"]["loss_final"].to_pylist()
        return dict(zip(rounded, losses, strict=True))

    tried = try_rates(grid)
    tried |= try_rates(_find_best(tried) * ratio ** np.array(_FINE))
    best = _find_best(tried)
    low, high = min(tried), max(tried)
    edge = " and the best lies at the end of them: give a rate beyond" if best in (low, high) else ""
    return best, f" (the best of {len(tried)} rates from {number_text(low)} to {number_text(high)}{edge})"


def _find_best(tried: Mapping[float, float]) -> float:
    """Return the rate of the lowest finite loss, the smaller of equal ones. Raises OptbenchError if there is none."""
    finite = {rate: loss for rate, loss in tried.items() if np.isfinite(loss)}
    if not finite:
        raise OptbenchError(
            f"minimize: tuning tried rates from {number_text(min(tried))} to {number_text(max(tried))}, and the run "
            "diverged with each: give lr="
        )
    return min(finite, key=lambda rate: (finite[rate], rate))


def _compile_if_it_pays(problem: Problem, record: AnyOptimizer, steps: float, runs: int) -> Problem:
    """Return a function of the user's compiled, if it is called so often that this pays; other problems as they are."""
    parts = functions.parts_of(problem)
    if parts is None or isinstance(record, Baseline):
        return problem
    calls = steps * runs * (parts.calls or 2 * problem.dim + 1)
    return compile_function(problem) if calls > _MANY_CALLS else problem
