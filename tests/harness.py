"""Kernels called on plain arrays, (runs, dim) in and out whatever the form, with every buffer watched."""

from functools import cache

import numpy as np
from reference.optimizer_rows import LABELS, SIZES

from optbench.catalogue import loader
from optbench.compiler import problem_kernels
from optbench.contract.columns import PER_STEP
from optbench.contract.optimizers import Sizes
from optbench.datasets.array_store import store_data
from optbench.engine import run_cohorts as engine
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.cpu.update import Update
from optbench.engine.outcome import merge_outcomes
from optbench.run import session
from optbench.run.loop import ExecutionOptions, SweepRun

CATALOGUE = loader.load()
OPTIMIZERS = sorted(CATALOGUE.optimizers)
# One optimizer of every kind that the engine must tell apart, and the lecture's.
KINDS = {
    (rule.report is None, *map(bool, (rule.shared, rule.total, rule.block, rule.matrix))): name
    for name, rule in CATALOGUE.optimizers.items()
}
ONE_OF_EACH_KIND = sorted({"gd", "momentum", "rmsprop", "adam", *KINDS.values()})
IN_FLOAT32 = [name for name in OPTIMIZERS if name in ("muon", "soap") or not CATALOGUE.optimizers[name].matrix]
"""Rules on matrices take 5 to 30 s to compile: two stand for the others."""
SCHEDULES = sorted(CATALOGUE.schedules)
PROBLEMS = sorted(CATALOGUE.problems)
CURVES = (*PER_STEP, "train", "test", "positions")
GUARD = 12345.0


def save_arrays(x, y, test=None, folder="."):
    """Return the path of a file with arrays, as of `with_data`; test: the test rows, if they are fixed."""
    return store_data("test", x, y, test, folder=folder).path


@cache
def problem_of(text):
    """Return the problem that ``text`` names, built once: some solve for their minimum."""
    return CATALOGUE.problem(text)


def lane(optimizer, lr, schedule="constant", **hyperparameters):
    """Return a Lane: the settings of one run of a cohort, which the others may not share."""
    record = CATALOGUE.optimizer(optimizer)[0] if isinstance(optimizer, str) else optimizer
    return Lane(lr, CATALOGUE.schedule(schedule), record.with_values(hyperparameters))


class Guarded:
    """An array filled with NaN, which a kernel must write before it reads, between margins that it must not touch."""

    def __init__(self, shape, dtype):
        size, margin = int(np.prod(shape)), 64
        self._all = np.full(size + 2 * margin, GUARD, dtype)
        self.array = self._all[margin : margin + size].reshape(shape)
        self.array[...] = np.nan
        self._margins = self._all[:margin], self._all[margin + size :]

    def check(self, name):
        assert all((margin == GUARD).all() for margin in self._margins), f"written outside {name}"


def batch(problem, rows=None, dtype="float64"):
    """Return (x, y): all training examples or those of the numbers ``rows``; empty for a problem without data."""
    if problem.data is None:
        return np.zeros((0, 0), dtype), np.zeros(0, dtype)
    return tuple(np.ascontiguousarray(part if rows is None else part[rows], dtype=dtype) for part in problem.data)


def _arguments(problem, w, xy, dtype):
    """Return the kernel's w, its other inputs, and its scratch."""
    single = problem.form == "single"
    w = np.array(w if single else w.T, dtype=dtype, order="C")
    x, y = xy if xy is not None else batch(problem, dtype=dtype)
    size = problem.work(max(len(x), 1), 1 if single else w.shape[1]) if problem.work else 0
    constants = np.array(problem.constants, dtype=dtype).reshape(-1)
    layout = np.array(problem.layout, dtype=np.int64).reshape(-1)
    return w, [x, y, constants, layout], Guarded((size,), dtype)


def gradient(problem, w, xy=None, dtype="float64", **options):
    """Values (runs,) and gradients (runs, dim) at ``w`` (runs, dim), on the batch ``xy`` or on all data."""
    kernel = problem_kernels.gradient_kernel(problem.value_and_gradient, problem.form, dtype, problem.name, **options)
    w, rest, work = _arguments(problem, np.atleast_2d(w), xy, dtype)
    inputs = [array.copy() for array in (w, *rest)]
    g, f = Guarded(w.shape, dtype), Guarded((w.shape[0 if problem.form == "single" else 1],), dtype)
    kernel(w, g.array, f.array, *rest, work.array, 0, len(f.array))
    for name, guarded in (("g", g), ("f", f), ("work", work)):
        guarded.check(name)
    for before, after in zip(inputs, (w, *rest), strict=True):
        np.testing.assert_array_equal(before, after, err_msg="an input was written to")
    return f.array.copy(), (g.array if problem.form == "single" else g.array.T).copy()


def evaluate(problem, w, xy=None, dtype="float64"):
    """Loss and metrics, (runs, 1 + metrics), at ``w`` (runs, dim)."""
    kernel = problem_kernels.evaluate_kernel(problem.evaluate, problem.form, dtype, problem.name)
    w, rest, work = _arguments(problem, np.atleast_2d(w), xy, dtype)
    runs, width = w.shape[0 if problem.form == "single" else 1], 1 + len(problem.metrics)
    out = Guarded((runs, width) if problem.form == "single" else (width, runs), dtype)
    kernel(w, out.array, *rest, work.array)
    out.check("out")
    work.check("work")
    return (out.array if problem.form == "single" else out.array.T).copy()


def drive_rule(
    record, order, w, gradients, rates, hyperparameters, dtype="float64", blocks=None, reported=False, roles=(),
    losses=None, second=None, sizes=None,
):  # fmt: skip
    """Trajectories (steps + 1, runs, dim) of a compiled rule.

    ``w`` (runs, dim); ``gradients``: (steps, dim) for all runs, or a function (step from 0, w) -> (runs, dim).
    ``rates``: (steps, runs). ``hyperparameters``: one dictionary per run. ``blocks``: shapes, by default one vector.
    ``reported``: the path of what the rule reports instead of that of w. ``roles``: of the blocks, by default by place.
    ``losses``: (steps, runs), or a function (step from 0, w) -> (runs,), for a rule that asks for the loss; by default
    made up from the gradients. ``second``: a function of points (runs, dim), the gradient of a rule that takes another
    one, by default g + point - w. ``sizes``: by default those of recordings.
    """
    runs, dim = w.shape
    shape = (runs, dim) if order == "rows" else (dim, runs)
    at, g = np.empty(shape, dtype), np.empty(shape, dtype)
    by_run, g_by_run = (at, g) if order == "rows" else (at.T, g.T)
    by_run[:] = w
    update = Update(record, order, blocks or ((dim,),), dtype, hyperparameters, roles, sizes=sizes or Sizes(*SIZES))
    losses = losses if losses is not None else lambda step, w: 0.05 * np.abs(g_by_run).sum(axis=1)
    path = [by_run.copy()]
    for step, rate in enumerate(rates):
        g_by_run[:] = gradients(step, by_run.copy()) if callable(gradients) else gradients[step]
        update.scalars[0] = rate
        if "loss" in record.inputs:
            update.scalars[1] = losses(step, by_run.copy()) if callable(losses) else losses[step]
        if "labels" in record.inputs:
            update.scalars[record.inputs.index("labels")] = LABELS
        if update.point_update is not None and step % record.second_every == 0:
            update.point_update.scalars[0] = rate
            point = at.copy()
            update.point_update(point, g, step + 1)
            update.ahead[:] = g + (point - at) if second is None else _by_run(second(_by_run(point, order)), order)
        update(at, g, step + 1)
        path.append((by_run if not reported else _by_run(update.reported(at, step + 1), order)).copy())
    return np.array(path)


def _by_run(array, order):
    return array if order == "rows" else array.T


def run_cohort(problem, optimizer, lanes, *, progress=lambda run_steps: None, stop=lambda: False, **fields):
    """Return the outcome of a cohort with those fields."""
    return engine.run(Cohort(problem=problem, optimizer=optimizer, lanes=lanes, **fields), progress, stop)


def plan_of(spec):
    """Return the plan of a spec, with the catalogue of its own plug-ins."""
    return session.plan(spec, loader.load(spec.plugins))


def execute(spec, folder, watch=lambda status: None, **options):
    """Run a spec into a folder; the status."""
    return session.execute(plan_of(spec), folder, session.Options(**options), watch=watch)


def run_stage(cohorts, store, watch=lambda status: None, **options):
    """Run planned cohorts in one thread, and return the status."""
    sweep = SweepRun(None, store, 1, watch, ExecutionOptions(**options))
    sweep.planned = list(cohorts)
    sweep.run(sweep.planned)
    return sweep.status


def drawn_in_turns(one, other, place):
    """Draw 40 steps from the Batches of two runs in turns, from the second in smaller pieces, and return both.

    ``place``: the part of each draw: 0 for the order, 1 for sizes, 2 for noise.
    """
    first, second = [], []
    for count in (3, 9, 1, 20, 7):
        first.append(one.draw(count)[place].copy())
        second += [other.draw(part)[place].copy() for part in (1, count - 1) if part]
    return np.concatenate(first), np.concatenate(second)


def run(problem, optimizer, lanes, *, batch_size=32, steps=40, seed=3, **more):
    """Return the cohort as one dictionary of arrays, the lanes of all its calls side by side.

    A call whose lanes have all diverged ends early; its missing points are NaN here.
    """
    problem = problem_of(problem) if isinstance(problem, str) else problem
    optimizer = CATALOGUE.optimizer(optimizer)[0] if isinstance(optimizer, str) else optimizer
    parts = run_cohort(problem, optimizer, lanes, seed=seed, batch_size=batch_size, steps=steps, **more).parts
    whole = merge_outcomes(parts)
    for part in parts:
        assert len(part.points) == len(whole.points) or part.diverged_at.all()
        np.testing.assert_array_equal(part.points, whole.points[: len(part.points)])
    names = ("points", "steps", "w", "diverged_at", "train", "test", "positions")
    return {name: getattr(whole, name) for name in names} | whole.measures
