"""Facts about a sweep's problems, and the values of the two-parameter ones on a grid, for the report's contours."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from optbench.engine.cohort import Kernels
from optbench.engine.cpu.loss import Loss
from optbench.sweeps.plan import CohortPlan

GRID = 121  # points along each axis


def facts(plans: Iterable[CohortPlan]) -> dict[str, pa.Table]:
    """The tables ``problems`` and ``landscapes``."""
    first = {plan.problem.name: plan for plan in reversed(list(plans))}
    plans = list(first.values())[::-1]
    problems = [plan.problem for plan in plans]
    nothing = (np.nan, np.nan)
    known = [p.minimizer if p.dim == 2 and p.minimizer is not None else nothing for p in problems]
    table = {
        "problem": [p.name for p in problems],
        "minimum": [float(p.minimum) for p in problems],
        "minimum_source": [p.minimum_source for p in problems],
        "dim": [p.dim for p in problems],
        "examples": [p.examples for p in problems],
        "source": [p.source for p in problems],
        "w_1": [float(w[0]) for w in known],
        "w_2": [float(w[1]) for w in known],
    }
    grids = [_grid(plan) for plan in plans if plan.problem.dim == 2 and plan.problem.domain is not None]
    empty = pa.table(
        {"problem": pa.array([], pa.string()), **{c: pa.array([], pa.float64()) for c in ("w_1", "w_2", "value")}}
    )
    return {"problems": pa.table(table), "landscapes": pa.concat_tables([empty, *grids])}


def _grid(plan: CohortPlan) -> pa.Table:
    problem = plan.problem
    (left, right), (bottom, top) = problem.domain
    w_1, w_2 = np.meshgrid(np.linspace(left, right, GRID), np.linspace(bottom, top, GRID))
    w = np.stack([w_1.ravel(), w_2.ravel()])
    loss = Loss(problem, Kernels(problem, "float64"), "float64")
    value = loss.mean(np.ascontiguousarray(w.T if problem.form == "single" else w), *loss.train)[0]
    return pa.table({"problem": [problem.name] * len(value), "w_1": w[0], "w_2": w[1], "value": value})
